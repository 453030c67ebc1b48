#!/usr/bin/python3
"""Subscribes by the v1 API, prints a line for each event, and deletes its subscription at the end.

  consumer.py http://localhost:8089 /cluster/node/n1/redfish/v1/Systems http://127.0.0.1:9000/event
"""
import http.server
import json
import signal
import sys
import threading
import urllib.request
from urllib.parse import urlsplit

SUBSCRIPTIONS = "/api/ocloudNotifications/v1/subscriptions"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are used again

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body:  # else it is the probe before the subscription is made
            # An event may come twice, with the same id: whoever must not act twice remembers ids.
            sys.stdout.write(f"{self.headers['Gurnard-Event-Id']} {body.decode()}\n")
            sys.stdout.flush()
        self.send_response(204)  # only now: what is answered 2xx does not come again
        self.end_headers()

    def log_message(self, *args):
        pass


def ask(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def main(api, resource, own_url):
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    server = http.server.ThreadingHTTPServer(("", urlsplit(own_url).port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    made = ask("POST", api + SUBSCRIPTIONS, {"endpointUri": own_url, "resource": resource})
    done.wait()
    ask("DELETE", f"{api}{SUBSCRIPTIONS}/{made['id']}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: consumer.py API RESOURCE OWN_URL")
    main(*sys.argv[1:])
