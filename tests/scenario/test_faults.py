"""Death at each call that touches the store, and calls that fail: of the store and for memory.

A fixed scenario is run again and again, and each time the next call is hit. What was promised before
must be there after: an event that was answered 200 arrives, a subscription that was answered 201 is
listed. Samples as a rule, every single call with GURNARD_LONG=1.
"""
import contextlib
import errno
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess

import pytest
from disk import try_start
from faults import KILL_AFTER, KILL_BEFORE, LIBRARY, MEMORY, SHORT_WRITE, STORE, FaultyDaemon
from fleet import Fleet, firsts, keys_of
from gurnard import SYSTEMS, V1, Sink, request, wait_for

LONG = bool(os.environ.get("GURNARD_LONG"))
FLAGS = ("--delivery-retry-min=10ms", "--delivery-retry-max=50ms", "--delivery-timeout=2s",
         "--shutdown-drain=100ms", "--journal-size=1MiB", "--journal-segment=64KiB",
         "--deadletter-size=1MiB", "--api-probe-timeout=2s")
pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason=f"{LIBRARY} is not built")


class Run:
    """One run of the scenario; created and fleet.acked hold what was promised."""

    def __init__(self, sink, *flags):
        self.sink = sink
        self.daemon = FaultyDaemon(*FLAGS, *flags)
        self.fleet = Fleet(self.daemon)
        self.created = []

    def is_over(self):
        """Also when it is about to end: then it does not answer any more."""
        if self.daemon.process is None or self.daemon.process.poll() is not None:
            return True
        if self.tolerant("GET", self.daemon.admin, "/admin/v1/status")[0] is not None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.daemon.process.wait(10)
        return self.daemon.process.poll() is not None

    def tolerant(self, method, port, path, body=None):
        """(status, JSON) of a request, (None, None) when there was no answer."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            status, _, text = request(port, method, path, body)
            return status, json.loads(text) if text else None
        return None, None

    def start(self):
        """Its exit code, or None when it serves."""
        return try_start(self.daemon)

    def subscribe(self):
        status, made = self.tolerant("POST", self.daemon.api, V1 + "/subscriptions",
                                     {"endpointUri": self.sink.url, "resource": SYSTEMS})
        if status == 201:
            self.created.append(made["id"])
        return status

    def scenario(self):
        """A subscription, six events of two BMCs that fill more than one segment, a replay, a
        second subscription that goes again, the end."""
        self.subscribe()
        for filler in (100, 30_000, 20_000):
            self.fleet.send("a", filler=filler)
            self.fleet.send("b", filler=filler)
        if self.created:
            self.tolerant("POST", self.daemon.admin, "/admin/v1/replay",
                          {"subscription": self.created[0], "since": "1h"})
        status, made = self.tolerant("POST", self.daemon.api, V1 + "/subscriptions",
                                     {"endpointUri": self.sink.url + "/2", "resource": "/other"})
        if status == 201:
            self.tolerant("DELETE", self.daemon.api, f"{V1}/subscriptions/{made['id']}")

    def all_is_kept(self):
        """After a start without faults: all that was promised is there, and it serves."""
        self.daemon.heal()
        self.daemon.start()
        status, listed = self.tolerant("GET", self.daemon.api, V1 + "/subscriptions")
        assert status == 200
        assert set(self.created) <= {s["id"] for s in listed}
        if not self.created:
            assert self.subscribe() == 201
            self.fleet.acked.clear()  # they had nobody to go to
        before = len(self.fleet.acked)
        self.fleet.must_send(1, ("a", "b"))
        assert len(self.fleet.acked) == before + 2
        self.fleet.all_arrive_at(self.sink)
        wait_for(lambda: request(self.daemon.admin, "GET", "/readyz")[0] == 200, "readiness")

    def close(self):
        self.daemon.heal()
        self.daemon.__exit__(None)


@contextlib.contextmanager
def run(*flags):
    with Sink() as sink:
        one = Run(sink, *flags)
        try:
            yield one
            one.close()
        finally:
            if one.daemon.process is not None:
                one.daemon.process.kill()
                one.daemon.process.wait()


def numbers(kind, step):
    """Which calls are hit: all there are, or each step-th."""
    with run() as dry:
        assert dry.start() is None
        at_start = dry.daemon.calls(kind)
        dry.scenario()
        dry.fleet.all_arrive_at(dry.sink)
        dry.daemon.stop()
        total = dry.daemon.calls(kind)
    return at_start, range(1, total + 2, 1 if LONG else step)


@pytest.mark.parametrize("how", [KILL_BEFORE, KILL_AFTER])
def test_death_at_any_call_of_the_store_loses_nothing(how):
    _, hits = numbers(STORE, 7)
    died = 0
    for number in hits:
        with run() as one:
            one.daemon.fail(STORE, number, how)
            if one.start() is None:
                one.scenario()
                code = one.daemon.stop()
                died += code == -signal.SIGKILL
            else:
                died += 1
            one.all_is_kept()
    assert died >= len(hits) - 2


@pytest.mark.parametrize("how", [errno.EIO, errno.ENOSPC, SHORT_WRITE])
def test_a_call_of_the_store_that_fails_once_loses_nothing(how):
    at_start, hits = numbers(STORE, 11)
    for number in hits:
        with run() as one:
            one.daemon.fail(STORE, number, how)
            code = one.start()
            if code is None:
                one.scenario()
                assert not one.is_over(), (number, one.daemon.log()[-2000:])
                wait_for(lambda: one.fleet.send("a") == 200, "events to be taken")
                one.daemon.stop(signal.SIGKILL)  # what was said must be on disk by now
            else:
                assert number <= at_start and code == 1, (number, code)
                assert " error " in one.daemon.log(), one.daemon.log()
            one.all_is_kept()


@pytest.mark.parametrize("how", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_while_every_call_of_the_store_fails_nothing_is_promised_and_it_ends_by_itself(how):
    with run() as one:
        assert one.start() is None
        one.subscribe()
        one.fleet.must_send(2, ("a", "b"))
        one.daemon.fail(STORE, 1, how, count=1 << 40)
        assert one.fleet.send("a") == 503
        assert one.fleet.headers["Retry-After"]
        wait_for(lambda: request(one.daemon.admin, "GET", "/readyz")[0] == 503, "readiness to go")
        assert one.subscribe() in (400, 503)
        for _ in range(5):
            assert one.fleet.send("b") == 503
        one.daemon.heal()
        wait_for(lambda: one.fleet.send("a") == 200, "events to be taken")
        wait_for(lambda: request(one.daemon.admin, "GET", "/readyz")[0] == 200, "readiness")
        one.fleet.must_send(2, ("a", "b"))
        one.daemon.stop(signal.SIGKILL)
        one.all_is_kept()


# -- memory --

def is_honest_end(code, log):
    """It may end for want of memory at its start, or where a library cannot go on; and says so."""
    return code == 1 and "no memory" in log or code == -signal.SIGABRT and \
        re.search(r" error memory\.exhausted in=(libcurl|jansson|metrics|timers) bytes=", log)


def test_a_start_without_memory_says_so_or_succeeds():
    at_start, _ = numbers(MEMORY, 1)
    step = 1 if LONG else max(1, at_start // 40)
    silent = {}
    for number in range(random.randint(1, step), at_start + 1, step):  # others in each run
        with run() as one:
            one.daemon.fail(MEMORY, number)
            code = one.start()
            if code is not None and not is_honest_end(code, one.daemon.log()):
                silent[number] = code, one.daemon.log()[-500:]
            if code is None:
                one.daemon.stop(signal.SIGKILL)
            if LONG or number % 5 == 0:
                one.all_is_kept()
    assert not silent, (len(silent), list(silent.items())[:5])


@pytest.mark.parametrize("count", [1, 20])
def test_memory_that_is_refused_while_it_serves_costs_nothing_that_was_promised(count):
    with run("--journal-size=64MiB", "--journal-segment=8MiB") as one:
        assert one.start() is None
        one.daemon.heal()
        one.scenario()
        one.fleet.all_arrive_at(one.sink)
        total = one.daemon.calls(MEMORY)
        hits = range(1, total + 1, 1 if LONG else max(1, total // 60))
        one.created.clear()
        one.daemon.v1("DELETE", "/subscriptions")
        assert one.subscribe() == 201
        one.sink.headers["Connection"] = "close"  # what a connection needs is needed each time
        for number in hits:
            one.daemon.fail(MEMORY, number, errno.ENOMEM, count)
            one.scenario()
            one.daemon.heal()
            if one.is_over():
                code, log = one.daemon.process.wait(), one.daemon.log()
                assert code != 1 and is_honest_end(code, log), (number, code, log[-2000:])
                one.daemon.start()
        one.fleet.all_arrive_at(one.sink)
        wait_for(lambda: request(one.daemon.admin, "GET", "/readyz")[0] == 200, "readiness")
        one.daemon.stop(signal.SIGKILL)
        one.all_is_kept()


def test_a_whole_second_without_memory_ends_by_itself():
    with run() as one:
        assert one.start() is None
        one.subscribe()
        one.fleet.must_send(2, ("a", "b"))
        one.daemon.fail(MEMORY, 1, errno.ENOMEM, count=1 << 40)
        for port in (one.daemon.webhook, one.daemon.api, one.daemon.admin):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(b"GET /health HTTP/1.1\r\nHost: g\r\n\r\n")
                sock.settimeout(0.3)
                sock.recv(100)
        assert not one.is_over(), one.daemon.log()
        one.daemon.heal()
        wait_for(lambda: one.fleet.send("a") == 200, "events to be taken")
        assert firsts(keys_of(one.sink))[:4] == one.fleet.acked[:4]
        one.fleet.all_arrive_at(one.sink)
        one.daemon.stop(signal.SIGKILL)
        one.all_is_kept()
