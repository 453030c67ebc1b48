#!/bin/bash
# Builds gurnard and shows it at work on this machine: gurnardd subscribes to a BMC, repairs what the
# BMC loses, reads from its log what was missed; then a fleet of BMCs sends events, and a subscriber
# prints what it gets. All BMCs are simulated, everything stays on loopback. Ctrl-C ends it all.
#
#   deploy/quickstart.sh          until Ctrl-C
#   deploy/quickstart.sh --once   ends by itself after about 20 seconds, exit 0 when all was seen
#
# Ports are gurnardd's defaults; GURNARD_WEBHOOK_PORT, GURNARD_API_PORT and GURNARD_ADMIN_LISTEN
# change them, GURNARD_QUICKSTART_DIR the folder for store and log (build/quickstart).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. deploy/deps.sh

once=no
case "${1:-}" in
    "") ;;
    --once) once=yes ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || exit 2; exit 0 ;;
esac

dir=${GURNARD_QUICKSTART_DIR:-$root/build/quickstart}
export GURNARD_WEBHOOK_PORT=${GURNARD_WEBHOOK_PORT:-9087}
export GURNARD_API_PORT=${GURNARD_API_PORT:-8089}
export GURNARD_ADMIN_LISTEN=${GURNARD_ADMIN_LISTEN:-127.0.0.1:9091}
node=${NODE_NAME:-quickstart}
webhook=http://127.0.0.1:$GURNARD_WEBHOOK_PORT/webhook
api=http://127.0.0.1:$GURNARD_API_PORT
admin=http://${GURNARD_ADMIN_LISTEN/#:/127.0.0.1:}
log=$dir/gurnardd.log

step() { printf '\n== %s\n' "$*"; }

# Ends the script: what was to be seen was not.
fail() {
    printf 'quickstart: %s; see %s\n' "$*" "$log"
    exit 1
}

daemon= sim= tap= bmc= taps=
end() {
    for process in "$@"; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
}
finish() {
    trap - EXIT
    trap '' INT TERM
    end $tap $taps $sim $daemon $bmc # gurnardd logs out of the BMC: that one goes last
    wait 2>/dev/null || true
}
trap finish EXIT
trap 'finish; echo; echo "stopped"; exit 0' INT TERM

# Prints what is new in the file $seen until the lines that match a pattern are so many.
#   show_until PATTERN COUNT WHAT
printed=0
show_until() {
    for _ in $(seq 300); do
        lines=$(wc -l <"$seen")
        [ "$lines" -le "$printed" ] || sed -n "$((printed + 1)),${lines}p" "$seen"
        printed=$lines
        [ "$(grep -c -- "$1" "$seen")" -lt "$2" ] || return 0
        sleep 0.1
    done
    fail "$3"
}

step "packages"
need_packages $GN_BUILD_PACKAGES curl
echo "all there"

step "build (Release)"
mkdir -p "$dir"
cmake -S . -B build -G Ninja -DGN_PRESET=release >"$dir/cmake.log" 2>&1 ||
    { cat "$dir/cmake.log"; exit 1; }
ninja -C build gurnardd gurnard | tail -n 1

step "start"
rm -rf "$dir/bmcs" "$dir/store/bmcs" # the BMC of the last time is gone
mkdir "$dir/bmcs"
build/bin/gurnardd --store-path "$dir/store" --registries-paths "$root/registries" \
    --node-name "$node" --bmc-folder "$dir/bmcs" --bmc-resync 6s --bmc-spread 1s 2>"$log" &
daemon=$!
for _ in $(seq 100); do
    grep -q gurnardd.ready "$log" && break
    kill -0 "$daemon" 2>/dev/null || { echo "gurnardd did not start:"; cat "$log"; exit 1; }
    sleep 0.05
done
grep -q gurnardd.ready "$log" || { echo "gurnardd is not ready:"; cat "$log"; exit 1; }
cat <<TEXT
gurnardd runs (log: $log)
  webhook  $webhook            BMCs POST their events here
  API      $api/api/ocloudNotifications/v1/subscriptions
  metrics  $admin/metrics
TEXT

step "a BMC (simulated), and its entry in the inventory"
build/bin/gurnard sim bmc --profile idrac10 >"$dir/bmc.log" 2>&1 &
bmc=$!
for _ in $(seq 100); do
    grep -q listening "$dir/bmc.log" && break
    sleep 0.05
done
cat "$dir/bmc.log"
address=$(sed -n 's/.* on \(http[^ ]*\) .*/\1/p' "$dir/bmc.log")
[ -n "$address" ] || fail "the simulated BMC did not start"
seen=$dir/seen
: >"$seen"
for resource in "/cluster/node/$node/redfish/v1/Systems" "/cluster/node/$node/gurnard"; do
    build/bin/gurnard tap --api "$api" --resource "$resource" >>"$seen" 2>&1 &
    taps="$taps $!"
done
for _ in $(seq 100); do
    [ "$(grep -c '^subscribed to' "$seen")" -lt 2 ] || break
    sleep 0.05
done
printed=$(wc -l <"$seen")
mkdir -p "$dir/login"
printf root >"$dir/login/username"
printf gurnard >"$dir/login/password"
cat >"$dir/bmcs/new" <<TEXT
- name: rack7-u12
  address: $address
  credentials: $dir/login
TEXT
mv "$dir/bmcs/new" "$dir/bmcs/rack7-u12.yaml" # at once, since it is watched
cat "$dir/bmcs/rack7-u12.yaml"

step "gurnardd subscribes and proves the path by a test event"
show_until PathProven 1 "the BMC was not subscribed to"

step "something happens on the BMC"
curl -sS "$address/sim/events" -d '{"message_id": "FanFailed"}' >"$dir/curl.log"
show_until FAN0001 1 "the event did not come"

step "the BMC restarts and forgets its subscription; then two drives fail"
curl -sS "$address/sim/faults" -d '{"reset": {"lose_subscriptions": true, "boot_ms": 1000}}' \
    >"$dir/curl.log"
sleep 1.2
curl -sS "$address/sim/events" -d '{"message_id": "DriveFailed", "count": 2}' >"$dir/curl.log"
echo "its subscriptions: $(curl -sS -u root:gurnard \
    "$address/redfish/v1/EventService/Subscriptions" |
    grep -o '"Members@odata.count": [0-9]*')"

step "gurnardd looks (here every 6 s, else 5 min), repairs, reads the BMC's log"
show_until '(recovered)$' 2 "the missed events were not recovered"
show_until PathProven 2 "the subscription was not repaired"
end $taps
taps=
echo
build/bin/gurnard bmc list --url "$admin"

step "events (simulated BMCs -> gurnardd -> subscriber)"
if [ "$once" = yes ]; then
    build/bin/gurnard sim --webhook "$webhook" --bmcs 8 --rate 20 --wait-subscribed "$api" \
        >"$dir/sim.log" 2>&1 &
    sim=$!
    build/bin/gurnard tap --api "$api" --count 10
    printf 'quickstart: ok, 10 events from BMC to subscriber\n'
    exit 0
fi
build/bin/gurnard sim --webhook "$webhook" --bmcs 8 --rate 2 --wait-subscribed "$api" \
    >"$dir/sim.log" 2>&1 &
sim=$!
build/bin/gurnard tap --api "$api" &
tap=$!
wait "$tap" # in the background, so that a signal to this script alone ends it too
