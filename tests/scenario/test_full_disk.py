"""No room: on the disk, or in the journal. What was promised is kept, what comes is refused with
503 or taken at the cost of whoever does not answer, and it ends by itself."""
import json
import shutil
import signal
import threading

import pytest
from disk import fill, fill_inodes, small_disk, try_start
from fleet import Fleet, keys_of
from gurnard import SYSTEMS, Daemon, Sink, free_port, request, wait_for

FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms",
        "--shutdown-drain=200ms")
SMALL = (*FAST, "--journal-size=2MiB", "--journal-segment=64KiB", "--deadletter-size=1MiB")
BMCS = ("b1", "b2", "b3")


def is_ready(daemon):
    return request(daemon.admin, "GET", "/readyz")[0] == 200


class Traffic:
    """Events all the time, in a thread; refused ones are sent again, as BMCs do."""

    def __init__(self, fleet, **kind):
        self.fleet, self.kind, self.over = fleet, kind, threading.Event()
        self.taken = self.refused = 0
        self.other = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        turn = 0
        while not self.over.wait(0.002):
            status = self.fleet.send(BMCS[turn % 3], **self.kind)
            turn += 1
            if status == 200:
                self.taken += 1
            elif status == 503:
                self.refused += 1
                if self.fleet.headers["Retry-After"] is None:
                    self.other.append("503 without Retry-After")
            else:
                self.other.append(status)

    def more_taken(self):
        so_far = self.taken
        wait_for(lambda: self.taken > so_far + 20, "events to be taken")

    def more_refused(self):
        so_far = self.refused
        wait_for(lambda: self.refused > so_far + 5, "503")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        assert kind or not self.other, self.other[:10]


def fill_space(disk):
    return fill(disk).unlink


def fill_names(disk):
    crowd = fill_inodes(disk)
    return lambda: shutil.rmtree(crowd)


@pytest.mark.parametrize("use_up", [fill_space, fill_names])
@pytest.mark.parametrize("spare", [0, 5])
def test_a_full_disk_is_refused_with_503_and_gone_by_itself(use_up, spare):
    with small_disk(inodes=200) as disk, Sink() as sink, \
            Daemon(*SMALL, f"--journal-disk-spare={spare}", store=disk / "store") as daemon:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        with Traffic(fleet, filler=2000) as traffic:
            for _ in range(2):
                traffic.more_taken()
                assert is_ready(daemon)
                give_back = use_up(disk)
                traffic.more_refused()
                wait_for(lambda: not is_ready(daemon), "readiness to go")
                assert daemon.v1("GET", "/health")[0] == 200
                give_back()
                traffic.more_taken()
                wait_for(lambda: is_ready(daemon), "readiness to come back")
        fleet.all_arrive_at(sink)


def test_a_backlog_survives_a_full_disk_and_a_kill_and_a_start_without_room():
    port = free_port()
    with small_disk() as disk, Daemon(*SMALL, store=disk / "store") as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        with Traffic(fleet, filler=1000) as traffic:
            traffic.more_taken()
            filler = fill(disk)
            traffic.more_refused()
        daemon.stop(signal.SIGKILL)
        code = try_start(daemon)
        if code is None:  # what the kill left of the last segment gave room for a new one
            daemon.stop(signal.SIGKILL)
        else:
            assert code == 1 and "make room" in daemon.log()
        filler.unlink()
        daemon.start()
        with Sink(port=port) as sink:
            fleet.must_send(1, BMCS)
            fleet.all_arrive_at(sink)


def test_a_kill_after_a_full_disk_loses_nothing():
    with small_disk() as disk, Sink() as sink, Daemon(*SMALL, store=disk / "store") as daemon:
        daemon.subscribe(sink.url)
        sink.hold.clear()
        fleet = Fleet(daemon)
        with Traffic(fleet, filler=1000) as traffic:
            traffic.more_taken()
            filler = fill(disk)
            traffic.more_refused()
            filler.unlink()
            traffic.more_taken()
        daemon.stop(signal.SIGKILL)
        sink.hold.set()
        daemon.start()
        fleet.all_arrive_at(sink)


def test_no_subscription_is_promised_that_the_disk_did_not_take():
    with small_disk() as disk, Daemon(*SMALL, store=disk / "store") as daemon, Sink() as sink:
        kept = [daemon.subscribe(f"{sink.url}/{n}")["id"] for n in range(3)]
        filler = fill(disk)
        created = []
        for number in range(60):  # until sub.json needs a page more than there is
            status, _, body = daemon.v1("POST", "/subscriptions", {
                "endpointUri": f"{sink.url}/more{number}", "resource": SYSTEMS})
            created += [json.loads(body)["id"]] if status == 201 else []
        refused = 60 - len(created)
        daemon.stop(signal.SIGKILL)
        filler.unlink()
        daemon.start()
        listed = {s["id"] for s in json.loads(daemon.v1("GET", "/subscriptions")[2])}
        assert refused > 0
        assert set(kept + created) <= listed


@pytest.mark.parametrize(("spare", "is_taken"), [(60, False), (30, True), (0, True)])
def test_the_spare_part_of_the_disk_is_left_to_others(spare, is_taken):
    with small_disk() as disk, Sink() as sink, \
            Daemon(*SMALL, "--journal-size=1MiB", f"--journal-disk-spare={spare}",
                   store=disk / "store") as daemon:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        with Traffic(fleet, filler=1000) as traffic:
            traffic.more_taken()
            filler = fill(disk, leave=2 << 20)
            wait_for(lambda: daemon.admin_get("/status")["journal"]["disk_free_pct"] < 55, "a look")
            if is_taken:
                traffic.more_taken()
                assert traffic.refused == 0 and is_ready(daemon)
            else:
                traffic.more_refused()
                assert daemon.admin_get("/status")["journal"]["disk_short"]
                filler.unlink()
            traffic.more_taken()
        fleet.all_arrive_at(sink)


# -- the journal's own limit --

LIMIT = 1 << 20
FULL = (*FAST, f"--journal-size={LIMIT}", "--journal-segment=64KiB", "--journal-disk-spare=0")
QUOTA = (*FULL, "--delivery-queue-events=20")
MIXES = {
    "mostly OK": ["OK"] * 16 + ["Warning", "Critical"],
    "OK and Warning": ["OK"] * 4 + ["Warning"] * 5 + ["Critical"],
    "all Critical": ["Critical"],
}
FILLER = 2000


def send_beyond(fleet, mix, times, sink):
    """Events of so many times the journal's size, no faster than sink takes them and room is made."""
    def has_room():
        journal = fleet.daemon.admin_get("/status")["journal"]
        return journal["bytes"] < journal["refuse_at_bytes"] - (64 << 10)
    sent = {"OK": [], "Warning": [], "Critical": []}
    for number in range(times * LIMIT // FILLER):
        severity = mix[number % len(mix)]
        assert fleet.send(BMCS[number % 3], filler=FILLER, severity=severity) == 200, number
        sent[severity].append(fleet.acked[-1])
        if number % 10 == 0:
            wait_for(has_room, "room")
    fleet.all_arrive_at(sink)
    return sent


@pytest.mark.parametrize(("why", "mix"), [
    ("quota", "mostly OK"), ("quota", "OK and Warning"), ("quota", "all Critical"),
    ("silent", "mostly OK")])
def test_the_backlog_of_the_dead_makes_room_and_the_least_important_goes_first(why, mix):
    with Daemon(*(QUOTA if why == "quota" else FULL), "--delivery-gone-pause=1h") as daemon, \
            Sink() as healthy, Sink() as dead:
        daemon.subscribe(healthy.url)
        daemon.subscribe(dead.url)
        dead.status = 410 if why == "silent" else 503
        fleet = Fleet(daemon)
        sent = send_beyond(fleet, MIXES[mix], 2, healthy)
        wait_for(lambda: not daemon.admin_get("/status")["out"]["shedding"], "the end of shedding")
        shed = daemon.metric("gurnard_shed_events_total")
        assert shed > 0
        assert daemon.metric(f'gurnard_shed_events_total{{why="{why}"}}') == shed
        assert daemon.metric("gurnard_events_refused_total") == 0
        assert len(keys_of(healthy)) == len(fleet.acked)
        dead.status = 204
        daemon.restart()  # a paused one is tried again then

        def left():
            rows = {s["endpoint"]: s for s in daemon.admin_get("/status")["subscriptions"]}
            return rows[dead.url]["queued"] + rows[dead.url]["in_flight"]
        wait_for(lambda: left() == 0, "the end of the backlog")
        got = set(keys_of(dead))
        lost = {severity: [key for key in keys if key not in got] for severity, keys in sent.items()}
        shed += daemon.metric("gurnard_shed_events_total")
        # attempts that were under way when their records went, and ended by the restart
        shed += daemon.metric('gurnard_deliveries_total{transport="http",outcome="lost"}')
        assert sum(map(len, lost.values())) == shed
        if mix != "all Critical":
            assert lost["OK"] and not lost["Critical"]
        assert bool(lost["Warning"]) == (mix == "OK and Warning")
        assert bool(lost["Critical"]) == (mix == "all Critical")
        newest = [keys[-1] for keys in sent.values() if keys]
        assert got.issuperset(newest)  # the oldest go first


def test_a_slow_consumer_within_its_quota_loses_nothing_and_bmcs_get_503_until_it_goes_on():
    with Daemon(*FULL) as daemon, Sink() as slow:
        daemon.subscribe(slow.url)
        slow.hold.clear()
        fleet = Fleet(daemon)
        with Traffic(fleet, filler=10_000) as traffic:
            traffic.more_refused()
            status = daemon.admin_get("/status")
            assert status["journal"]["bytes"] <= LIMIT
            refused = [key for key in fleet.bodies if key not in fleet.acked]
            slow.hold.set()
            traffic.more_taken()
        assert all(fleet.resend(key) == 200 for key in refused[:20])
        wait_for(lambda: set(fleet.acked) <= set(keys_of(slow)), "all events")
        assert daemon.metric("gurnard_shed_events_total") == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_journal_full_of_what_was_delivered_takes_events_at_once_after_a_restart(end):
    with Daemon(*FAST, "--journal-size=2MiB", "--journal-segment=256KiB") as daemon, \
            Sink() as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        for _ in range(4):  # each of them leaves a segment that is not full
            fleet.must_send(12, BMCS, filler=20_000)
            fleet.all_arrive_at(sink)
            daemon.restart(end)
            fleet.must_send(1, BMCS)
        fleet.all_arrive_at(sink)
