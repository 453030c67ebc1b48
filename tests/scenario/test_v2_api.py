"""The v2 API as an O-RAN consumer uses it, from its subscription to its end: the first
notification, events in v2's layout, codes with an empty body, addresses, restarts and absences."""
import json
import re
import socket
import threading
import uuid

import pytest
from gurnard import SYSTEMS, Daemon, Sink, event, free_port, record, request, wait_for
from proxies import Recorder, client_id

V2 = "/api/ocloudNotifications/v2"
SYNC = "/cluster/node/n1/sync"
LOCK = SYNC + "/ptp-status/lock-state"
CLOCK = SYNC + "/sync-status/os-clock-sync-state"
TIME = "2026-11-21T12:00:00.5Z"
QUICK = ["--delivery-retry-min=10ms", "--delivery-retry-max=50ms"]
TAKEN = {"/event": (204, b"")}


def v2(daemon, method, path, body=None):
    return daemon.v1(method, path, body, prefix=V2)


def subscribe(daemon, address, endpoint):
    status, _, body = v2(daemon, "POST", "/subscriptions",
                         {"ResourceAddress": address, "EndpointUri": endpoint})
    assert status == 201, (status, body)
    return json.loads(body)


def codes(daemon, address, endpoint):
    """Status and body of an attempt to subscribe."""
    return v2(daemon, "POST", "/subscriptions",
              {"ResourceAddress": address, "EndpointUri": endpoint})[::2]


def publisher(daemon, address):
    status, _, body = v2(daemon, "POST", "/publishers", {"ResourceAddress": address})
    assert status == 201, (status, body)
    return json.loads(body)["SubscriptionId"]


def values(address, value):
    return {"version": "1.0", "values": [{
        "ResourceAddress": address, "data_type": "notification", "value_type": "enumeration",
        "value": value}]}


def publish(daemon, by, address, value="LOCKED"):
    status, _, body = v2(daemon, "POST", "/create/event", {
        "id": by, "type": "event.sync.ptp-status.ptp-state-change", "source": address,
        "time": TIME, "data": values(address, value)})
    assert status == 202, (status, body)


def said(events):
    """The values in delivered events."""
    return [e["data"]["values"][0]["value"] for e in events]


def golden(event_id, source, address, value):
    return (f'{{"specversion":"1.0","id":"{event_id}","source":"{source}",'
            f'"type":"event.sync.ptp-status.ptp-state-change","time":"{TIME}",'
            f'"data":{{"version":"1.0","values":[{{"ResourceAddress":"{address}",'
            f'"data_type":"notification","value_type":"enumeration","value":"{value}"}}]}}}}'
            ).encode()


@pytest.fixture
def app():
    with Recorder() as recorder:
        recorder.rules.update(TAKEN)
        yield recorder


# ---- subscribing ----


def test_a_subscriber_is_told_the_current_state_first(daemon, app):
    lock = publisher(daemon, LOCK)
    publish(daemon, lock, LOCK)
    endpoint = app.url + "/event"
    status, headers, body = v2(daemon, "POST", "/subscriptions",
                               {"ResourceAddress": LOCK, "EndpointUri": endpoint})
    sub_id = json.loads(body)["SubscriptionId"]
    link = f"http://localhost:{daemon.api}{V2}/subscriptions/{sub_id}"
    assert (status, headers["Content-Type"], headers["Location"]) == (201, "application/json", link)
    assert body.decode() == (
        f'{{"ResourceAddress":"{LOCK}","EndpointUri":"{endpoint}","SubscriptionId":"{sub_id}",'
        f'"UriLocation":"{link}"}}')
    assert uuid.UUID(sub_id).version == 4 and sub_id == sub_id.lower()
    first = app.to("/event")[0]  # before the answer
    event_id = first.header("Gurnard-Event-Id")
    assert first.body == golden(event_id, "/sync/ptp-status/lock-state", LOCK, "LOCKED")
    assert (first.method, first.header("Content-Type"), first.header("Gurnard-Probe")) == (
        "POST", "application/json", "1")
    assert first.header("Gurnard-Via") and first.ce() == []


def test_without_an_event_the_first_notification_has_no_values(daemon, app):
    subscribe(daemon, SYSTEMS, app.url + "/event")
    first = app.to("/event")[0]
    assert re.fullmatch(
        rb'\{"specversion":"1.0","id":"[0-9a-f-]{36}","source":"/redfish/v1/Systems",'
        rb'"type":"event.redfish.alert","time":"[^"]+","data":\{"version":"1.0","values":\[\]\}\}',
        first.body)
    assert first.header("Gurnard-Event-Id") is None


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_takes_the_first_notification(daemon, app, status):
    app.rules["/event"] = (status, b"")
    subscribe(daemon, SYSTEMS, app.url + "/event")


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_a_refused_first_notification_is_400_and_leaves_nothing(daemon, app, status):
    app.rules["/event"] = (status, b"no")
    assert codes(daemon, SYSTEMS, app.url + "/event") == (400, b"")
    assert v2(daemon, "GET", "/subscriptions")[2] == b"[]"
    assert len(app.requests) == 1 and not list(daemon.store.glob("*-*-*.json"))


def test_an_endpoint_that_is_not_there_is_400(daemon):
    assert codes(daemon, SYSTEMS, f"http://127.0.0.1:{free_port()}/event") == (400, b"")
    assert codes(daemon, SYSTEMS, "http://no-such-host.invalid/event") == (400, b"")


def test_an_endpoint_that_hangs_is_400_in_time_and_holds_up_nobody(app):
    with Daemon("--api-probe-timeout=700ms") as daemon, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/event"
        answers = []
        hanging = threading.Thread(target=lambda: answers.append(codes(daemon, SYSTEMS, url)))
        hanging.start()
        subscribe(daemon, SYSTEMS, app.url + "/event")
        daemon.post_event(event())
        app.wait("/event", 2)
        hanging.join()
        assert answers == [(400, b"")]


def test_our_own_dummy_is_an_endpoint_and_our_webhook_is_none(daemon):
    for name in ("dummy", "dummy2"):
        subscribe(daemon, SYSTEMS, f"http://localhost:{daemon.api}{V2}/{name}")
    assert codes(daemon, SYSTEMS, f"http://localhost:{daemon.webhook}/webhook") == (400, b"")


@pytest.mark.parametrize("body", [
    b"", b"x", b"[]", b'"s"', b"{}", {"ResourceAddress": SYSTEMS}, {"EndpointUri": "URL"},
    {"resource": SYSTEMS, "endpointUri": "URL"}, {"RESOURCEADDRESS": SYSTEMS, "EndpointUri": "URL"},
    {"ResourceAddress": 5, "EndpointUri": "URL"}, {"ResourceAddress": SYSTEMS, "EndpointUri": None},
    {"ResourceAddress": SYSTEMS, "EndpointUri": "ftp://127.0.0.1/e"},
    {"ResourceAddress": SYSTEMS, "EndpointUri": "http://user:pw@127.0.0.1/e"},
    {"ResourceAddress": "no/slash", "EndpointUri": "URL"},
    {"ResourceAddress": "/a//b", "EndpointUri": "URL"},
    {"ResourceAddress": "/" + "a" * 1024, "EndpointUri": "URL"},
])
def test_bad_bodies_are_400_without_a_body(daemon, app, body):
    if isinstance(body, dict):
        body = {k: app.url + "/event" if v == "URL" else v for k, v in body.items()}
    assert v2(daemon, "POST", "/subscriptions", body)[::2] == (400, b"")
    assert app.requests == []


def test_what_nobody_publishes_is_404(daemon, app):
    endpoint = app.url + "/event"
    for address in ("/nowhere", LOCK, "/cluster/node/n2/sync", "/cluster/node/n1/redfish/v1/Sys"):
        assert codes(daemon, address, endpoint) == (404, b"")
    publisher(daemon, LOCK)
    subscribe(daemon, SYNC, endpoint)  # above it


def test_the_same_endpoint_for_the_same_events_is_409(daemon, app):
    endpoint = app.url + "/event"
    publisher(daemon, LOCK)
    publisher(daemon, CLOCK)
    subscribe(daemon, LOCK, endpoint)
    for address in (LOCK, "/././sync/ptp-status/lock-state", SYNC, "/",
                    "/cluster/node/*/sync/ptp-status/lock-state"):
        assert codes(daemon, address, endpoint) == (409, b"")
    assert len(app.requests) == 1  # the others were not notified
    subscribe(daemon, CLOCK, endpoint)
    subscribe(daemon, LOCK, app.url + "/elsewhere")


# ---- events ----


def test_events_come_in_the_layout_of_v2(daemon, app):
    lock = publisher(daemon, LOCK)
    subscribe(daemon, LOCK, app.url + "/event")
    publish(daemon, lock, LOCK, "FREERUN")
    got = app.wait("/event", 2)[1]
    event_id = got.header("Gurnard-Event-Id")
    assert got.body == golden(event_id, "/sync/ptp-status/lock-state", LOCK, "FREERUN")
    assert got.header("Content-Type") == "application/json" and got.ce() == []
    assert got.header("Gurnard-Probe") is None


def test_redfish_events_come_in_the_layout_of_v2(daemon, app):
    subscribe(daemon, "/././redfish", app.url + "/event")
    daemon.post_event(event(record(7, Severity="OK", Message="On")), "/webhook/bmc-1")
    got = app.wait("/event", 2)[1]
    time = got.json()["time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", time)
    assert got.body.decode() == (
        f'{{"specversion":"1.0","id":"{got.header("Gurnard-Event-Id")}",'
        f'"source":"/redfish/v1/Systems","type":"event.redfish.alert","time":"{time}",'
        '"data":{"version":"1.0","values":[{"ResourceAddress":"/redfish/v1/Systems",'
        '"data_type":"notification","value_type":"redfish-event","value":'
        '{"@odata.type":"#Event.v1_7_0.Event","Events":[{"EventGroupId":0,"EventId":"7",'
        '"EventTimestamp":"2026-03-01T12:00:07Z","Message":"On","Severity":"OK",'
        '"MessageId":"ResourceEvent.1.3.ResourceChanged","MemberId":"7","EventType":"Alert"}],'
        '"Id":"1","Name":"Event Array"}}]}}')


def test_a_subtree_brings_everything_below_once_and_nothing_else(daemon):
    with Sink() as below, Sink() as exact, Sink() as everything:
        by = {a: publisher(daemon, a) for a in (LOCK, CLOCK, SYNC + "e/quality")}
        subscribe(daemon, SYNC, below.url)
        subscribe(daemon, LOCK, exact.url)
        subscribe(daemon, "/", everything.url)
        for address, name in by.items():
            publish(daemon, name, address, address)
        daemon.post_event(event())
        everything.wait(5)  # the first notification and four events
        assert said(below.wait(3)[1:]) == [LOCK, CLOCK]
        assert said(exact.wait(2)[1:]) == [LOCK]
        wait_for(lambda: daemon.metric("gurnard_outbox_queued") == 0 and
                 daemon.metric("gurnard_outbox_in_flight") == 0, "quiet")
        assert [len(s.events) for s in (below, exact, everything)] == [3, 2, 5]


@pytest.mark.parametrize("address", [
    "/./sync/ptp-status/lock-state", "/././sync/ptp-status/lock-state", "/././n1/sync",
    "/cluster/node/./sync/ptp-status", "/././*/sync", "/cluster/node/*/sync/ptp-status/lock-state",
    "/cluster/node/n1/sync/*/lock-state", SYNC + "/", "/cluster/node/n1"])
def test_dots_and_stars_stand_for_this_node_and_any_segment(daemon, sink, address):
    lock = publisher(daemon, LOCK)
    assert subscribe(daemon, address, sink.url)["ResourceAddress"] == address
    publish(daemon, lock, LOCK, "HOLDOVER")
    assert said(sink.wait(2)[1:]) == ["HOLDOVER"]


def test_a_star_stands_for_one_segment_and_every_node(daemon, sink):
    far, near, other = (publisher(daemon, a) for a in
                        ("/cluster/node/n2/sync/x", "/cluster/node/n1/sync/x", "/cluster/site/x"))
    subscribe(daemon, "/cluster/node/*/sync", sink.url)
    publish(daemon, other, "/cluster/site/x", "none")
    publish(daemon, far, "/cluster/node/n2/sync/x", "far")
    publish(daemon, near, "/cluster/node/n1/sync/x", "near")
    got = sink.wait(3)[1:]
    assert sorted(said(got)) == ["far", "near"]
    assert {e["source"] for e in got} == {"/sync/x"}


def test_any_number_of_consumers_may_share_a_resource(daemon):
    sinks = [Sink() for _ in range(5)]
    try:
        ids = {subscribe(daemon, SYSTEMS, s.url)["SubscriptionId"] for s in sinks}
        assert len(ids) == 5
        daemon.post_event(event())
        bodies = {s.wait(2)[1]["id"] for s in sinks}
        assert len(bodies) == 1  # the event's own id
    finally:
        for sink in sinks:
            sink.close()


def test_a_consumer_of_v1_and_one_of_v2_get_the_same_event_each_in_its_layout(daemon, app, sink):
    made = daemon.subscribe(sink.url)
    subscribe(daemon, SYSTEMS, app.url + "/event")
    daemon.post_event(event())
    new, old = app.wait("/event", 2)[1], sink.wait(1)[0]
    assert new.header("Gurnard-Event-Id") == sink.seen_headers[0]["Gurnard-Event-Id"]
    assert old["id"] == made["id"] and old["data"]["version"] == "v1"
    assert old["data"]["values"][0]["value"] == new.json()["data"]["values"][0]["value"]
    assert json.loads(daemon.v1("GET", "/subscriptions")[2]) == [made]
    assert len(json.loads(v2(daemon, "GET", "/subscriptions")[2])) == 1


def test_a_consumer_that_was_down_catches_up_in_order():
    port = free_port()
    with Daemon(*QUICK) as daemon:
        with Sink(port=port) as sink:
            subscribe(daemon, SYSTEMS, sink.url)
            sink.wait(1)
        for number in range(10):
            daemon.post_event(event(record(number)), "/webhook/bmc-1")
        daemon.restart()
        with Sink(port=port) as sink:
            got = [e["data"]["values"][0]["value"]["Events"][0]["EventId"] for e in sink.wait(10)]
            assert list(dict.fromkeys(got)) == [str(n) for n in range(10)]


# ---- what is there ----


def test_subscriptions_are_shown_and_deleted(daemon, app):
    publisher(daemon, LOCK)
    assert v2(daemon, "GET", "/subscriptions")[::2] == (200, b"[]")
    status, _, one = v2(daemon, "POST", "/subscriptions",
                        {"ResourceAddress": LOCK, "EndpointUri": app.url + "/event"})
    made = json.loads(one)
    path = "/subscriptions/" + made["SubscriptionId"]
    assert v2(daemon, "GET", path)[::2] == (200, one)
    assert v2(daemon, "GET", "/subscriptions")[::2] == (200, b"[" + one + b"]")
    other = subscribe(daemon, SYSTEMS, app.url + "/event")
    listed = json.loads(v2(daemon, "GET", "/subscriptions")[2])
    assert sorted(listed, key=str) == sorted([made, other], key=str)
    assert v2(daemon, "PUT", "/subscriptions/status/" + made["SubscriptionId"])[::2] == (
        202, b'{"status":"ping sent"}')
    assert v2(daemon, "DELETE", path)[::2] == (204, b"")
    for method in ("GET", "DELETE"):
        assert v2(daemon, method, path)[::2] == (404, b"")
    assert v2(daemon, "PUT", "/subscriptions/status/nope")[::2] == (404, b"")
    assert v2(daemon, "DELETE", "/subscriptions")[::2] == (204, b"")
    assert v2(daemon, "GET", "/subscriptions")[2] == b"[]"
    assert v2(daemon, "DELETE", "/subscriptions")[::2] == (204, b"")


def test_a_deleted_subscription_gets_nothing_more(daemon):
    with Sink() as gone, Sink() as stays:
        made = subscribe(daemon, SYSTEMS, gone.url)
        subscribe(daemon, SYSTEMS, stays.url)
        v2(daemon, "DELETE", "/subscriptions/" + made["SubscriptionId"])
        daemon.post_event(event())
        stays.wait(2)
        assert len(gone.events) == 1  # the first notification


def test_consumers_survive_a_restart_in_files_of_their_own(app):
    endpoint = app.url + "/event"
    with Daemon(f"--api-port={free_port()}") as daemon:
        publisher(daemon, LOCK)
        made = {s["SubscriptionId"]: s for s in (
            subscribe(daemon, a, endpoint) for a in (LOCK, SYSTEMS))}
        name = f"{client_id(endpoint)}.json"
        text = f'{{\n "clientID": "{client_id(endpoint)}",\n "subStore": {{\n  "store": {{\n'
        text += ",\n".join(
            f'   "{key}": {{\n    "ResourceAddress": "{sub["ResourceAddress"]}",\n'
            f'    "EndpointUri": "{endpoint}",\n    "SubscriptionId": "{key}",\n'
            f'    "UriLocation": "{sub["UriLocation"]}"\n   }}'
            for key, sub in sorted(made.items()))
        text += f'\n  }}\n }},\n "EndpointUri": "{endpoint}",\n "status": 1,\n "action": 0\n}}'
        assert (daemon.store / name).read_text() == text
        before = len(app.requests)
        daemon.restart(signo=9)
        assert len(app.requests) == before  # nobody is asked again
        listed = json.loads(v2(daemon, "GET", "/subscriptions")[2])
        assert {s["SubscriptionId"]: s for s in listed} == made
        assert codes(daemon, LOCK, endpoint) == (409, b"")
        daemon.post_event(event())
        app.wait("/event", before + 1)
        for key in made:
            assert v2(daemon, "DELETE", "/subscriptions/" + key)[::2] == (204, b"")
        assert not (daemon.store / name).exists()


def test_publishers_have_the_names_of_v2(daemon, app):
    app.rules["/ack"] = (204, b"")
    endpoint = app.url + "/ack"
    status, _, body = v2(daemon, "POST", "/publishers",
                         {"ResourceAddress": LOCK, "EndpointUri": endpoint})
    made = json.loads(body)
    name = made["SubscriptionId"]
    link = f"http://localhost:{daemon.api}{V2}/publishers/{name}"
    assert (status, body.decode()) == (
        201, f'{{"ResourceAddress":"{LOCK}","EndpointUri":"{endpoint}","SubscriptionId":"{name}",'
        f'"UriLocation":"{link}"}}')
    assert [one.body for one in app.to("/ack")] == [b""]  # the probe has no body
    assert v2(daemon, "GET", f"/publishers/{name}")[::2] == (200, body)
    assert made in json.loads(v2(daemon, "GET", "/publishers")[2])
    old = json.loads(daemon.v1("GET", f"/publishers/{name}")[2])
    assert old == {"id": name, "endpointUri": endpoint, "uriLocation": link, "resource": LOCK}
    publish(daemon, name, LOCK)
    assert app.wait("/ack", 2)[1].body == f'{{eventId:"{name}",status:"FAILED"}}'.encode()
    assert v2(daemon, "DELETE", f"/publishers/{name}")[::2] == (200, b'{"status":"OK"}')
    assert v2(daemon, "GET", f"/publishers/{name}")[::2] == (
        400, b'{"error":"publisher not found"}')
    assert v2(daemon, "DELETE", "/publishers")[::2] == (
        200, b'{"status":"deleted all publishers"}')


@pytest.mark.parametrize("source", ["/sync/ptp-status/lock-state", LOCK,
                                    "/././sync/ptp-status/lock-state"])
def test_a_publisher_may_send_what_consumers_get(daemon, app, source):
    publisher(daemon, LOCK)
    subscribe(daemon, LOCK, app.url + "/event")
    event_id = str(uuid.uuid4())
    sent = golden(event_id, source, LOCK, "LOCKED")
    assert v2(daemon, "POST", "/create/event", sent)[::2] == (202, b'{"status":"Event sent"}')
    got = app.wait("/event", 2)[1].body
    assert got == golden(event_id, "/sync/ptp-status/lock-state", LOCK, "LOCKED")


# ---- the small routes ----


def test_the_current_state_is_an_event_and_has_no_body_when_there_is_none(daemon, app):
    lock, clock = publisher(daemon, LOCK), publisher(daemon, CLOCK)
    assert v2(daemon, "GET", LOCK + "/CurrentState")[::2] == (404, b"")
    assert v2(daemon, "GET", "/nowhere/CurrentState")[::2] == (404, b"")
    assert v2(daemon, "GET", "/CurrentState")[::2] == (400, b"")
    publish(daemon, lock, LOCK)
    publish(daemon, clock, CLOCK, "FREERUN")
    status, headers, body = v2(daemon, "GET", LOCK + "/CurrentState")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert body == golden(json.loads(body)["id"], "/sync/ptp-status/lock-state", LOCK, "LOCKED")
    for same in ("/cluster/node/./sync/ptp-status/lock-state", LOCK.replace("lock-", "lock%2D")):
        assert v2(daemon, "GET", same + "/CurrentState")[::2] == (200, body)
    above = json.loads(v2(daemon, "GET", SYNC + "/CurrentState")[2])
    assert said([above]) == ["FREERUN"]  # the latest below


def test_health_and_the_routes_without_a_subscription(daemon):
    status, headers, body = v2(daemon, "GET", "/health")
    assert (status, body, headers["Content-Type"]) == (200, b"OK", "text/plain; charset=utf-8")
    assert v2(daemon, "HEAD", "/health")[0] == 200
    assert v2(daemon, "POST", "/dummy", b"")[::2] == (204, b"")
    assert v2(daemon, "POST", "/dummy2", b"")[::2] == (204, b"")
    assert v2(daemon, "POST", "/log", {"id": "x", "type": "t"})[::2] == (
        202, b'{"status":"Event published to log"}')
    assert request(daemon.api, "GET", "/ocloudNotifications/v2/health")[2] == b"OK"
    assert v2(daemon, "PUT", "/subscriptions")[::2] == (405, b"")
    assert v2(daemon, "GET", "/nope")[::2] == (404, b"404 page not found\n")


# ---- behind another proxy ----


def behind(producer):
    """A daemon that gets its events from another one."""
    return Daemon(f"--http-event-publishers=http://127.0.0.1:{producer.transport}",
                  "--transport-health=200ms", "--transport-renew=1s", "--transport-retry-min=20ms",
                  "--transport-retry-max=200ms")


def test_redfish_events_reach_a_consumer_of_v2_behind_the_second_proxy(app):
    with Daemon() as producer, Sink() as near, behind(producer) as consumer:
        subscribe(producer, SYSTEMS, near.url)
        subscribe(consumer, "/././redfish/v1/Systems", app.url + "/event")
        wait_for(lambda: "peer.registered" in producer.log(), "the registration")
        for number in range(5):
            producer.post_event(event(record(number)), "/webhook/bmc-1")
        got = [one.body for one in app.wait("/event", 6)[1:]]
        near.wait(6)
        assert got == near.events[1:]  # the very bytes of the first proxy's consumers
        state = v2(consumer, "GET", SYSTEMS + "/CurrentState")[2]
        assert state == got[-1]
        v2(consumer, "DELETE", "/subscriptions")
        left = producer.store / f"{client_id(f'http://localhost:{consumer.transport}')}.json"
        wait_for(lambda: not left.exists(), "the leave")


@pytest.mark.parametrize("address", ["/././redfish", "/cluster/node/*/redfish/v1/Systems"])
def test_a_subtree_or_pattern_brings_redfish_events_from_the_first_proxy(app, address):
    numbers = iter(range(100000))

    def arrives():
        producer.post_event(event(record(next(numbers))))
        return len(app.to("/event")) > 1

    with Daemon() as producer, behind(producer) as consumer:
        subscribe(consumer, address, app.url + "/event")
        wait_for(arrives, "an event of the first proxy", 3)
