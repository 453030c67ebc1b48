"""AMQP 1.0 as producer, as consumer, and both, against a router that does as the test says: the
wire form, outcomes, absences, bad manners. Real brokers: test_amqp_brokers.py; TLS and SASL:
test_amqp_security.py."""
import errno
import json
import os
import re
import signal
import struct
import threading
import time
import uuid

import pytest
from amqp import Application, Router
from amqp_messages import (APPLICATION_PROPERTIES, DATA, PROPERTIES, VALUE, cne_message, sections,
                           structured_message)
from faults import LIBRARY, STORE, FaultyDaemon
from gurnard import RELEASE, SYSTEMS, Daemon, Sink, event, free_port, record, value_of, wait_for
from proton import Message, symbol, timestamp

NEWS, OTHER = "/news-service/sports", "/news-service/weather"
STATUS = NEWS + "/status"
QUICK = ["--delivery-retry-min=10ms", "--delivery-retry-max=50ms", "--transport-retry-min=20ms",
         "--transport-retry-max=100ms", "--shutdown-drain=100ms"]
DELIVERED = 'gurnard_deliveries_total{transport="amqp",outcome="delivered"}'


def on_bus(port, *flags, host="127.0.0.1", **about):
    """A daemon whose transport is the router on port."""
    return Daemon(f"--transport-host=amqp://{host}:{port}", *QUICK, *flags, **about)


def post(daemon, number, bmc="bmc-1", **members):
    status, _, _ = daemon.post_event(
        json.dumps(event(record(number, **members), Id=f"id-{number:08d}")), f"/webhook/{bmc}")
    assert status == 200, status


def publisher(daemon, resource=NEWS):
    status, _, body = daemon.v1("POST", "/publishers", {"resource": resource})
    assert status == 201, body
    return json.loads(body)["id"]


def publish(daemon, by, number, resource=NEWS):
    status, _, body = daemon.v1("POST", "/create/event", {
        "id": by, "type": "event.test", "source": resource, "time": "2026-11-21T12:00:00.5Z",
        "data": {"version": "v1", "values": [{
            "resource": "/redfish/v1/Systems", "dataType": "notification",
            "valueType": "enumeration", "value": f"S{number}"}]}})
    assert status == 202, body


def number_of(arrival):
    """Which of the posted records it is."""
    return int(arrival.json()["values"][0]["value"]["Events"][0]["EventId"])


def said(bodies):
    """The values of delivered test events."""
    return [json.loads(body)["data"]["values"][0]["value"] for body in bodies]


def firsts(items):
    return list(dict.fromkeys(items))


# ---- producer ----


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_"])
def test_an_event_is_the_message_that_the_original_sends(prefix):
    with Router() as router, on_bus(router.port, f"--transport-amqp-prefix={prefix}") as daemon:
        post(daemon, 1)
        got = router.wait(SYSTEMS)[0]
        found = sections(got.raw)
        assert found[PROPERTIES][6] == "application/json"
        assert isinstance(found[PROPERTIES][6], symbol)
        assert found[PROPERTIES][:6] == [None] * 6  # no message id, no "to", no subject
        properties = found[APPLICATION_PROPERTIES]
        assert set(properties) == {prefix + name for name in (
            "specversion", "id", "type", "source", "subject", "time")}
        texts = {key[len(prefix):]: value for key, value in properties.items()}
        stamp = texts.pop("time")
        assert isinstance(stamp, timestamp) and abs(stamp / 1000 - time.time()) < 60
        assert all(type(value) is str for value in texts.values())
        assert uuid.UUID(texts.pop("id"))
        assert texts == {"specversion": "0.3", "type": "event.redfish.alert", "source": SYSTEMS,
                         "subject": SYSTEMS}
        assert len(found[DATA]) == 1 and VALUE not in found
        assert found[DATA][0].startswith(
            b'{"version":"v1","values":[{"resource":"/redfish/v1/Systems",'
            b'"dataType":"notification","valueType":"redfish-event","value":{')
        assert not got.is_presettled
        wait_for(lambda: daemon.metric(DELIVERED) == 1, "the count")


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_cloudevents_1_0_go_out_one_for_each_record(mode):
    with Router() as router, on_bus(router.port, f"--transport-amqp-format={mode}") as daemon:
        two = event(record(1), record(2))
        assert daemon.post_event(json.dumps(two), "/webhook/bmc-1")[0] == 200
        by = publisher(daemon)
        publish(daemon, by, 3)
        got = router.wait(SYSTEMS, 2) + router.wait(NEWS)
        for number, arrival in enumerate(got, 1):
            found = sections(arrival.raw)
            if mode == "binary":
                prefix, attributes = "cloudEvents:", found[APPLICATION_PROPERTIES]
                assert found[PROPERTIES][6] == "application/json"
            else:
                prefix, attributes = "", arrival.json()
                assert found[PROPERTIES][6].startswith("application/cloudevents+json")
                assert isinstance(attributes["data"], dict)
            assert attributes[prefix + "specversion"] == "1.0"
            assert attributes[prefix + "id"]
            if number == 3:
                assert attributes[prefix + "source"] == NEWS
            else:
                data = arrival.json() if mode == "binary" else attributes["data"]
                assert str(number) in json.dumps(data)
                assert attributes[prefix + "source"] == "/redfish/bmc-1"
        wait_for(lambda: daemon.metric(DELIVERED) == 2, "the count")


@pytest.mark.parametrize("form", ["v1", "binary", "structured"])
def test_what_we_sent_ourselves_is_delivered_once(form):
    with Router() as router, on_bus(router.port, f"--transport-amqp-format={form}") as daemon, \
            Sink() as app:
        daemon.subscribe(app.url)
        wait_for(lambda: "bus.attached" in daemon.log(), "the receiver")
        for number in range(3):
            post(daemon, number)
        router.put(SYSTEMS, *[arrival.raw for arrival in router.wait(SYSTEMS, 3)])
        wait_for(lambda: daemon.metric("gurnard_amqp_received_total") >= 3, "what comes back")
        post(daemon, 3)
        app.wait(4)
        assert len(app.events) == 4


def test_each_form_of_the_host_leads_to_the_router():
    with Router() as router:
        forms = [f"amqp:127.0.0.1:{router.port}", f"amqp://localhost:{router.port}",
                 f"amqp://NODE_IP:{router.port}"]
        for count, form in enumerate(forms, 1):
            with Daemon(f"--transport-host={form}", "--node-ip=127.0.0.1", *QUICK) as daemon:
                post(daemon, count)
                router.wait(SYSTEMS, count)
        with Daemon("--transport-host=amqp://nohup", *QUICK) as daemon, Sink() as app:
            daemon.subscribe(app.url)
            post(daemon, 1)
            app.wait(1)
        assert len(router.connects) == len(forms)


def test_what_publishers_create_goes_to_their_resources_address():
    with Router() as router, on_bus(router.port) as daemon:
        by = publisher(daemon)
        for number in range(5):
            publish(daemon, by, number)
        got = router.wait(NEWS, 5)
        assert [a.json()["values"][0]["value"] for a in got] == [f"S{n}" for n in range(5)]
        assert got[0].properties["cloudEvents:source"] == NEWS


def test_a_router_that_is_not_there_delays_nothing_and_gets_all_in_order_when_it_comes():
    port = free_port()
    begun = time.monotonic()
    with on_bus(port) as daemon, Sink() as app:
        daemon.subscribe(app.url)
        for number in range(40):
            post(daemon, number)
        app.wait(40)
        assert time.monotonic() - begun < 10
        daemon.restart(signal.SIGKILL)
        with Router(port) as router:
            wait_for(lambda: len(firsts(map(number_of, router.to(SYSTEMS)))) == 40, "all")
            got = router.to(SYSTEMS)
            assert [number_of(a) for a in got] == list(range(40))
            assert len({a.id for a in got}) == 40


def test_what_is_released_modified_or_lost_comes_again_with_the_same_id():
    seen, router = {}, Router()

    def outcome(arrival):
        seen.setdefault(number_of(arrival), []).append(arrival.id)
        attempt = len(seen[number_of(arrival)])
        if attempt == 3 and number_of(arrival) == 2:
            arrival.wire.socket.abort()
            return None
        return {1: "released", 2: "modified"}.get(attempt, "accepted")

    with router, on_bus(router.port) as daemon:
        router.default.outcome = outcome
        for number in range(4):
            post(daemon, number)
        wait_for(lambda: daemon.metric(DELIVERED) == 4, "all four")
        assert {n: len(ids) for n, ids in seen.items()} == {0: 3, 1: 3, 2: 4, 3: 3}
        assert all(len(set(ids)) == 1 for ids in seen.values())
        assert firsts(map(number_of, router.to(SYSTEMS))) == [0, 1, 2, 3]
        assert daemon.metric('gurnard_delivery_retries_total{transport="amqp"}') == 9


def test_what_is_rejected_is_a_dead_letter_and_the_next_goes_on():
    with Router() as router, on_bus(router.port, "--delivery-refused-tries=2") as daemon:
        router.default.outcome = lambda a: "rejected" if number_of(a) == 1 else "accepted"
        for number in range(3):
            post(daemon, number)
        wait_for(lambda: daemon.metric(DELIVERED) == 2, "the other two")
        assert [number_of(a) for a in router.to(SYSTEMS)] == [0, 1, 1, 2]
        letters = daemon.admin_get("/deadletters")
        assert letters["count"] == 1
        assert daemon.admin_get(f"/deadletters/{letters['items'][0]['number']}")


def test_without_an_outcome_it_is_sent_again_and_counted():
    with Router() as router, \
            on_bus(router.port, "--transport-amqp-outcome-timeout=200ms") as daemon:
        router.default.outcome = lambda a: None if len(router.to(SYSTEMS)) < 3 else "accepted"
        post(daemon, 1)
        wait_for(lambda: daemon.metric(DELIVERED) == 1, "the third")
        assert len({a.id for a in router.wait(SYSTEMS, 3)}) == 1
        assert daemon.metric('gurnard_delivery_retries_total{transport="amqp"}') == 2


def test_a_receiver_that_never_settles_holds_back_only_its_own_address():
    with Router() as router, on_bus(router.port, "--transport-amqp-window=4") as daemon:
        router.rule(NEWS, outcome=None)
        news, other = publisher(daemon), publisher(daemon, OTHER)
        for number in range(20):
            publish(daemon, news, number)
            publish(daemon, other, number, OTHER)
        router.wait(OTHER, 20)
        assert 1 <= len(router.wait(NEWS, 1)) <= 4
        router.rules[NEWS].outcome = "accepted"
        router.settle(NEWS)
        router.wait(NEWS, 20)


def test_settled_messages_are_delivered_when_they_are_sent():
    with Router() as router, on_bus(router.port, f"--transport-amqp-presettled=/none,{SYSTEMS}") as daemon:
        for number in range(5):
            post(daemon, number)
        got = router.wait(SYSTEMS, 5)
        assert all(a.is_presettled for a in got) and [number_of(a) for a in got] == [*range(5)]
        wait_for(lambda: daemon.metric(DELIVERED) == 5, "the count")


def test_a_router_that_breaks_under_load_gets_all_and_repeats_stay_within_the_window():
    window, bmcs, each, breaks = 8, 12, 25, 4
    with Router() as router, on_bus(router.port, f"--transport-amqp-window={window}") as daemon:
        def load():
            for number in range(bmcs * each):
                post(daemon, number, f"bmc-{number % bmcs}")

        poster = threading.Thread(target=load)
        poster.start()
        for number in range(1, breaks):
            router.wait(SYSTEMS, number * 50)
            router.stop()
            router.start()
        router.wait(SYSTEMS, breaks * 50)
        router.close_connections()
        poster.join()
        wait_for(lambda: len({a.id for a in router.arrivals}) == bmcs * each, "all events")
        wait_for(lambda: daemon.metric(DELIVERED) == bmcs * each, "all outcomes")
        numbers = [number_of(a) for a in router.arrivals]
        assert len(numbers) - len(set(numbers)) <= breaks * window
        for bmc in range(bmcs):
            assert firsts(n for n in numbers if n % bmcs == bmc) == [*range(bmc, bmcs * each, bmcs)]


def test_a_refused_or_detached_address_is_said_and_the_others_go_on():
    with Router() as router, on_bus(router.port) as daemon:
        router.rule(NEWS, refuse=("amqp:not-found", "no such address here"))
        news, other = publisher(daemon), publisher(daemon, OTHER)
        for number in range(5):
            publish(daemon, news, number)
            publish(daemon, other, number, OTHER)
        router.wait(OTHER, 5)
        wait_for(lambda: "no such address here" in daemon.log(), "a line about it")
        line = next(l for l in daemon.log().splitlines() if "no such address here" in l)
        assert NEWS in line, line
        router.rules[NEWS].refuse = None
        router.wait(NEWS, 5)
        router.detach(OTHER, "amqp:resource-deleted", "gone for a while")
        publish(daemon, other, 5, OTHER)
        router.wait(OTHER, 6)
        assert len(router.connects) == 1


def test_a_router_that_gives_no_credit_costs_disk_and_no_memory():
    def resident(daemon):
        with open(f"/proc/{daemon.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024

    if not (RELEASE / "bin/gurnardd").exists():
        pytest.skip("memory is measured with the Release build, which is not there")
    filler, count = "x" * 16000, 1200
    with Router() as router, on_bus(router.port, "--delivery-memory=1MiB", build=RELEASE) as daemon:
        router.default.credit = 0
        for number in range(50):
            post(daemon, number, f"bmc-{number % 50}")
        router.wait_sender(SYSTEMS)
        before = resident(daemon)
        for number in range(50, count):
            post(daemon, number, f"bmc-{number % 50}", Message=filler)
        assert resident(daemon) - before < 12 << 20  # of 18 MB that came
        assert router.arrivals == []
        router.give_credit(SYSTEMS, 100)
        wait_for(lambda: len({a.id for a in router.arrivals}) == count, "all")


def test_large_events_cross_small_frames_both_ways():
    with Router(max_frame=512) as router, on_bus(router.port) as daemon, Sink() as app:
        daemon.subscribe(app.url, NEWS)
        post(daemon, 1, Message="y" * 200_000)
        assert len(router.wait(SYSTEMS)[0].json()["values"][0]["value"]["Events"][0]["Message"]) \
            == 200_000
        router.wait_receiver(NEWS)
        data = {"version": "v1", "values": [{"value": "z" * 300_000}]}
        assert router.put(NEWS, cne_message(NEWS, data=data))[0].wait() == "accepted"
        assert len(app.wait(1)[0]["data"]["values"][0]["value"]) == 300_000


def test_further_connections_carry_what_begins_with_their_prefixes():
    with Router() as all_of_it, Router() as news, on_bus(
            all_of_it.port,
            f"--transport-amqp-more=amqp://127.0.0.1:{news.port} /news-service") as daemon:
        publish(daemon, publisher(daemon), 1)
        post(daemon, 2)
        all_of_it.wait(NEWS)
        all_of_it.wait(SYSTEMS)
        news.wait(NEWS)
        assert [a.address for a in news.arrivals] == [NEWS]


# ---- consumer ----


def test_subscribers_of_both_versions_get_what_comes_on_the_bus_in_every_spelling():
    texts = {"time": "2026-11-21T12:00:00.5Z", "prefix": "cloudEvents_"}
    with Router() as router, Sink() as one, Sink() as two, on_bus(router.port) as daemon:
        sub = daemon.subscribe(one.url, NEWS)
        lock = "/cluster/node/n1/sync/ptp-status/lock-state"
        for what, more in (("/publishers", {}), ("/subscriptions", {"EndpointUri": two.url})):
            status, _, body = daemon.v1("POST", what, {"ResourceAddress": lock, **more},
                                        prefix="/api/ocloudNotifications/v2")
            assert status == 201, body
        router.wait_receiver(NEWS)
        sent = router.put(NEWS, cne_message(NEWS, 1), cne_message(NEWS, 2, **texts),
                          structured_message(NEWS, 3), cne_message(NEWS, 4, specversion="1.0"))
        assert [s.wait() for s in sent] == ["accepted"] * 4
        got = one.wait(4)
        assert said(one.events) == ["S1", "S2", "S3", "S4"]
        assert {e["id"] for e in got} == {sub["id"]} and {e["source"] for e in got} == {NEWS}
        assert got[1]["time"] == "2026-11-21T12:00:00.5Z"
        router.wait_receiver(lock)
        router.put(lock, cne_message(lock, 5, kind="event.sync.ptp-status.ptp-state-change"))
        wait_for(lambda: any(b"S5" in body for body in two.events), "the v2 subscriber's event")
        assert daemon.v1("DELETE", f"/subscriptions/{sub['id']}")[0] in (200, 204)
        wait_for(lambda: NEWS not in router.receivers(), "the receiver's end")


def test_a_message_is_accepted_once_it_is_stored_and_comes_again_after_a_kill():
    count = 300
    with Router() as router, Sink() as app, on_bus(router.port) as daemon:
        daemon.subscribe(app.url, NEWS)
        for first in range(0, count, 100):
            sent = router.put(NEWS, *[cne_message(NEWS, n) for n in range(first, first + 100)])
            wait_for(lambda: any(s.outcome for s in sent), "the first outcome")
            daemon.restart(signal.SIGKILL)
        wait_for(lambda: len(router.outcomes) >= count, "all outcomes")
        assert {s.outcome for s in router.outcomes} == {"accepted"}
        wait_for(lambda: len(set(said(app.events))) == count, "all events")


def hostile_messages():
    """What can never be an event, by name."""
    plain = cne_message(NEWS).encode()
    without_id = cne_message(NEWS)
    del without_id.properties["cloudEvents:id"]
    return {
        "nothing": b"",
        "no sections": b"\xff" * 100,
        "cut": plain[:len(plain) // 2],
        "no CloudEvent": Message(body="hello").encode(),
        "no id": without_id.encode(),
        "another version": cne_message(NEWS, specversion="7.0").encode(),
        "a list as body": Message(properties=cne_message(NEWS).properties, body=[1, 2]).encode(),
        "a giant property": cne_message(NEWS, giant="g" * 1_000_000).encode(),
        "too many properties": cne_message(NEWS, **{f"x{n}": "v" for n in range(2000)}).encode(),
        "a map without its end": b"\x00\x53\x74\xd1\x7f\xff\xff\xff\x7f\xff\xff\xff",
        "deep": b"\x00\x53\x77" + b"\xc0\xff\x01" * 500,
        "too long": cne_message(NEWS, data={"x": "y" * (3 << 20)}).encode(),
    }


def test_what_can_never_be_an_event_is_rejected_and_the_next_is_taken():
    with Router() as router, Sink() as app, \
            on_bus(router.port, "--webhook-max-body=1MiB") as daemon:
        daemon.subscribe(app.url, NEWS)
        for number, (name, message) in enumerate(hostile_messages().items()):
            bad, good = router.put(NEWS, message, cne_message(NEWS, number))
            assert (name, bad.wait()) == (name, "rejected")
            assert good.wait() == "accepted"
        app.wait(len(hostile_messages()))
        assert len(app.events) == len(hostile_messages())
        assert len(router.connects) == 1


@pytest.mark.skipif(not LIBRARY.exists(), reason=f"{LIBRARY} is not built")
def test_what_cannot_be_stored_is_given_back_and_taken_when_there_is_room_again():
    with Router() as router, Sink() as app:
        with FaultyDaemon(f"--transport-host=amqp://127.0.0.1:{router.port}", *QUICK) as daemon:
            daemon.subscribe(app.url, NEWS)
            router.wait_receiver(NEWS)
            daemon.fail(STORE, 1, errno.ENOSPC, 1 << 40)
            sent = router.put(NEWS, *[cne_message(NEWS, n) for n in range(5)])
            wait_for(lambda: len(router.outcomes) >= 5, "the first outcomes")
            assert {s.outcome for s in sent} == {"released"}
            daemon.heal()
            wait_for(lambda: {s.outcome for s in sent} == {"accepted"}, "all")
            wait_for(lambda: set(said(app.events)) == {f"S{n}" for n in range(5)}, "all events")


# ---- both ----


def test_a_daemon_that_hears_itself_delivers_once_and_does_not_loop():
    with Router() as router, Sink() as app, on_bus(router.port) as daemon:
        daemon.subscribe(app.url)
        router.wait_receiver(SYSTEMS)
        for number in range(20):
            post(daemon, number)
        wait_for(lambda: daemon.metric("gurnard_events_repeated_total") == 20, "its own echo")
        wait_for(lambda: daemon.metric("gurnard_outbox_queued") == 0 and
                 daemon.metric("gurnard_outbox_in_flight") == 0, "quiet")
        assert len(app.events) == 20 and len(router.to(SYSTEMS)) == 20


def test_two_daemons_on_one_router_keep_ids_and_the_order_of_each_bmc():
    with Router() as router, Sink() as near, Sink() as far, on_bus(router.port) as producer, \
            on_bus(router.port) as consumer:
        producer.subscribe(near.url)
        consumer.subscribe(far.url)
        router.wait_receiver(SYSTEMS, 2)
        for number in range(60):
            post(producer, number, f"bmc-{number % 3}")
        far.wait(60)
        near.wait(60)
        numbers = [int(value_of(json.loads(b))["Events"][0]["EventId"]) for b in far.events]
        for bmc in range(3):
            assert [n for n in numbers if n % 3 == bmc] == [*range(bmc, 60, 3)]
        assert {h["Gurnard-Event-Id"] for h in near.seen_headers} == \
            {h["Gurnard-Event-Id"] for h in far.seen_headers} == {a.id for a in router.arrivals}
        assert len(router.to(SYSTEMS)) == 60


# ---- states ----


def test_who_asks_on_the_bus_is_told_the_state_as_the_original_tells_it():
    back = NEWS + "/aB3xY"
    with Router() as router, on_bus(router.port) as daemon, Application(router.port) as asker:
        publish(daemon, publisher(daemon), 7)
        router.wait_receiver(STATUS)
        answers = asker.receive(back)
        asker.send(STATUS, cne_message(back, kind="STATUS", data={"version": "v1", "values": []}))
        answer = answers.wait(1, 5)[0]
        assert answer.json()["values"][0]["value"] == "S7"
        assert (answer.properties["cloudEvents:source"], answer.properties["cloudEvents:type"]) == \
            (NEWS, "event.test")
        wait_for(lambda: back not in router.senders(), "the answer's link to be gone")


class Answerer:
    """A publisher's proxy that tells its state to whoever asks on <resource>/status."""

    def __init__(self, application, resource, number):
        self.application, self.resource, self.number = application, resource, number
        self.asked = application.receive(resource + "/status", outcome=self.answer)

    def answer(self, arrival):
        """In the loop's thread, where sending has to wait for the next turn."""
        back = arrival.properties["cloudEvents:source"]
        threading.Thread(target=self.application.send, args=(
            back, cne_message(self.resource, self.number))).start()
        return "accepted"


def current_state(daemon, resource=NEWS):
    begun = time.monotonic()
    status, _, body = daemon.v1("GET", resource + "/CurrentState")
    return status, json.loads(body), time.monotonic() - begun


def test_a_state_is_asked_of_the_bus_and_given_within_five_seconds():
    with Router() as router, on_bus(router.port) as daemon, Application(router.port) as publisher:
        daemon.v1("POST", "/subscriptions", {"resource": NEWS})
        router.wait_receiver(NEWS)
        status, body, took = current_state(daemon)
        assert status == 400 and 4 < took < 8, (status, body, took)
        answerer = Answerer(publisher, NEWS, 9)
        status, body, took = current_state(daemon)
        assert status == 200 and took < 5, (status, body, took)
        assert body["data"]["values"][0]["value"] == "S9" and body["source"] == NEWS
        asked = answerer.asked.arrivals[0]
        assert asked.properties["cloudEvents:type"] == "STATUS"
        assert re.fullmatch(re.escape(NEWS) + r"/[A-Za-z0-9]{5}",
                            asked.properties["cloudEvents:source"])
        assert asked.json() == {"version": "v1", "values": []}
        assert {a.address for a in router.arrivals if "status" in a.address} == {STATUS}
        wait_for(lambda: not [r for r in router.receivers() if r.startswith(NEWS + "/") and
                              r != STATUS], "the return address to be left")


def test_one_daemon_tells_another_over_the_router():
    with Router() as router, on_bus(router.port) as one, on_bus(router.port) as two:
        publish(one, publisher(one), 3)
        router.wait_receiver(STATUS)
        two.v1("POST", "/subscriptions", {"resource": NEWS})
        router.wait_receiver(NEWS)
        status, body, took = current_state(two)
        assert (status, body["data"]["values"][0]["value"]) == (200, "S3") and took < 5


# ---- bad manners ----


def frame(body, size=None, doff=2, kind=0):
    return struct.pack(">IBBH", len(body) + 8 if size is None else size, doff, kind, 0) + body


AMQP, SASL = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"
OFFER = frame(b"\x00\x53\x40\xc0\x0f\x01\xe0\x0c\x01\xa3\x09ANONYMOUS", kind=1)
WELCOME = SASL + OFFER + frame(b"\x00\x53\x44\xc0\x03\x01\x50\x00", kind=1) + AMQP
GREETINGS = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "another version": b"AMQP\x00\x00\x09\x01",
    "noise": bytes(range(256)) * 8,
    "SASL: a frame of no size": SASL + frame(b"", size=0, kind=1),
    "SASL: a frame of 2 GB": SASL + frame(b"\x00", size=0x7FFFFFFF, kind=1),
    "SASL: noise": SASL + frame(b"\xff" * 40, kind=1),
    "SASL: an unknown way in": SASL + OFFER.replace(b"ANONYMOUS", b"SCRAM-WOW"),
    "SASL: refused": SASL + OFFER + frame(b"\x00\x53\x44\xc0\x03\x01\x50\x01", kind=1),
    "a frame of 4 GB": WELCOME + frame(b"", size=0xFFFFFFFF),
    "a frame shorter than its head": WELCOME + frame(b"", size=4),
    "a head beyond the frame": WELCOME + frame(b"\x00\x53\x10\x45", doff=200),
    "an unknown performative": WELCOME + frame(b"\x00\x53\xee\x45"),
    "a transfer before all": WELCOME + frame(b"\x00\x53\x14\xc0\x03\x01\x43\x43"),
    "an open of noise": WELCOME + frame(b"\x00\x53\x10\xc0\xff\xff" + b"\xa1\xff" * 20),
}
JUNK = [  # in the middle; noise within a whole frame may be passed over
    frame(b"", size=3), frame(b"", size=0xFFFFFFFF), frame(b"\xff" * 64), b"\x00" * 4096,
    frame(b"\x00\x53\x14\xc0\x03\x01\x43\x43"), b"\xff" * 70_000,
]
DENIALS = ("SASL: an unknown way in", "SASL: refused")


def test_malformed_frames_do_no_harm():
    with Router() as router, Sink() as app, on_bus(router.port) as daemon:
        daemon.subscribe(app.url, NEWS)
        router.wait_receiver(NEWS)
        for number, junk in enumerate(JUNK):
            router.inject(junk)
            assert router.put(NEWS, cne_message(NEWS, number))[0].wait() == "accepted", junk[:16]
            app.wait(number + 1)
        assert len(router.connects) > len(JUNK) / 2
        for number, (name, greeting) in enumerate(GREETINGS.items()):
            router.greeting = greeting
            before = len(router.connects)
            router.drop()
            wait_for(lambda: len(router.connects) > before, f"a connection for {name}")
            post(daemon, number)
            router.greeting = None
            router.drop()
            if name in DENIALS:
                daemon.restart()  # it would take its time before it tries again
            router.wait(SYSTEMS, number + 1)
        assert router.put(NEWS, cne_message(NEWS, 99))[0].wait() == "accepted"
        wait_for(lambda: "S99" in said(app.events), "the last event")


def test_a_router_that_says_nonsense_is_come_back_to_with_growing_pauses():
    with Router() as router, on_bus(router.port, "--transport-retry-min=50ms",
                                    "--transport-retry-max=400ms") as daemon:
        wait_for(router.receivers, "a connection")
        begun = len(router.connects)
        router.greeting = b"\x00" * 8  # nonsense, at once
        router.drop()
        wait_for(lambda: len(router.connects) >= begun + 6, "six attempts")
        pauses = [b - a for a, b in zip(router.connects[begun:], router.connects[begun + 1:])]
        assert sum(pauses[2:]) > 0.2, pauses  # they grow
        router.greeting = None
        post(daemon, 1)
        router.wait(SYSTEMS)


@pytest.mark.skipif(not os.environ.get("GURNARD_LONG"), reason="takes the idle timeout of 30 s")
def test_a_router_that_says_nothing_any_more_is_given_up():
    with Router() as router, on_bus(router.port) as daemon:
        router.default.outcome = None
        post(daemon, 1)
        router.wait(SYSTEMS)
        router.freeze()
        router.default.outcome = "accepted"
        wait_for(lambda: len(router.connects) == 2, "a new connection", 60)
        wait_for(lambda: daemon.metric(DELIVERED) == 1, "the event", 60)


def test_a_daemon_ends_quickly_whatever_its_router_does():
    for manner in ("frozen", "silent", "no outcome", "away"):
        with Router() as router, on_bus(router.port) as daemon:
            if manner == "silent":
                wait_for(lambda: router.connects, "the first connection")
                router.greeting = b""
                router.drop()
                wait_for(lambda: len(router.connects) > 1, "a connection")
            else:
                router.default.outcome = None
                post(daemon, 1)
                router.wait(SYSTEMS)
            if manner == "frozen":
                router.freeze()
            if manner == "away":
                router.stop()
            begun = time.monotonic()
            daemon.stop()
            assert time.monotonic() - begun < 5, manner
