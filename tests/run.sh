#!/bin/bash
# Runs every test of gurnard: unit tests and corpus replay (Debug build, ASan and UBSan), a short run
# of the fuzz targets (clang), scenario tests against the real daemon, lint. Installs what it needs.
#
#   tests/run.sh            everything, short forms
#   tests/run.sh --long     long forms too: fuzzing for minutes, clang-tidy, soak scenarios
#   tests/run.sh --no-fuzz  without the clang build
#
# Ends with a line `N passed, N failed`; exit 0 when nothing failed.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. deploy/deps.sh

long=no fuzz=yes
for arg in "$@"; do
    case $arg in
        --long) long=yes ;;
        --no-fuzz) fuzz=no ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0"; [ "$arg" = --help ] || exit 2; exit 0 ;;
    esac
done

passed=0 failed=0
step() { printf '\n== %s (%ss)\n' "$*" "$SECONDS"; }
count() { passed=$((passed + $1)) failed=$((failed + $2)); }
finish() {
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
must() {
    "$@" || { echo "failed: $*"; count 0 1; finish; }
}

step "packages"
must need_packages $GN_BUILD_PACKAGES $GN_TEST_PACKAGES

step "build (Release)"
must cmake -S . -B build -G Ninja -DGN_PRESET=release -DGN_BUILD_BENCH=ON >/dev/null
must ninja -C build --quiet
step "build (Debug, ASan, UBSan)"
must cmake -S . -B build/debug -G Ninja -DGN_PRESET=debug >/dev/null
must ninja -C build/debug --quiet

step "unit tests and corpus replay"
# AddressSanitizer checks leaks at exit; a leak fails the test.
ctest --test-dir build/debug --output-on-failure -j2 --output-junit unit.xml >build/debug/unit.log
tail -n 40 build/debug/unit.log | grep -vE '^\s*$' | tail -n 25
ctest_total=$(grep -oP '^\d+% tests passed, \d+ tests failed out of \K\d+' build/debug/unit.log)
ctest_failed=$(grep -oP '^\d+% tests passed, \K\d+' build/debug/unit.log)
count $((${ctest_total:-0} - ${ctest_failed:-0})) "${ctest_failed:-1}"

if [ "$fuzz" = yes ]; then
    step "fuzz targets (clang, short)"
    must cmake -S . -B build/fuzz -G Ninja -DGN_PRESET=fuzz >/dev/null
    must ninja -C build/fuzz --quiet
    limit="-runs=20000 -max_total_time=20"
    [ "$long" = no ] || limit="-max_total_time=600"
    for target in build/fuzz/bin/fuzz_*; do
        name=${target##*/fuzz_}
        mkdir -p "build/fuzz/found/$name"
        if "$target" $limit -verbosity=0 -print_final_stats=0 -max_len=8192 -timeout=10 \
            -artifact_prefix="build/fuzz/found/" "build/fuzz/found/$name" \
            "tests/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1; then
            echo "fuzz $name: ok"
            count 1 0
        else
            echo "fuzz $name: FAILED"
            tail -n 30 "build/fuzz/$name.log"
            count 0 1
        fi
    done
fi

step "scenarios (the real daemon, sanitizer build)"
export GURNARD_BUILD=$root/build/debug GURNARD_RELEASE=$root/build GURNARD_NPM=$root/build/npm
# As GURNARD_NPM is set, scenarios fail without what is installed here; else they would be skipped.
need_node_modules build/npm tests/harness/cloudevents || count 0 1
[ "$long" = no ] || export GURNARD_LONG=1
/usr/bin/python3 -m pytest -q -p no:cacheprovider --junitxml=build/scenario.xml tests/scenario
read -r total bad < <(/usr/bin/python3 - build/scenario.xml <<'PY'
import sys, xml.etree.ElementTree as tree
try:
    suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
    bad = int(suite.get("failures")) + int(suite.get("errors"))
    print(int(suite.get("tests")) - int(suite.get("skipped")), bad)
except (OSError, tree.ParseError):
    print(1, 1)
PY
)
count $((total - bad)) "$bad"

step "lint"
/usr/bin/python3 tests/lint/lint.py >build/lint.log
cat build/lint.log
read -r lint_passed lint_failed < <(sed -n 's/^lint: \([0-9]*\) passed, \([0-9]*\) failed/\1 \2/p' build/lint.log)
count "${lint_passed:-0}" "${lint_failed:-1}"
if [ "$long" = yes ]; then
    step "clang-tidy"
    must need_packages clang-tidy
    if run-clang-tidy -quiet -p build/fuzz "$root/src/.*" >build/tidy.log 2>&1; then
        count 1 0
    else
        grep -E 'warning:|error:' build/tidy.log | sort -u | head -n 40
        count 0 1
    fi
fi

step "done"
finish
