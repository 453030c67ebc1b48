#!/bin/bash
# Builds gurnardd (Release) with its load generator and measures it on this machine: latency, highest
# rate without loss, CPU, memory, start. Prints a Markdown table; figures go to build/bench.json.
#
#   tests/bench/run.sh                    about twelve minutes
#   tests/bench/run.sh --quick            about five
#   tests/bench/run.sh --subscribers 1    only with so many subscribers
#   tests/bench/run.sh --durable          instead: what durability costs; docs/reliability.md
#   tests/bench/run.sh --row              instead: two daemons in a row, many subscriptions
#   tests/bench/run.sh --amqp             instead: AMQP beside HTTP; docs/amqp.md
#   tests/bench/run.sh --bmcs             instead: a thousand simulated BMCs; docs/bmcs.md
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
. deploy/deps.sh

if [ "${1:-}" = --help ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 0
fi
need_packages $GN_BUILD_PACKAGES python3 curl openssl
mkdir -p build
cmake -S . -B build -G Ninja -DGN_PRESET=release -DGN_BUILD_BENCH=ON >build/bench-cmake.log
ninja -C build --quiet gurnardd gurnard bench_load bench_sink bench_amqp_sink bench_micro \
    >build/bench-ninja.log ||
    { cat build/bench-ninja.log; exit 1; }
script=bench.py
if [ "${1:-}" = --durable ]; then
    script=durable.py
    shift
elif [ "${1:-}" = --row ]; then
    script=row.py
    shift
elif [ "${1:-}" = --amqp ]; then
    script=amqp.py
    shift
elif [ "${1:-}" = --bmcs ]; then
    script=bmcs.py
    shift
fi
exec /usr/bin/python3 "tests/bench/$script" "$@"
