"""Proxy to proxy over HTTP, each direction: gurnardd as producer, as consumer, both, and clients that
register directly; publishers that are down, forgetful, slow or gone."""
import json
import re
import uuid

from gurnard import SYSTEMS, Daemon, Sink, event, free_port, record, request, wait_for
from proxies import Recorder, client_id, register, registration, send_event

NEWS = "/news-service/sports"
QUICK = ["--transport-health=200ms", "--transport-renew=1s", "--transport-retry-min=20ms",
         "--transport-retry-max=200ms"]


def post(daemon, number, bmc="bmc-1"):
    status, _, _ = daemon.post_event(json.dumps(event(record(number), Id=f"id-{number:08d}")),
                                     f"/webhook/{bmc}")
    assert status == 200


def event_ids(bodies):
    return [e["data"]["values"][0]["value"]["Events"][0]["EventId"] for e in bodies]


# ---- producer ----


def test_a_registered_proxy_gets_events_as_the_original_sends_them():
    with Daemon() as daemon, Recorder() as peer:
        assert register(daemon.transport, peer.url, SYSTEMS) == 200
        post(daemon, 1)
        got = peer.wait("/event")[0]
        names = [name for name, _ in got.ce()]
        assert names == ["Ce-Id", "Ce-Source", "Ce-Specversion", "Ce-Subject", "Ce-Time", "Ce-Type"]
        ce = dict(got.ce())
        assert uuid.UUID(ce["Ce-Id"])
        assert (ce["Ce-Source"], ce["Ce-Subject"]) == (SYSTEMS, SYSTEMS)
        assert (ce["Ce-Specversion"], ce["Ce-Type"]) == ("0.3", "event.redfish.alert")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", ce["Ce-Time"])
        assert got.method == "POST" and got.header("Content-Type") == "application/json"
        assert got.body.startswith(
            b'{"version":"v1","values":[{"resource":"/redfish/v1/Systems",'
            b'"dataType":"notification","valueType":"redfish-event","value":{')
        assert got.header("Gurnard-Bmc") == "bmc-1"


def test_a_direct_client_registers_receives_asks_and_leaves():
    with Daemon() as daemon, Recorder() as app:
        client = client_id(app.url)
        state = f"{SYSTEMS}/{client}/CurrentState"
        status, _, body = request(daemon.transport, "GET", state)
        assert status == 400 and b"client is not registered with the event publisher" in body
        assert register(daemon.transport, app.url, SYSTEMS) == 200
        post(daemon, 1)
        app.wait("/event")
        status, headers, body = request(daemon.transport, "GET", state)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert body.startswith(b'{"specversion":"0.3","id":"') and body.endswith(b"}}\n")
        assert register(daemon.transport, app.url, SYSTEMS, "DELETE", action=2) == 200
        post(daemon, 2)
        wait_for(lambda: daemon.metric("gurnard_events_unrouted_total") == 1, "nobody left")
        assert len(app.to("/event")) == 1


def test_any_2xx_is_taken_and_a_failing_proxy_is_tried_until_it_takes():
    with Daemon("--delivery-retry-min=10ms", "--delivery-retry-max=50ms") as daemon, \
            Recorder() as peer:
        peer.rules["/event"] = (503, b"")
        assert register(daemon.transport, peer.url, SYSTEMS) == 200
        post(daemon, 1)
        peer.wait("/event", 12)  # the original is silent after ten
        peer.rules["/event"] = (202, b"")
        wait_for(lambda: daemon.metric(
            'gurnard_deliveries_total{transport="http",outcome="delivered"}') == 1, "taken")
        bodies = {one.body for one in peer.to("/event")}
        assert len(bodies) == 1


def test_a_proxy_that_was_away_gets_what_it_missed_in_order():
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Daemon("--delivery-retry-min=10ms", "--delivery-retry-max=50ms") as daemon:
        assert register(daemon.transport, url, SYSTEMS) == 200
        for number in range(20):
            post(daemon, number)
        daemon.restart()
        with Recorder(port) as peer:
            got = peer.wait("/event", 20)
            numbers = [one.json()["values"][0]["value"]["Events"][0]["EventId"] for one in got]
            assert list(dict.fromkeys(numbers)) == [str(n) for n in range(20)]


def test_publishers_are_told_how_it_ended_in_the_originals_words():
    with Daemon() as daemon, Recorder() as producer, Recorder() as peer:
        _, _, body = daemon.v1("POST", "/publishers", {"endpointUri": producer.url + "/ack",
                                                       "resource": NEWS})
        publisher = json.loads(body)["id"]
        create = {"id": publisher, "type": "event.test", "source": NEWS, "time":
                  "2026-11-21T12:00:00Z", "data": {"version": "v1", "values": []}}
        assert daemon.v1("POST", "/create/event", create)[0] == 202
        acks = producer.wait("/ack", 2)  # the probe, and
        assert acks[1].body == f'{{eventId:"{publisher}",status:"FAILED"}}'.encode()
        assert register(daemon.transport, peer.url, NEWS) == 200
        assert daemon.v1("POST", "/create/event", create)[0] == 202
        acks = producer.wait("/ack", 3)
        assert acks[2].body == f'{{eventId:"{publisher}",status:"SUCCESS"}}'.encode()
        assert acks[2].header("Content-Type") == "application/json"
        assert daemon.metric('cne_events_ack{status="success",type="/news-service/sports"}') == 1


# ---- consumer ----


def test_a_subscription_is_announced_as_the_original_does():
    with Recorder() as publisher, Sink() as app:
        with Daemon(f"--http-event-publishers={publisher.url}", *QUICK) as daemon:
            sub = daemon.subscribe(app.url, NEWS)
            got = publisher.wait("/subscription")[0]
            own = f"http://localhost:{daemon.transport}"
            assert got.body.decode() == registration(own, NEWS, sub["id"])
            ce = dict(got.ce())
            assert [k for k, _ in got.ce()] == ["Ce-Id", "Ce-Source", "Ce-Specversion",
                                                "Ce-Subject", "Ce-Time", "Ce-Type"]
            assert (ce["Ce-Type"], ce["Ce-Source"], ce["Ce-Subject"], ce["Ce-Specversion"]) == (
                "SUBSCRIBER", NEWS, "NEW", "0.3")
            assert got.header("Content-Type") == "application/json"
            daemon.v1("DELETE", "/subscriptions")
            wait_for(lambda: dict(publisher.to("/subscription")[-1].ce())["Ce-Subject"] == "DELETE",
                     "the leave")
            assert publisher.to("/subscription")[-1].json()["action"] == 2


def test_an_event_of_a_legacy_publisher_reaches_the_application_once():
    with Daemon() as daemon, Sink() as app:
        sub = daemon.subscribe(app.url, NEWS)
        event_id = str(uuid.uuid4())
        for _ in range(3):
            status, headers, body = send_event(daemon.transport, NEWS, event_id=event_id)
            assert (status, body) == (200, b"")
        assert send_event(daemon.transport, NEWS, 2)[0] == 200
        got = app.wait(2)
        assert [e["data"]["values"][0]["value"] for e in got] == ["S1", "S2"]
        assert got[0]["id"] == sub["id"] and got[0]["source"] == NEWS
        assert got[0]["time"] == "2026-11-21T12:00:00.5Z"
        assert daemon.metric("gurnard_events_repeated_total") == 2


def test_the_transport_takes_every_encoding_and_refuses_in_the_originals_codes():
    data = {"version": "v1", "values": []}
    attributes = {"id": "1", "source": NEWS, "type": "t"}
    structured = {"Content-Type": "application/cloudevents+json"}
    rows = [
        ({"Ce-Id": "1", "Ce-Source": NEWS, "Ce-Type": "t", "Ce-Specversion": "1.0"}, data, 200),
        (structured, {"specversion": "0.3", **attributes, "id": "2", "data": data}, 200),
        (structured, {"specversion": "1.0", **attributes, "id": "3", "data": data}, 200),
        ({"Content-Type": "application/json"}, data, 415),
        ({"Ce-Id": "1", "Ce-Type": "t", "Ce-Specversion": "0.3"}, data, 400),
        (structured, {"specversion": "1.0", "id": "4", "type": "t", "data": data}, 400),
        ({"Content-Type": "application/cloudevents+xml"}, data, 415),
        ({"Content-Type": "application/cloudevents-batch+json"}, [], 415),
    ]
    with Daemon() as daemon:
        for headers, body, want in rows:
            got = request(daemon.transport, "POST", "/event", body, headers)
            assert got[0] == want, (headers, body, got)
        assert request(daemon.transport, "GET", "/event")[0] == 405
        assert request(daemon.transport, "GET", "/health")[2] == b'{"ok":true}\n'
        assert request(daemon.transport, "POST", "/subscription", "{}", {
            "Ce-Id": "1", "Ce-Source": "s", "Ce-Type": "SUBSCRIBER", "Ce-Specversion": "0.3",
            "Content-Type": "application/json"})[0] == 200  # the original takes anything
        assert request(daemon.transport, "GET", "/elsewhere")[0] == 404


def test_current_state_comes_from_a_publisher_else_from_what_we_have_seen():
    with Recorder() as silent, Recorder() as knowing:
        urls = f"{silent.url}, {knowing.url}"
        with Daemon(f"--http-event-publishers={urls}", *QUICK) as daemon:
            own = client_id(f"http://localhost:{daemon.transport}")
            path = f"{NEWS}/{own}/CurrentState"
            silent.rules[path] = (400, b'{"message":"resource not found"}\n')
            knowing.rules[path] = (200, b'{"specversion":"0.3","id":"theirs"}\n')
            daemon.v1("POST", "/subscriptions", {"resource": NEWS})
            assert daemon.v1("GET", NEWS + "/CurrentState")[2].strip() == \
                b'{"specversion":"0.3","id":"theirs"}'
            knowing.rules[path] = (400, b'{"message":"gone"}\n')
            status, _, body = daemon.v1("GET", NEWS + "/CurrentState")
            assert status == 400 and json.loads(body)["error"].startswith('{"message":"')
            assert send_event(daemon.transport, NEWS)[0] == 200
            status, _, body = daemon.v1("GET", NEWS + "/CurrentState")
            assert status == 200 and json.loads(body)["type"] == "event.test"


# ---- both ----


def pair(*flags):
    producer = Daemon()
    return producer, lambda: Daemon(
        f"--http-event-publishers=http://127.0.0.1:{producer.transport}", *QUICK, *flags)


def test_two_daemons_in_a_row_keep_ids_and_the_order_of_each_bmc():
    producer, make_consumer = pair()
    with producer, make_consumer() as consumer, Sink() as app, Sink() as near:
        consumer.subscribe(app.url)
        producer.subscribe(near.url)
        wait_for(lambda: "registrar.registered" in consumer.log(), "registration")
        for number in range(60):
            post(producer, number, f"bmc-{number % 3}")
        app.wait(60)
        near.wait(60)

        def by_bmc(sink):
            lists = {}
            for body in sink.events:
                number = int(event_ids([json.loads(body)])[0])
                lists.setdefault(number % 3, []).append(number)
            return lists

        assert by_bmc(app) == {b: list(range(b, 60, 3)) for b in range(3)}
        assert {h["Gurnard-Event-Id"] for h in app.seen_headers} == \
            {h["Gurnard-Event-Id"] for h in near.seen_headers}


def test_a_publisher_that_is_down_at_first_is_registered_with_when_it_comes():
    port = free_port()
    with Daemon(f"--http-event-publishers=http://127.0.0.1:{port}", *QUICK) as consumer, \
            Sink() as app:
        consumer.subscribe(app.url)  # 201, whoever is down
        with Daemon(f"--transport-listen=127.0.0.1:{port}") as producer:
            wait_for(lambda: "registrar.registered" in consumer.log(), "registration")
            post(producer, 1)
            app.wait(1)


def test_a_publisher_that_has_lost_its_store_is_registered_with_again():
    producer = Daemon()
    producer.start()
    port = producer.transport
    with Daemon(f"--http-event-publishers=http://127.0.0.1:{port}", *QUICK) as consumer, \
            Sink() as app:
        consumer.subscribe(app.url)
        wait_for(lambda: "registrar.registered" in consumer.log(), "registration")
        producer.__exit__(None, None, None)
        with Daemon(f"--transport-listen=127.0.0.1:{port}") as empty:
            wait_for(lambda: "peer.registered" in empty.log(), "the second registration")
            post(empty, 1)
            app.wait(1)


def test_a_slow_publisher_holds_up_neither_the_api_nor_the_others():
    with Recorder() as slow, Daemon() as producer, Sink() as app:
        slow.hold.clear()
        urls = f"{slow.url},http://127.0.0.1:{producer.transport}"
        with Daemon(f"--http-event-publishers={urls}", *QUICK) as consumer:
            consumer.subscribe(app.url)
            wait_for(lambda: "peer.registered" in producer.log(), "registration with the other")
            post(producer, 1)
            app.wait(1)
            slow.hold.set()


def test_a_publisher_that_is_gone_for_good_costs_only_its_own_events():
    port = free_port()
    with Daemon() as producer, Sink() as app:
        urls = f"http://127.0.0.1:{port},http://127.0.0.1:{producer.transport}"
        with Daemon(f"--http-event-publishers={urls}", *QUICK) as consumer:
            consumer.subscribe(app.url)
            wait_for(lambda: "peer.registered" in producer.log(), "registration with the other")
            for number in range(5):
                post(producer, number)
            app.wait(5)
            status, _, body = consumer.v1("GET", SYSTEMS + "/CurrentState")
            assert status == 200 and json.loads(body)["specversion"] == "0.3"
            assert consumer.metric("gurnard_publishers") == 2


def test_one_delete_of_two_leaves_the_other():
    producer, make_consumer = pair()
    with producer, make_consumer() as consumer, Sink() as app:
        gone = consumer.subscribe(app.url, NEWS)
        consumer.subscribe(app.url)
        wait_for(lambda: producer.log().count("peer.registered") >= 2, "both registrations")
        consumer.v1("DELETE", f"/subscriptions/{gone['id']}")
        files = list(producer.store.glob("*-*-*.json"))
        wait_for(lambda: files and NEWS not in files[0].read_text(), "the leave")
        post(producer, 1)
        app.wait(1)


def test_two_proxies_that_subscribe_to_each_other_do_not_loop():
    ports = [free_port(), free_port()]
    daemons = [Daemon(f"--transport-listen=127.0.0.1:{ports[i]}",
                      f"--http-event-publishers=http://127.0.0.1:{ports[1 - i]}", *QUICK)
               for i in range(2)]
    with daemons[0] as one, daemons[1] as two, Sink() as app_one, Sink() as app_two:
        one.subscribe(app_one.url)
        two.subscribe(app_two.url)
        wait_for(lambda: all("peer.registered" in d.log() for d in daemons), "registrations")
        for number in range(10):
            post(one, number)
            post(two, 100 + number)
        app_one.wait(20)
        app_two.wait(20)
        wait_for(lambda: all(d.metric("gurnard_outbox_queued") == 0 and
                             d.metric("gurnard_outbox_in_flight") == 0 for d in daemons), "quiet")
        assert sorted(event_ids(map(json.loads, app_one.events))) == \
            sorted(event_ids(map(json.loads, app_two.events)))
        assert len(app_one.events) == len(app_two.events) == 20


def test_a_daemon_that_is_its_own_publisher_registers_nowhere():
    port = free_port()
    with Daemon(f"--transport-listen=127.0.0.1:{port}", f"--transport-host=127.0.0.1:{port}",
                f"--http-event-publishers=http://127.0.0.1:{port}", *QUICK) as daemon, \
            Sink() as app:
        daemon.subscribe(app.url)
        post(daemon, 1)
        app.wait(1)
        assert "peer.registered" not in daemon.log()


def test_the_transport_and_the_api_may_share_a_port():
    port = free_port()
    with Daemon(f"--api-port={port}", f"--transport-listen=127.0.0.1:{port}") as daemon, \
            Recorder() as peer:
        assert (daemon.api, daemon.transport) == (port, port)
        assert register(port, peer.url, SYSTEMS) == 200
        assert daemon.v1("GET", "/health")[2] == b"OK"
        post(daemon, 1)
        peer.wait("/event")


def test_a_client_that_fails_for_too_long_is_forgotten_and_may_come_back():
    with Daemon("--transport-client-expire=1s", "--delivery-retry-min=10ms",
                "--delivery-retry-max=50ms") as daemon:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        assert register(daemon.transport, url, SYSTEMS) == 200
        post(daemon, 1)
        wait_for(lambda: "peer.removed" in daemon.log(), "removal")
        wait_for(lambda: not list(daemon.store.glob("*-*-*.json")), "the file's removal")
        with Recorder(port) as peer:
            assert register(daemon.transport, url, SYSTEMS) == 200
            post(daemon, 2)
            peer.wait("/event")
