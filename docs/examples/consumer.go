// Subscribes by the v1 API, prints a line for each event, and deletes its subscription at the end.
//
//	go run consumer.go http://localhost:8089 /cluster/node/n1/redfish/v1/Systems http://127.0.0.1:9000/event
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
)

const subscriptions = "/api/ocloudNotifications/v1/subscriptions"

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// ask sends one request to gurnardd and reads the JSON of the answer into out.
func ask(method, url string, body, out any) {
	data, err := json.Marshal(body)
	check(err)
	request, err := http.NewRequest(method, url, bytes.NewReader(data))
	check(err)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(answer.Body)
		log.Fatalf("%s %s: %s %s", method, url, answer.Status, text)
	}
	check(json.NewDecoder(answer.Body).Decode(out))
}

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // not answered: it comes again
	}
	if len(body) > 0 { // else it is the probe before the subscription is made
		// An event may come twice, with the same id: whoever must not act twice remembers ids.
		fmt.Printf("%s %s\n", r.Header.Get("Gurnard-Event-Id"), body)
	}
	w.WriteHeader(http.StatusNoContent) // only now: what is answered 2xx does not come again
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: consumer API RESOURCE OWN_URL")
	}
	api, resource := os.Args[1], os.Args[2]
	own, err := url.Parse(os.Args[3])
	check(err)
	done := make(chan os.Signal, 1)
	signal.Notify(done, syscall.SIGINT, syscall.SIGTERM)
	listener, err := net.Listen("tcp", ":"+own.Port())
	check(err)
	go func() { log.Fatal(http.Serve(listener, http.HandlerFunc(receive))) }()

	var made struct{ ID string }
	ask("POST", api+subscriptions, map[string]string{"endpointUri": own.String(), "resource": resource}, &made)
	<-done
	ask("DELETE", api+subscriptions+"/"+made.ID, nil, &made)
}
