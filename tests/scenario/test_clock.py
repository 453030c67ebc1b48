"""A calendar that jumps, a clock that runs too fast, and hardly any file descriptors."""
import os
import resource
import signal
from pathlib import Path

import pytest
from fleet import Fleet, firsts, keys_of
from gurnard import RELEASE, Daemon, Sink, free_port, request, wait_for

FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms",
        "--shutdown-drain=200ms")
BMCS = ("b1", "b2", "b3")
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="faketime is not installed")
DAY = 86400
JUMPS = {"a day on": DAY, "a day back": -DAY, "ten years on": 3650 * DAY,
         "ten years back": -3650 * DAY}


class ClockDaemon(Daemon):
    """gurnardd, Release build, whose calendar is set by jump()."""

    def __init__(self, *flags):
        super().__init__(*flags, build=RELEASE)
        self.time = self.dir / "time"
        self.jump(0)
        self.env.update(LD_PRELOAD=str(LIBRARY), FAKETIME_TIMESTAMP_FILE=str(self.time),
                        FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_NO_CACHE="1",
                        FAKETIME_DONT_RESET="1")

    def jump(self, seconds):
        fresh = self.dir / "time.new"
        fresh.write_text(f"{seconds:+d}\n")
        fresh.rename(self.time)


def attempts_of(sink):
    return len(sink.arrivals)


@needs_faketime
@pytest.mark.parametrize("jump", JUMPS)
def test_a_calendar_that_jumps_while_events_wait_changes_nothing(jump):
    port = free_port()
    with ClockDaemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(3, BMCS)
        daemon.jump(JUMPS[jump])
        fleet.must_send(3, BMCS)
        assert fleet.resend("b1-1") == 200  # a repeat, before and behind the jump
        assert fleet.resend("b1-6") == 200
        assert daemon.metric("gurnard_events_repeated_total") == 2
        cpu = daemon.metric("process_cpu_seconds_total")
        retries = daemon.metric("gurnard_delivery_retries_total")
        wait_for(lambda: daemon.metric("gurnard_delivery_retries_total") > retries + 2, "retries")
        assert daemon.metric("process_cpu_seconds_total") - cpu < 1  # no storm
        daemon.jump(0)
        fleet.must_send(1, BMCS)
        with Sink(port=port) as sink:
            fleet.all_arrive_at(sink)
            assert keys_of(sink) == firsts(keys_of(sink))
        assert daemon.metric('gurnard_deliveries_total{transport="http",outcome="expired"}') == 0


@needs_faketime
@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_calendar_that_jumps_between_two_starts_changes_nothing(jump, end):
    port = free_port()
    with ClockDaemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(3, BMCS)
        daemon.stop(end)
        daemon.jump(JUMPS[jump])
        daemon.start()
        assert fleet.resend("b2-2") == 200
        assert daemon.metric("gurnard_events_repeated_total") == 1
        fleet.must_send(3, BMCS)
        daemon.stop(end)
        daemon.jump(0)
        daemon.start()
        assert fleet.resend("b2-5") == 200
        assert daemon.metric("gurnard_events_repeated_total") == 1
        with Sink(port=port) as sink:
            fleet.must_send(1, BMCS)
            fleet.all_arrive_at(sink)
            assert keys_of(sink) == firsts(keys_of(sink))


@needs_faketime
def test_all_clocks_ten_times_as_fast_lose_nothing():
    with Daemon("--shutdown-drain=1s", build=RELEASE,
                env={"LD_PRELOAD": str(LIBRARY), "FAKETIME": "+0 x10"}) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fails = iter([503] * 3)
        sink.status = lambda n, body: next(fails, 204)
        fleet.must_send(50, BMCS)
        fleet.all_arrive_at(sink)
        daemon.restart(signal.SIGKILL)
        fleet.must_send(10, BMCS)
        fleet.all_arrive_at(sink)
        daemon.restart()
        fleet.must_send(10, BMCS)
        fleet.all_arrive_at(sink)


def few_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def test_sixty_four_files_are_enough_to_lose_nothing():
    with Daemon(*FAST, "--journal-size=1MiB", "--journal-segment=64KiB", preexec=few_files,
                build=RELEASE) as daemon, Sink() as sink, Sink() as hanging:
        daemon.subscribe(sink.url)
        for number in range(10):
            daemon.subscribe(f"{hanging.url}/{number}")
        hanging.hold.clear()
        fleet = Fleet(daemon)
        for number in range(60):
            assert fleet.send(BMCS[number % 3], filler=2000) in (200, 503, None)
        fleet.all_arrive_at(sink)
        assert request(daemon.admin, "GET", "/livez")[0] == 200
        assert len(os.listdir(f"/proc/{daemon.process.pid}/fd")) <= 64
        daemon.v1("DELETE", "/subscriptions")
        daemon.subscribe(sink.url)
        fleet.acked.clear()
        daemon.restart(signal.SIGKILL)
        fleet.must_send(5, BMCS)
        fleet.all_arrive_at(sink)
