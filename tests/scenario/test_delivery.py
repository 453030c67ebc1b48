"""Delivery over HTTP: order, retries, and consumers that misbehave."""
import json
import socket
import threading
import time

import pytest
from gurnard import Daemon, Sink, event, free_port, record, value_of, wait_for

FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms")


def ids(events):
    return [value_of(e)["Events"][0]["EventId"] for e in events]


def post_many(daemon, count, path="/webhook", start=1):
    for number in range(start, start + count):
        assert daemon.post_event(event(record(number)), path)[0] == 200


def test_events_of_one_bmc_arrive_in_order_also_when_some_fail():
    flaky = iter([204, 500, 503, 204, 429, 204] + [204] * 1000)
    with Daemon(*FAST) as daemon, Sink(status=lambda n, body: next(flaky)) as sink:
        daemon.subscribe(sink.url)
        post_many(daemon, 30)
        assert ids(sink.wait(30)) == [str(n) for n in range(1, 31)]
        assert daemon.metric("gurnard_delivery_retries_total") == 3


def test_a_bmc_whose_event_fails_does_not_hold_back_another():
    def refuse_a(_, body):
        return 503 if b'"Name":"a"' in body else 204
    with Daemon(*FAST) as daemon, Sink(status=refuse_a) as sink:
        daemon.subscribe(sink.url)
        daemon.post_event(event(Name="a"), "/webhook/a")
        for number in range(20):
            daemon.post_event(event(record(number), Name="b"), "/webhook/b")
        assert ids(sink.wait(20)) == [str(n) for n in range(20)]
        sink.status = 204
        assert value_of(sink.wait(21)[20])["Name"] == "a"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_success(status):
    with Daemon(*FAST) as daemon, Sink(status=status) as sink:
        daemon.subscribe(sink.url)
        post_many(daemon, 2)
        sink.wait(2)
        wait_for(lambda: daemon.metric('gurnard_deliveries_total{transport="http",'
                                       'outcome="delivered"}') == 2, "two deliveries")


@pytest.mark.parametrize("status", [400, 401, 403, 422, 301, 302])
def test_what_is_refused_becomes_a_dead_letter_after_some_tries(status):
    answers = [status] * 3
    with Daemon(*FAST) as daemon, \
            Sink(status=lambda n, b: answers.pop() if answers else 204,
                 headers={"Location": "/elsewhere"}) as sink:
        daemon.subscribe(sink.url)
        post_many(daemon, 2)
        assert ids(sink.wait(1)) == ["2"]
        assert daemon.metric(
            'gurnard_deliveries_total{transport="http",outcome="dead"}') == 1
        assert len(sink.arrivals) == 4
        letters = daemon.admin_get("/deadletters")
        assert letters["count"] == 1
        assert (letters["items"][0]["status"], letters["items"][0]["attempts"]) == (status, 3)


def test_410_ends_deliveries_to_that_subscriber_only():
    with Daemon(*FAST) as daemon, Sink(status=410) as gone, Sink() as other:
        gone.status = lambda n, body: 410
        daemon.subscribe(gone.url)
        daemon.subscribe(other.url)
        post_many(daemon, 5)
        other.wait(5)
        wait_for(lambda: len(gone.arrivals) == 1, "the one attempt")
        post_many(daemon, 5, start=6)
        other.wait(10)
        assert len(gone.arrivals) == 1


def test_retry_after_is_obeyed():
    answers = [429]
    with Daemon(*FAST) as daemon, \
            Sink(status=lambda n, b: answers.pop() if answers else 204,
                 headers={"Retry-After": "1"}) as sink:
        daemon.subscribe(sink.url)
        post_many(daemon, 1)
        sink.wait(1)
        assert sink.arrivals[1][0] - sink.arrivals[0][0] >= 0.95


def test_a_consumer_that_is_down_gets_everything_when_it_comes():
    port = free_port()
    with Daemon(*FAST) as daemon:
        with Sink(port=port) as sink:
            daemon.subscribe(sink.url)
        post_many(daemon, 20)
        wait_for(lambda: daemon.metric("gurnard_outbox_sinks_down") == 1, "the sink to be down")
        with Sink(port=port) as sink:
            assert ids(sink.wait(20)) == [str(n) for n in range(1, 21)]
            wait_for(lambda: daemon.metric("gurnard_outbox_sinks_down") == 0, "the sink to be up")


def test_a_dead_a_hanging_and_a_failing_consumer_delay_no_other():
    with Daemon("--delivery-timeout=5m", "--shutdown-drain=0ms") as daemon, \
            Sink() as healthy, Sink() as hanging, Sink() as failing:
        port = free_port()
        with Sink(port=port) as dead:
            daemon.subscribe(dead.url)
        for sink in (hanging, failing, healthy):
            daemon.subscribe(sink.url)
        hanging.hold.clear()
        failing.status = lambda n, body: 500
        for number in range(50):
            daemon.post_event(event(record(number)))
            healthy.wait(number + 1)
        assert ids(healthy.wait(50)) == [str(n) for n in range(50)]
        assert hanging.arrivals == []  # its first attempt is still under way: nobody waited for it


def test_ninety_dead_subscribers_and_ten_healthy_ones():
    with Daemon(*FAST) as daemon:
        port = free_port()
        with Sink(port=port) as dead:
            for number in range(90):
                daemon.subscribe(f"http://127.0.0.1:{port}/{number}")
        sinks = [Sink() for _ in range(10)]
        try:
            for sink in sinks:
                daemon.subscribe(sink.url)
            post_many(daemon, 20)
            for sink in sinks:
                assert ids(sink.wait(20)) == [str(n) for n in range(1, 21)]
        finally:
            for sink in sinks:
                sink.close()


def test_hanging_subscribers_never_take_the_last_descriptor():
    import resource

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    with Daemon(*FAST, preexec=few) as daemon, Sink() as hanging, Sink() as healthy:
        for number in range(40):
            daemon.subscribe(f"http://127.0.0.1:{hanging.port}/{number}")
        daemon.subscribe(healthy.url)
        hanging.hold.clear()
        for number in range(40):  # a BMC each: 40 subscribers would have 160 attempts under way
            daemon.post_event(event(record(number)), f"/webhook/b{number}")
        healthy.wait(40)
        assert daemon.v1("GET", "/health")[0] == 200
        daemon.v1("DELETE", "/subscriptions")


def test_a_consumer_that_closes_early_is_tried_again():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    got = []

    def serve():
        for number in range(4):
            conn, _ = listener.accept()
            data = conn.recv(65536)
            got.append(data)
            if number in (0, 3):  # the probe and the last attempt are answered
                conn.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            conn.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with Daemon(*FAST) as daemon:
        daemon.subscribe(f"http://127.0.0.1:{listener.getsockname()[1]}/e")
        post_many(daemon, 1)
        thread.join(30)
        assert len(got) == 4
        wait_for(lambda: daemon.metric("gurnard_deliveries_total") == 1, "the delivery")
    listener.close()


def test_events_expire_and_the_next_go_on():
    with Daemon(*FAST, "--delivery-expire=1s") as daemon, Sink(status=204) as sink:
        sink.status = lambda n, body: 503
        daemon.subscribe(sink.url)
        post_many(daemon, 3)
        wait_for(lambda: daemon.metric(
            'gurnard_deliveries_total{transport="http",outcome="expired"}') == 3, "the end of three")
        sink.status = 204
        post_many(daemon, 1, start=9)
        assert ids(sink.wait(1)) == ["9"]


def test_a_long_queue_is_kept_as_long_as_there_is_room():
    with Daemon(*FAST, "--delivery-queue-events=5") as daemon, Sink() as slow, Sink() as other:
        daemon.subscribe(slow.url)
        daemon.subscribe(other.url)
        slow.hold.clear()
        for number in range(1, 41):
            daemon.post_event(event(record(number)), f"/webhook/b{number}")
        other.wait(40)
        slow.hold.set()
        assert sorted(ids(slow.wait(40)), key=int) == [str(n) for n in range(1, 41)]


def test_many_bmcs_and_subscribers_lose_nothing(daemon):
    sinks = [Sink() for _ in range(5)]
    try:
        for sink in sinks:
            daemon.subscribe(sink.url)
        threads = [threading.Thread(target=post_many, args=(daemon, 50, f"/webhook/b{n}", n * 1000))
                   for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sink in sinks:
            got = [int(i) for i in ids(sink.wait(400))]
            assert sorted(got) == [n * 1000 + k for n in range(8) for k in range(50)]
            for n in range(8):
                mine = [i for i in got if i // 1000 == n]
                assert mine == sorted(mine)
    finally:
        for sink in sinks:
            sink.close()
