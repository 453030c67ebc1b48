#!/bin/bash
# The life of a subscription with curl: subscribe, receive, ask for the current state, delete.
# Needs a gurnardd on this host, and python3 for the receiving end.
#
#   walkthrough.sh [API_URL [RESOURCE [OWN_URL [WEBHOOK_URL]]]]
set -euo pipefail

api=${1:-http://localhost:8089}/api/ocloudNotifications/v1
resource=${2:-}
own=${3:-http://127.0.0.1:9000/event}
webhook=${4:-http://localhost:9087/webhook}
received=$(mktemp)

step() { printf '\n== %s\n' "$*"; }

if [ -z "$resource" ]; then # gurnardd's own publisher is the first in the list
    resource=$(curl -fsS "$api/publishers" | sed -n 's/.*"resource": *"\([^"]*\)".*/\1/p' | head -n 1)
fi

# Answers every POST with 204 and writes down what it got.
python3 -c '
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(sys.argv[2], "ab") as file:
            file.write(body + b"\n" if body else b"")
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
' "$(sed 's|.*://[^/]*:\([0-9]*\).*|\1|' <<<"$own")" "$received" &
receiver=$!
trap 'kill $receiver; rm -f "$received"' EXIT
curl -fs --retry 20 --retry-delay 1 --retry-connrefused -o /dev/null -d '' "$own"

step "subscribe to $resource"
record=$(curl -fsS "$api/subscriptions" -H 'Content-Type: application/json' \
    -d "{\"resource\": \"$resource\", \"endpointUri\": \"$own\"}")
id=$(sed 's/.*"id": *"\([^"]*\)".*/\1/' <<<"$record")
echo "$record"

step "an event of a BMC"
curl -fsS "$webhook/walkthrough" -H 'Content-Type: application/json' -d '{
  "@odata.type": "#Event.v1_7_0.Event", "Id": "'$$-$RANDOM'", "Name": "Event Array",
  "Events": [{"EventType": "Alert", "EventId": "1", "MemberId": "1",
              "EventTimestamp": "'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'",
              "MessageId": "ResourceEvent.1.3.ResourceChanged"}]}'
echo

step "receive it"
for _ in $(seq 100); do
    [ ! -s "$received" ] || break
    sleep 0.1
done
[ -s "$received" ] || { echo "nothing came" >&2; exit 1; }
cat "$received"

step "the current state of $resource"
curl -fsS "$api$resource/CurrentState"
echo

step "delete the subscription"
curl -fsS -X DELETE "$api/subscriptions/$id"
echo
