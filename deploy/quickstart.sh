#!/bin/bash
# Builds gurnard and shows it at work on this machine: a simulated fleet of BMCs sends Redfish events
# to gurnardd, a subscriber prints what it gets. Everything stays on loopback. Ctrl-C ends it all.
#
#   deploy/quickstart.sh          until Ctrl-C
#   deploy/quickstart.sh --once   ten events, one line of summary, exit 0
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
    *) sed -n '2,9s/^# \{0,1\}//p' "$0"; [ "$1" = --help ] || exit 2; exit 0 ;;
esac

dir=${GURNARD_QUICKSTART_DIR:-$root/build/quickstart}
export GURNARD_WEBHOOK_PORT=${GURNARD_WEBHOOK_PORT:-9087}
export GURNARD_API_PORT=${GURNARD_API_PORT:-8089}
export GURNARD_ADMIN_LISTEN=${GURNARD_ADMIN_LISTEN:-127.0.0.1:9091}
webhook=http://127.0.0.1:$GURNARD_WEBHOOK_PORT/webhook
api=http://127.0.0.1:$GURNARD_API_PORT
admin=http://${GURNARD_ADMIN_LISTEN/#:/127.0.0.1:}

step() { printf '\n== %s\n' "$*"; }

daemon= sim= tap=
finish() {
    trap - EXIT
    trap '' INT TERM
    for process in $tap $sim; do
        kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
    done
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    wait 2>/dev/null || true
}
trap finish EXIT
trap 'finish; echo; echo "stopped"; exit 0' INT TERM

step "packages"
need_packages $GN_BUILD_PACKAGES
echo "all there"

step "build (Release)"
mkdir -p "$dir"
cmake -S . -B build -G Ninja -DGN_PRESET=release >"$dir/cmake.log" 2>&1 ||
    { cat "$dir/cmake.log"; exit 1; }
ninja -C build gurnardd gurnard | tail -n 1

step "start"
log=$dir/gurnardd.log
build/bin/gurnardd --store-path "$dir/store" --registries-paths "$root/registries" \
    --node-name "${NODE_NAME:-quickstart}" 2>"$log" &
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
