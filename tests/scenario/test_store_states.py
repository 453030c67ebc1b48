"""Stores that are not as the daemon left them: it says what to do and touches nothing, or goes on
with all that is still there and says what is not."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess

import pytest
from disk import SEGMENT_HEADER, fill, frames, segments, set_version, small_disk, tree_of, try_start
from fleet import Fleet, keys_of
from gurnard import BUILD, RELEASE, Daemon, Sink, free_port, request, wait_for

needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="only root can start it as somebody else")
LONG = bool(os.environ.get("GURNARD_LONG"))
FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms",
        "--shutdown-drain=0ms", "--journal-size=1MiB", "--journal-segment=64KiB")
BMCS = ("b1", "b2", "b3")


class Kept:
    """A stopped store with events that a consumer still waits for, in several segments."""

    def __init__(self, events=60, filler=3000, end=signal.SIGTERM, **options):
        self.port = free_port()
        self.daemon = Daemon(*FAST, **options)
        self.daemon.start()
        with Sink(port=self.port) as sink:
            self.daemon.subscribe(sink.url)
        self.fleet = Fleet(self.daemon)
        self.fleet.must_send(events // 3, BMCS, filler=filler)
        self.daemon.stop(end)
        self.store = self.daemon.store

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.daemon.__exit__(*what)

    def start_and_count(self):
        """Starts and lets the consumer come: how many of the promised events it gets."""
        self.daemon.start()
        with Sink(port=self.port) as sink:
            end = f"end-{self.fleet.next['end']}"
            assert self.fleet.send("end") == 200
            wait_for(lambda: end in keys_of(sink), "the new event")
            wait_for(lambda: sum(self.daemon.admin_get("/status")["out"][k]
                                 for k in ("queued", "in_flight")) == 0, "the end of the backlog")
            return len(set(keys_of(sink)) & set(self.fleet.acked)) - 1

    def refused_start(self, *words, is_untouched=True):
        """It ends with 1, one line of error holds all the words, twice the same; no file changes."""
        before = tree_of(self.store)
        for _ in range(2):
            assert try_start(self.daemon) == 1, self.daemon.log()
            errors = [line for line in self.daemon.log().splitlines() if " error " in line]
            told = [line for line in errors if all(word in line for word in words)]
            assert len(told) == 1, errors
            after = tree_of(self.store)
            changed = [name for name in after.keys() | before.keys()
                       if after.get(name, b"gone") != before.get(name, b"new")]
            assert not changed or not is_untouched, changed


# -- refused --

def test_a_store_of_another_version_is_left_alone():
    with Kept() as kept:
        set_version(segments(kept.store)[-1], 2)
        kept.refused_start("journal", "version=2", "start the version that wrote it")
        set_version(segments(kept.store)[-1], 1)
        assert kept.start_and_count() == 60


def test_a_missing_segment_is_not_passed_over_in_silence():
    with Kept() as kept:
        lost = segments(kept.store)[1]
        saved = lost.read_bytes()
        lost.unlink()
        kept.refused_start("missing=2", "journal.repair")
        lost.write_bytes(saved)
        assert kept.start_and_count() == 60


def test_a_missing_segment_is_passed_over_when_that_is_wanted():
    with Kept() as kept:
        lost = segments(kept.store)[1]
        count = sum(events for *_, events in frames(lost))
        lost.unlink()
        kept.daemon.flags.append("--journal-repair=yes")
        assert kept.start_and_count() == 60 - count
        assert kept.daemon.metric("gurnard_journal_lost_events_total") >= count
        kept.daemon.stop()
        kept.daemon.flags.pop()
        kept.daemon.start()  # the gap does not have to be accepted for ever


@pytest.mark.parametrize("journal", ["journal", "deadletters"])
def test_a_file_in_place_of_a_journal(journal):
    with Kept() as kept:
        shutil.rmtree(kept.store / journal)
        (kept.store / journal).write_text("not a folder")
        kept.refused_start(journal, "Not a directory")


def test_events_without_their_subscriptions_are_not_forgotten_in_silence():
    with Kept() as kept:
        saved = (kept.store / "sub.json").read_bytes()
        (kept.store / "sub.json").unlink()
        kept.refused_start("store.incomplete", "sub.json is missing", "journal-repair")
        (kept.store / "sub.json").write_bytes(saved)
        assert kept.start_and_count() == 60


def test_events_without_their_subscriptions_are_forgotten_when_that_is_wanted():
    with Kept() as kept:
        (kept.store / "sub.json").unlink()
        kept.daemon.flags.append("--journal-repair=yes")
        kept.daemon.start()
        assert json.loads(kept.daemon.v1("GET", "/subscriptions")[2]) == []
        kept.daemon.flags.pop()
        kept.daemon.restart()


def test_a_store_that_another_daemon_uses_is_left_alone():
    with Kept() as kept, Daemon(*FAST, store=kept.store) as owner:
        wait_for(lambda: len(segments(kept.store, "deadletters")) == 2, "its own new segments")
        wait_for(lambda: owner.metric("gurnard_journal_pending_bytes") == 0, "them to be written")
        before = tree_of(kept.store)
        for _ in range(2):
            assert try_start(kept.daemon) == 1
            errors = [line for line in kept.daemon.log().splitlines() if " error " in line]
            assert len(errors) == 1 and "store.locked" in errors[0] and "stop that one" in errors[0]
        assert tree_of(kept.store) == before
        assert owner.v1("GET", "/health")[0] == 200


@contextlib.contextmanager
def unwritable(kept, part):
    """Part of the store may not be written by the daemon, which is not root."""
    somebody = 65534
    for path in (kept.daemon.dir, *kept.store.rglob("*"), kept.store):
        os.chown(path, somebody, somebody)
    os.chmod(kept.daemon.log_path, 0o666)

    def become_somebody():
        os.setgroups([])
        os.setgid(somebody)
        os.setuid(somebody)
    kept.daemon.preexec = become_somebody
    kept.daemon.build = kept.daemon.dir / "build"
    (kept.daemon.build / "bin").mkdir(parents=True)
    shutil.copy(BUILD / "bin/gurnardd", kept.daemon.build / "bin")
    os.chmod(kept.store / part, 0o500)
    yield
    os.chmod(kept.store / part, 0o700)


@needs_root
def test_a_journal_that_may_not_be_written():
    with Kept() as kept:
        with unwritable(kept, "journal"):
            kept.refused_start(str(kept.store), "ermission denied", is_untouched=False)
        assert kept.start_and_count() == 60


@needs_root
def test_without_a_place_for_dead_letters_refused_events_are_kept_elsewhere():
    with Kept() as kept:
        with unwritable(kept, "deadletters"), Sink(port=kept.port, status=422) as sink:
            if try_start(kept.daemon) is None:
                wait_for(lambda: len(sink.arrivals) > 9, "attempts")
                kept.daemon.stop(signal.SIGKILL)
        assert kept.start_and_count() + kept.daemon.admin_get("/deadletters")["count"] >= 60


@needs_root
def test_no_subscription_is_promised_that_cannot_be_stored():
    with Kept() as kept:
        with unwritable(kept, ""), Sink() as sink:
            if try_start(kept.daemon) is None:
                wanted = {"endpointUri": sink.url, "resource": "/a"}
                assert kept.daemon.v1("POST", "/subscriptions", wanted)[0] in (400, 503)
                assert kept.daemon.v1("POST", "/subscriptions", wanted)[0] in (400, 503)
                kept.daemon.stop(signal.SIGKILL)
        assert kept.start_and_count() == 60


def test_a_disk_that_can_only_be_read():
    with small_disk() as disk, Kept(store=disk / "store") as kept:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        kept.refused_start(str(kept.store), "Read-only file system")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert kept.start_and_count() == 60


def test_a_full_disk_at_the_start():
    with small_disk() as disk, Kept(store=disk / "store") as kept:
        for journal in ("journal", "deadletters"):  # no room is left in the last segments either
            last = segments(kept.store, journal)[-1]
            os.truncate(last, sum(frames(last)[-1][:2]) if frames(last) else SEGMENT_HEADER)
        filler = fill(disk)
        kept.refused_start(str(kept.store), "No space left", "make room")
        filler.unlink()
        assert kept.start_and_count() == 60


# -- damaged --

def damages(store, rnd):
    """(name, change) for each kind of place in each segment: a change damages one record at most."""
    for path in segments(store):
        places = [("its header", 0, 64)] + [
            (f"record {n} of type {kind}", at, size)
            for n, (at, size, kind, _) in enumerate(frames(path))]
        for what, at, size in places if LONG else [places[0], *rnd.sample(places[1:], 2)]:
            yield f"{path.name}: {what}", path, at + rnd.randrange(min(size, 40))


def test_a_changed_byte_costs_one_event_at_most_and_is_said():
    rnd = random.Random(1)
    with Kept(build=RELEASE) as kept:
        good = kept.daemon.dir / "good"
        kept.store.rename(good)
        for what, path, at in damages(good, rnd):
            shutil.rmtree(kept.store, ignore_errors=True)
            shutil.copytree(good, kept.store)
            damaged = kept.store / "journal" / path.name
            data = bytearray(damaged.read_bytes())
            data[at] ^= 1 << rnd.randrange(8)
            damaged.write_bytes(data)
            count = kept.start_and_count()
            assert count >= 59, (what, at, count)
            if count < 60:
                assert "journal.damaged" in kept.daemon.log() or "journal.torn" in kept.daemon.log()
                assert kept.daemon.metric("gurnard_journal_damaged_total") + \
                    kept.daemon.metric("gurnard_journal_torn_total") == 1, what
                assert list((kept.store / "journal/damaged").iterdir())
            kept.daemon.stop(signal.SIGKILL)
            kept.fleet.acked.pop()
            kept.daemon.start()  # the damage is not met again
            kept.daemon.stop(signal.SIGKILL)


@pytest.mark.parametrize("where", ["the first", "the last"])
def test_a_segment_that_was_cut_off_loses_what_was_behind_the_cut_only(where):
    rnd = random.Random(2)
    with Kept(build=RELEASE) as kept:
        good = kept.daemon.dir / "good"
        kept.store.rename(good)
        path = segments(good)[0 if where == "the first" else -1]
        size = path.stat().st_size
        between = [at for at, *_ in frames(path)]
        cuts = [0, 1, 63, 65, 96, size - 1, *(between if LONG else (between[0], between[-1])),
                *(rnd.randrange(size) for _ in range(40 if LONG else 2))]
        for cut in cuts:
            shutil.rmtree(kept.store, ignore_errors=True)
            shutil.copytree(good, kept.store)
            os.truncate(kept.store / "journal" / path.name, cut)
            hit = sum(count for at, whole, _, count in frames(path) if at + whole > cut)
            got = kept.start_and_count()
            assert got >= 60 - hit, (cut, got, hit)
            if got < 60 and where == "the first":
                assert re.search("journal.damaged|journal.lost|delivery.lost|sink.miscounted",
                                 kept.daemon.log()), (cut, got)
                lost = kept.daemon.metric(
                    'gurnard_deliveries_total{transport="http",outcome="lost"}')
                assert lost + kept.daemon.metric("gurnard_journal_lost_events_total") >= 60 - got
            kept.daemon.stop(signal.SIGKILL)
            kept.fleet.acked.pop()


# -- gone under a running daemon --

@pytest.mark.parametrize("part", ["", "journal"])
def test_a_store_that_is_removed_under_a_running_daemon(part):
    with Daemon(*FAST) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(3, BMCS)
        shutil.rmtree(daemon.store / part)

        def is_well():
            status = fleet.send("b1")
            assert status in (200, 503)
            return status == 200 and request(daemon.admin, "GET", "/readyz")[0] == 200
        wait_for(is_well, "events to be taken again")
        fleet.acked.clear()
        fleet.must_send(3, BMCS)
        fleet.all_arrive_at(sink)
        status = daemon.v1("POST", "/subscriptions", {"endpointUri": sink.url + "/2",
                                                      "resource": "/a"})[0]
        assert status == 201
        sink.hold.clear()
        before = len(fleet.acked)
        fleet.must_send(3, BMCS)
        daemon.stop(signal.SIGKILL)
        sink.hold.set()
        del fleet.acked[:before]
        daemon.start()
        assert len(json.loads(daemon.v1("GET", "/subscriptions")[2])) == 2
        fleet.all_arrive_at(sink)


def test_a_file_in_place_of_the_journal_under_a_running_daemon():
    with Daemon(*FAST) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(3, BMCS)
        away = daemon.dir / "away"
        (daemon.store / "journal").rename(away)
        shutil.rmtree(away)
        (daemon.store / "journal").write_text("not a folder")
        wait_for(lambda: fleet.send("b1") == 503, "503")
        assert fleet.headers["Retry-After"]
        wait_for(lambda: request(daemon.admin, "GET", "/readyz")[0] == 503, "readiness to go")
        assert "journal" in request(daemon.admin, "GET", "/readyz")[2].decode()
        (daemon.store / "journal").unlink()
        wait_for(lambda: fleet.send("b1") == 200, "events to be taken again")
        wait_for(lambda: request(daemon.admin, "GET", "/readyz")[0] == 200, "readiness")
        fleet.must_send(3, BMCS)
        fleet.all_arrive_at(sink)


def test_the_check_of_settings_touches_no_store():
    with Kept() as kept:
        before = tree_of(kept.store)
        done = subprocess.run([BUILD / "bin/gurnardd", *kept.daemon.flags, "--check-config"],
                              capture_output=True)
        assert done.returncode == 0
        assert tree_of(kept.store) == before
