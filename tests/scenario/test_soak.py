"""Steady traffic of a simulated fleet on the Release build: nothing lost, nothing twice, nothing that
grows. Seconds as a rule, minutes with GURNARD_LONG=1 (tests/run.sh --long)."""
import os
import subprocess

from gurnard import RELEASE, Daemon, Sink, wait_for

EVENTS = 90_000 if os.environ.get("GURNARD_LONG") else 1_500
RATE = 300
GROWTH_MAX = 4 << 20  # bytes of RSS that may come on top after the first third


def rss(daemon):
    return daemon.metrics()["process_resident_memory_bytes"]


def test_steady_traffic_loses_nothing_and_grows_nothing():
    with Daemon(build=RELEASE) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sim = subprocess.Popen(
            [RELEASE / "bin/gurnard", "sim", "--webhook",
             f"http://127.0.0.1:{daemon.webhook}/webhook", "--bmcs", "16", "--rate", str(RATE),
             "--count", str(EVENTS), "--quiet"], stdout=subprocess.DEVNULL)
        patience = EVENTS / RATE + 60
        sink.wait(EVENTS // 3, patience)
        before = rss(daemon)
        assert sim.wait(patience) == 0
        sink.wait(EVENTS, patience)
        wait_for(lambda: daemon.metric("gurnard_outbox_in_flight") == 0, "the last answer")
        assert rss(daemon) - before < GROWTH_MAX
        names = [{k.lower(): v for k, v in h.items()}["gurnard-event-id"]
                 for h in sink.seen_headers]
        assert len(names) == EVENTS and len(set(names)) == EVENTS
        assert daemon.metric("gurnard_delivery_retries_total") == 0
