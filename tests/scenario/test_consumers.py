"""Consumers that are away, slow, fail, hang, hang up or refuse: each still gets what it is owed."""
import contextlib
import json
import random
import signal
import socket
import struct
import threading

import pytest
from fleet import Fleet, firsts, key_of, keys_of
from gurnard import Daemon, Sink, free_port, request, wait_for

FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms",
        "--shutdown-drain=200ms")
BMCS = ("b1", "b2", "b3", "b4")


class Fickle:
    """A server that ends connections in its own way: how(number of the request) names it."""

    def __init__(self, how):
        self.how, self.number, self.lock = how, 0, threading.Lock()
        self.events = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/event"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        conn.settimeout(30)
        with contextlib.suppress(OSError, ValueError), conn, conn.makefile("rb") as stream:
            head = b"".join(iter(stream.readline, b"\r\n"))
            size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:"))
            with self.lock:
                how = self.how(self.number) if size else "take"
                self.number += size > 0
            if how == "cut the body":
                stream.read(size // 2)
            elif how != "cut the head":
                body = stream.read(size)
            if how == "reset":
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif how == "half a line":
                conn.sendall(b"HTTP/1.1 20")
            elif how == "no end of headers":
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            elif how == "nonsense":
                conn.sendall(b"\x16\x03\x01\x02\x00\x01\x00" * 10)
            elif how == "take":
                with self.lock:
                    self.events += [body] if size else []
                conn.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


WAYS = ["cut the head", "cut the body", "reset", "half a line", "no end of headers", "nonsense",
        "close"]


@pytest.mark.parametrize("how", WAYS)
def test_a_consumer_that_hangs_up_gets_everything_later(how):
    with Daemon(*FAST) as daemon, Fickle(lambda n: how if n % 3 else "take") as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(4, BMCS)
        fleet.all_arrive_at(sink)
        assert daemon.metric("gurnard_delivery_retries_total") > 0


def test_a_consumer_that_is_away_gets_everything_in_order_when_it_comes():
    port = free_port()
    with Daemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
            fleet = Fleet(daemon)
            fleet.must_send(3, BMCS)
            fleet.all_arrive_at(sink)
        fleet.acked.clear()
        fleet.must_send(20, BMCS)
        wait_for(lambda: daemon.metric("gurnard_outbox_sinks_down") == 1, "the sink to be down")
        with Sink(port=port) as sink:
            fleet.must_send(5, BMCS)
            fleet.all_arrive_at(sink)
            assert len(keys_of(sink)) == 100  # nothing twice: no attempt lost its answer


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_consumer_that_is_away_gets_everything_also_when_the_daemon_starts_anew(end):
    port = free_port()
    with Daemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        for _ in range(3):
            fleet.must_send(5, BMCS)
            daemon.restart(end)
        fleet.must_send(2, BMCS)
        with Sink(port=port) as sink:
            fleet.all_arrive_at(sink)
            assert firsts(keys_of(sink)) == keys_of(sink)


def test_a_consumer_that_comes_and_goes_gets_everything():
    port = free_port()
    with Daemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        fleet, got = Fleet(daemon), []
        for _ in range(6):
            fleet.must_send(5, BMCS)
            with Sink(port=port) as sink:
                sink.wait(3)
            got += sink.events
        with Sink(port=port) as sink:
            with sink.lock:
                sink.events[:0] = got  # something may have come already
            fleet.all_arrive_at(sink)


def test_a_slow_consumer_gets_everything_in_order():
    with Daemon(*FAST) as daemon, Sink(delay=0.02) as slow, Sink() as quick:
        daemon.subscribe(slow.url)
        daemon.subscribe(quick.url)
        fleet = Fleet(daemon)
        fleet.must_send(25, BMCS)
        fleet.all_arrive_at(quick, slow)
        assert len(keys_of(slow)) == 100


@pytest.mark.parametrize("status", [404, 408, 409, 425, 429, 500, 502, 503, 504, 599])
def test_a_consumer_that_fails_now_and_then_gets_everything_in_order(status):
    rnd = random.Random(status)
    with Daemon(*FAST, "--delivery-refused-tries=1") as daemon, \
            Sink(status=lambda n, b: status if rnd.random() < 0.5 else 204) as sink:
        daemon.subscribe(sink.url)
        fleet = Fleet(daemon)
        fleet.must_send(6, BMCS)
        fleet.all_arrive_at(sink)
        assert len(keys_of(sink)) == 24
        assert daemon.admin_get("/deadletters")["count"] == 0


def test_a_consumer_that_hangs_gets_everything_when_it_goes_on():
    with Daemon(*FAST) as daemon, Sink() as hanging, Sink() as other:
        daemon.subscribe(hanging.url)
        daemon.subscribe(other.url)
        hanging.hold.clear()
        fleet = Fleet(daemon)
        fleet.must_send(10, BMCS)
        fleet.all_arrive_at(other)
        wait_for(lambda: daemon.metric("gurnard_outbox_sinks_down") == 1, "the sink to be down")
        hanging.hold.set()
        fleet.all_arrive_at(hanging)


def test_a_hundred_dead_consumers_beside_ten_healthy_ones():
    port = free_port()
    healthy = [Sink() for _ in range(10)]
    try:
        with Daemon(*FAST, "--delivery-timeout=10s") as daemon, Sink() as hanging, \
                Sink() as failing, Fickle(lambda n: "reset") as resetting:
            with Sink(port=port) as away:
                for sink in (away, hanging, failing, resetting):
                    for number in range(25):
                        daemon.subscribe(f"{sink.url}/{number}")
            hanging.hold.clear()
            failing.status = lambda n, body: 500
            for sink in healthy:
                daemon.subscribe(sink.url)
            fleet = Fleet(daemon)
            fleet.must_send(25, BMCS)
            fleet.all_arrive_at(*healthy)
            assert {len(keys_of(sink)) for sink in healthy} == {100}

            def kept():
                out = daemon.admin_get("/status")["out"]
                return out["queued"] + out["in_flight"]
            wait_for(lambda: kept() == 100 * 100, "the backlogs of the dead, and nothing else")
    finally:
        for sink in healthy:
            sink.close()


def test_410_pauses_a_subscription_and_keeps_its_events():
    with Daemon(*FAST, "--delivery-gone-pause=1s") as daemon, Sink() as gone, Sink() as other:
        daemon.subscribe(gone.url)
        daemon.subscribe(other.url)
        gone.status = lambda n, body: 410
        fleet = Fleet(daemon)
        fleet.must_send(1)
        wait_for(lambda: len(gone.arrivals) == 1, "the attempt that is answered 410")
        states = {s["endpoint"]: s["state"] for s in daemon.admin_get("/status")["subscriptions"]}
        assert states == {gone.url: "paused", other.url: "up"}
        fleet.must_send(10, BMCS)
        fleet.all_arrive_at(other)
        gone.status = 204
        fleet.all_arrive_at(gone)
        assert gone.arrivals[1][0] - gone.arrivals[0][0] >= 0.95
        assert daemon.metric('gurnard_deliveries_total{transport="http",outcome="dead"}') == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_events_of_a_paused_subscription_survive_a_restart(end):
    with Daemon(*FAST, "--delivery-gone-pause=1s") as daemon, Sink() as gone:
        daemon.subscribe(gone.url)
        gone.status = lambda n, body: 410
        fleet = Fleet(daemon)
        fleet.must_send(5, BMCS)
        wait_for(lambda: gone.arrivals, "the attempt that is answered 410")
        daemon.restart(end)
        gone.status = 204
        fleet.all_arrive_at(gone)


# -- refused for good --

def letters(daemon):
    return daemon.admin_get("/deadletters?limit=1000")


def kept_keys(daemon):
    return {key_of(daemon.admin_get(f"/deadletters/{i['number']}")["body"])
            for i in letters(daemon)["items"]}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_refused_events_are_dead_letters_and_survive_a_restart(end):
    with Daemon(*FAST) as daemon, Sink(status=204) as sink:
        sub = daemon.subscribe(sink.url)["id"]
        sink.status = lambda n, body: 422
        fleet = Fleet(daemon)
        fleet.must_send(3, BMCS)
        wait_for(lambda: letters(daemon)["count"] == 12, "twelve dead letters")
        before = letters(daemon)["items"]
        assert {(i["subscription"], i["status"], i["attempts"]) for i in before} == {(sub, 422, 3)}
        daemon.restart(end)
        wait_for(lambda: kept_keys(daemon) == set(fleet.acked), "a letter for each event")
        if end == signal.SIGTERM:  # a kill may repeat what was refused within the last 100 ms
            assert letters(daemon)["items"] == before
            assert len(sink.arrivals) == 36
        shown = daemon.admin_get(f"/deadletters/{before[0]['number']}")
        assert shown["endpoint"] == sink.url


def test_a_kill_while_events_are_being_refused_loses_none():
    with Daemon(*FAST) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.status = lambda n, body: 400
        fleet = Fleet(daemon)
        for turn in range(5):
            fleet.must_send(3, BMCS)
            wait_for(lambda: len(sink.arrivals) >= 30 * turn + 5, "some attempts")
            daemon.restart(signal.SIGKILL)
        wait_for(lambda: kept_keys(daemon) == set(fleet.acked), "a letter for each event")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_dead_letters_are_delivered_once_more_after_a_restart(end):
    with Daemon(*FAST) as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        sink.status = lambda n, body: 403
        fleet = Fleet(daemon)
        fleet.must_send(2, BMCS)
        wait_for(lambda: letters(daemon)["count"] == 8, "eight dead letters")
        sink.status = 204
        daemon.restart(end)
        count = letters(daemon)["count"]
        assert count == 8 or end == signal.SIGKILL  # then the last ones may be delivered instead
        status, _, body = request(daemon.admin, "POST", "/admin/v1/deadletters/replay", "{}")
        assert (status, json.loads(body)) == (202, {"queued": count})
        wait_for(lambda: set(keys_of(sink)) == set(fleet.acked), "all events")
        wait_for(lambda: letters(daemon)["count"] == 0, "no letter to be left")
        daemon.restart(signal.SIGTERM)  # a kill may bring back what went in the last 100 ms
        assert letters(daemon)["count"] == 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_delivered_events_can_be_replayed_after_a_restart(end):
    with Daemon(*FAST) as daemon, Sink() as sink:
        sub = daemon.subscribe(sink.url)["id"]
        fleet = Fleet(daemon)
        fleet.must_send(5, BMCS)
        fleet.all_arrive_at(sink)
        wait_for(lambda: daemon.metric("gurnard_outbox_in_flight") == 0, "the last answer")
        daemon.restart(end)
        fleet.must_send(1, ["b9"])
        fleet.all_arrive_at(sink)
        before = len(sink.events)
        status, _, body = request(daemon.admin, "POST", "/admin/v1/replay",
                                  {"subscription": sub, "since": "1h"})
        assert status == 202, body
        assert json.loads(body)["subscription"] == sub

        def replayed():
            with sink.lock:
                rows = [(key_of(json.loads(body)), body, names["Gurnard-Event-Id"])
                        for body, names in zip(sink.events, sink.seen_headers, strict=True)
                        if names.get("Gurnard-Replay") == "1"]
            return rows if {key for key, *_ in rows} >= set(fleet.acked) else None
        again = wait_for(replayed, "all events once more")
        wait_for(lambda: daemon.metric("gurnard_replayed_total") == 21, "the end of the replay")
        first = {key_of(json.loads(body)): (body, names["Gurnard-Event-Id"]) for body, names in
                 zip(sink.events[:before], sink.seen_headers[:before], strict=True)}
        assert {key: (body, name) for key, body, name in again} == first
        assert [key for key, *_ in again] == firsts(key for key, *_ in again)
