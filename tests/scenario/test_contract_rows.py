"""What programs that know cloud-event-proxy and hw-event-proxy may rely on, one test for each
promise; other files go into the depth of each."""
import contextlib
import json
import re
import signal
import uuid

import pytest
from gurnard import (PATIENCE, SYSTEMS, V1, Daemon, Sink, event, free_port, record, request,
                     value_of, wait_for)
from proxies import Recorder, cne_data, client_id, register, registration, send_event

V2 = "/api/ocloudNotifications/v2"
NEWS = "/news-service/sports"
OLD_SYSTEMS = "/cluster/node/n1/redfish/event"
QUICK = ["--delivery-retry-min=10ms", "--delivery-retry-max=50ms"]
TIME = "2026-11-21T12:00:00.5Z"


@pytest.fixture(scope="module")
def shared():
    """One daemon for what needs no setting; a test leaves it without subscriptions."""
    with Daemon(*QUICK) as running:
        yield running


@pytest.fixture
def daemon(shared):
    yield shared
    shared.v1("DELETE", "/subscriptions")
    shared.v1("DELETE", "/subscriptions", prefix=V2)


@pytest.fixture
def app():
    with Recorder() as recorder:
        recorder.rules.update({"/event": (204, b""), "/ack": (204, b"")})
        yield recorder


@contextlib.contextmanager
def started(*flags, without=(), **how):
    """A daemon without some of the flags that tests are started with."""
    one = Daemon(*flags, **how)
    one.flags = [flag for flag in one.flags if flag.split("=")[0] not in without]
    with one as running:
        yield running


def create(daemon, kind, body, prefix=V1):
    """Status and answer of a POST."""
    status, _, answer = daemon.v1("POST", f"/{kind}", body, prefix)
    return status, json.loads(answer) if answer else None


def publish(daemon, by, value_type="enumeration", value="x", resource=NEWS):
    return daemon.v1("POST", "/create/event", {
        "id": by, "type": "event.test", "source": resource, "time": TIME,
        "data": {"version": "v1", "values": [{"resource": resource, "dataType": "notification",
                                              "valueType": value_type, "value": value}]}})[0]


def as_is(number):
    """A JSON number with just these characters."""
    return type("Number", (float,), {"__repr__": lambda self: number})(number)


def test_each_prefix_is_served_and_a_link_has_the_prefix_of_its_request(daemon):
    for prefix in ("/api/ocloudNotifications/v1", "/api/cloudNotifications/v1"):
        _, made = create(daemon, "subscriptions", {"resource": NEWS + prefix}, prefix)
        assert made["uriLocation"] == (
            f"http://localhost:{daemon.api}{prefix}/subscriptions/{made['id']}")
    url = f"http://localhost:{daemon.api}{V2}/dummy"
    _, made = create(daemon, "subscriptions", {"ResourceAddress": SYSTEMS, "EndpointUri": url}, V2)
    assert made["UriLocation"] == (
        f"http://localhost:{daemon.api}{V2}/subscriptions/{made['SubscriptionId']}")


def test_keys_are_read_in_any_case_with_blanks_and_answered_as_ever(daemon, app):
    url = app.url + "/event"
    for body in ({"Resource": NEWS, "EndpointUri ": url}, {"RESOURCE": NEWS, " endpointURI": url},
                 {"ResourceAddress": NEWS, "EndPointURI": url, "SubscriptionId": "mine"},
                 {"ID": "mine", "resource": NEWS, "endpointUri": url, "URILocation": None}):
        status, made = create(daemon, "subscriptions", body)
        assert status == 201 and list(made) == ["id", "endpointUri", "uriLocation", "resource"]
        assert (made["endpointUri"], made["resource"]) == (url, NEWS) and uuid.UUID(made["id"])


def test_a_callback_given_as_uri_location_is_one_and_our_own_link_is_none(daemon, app):
    url = app.url + "/event"
    for body in ({"resource": NEWS, "uriLocation": url},
                 {"resource": NEWS, "UriLocation": url, "EndpointUri": ""}):
        assert create(daemon, "subscriptions", body)[1]["endpointUri"] == url
    assert [one.body for one in app.to("/event")] == [b"", b""]
    _, made = create(daemon, "subscriptions", {"resource": "/other"})
    _, again = create(daemon, "subscriptions", made)  # posted back as it came
    assert again["endpointUri"] == "" and again["id"] == made["id"]


def test_links_lead_to_localhost_in_v1_and_to_the_host_of_the_api_in_v2(app):
    with Daemon("--transport-host=http://127.0.0.1:9043") as daemon:
        _, old = create(daemon, "subscriptions", {"resource": NEWS})
        _, new = create(daemon, "subscriptions", {"ResourceAddress": SYSTEMS,
                                                  "EndpointUri": app.url + "/event"}, V2)
        assert old["uriLocation"].startswith(f"http://localhost:{daemon.api}/")
        assert new["UriLocation"].startswith(f"http://127.0.0.1:{daemon.api}/")


def test_an_empty_list_is_a_list(daemon):
    for prefix in (V1, V2):
        status, headers, body = daemon.v1("GET", "/subscriptions", prefix=prefix)
        assert (status, headers["Content-Type"], body) == (200, "application/json", b"[]")


def test_what_is_not_found_is_400_with_a_text_in_v1_and_404_without_in_v2(daemon):
    for kind in ("subscription", "publisher"):
        assert daemon.v1("GET", f"/{kind}s/nope")[::2] == (
            400, b'{"error":"%s not found"}' % kind.encode())
    assert daemon.v1("GET", "/nope/CurrentState")[0] == 400
    assert daemon.v1("GET", "/subscriptions/nope", prefix=V2)[::2] == (404, b"")
    assert daemon.v1("GET", "/nope/CurrentState", prefix=V2)[::2] == (404, b"")


def test_deleting_is_200_with_a_status_in_v1_and_204_without_in_v2(daemon, app):
    _, made = create(daemon, "subscriptions", {"resource": NEWS})
    for name in (made["id"], "nope"):
        assert daemon.v1("DELETE", f"/subscriptions/{name}")[::2] == (200, b'{"status":"OK"}')
    assert daemon.v1("DELETE", "/publishers/nope")[::2] == (200, b'{"status":"OK"}')
    assert daemon.v1("DELETE", "/subscriptions")[::2] == (
        200, b'{"status":"deleted all subscriptions"}')
    _, made = create(daemon, "subscriptions", {"ResourceAddress": SYSTEMS,
                                               "EndpointUri": app.url + "/event"}, V2)
    path = f"/subscriptions/{made['SubscriptionId']}"
    assert [daemon.v1("DELETE", path, prefix=V2)[::2] for _ in range(2)] == [(204, b""), (404, b"")]


def test_another_endpoint_of_a_resource_is_another_subscription_unless_the_first_wins(daemon):
    with Sink() as one, Sink() as two:
        first, again, other = (daemon.subscribe(s.url, NEWS) for s in (one, one, two))
        assert again == first and other["id"] != first["id"] and other["endpointUri"] == two.url
        with Daemon("--api-duplicates=first") as old:
            first, other = old.subscribe(one.url, NEWS), old.subscribe(two.url, NEWS)
            assert other == first and first["endpointUri"] == one.url


def test_a_probe_is_passed_with_any_2xx_and_has_a_body_in_v2_only(daemon, app):
    url = app.url + "/event"
    for status in (200, 202, 204):
        app.rules["/event"] = (status, b"")
        assert create(daemon, "subscriptions", {"resource": NEWS, "endpointUri": url})[0] == 201
        daemon.v1("DELETE", "/subscriptions")
    assert {one.body for one in app.to("/event")} == {b""}
    wish = {"ResourceAddress": SYSTEMS, "EndpointUri": url}
    assert create(daemon, "subscriptions", wish, V2)[0] == 201
    assert app.to("/event")[-1].json()["specversion"] == "1.0"
    for status in (300, 400, 500):
        app.rules["/event"] = (status, b"")
        assert create(daemon, "subscriptions", {"resource": NEWS, "endpointUri": url}) == (400, {
            "error": "return url validation check failed for create subscription."
                     "check endpointURI"})
    own = f"http://localhost:{daemon.api}{V1}/dummy"
    assert create(daemon, "publishers", {"resource": SYSTEMS, "endpointUri": own})[0] == 201


def test_any_2xx_is_a_delivery_and_between_proxies_the_answer_is_200(daemon, app):
    app.rules["/event"] = (500, b"")
    assert register(daemon.transport, app.url, NEWS) == 200
    _, by = create(daemon, "publishers", {"resource": NEWS})
    with Sink(status=lambda n, body: 200 if n else 500) as consumer:
        made = daemon.subscribe(consumer.url, NEWS)
        assert publish(daemon, by["id"]) == 202
        assert consumer.wait(1)[0]["id"] == made["id"] and len(consumer.arrivals) == 2
        app.wait("/event", 2)
        app.rules["/event"] = (202, b"")
        wait_for(lambda: daemon.metric("gurnard_outbox_queued") == 0 and
                 daemon.metric("gurnard_outbox_in_flight") == 0, "delivery")
        assert len({one.body for one in app.to("/event")}) == 1
        status, _, body = send_event(daemon.transport, NEWS)
        assert (status, body) == (200, b"")
        consumer.wait(2)
    assert register(daemon.transport, app.url, NEWS, "DELETE", action=2) == 200


def test_decimals_are_taken_as_number_and_text_and_sent_as_text(daemon, sink, app):
    _, by = create(daemon, "publishers", {"resource": "/metrics"})
    daemon.subscribe(sink.url, "/metrics")
    create(daemon, "subscriptions", {"ResourceAddress": "/metrics",
                                     "EndpointUri": app.url + "/event"}, V2)
    given = [as_is("100.30"), "100.30", as_is("-5"), "0.000"]
    for value in given:
        assert publish(daemon, by["id"], "decimal64.3", value, "/metrics") == 202
    want = ["100.3", "100.3", "-5", "0"]
    assert [value_of(e) for e in sink.wait(4)] == want
    assert [value_of(one.json()) for one in app.wait("/event", 5)[1:]] == want


def test_the_old_address_of_redfish_events_is_the_new_one(daemon, sink):
    made = daemon.subscribe(sink.url, OLD_SYSTEMS)
    assert made["resource"] == OLD_SYSTEMS
    daemon.post_event(event(record(12)))
    assert sink.wait(1)[0]["source"] == SYSTEMS
    for address in (OLD_SYSTEMS, SYSTEMS):
        assert daemon.v1("GET", address + "/CurrentState")[0] == 200
        assert daemon.v1("GET", address + "/CurrentState", prefix=V2)[0] == 200


def test_cloudevents_0_3_and_1_0_in_both_modes_are_taken_and_0_3_binary_is_sent(daemon, sink, app):
    daemon.subscribe(sink.url, NEWS)
    data = cne_data()
    for version in ("0.3", "1.0"):
        assert send_event(daemon.transport, NEWS, headers={"Ce-Specversion": version})[0] == 200
        assert request(daemon.transport, "POST", "/event", {
            "specversion": version, "id": str(uuid.uuid4()), "source": NEWS, "type": "event.test",
            "data": data}, {"Content-Type": "application/cloudevents+json"})[0] == 200
    sink.wait(4)
    assert register(daemon.transport, app.url, SYSTEMS) == 200
    daemon.post_event(event(record(13)))
    got = app.wait("/event")[0]
    ce = dict(got.ce())
    assert list(ce) == ["Ce-Id", "Ce-Source", "Ce-Specversion", "Ce-Subject", "Ce-Time", "Ce-Type"]
    assert ce["Ce-Specversion"] == "0.3" and got.header("Content-Type") == "application/json"
    assert list(got.json()) == ["version", "values"]
    assert register(daemon.transport, app.url, SYSTEMS, "DELETE", action=2) == 200


def test_redfish_events_are_alerts_whatever_their_event_type(daemon, sink):
    daemon.subscribe(sink.url)
    kinds = ["Alert", "ResourceUpdated", "StatusChange"]
    for number, kind in enumerate(kinds):
        daemon.post_event(event(record(1400 + number, EventType=kind)))
    daemon.post_event(event({"EventId": "1499", "MessageId": "A.1.0.B"}))
    got = sink.wait(4)
    assert {e["type"] for e in got} == {"event.redfish.alert"}
    assert [value_of(e)["Events"][0].get("EventType") for e in got] == kinds + [None]


def test_the_severity_of_the_bmc_is_kept_unless_overwritten(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event(record(1500, Severity="Critical")))
    daemon.post_event(event(record(1501)))
    with Daemon("--events-severity=overwrite") as old:
        old.subscribe(sink.url)
        sink.wait(2)
        old.post_event(event(record(1502, Severity="Critical")))
        got = [value_of(e)["Events"][0] for e in sink.wait(3)]
    assert [r["Severity"] for r in got] == ["Critical", "OK", "OK"]  # the registry says OK
    assert all(r["Message"] for r in got)


def test_unknown_members_follow_the_known_ones(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event({"Vendor": {"b": 1, "a": 2}, "Name": "Event Array", "@odata.id": "/x",
                       "Events": [{"hostname": "h", "EventType": "Alert", "MessageId": "A.1.0.B",
                                   "MessageSeverity": "OK", "Severity": "OK", "Message": "m",
                                   "EventId": "1600"}],
                       "@odata.context": "/c", "Id": "1600"})
    sink.wait(1)
    value = sink.events[0][sink.events[0].index(b'"value":') + 8:]
    assert value.startswith(
        b'{"@odata.context":"/c","Events":[{"EventGroupId":0,"EventId":"1600","Message":"m",'
        b'"Severity":"OK","MessageId":"A.1.0.B","EventType":"Alert",'
        b'"hostname":"h","MessageSeverity":"OK"}],"Id":"1600","Name":"Event Array","Vendor":{"b":1,"a":2},"@odata.id":"/x"}')


def test_the_webhook_answers_200_but_for_503_without_room(daemon, sink):
    before = daemon.metric("gurnard_events_quarantined_total")
    for method, body in (("POST", json.dumps(event(record(17)))), ("PUT", json.dumps(event())),
                         ("POST", b"not json"), ("POST", b""), ("GET", None), ("HEAD", None)):
        assert request(daemon.webhook, method, "/webhook", body)[0] == 200
    assert daemon.metric("gurnard_events_quarantined_total") == before + 1
    with Daemon("--journal-size=1MiB", "--journal-segment=64KiB", "--shutdown-drain=0ms") as full:
        full.subscribe(sink.url)
        sink.hold.clear()
        numbers = iter(range(1000))

        def refused():
            answer = full.post_event(event(record(next(numbers), Message="x" * 20000)))
            return answer if answer[0] != 200 else None

        status, headers, _ = wait_for(refused, "503")
        assert (status, headers["Retry-After"]) == (503, "5")
        sink.hold.set()


def test_publishers_get_acknowledgements_byte_for_byte(daemon, app):
    _, by = create(daemon, "publishers", {"resource": "/acks", "endpointUri": app.url + "/ack"})
    assert publish(daemon, by["id"], resource="/acks") == 202  # nobody has subscribed
    want = '{eventId:"%s",status:"%s"}'
    assert app.wait("/ack", 2)[1].body.decode() == want % (by["id"], "FAILED")
    daemon.subscribe(app.url + "/event", "/acks")
    assert publish(daemon, by["id"], resource="/acks") == 202
    ack = app.wait("/ack", 3)[2]
    assert ack.body.decode() == want % (by["id"], "SUCCESS")
    assert (ack.method, ack.header("Content-Type")) == ("POST", "application/json")


def test_the_webhooks_port_comes_from_the_first_variable_with_a_number():
    one, two = free_port(), free_port()
    names = "HW_EVENT_PROXY_SERVICE_SERVICE_PORT", "HW_EVENT_PORT"
    for values, want in (((one, two), one), (("tcp://10.0.0.1:9087", two), two), ((one, ""), one)):
        env = {name: str(value) for name, value in zip(names, values)}
        with started(without=["--webhook-port"], env=env) as daemon:
            assert daemon.webhook == want
            assert request(want, "GET", "/webhook")[0] == 200


def serves(daemon):
    """All that does not need the port for other proxies."""
    with Sink() as sink, Recorder() as consumer:
        daemon.subscribe(sink.url)
        wish = {"ResourceAddress": SYSTEMS, "EndpointUri": consumer.url + "/event"}
        assert create(daemon, "subscriptions", wish, V2)[0] == 201
        assert daemon.post_event(event())[0] == 200
        sink.wait(1)
        consumer.wait("/event", 2)


@pytest.mark.parametrize("form", ["amqp:localhost:5672", "amqp://localhost", "amqp://localhost:",
                                  "amqp://localhost:5672", "amqps://localhost", "amqp://nohup"])
def test_an_amqp_transport_host_starts_and_leaves_only_the_http_transport_out(form):
    with started(f"--transport-host={form}", without=["--transport-listen"]) as daemon:
        serves(daemon)
        assert daemon.transport == 0
        has_bus = any("gurnard_amqp_connected{" in name for name in daemon.metrics())
        assert has_bus == (form != "amqp://nohup")


@pytest.mark.parametrize("form", ["amqp://localhost", "amqp://nohup"])
def test_publishers_are_not_asked_to_send_where_nobody_listens(form, app):
    with started(f"--transport-host={form}", f"--http-event-publishers={app.url}",
                 without=["--transport-listen"]) as daemon:
        serves(daemon)
        assert app.to("/subscription") == [] and "registrar.off" in daemon.log()


@pytest.mark.parametrize("form, own", [
    ("http://127.0.0.1:PORT", "http://127.0.0.1:PORT"), ("127.0.0.1:PORT", "http://127.0.0.1:PORT"),
    ("https://localhost:PORT", "https://localhost:PORT"),
    ("http://NODE_IP:PORT", "http://127.0.0.9:PORT"),
    ("http://event-NODE_NAME.ns.svc:PORT", "http://event-node7.ns.svc:PORT")])
def test_an_http_transport_host_is_listened_on_and_announced(form, own, app):
    port = str(free_port())
    env = {"NODE_IP": "127.0.0.9"} if "NODE_IP" in form else {}
    with started(f"--transport-host={form.replace('PORT', port)}", "--node-name=node7.example.org",
                 f"--http-event-publishers={app.url}", without=["--transport-listen"],
                 env=env) as daemon:
        assert str(daemon.transport) == port
        assert request(daemon.transport, "GET", "/health")[0] == 200
        _, made = create(daemon, "subscriptions", {"resource": NEWS})
        assert app.wait("/subscription")[0].body.decode() == registration(
            own.replace("PORT", port), NEWS, made["id"])


def test_publishers_are_split_at_commas_and_counted_once(app):
    with Recorder() as other:
        bare = other.url.removeprefix("http://")
        with Daemon(f"--http-event-publishers= {app.url} ,{bare},,{app.url}") as daemon:
            create(daemon, "subscriptions", {"resource": NEWS})
            for publisher in (app, other):
                assert len(publisher.wait("/subscription")) == 1
            assert daemon.metric("gurnard_publishers") == 2


def test_who_has_a_publisher_is_one_whatever_plugins_are_named(app):
    client = client_id(app.url)
    for env in ({"HW_PLUGIN": "true"}, {"PTP_PLUGIN": "false", "MOCK_PLUGIN": "maybe"}):
        with Daemon(env=env) as daemon:
            def state():
                status, _, body = request(daemon.transport, "GET", f"{NEWS}/{client}/CurrentState")
                return status, body.decode()

            assert register(daemon.transport, app.url, NEWS) == 200
            assert state() == (400, '{"message":"resource not found"}\n')
            _, by = create(daemon, "publishers", {"resource": NEWS})
            assert state() == (400, '{"message":"event not found"}\n')
            assert publish(daemon, by["id"]) == 202
            assert state()[0] == 200


def test_client_ids_are_those_of_the_replaced_proxy(tmp_path, app):
    known = {"http://localhost:9043": "4c0530bf-23bc-39b8-99f7-c4466bb2a01c",
             "http://localhost:9044": "a31e8e45-5c86-3f28-ba1b-09f5084ca515",
             "http://localhost:9046": "d38a522f-39a1-381e-9322-1513834b4f6e",
             "http://localhost:9046/": client_id("http://localhost:9046/")}
    for url, name in known.items():
        with Recorder() as publisher, Daemon(f"--transport-host={url}",
                                             f"--http-event-publishers={publisher.url}") as daemon:
            create(daemon, "subscriptions", {"resource": NEWS})
            got = publisher.wait("/subscription")[0].json()
            assert (got["clientID"], got["endPointURI"]) == (name, url)
    endpoint = "http://localhost:9089/event"
    (tmp_path / "02ff4ff6-cd62-33ec-8af1-603c11db4d99.json").write_text(json.dumps({
        "subStore": {"store": {"x": {"ResourceAddress": SYSTEMS}}}, "EndpointUri": endpoint}))
    with Daemon(store=tmp_path) as daemon:
        wish = {"ResourceAddress": SYSTEMS, "EndpointUri": endpoint}
        assert create(daemon, "subscriptions", wish, V2) == (409, None)  # that is its name
        any_id = str(uuid.uuid4())
        assert register(daemon.transport, app.url, SYSTEMS, client=any_id.upper()) == 200
        assert (daemon.store / f"{any_id}.json").exists()


def cne_rows(daemon):
    return {name: value for name, value in daemon.metrics().items() if name.startswith("cne_")}


def session(daemon, app, publisher, own):
    """Something of everything."""
    publisher.rules[f"{NEWS}/{own}/CurrentState"] = (200, b"{}")
    _, sub = create(daemon, "subscriptions", {"resource": NEWS})
    create(daemon, "subscriptions", {"resource": 5})
    _, by = create(daemon, "publishers", {"resource": NEWS, "endpointUri": app.url + "/ack"})
    register(daemon.transport, app.url, NEWS)
    for name in (by["id"], "nope"):
        publish(daemon, name)
    app.wait("/ack", 2)
    send_event(daemon.transport, "/far")
    for resource in (NEWS, "/unknown"):
        request(daemon.transport, "GET", f"{resource}/{client_id(app.url)}/CurrentState")
    daemon.v1("GET", NEWS + "/CurrentState")
    for name in (sub["id"], "nope"):
        daemon.v1("PUT", f"/subscriptions/status/{name}")


def test_metrics_have_the_names_labels_and_type_of_the_original(app):
    with Recorder() as publisher, Daemon(f"--http-event-publishers={publisher.url}") as daemon:
        own = client_id(f"http://localhost:{daemon.transport}")
        session(daemon, app, publisher, own)
        want = {
            f'cne_api_events_published{{address="{NEWS}",status="success"}}': 1,
            'cne_api_events_published{address="other",status="fail"}': 1,
            'cne_api_subscriptions{status="active"}': 1,
            'cne_api_subscriptions{status="failed to create"}': 1,
            'cne_api_publishers{status="active"}': 2,
            'cne_api_status_ping{status="success"}': 1,
            'cne_api_status_ping{status="failed"}': 1,
            f'cne_status_check_received{{status="success",type="{NEWS}"}}': 1,
            'cne_status_check_received{status="failed",type="/unknown"}': 1,
            'cne_transport_events_received{address="/far",status="success"}': 1,
            f'cne_transport_events_published{{address="{NEWS}",status="success"}}': 1,
            f'cne_transport_sender{{address="{client_id(app.url)}",status="active"}}': 1,
            f'cne_transport_receiver{{address="{own}",status="active"}}': 1,
            # asked for by the application and by the ping
            f'cne_transport_status_check_published{{address="{NEWS}",status="success"}}': 2,
        }
        wait_for(lambda: want.items() <= cne_rows(daemon).items(), "the figures")
        text = request(daemon.admin, "GET", "/metrics")[2].decode()
        families = {name.split("{")[0] for name in cne_rows(daemon)}
        types = dict(re.findall(r"^# TYPE (cne_\w+) (\w+)$", text, re.M))
        assert types == dict.fromkeys(families, "gauge")


def test_acknowledgements_and_what_applications_take_are_counted_by_address(app):
    """The label is called type and holds the address, as in the original."""
    with Daemon() as daemon, Sink() as consumer:
        daemon.subscribe(consumer.url, "/far")
        _, by = create(daemon, "publishers", {"resource": NEWS, "endpointUri": app.url + "/ack"})
        assert publish(daemon, by["id"]) == 202
        app.wait("/ack", 2)
        assert send_event(daemon.transport, "/far")[0] == 200
        consumer.wait(1)
        wait_for(lambda: {f'cne_events_ack{{status="failed",type="{NEWS}"}}': 1,
                          'cne_events_received{status="success",type="/far"}': 1}.items() <=
                 cne_rows(daemon).items(), "the figures", 5)


def test_health_of_the_api_is_ok_and_of_the_transport_an_object(daemon):
    for prefix in (V1, V2):
        assert daemon.v1("GET", "/health", prefix=prefix)[::2] == (200, b"OK")
        assert daemon.v1("HEAD", "/health", prefix=prefix)[0] == 200
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert request(daemon.transport, method, "/health")[::2] == (200, b'{"ok":true}\n')
    assert request(daemon.transport, "HEAD", "/health")[0] == 200


def test_store_files_of_both_versions_are_read_and_v1s_are_written(tmp_path):
    name, link = str(uuid.uuid4()), f"http://localhost:8089{V1}/subscriptions/"
    (tmp_path / "sub.json").write_text(json.dumps([{
        "ResourceAddress": NEWS, "EndpointUri": "http://localhost/e", "SubscriptionId": name,
        "UriLocation": link + name}]))
    with Daemon(store=tmp_path) as daemon:
        _, made = create(daemon, "subscriptions", {"resource": "/other"})
        assert (tmp_path / "sub.json").read_text() == (
            f'[\n {{\n  "id": "{name}",\n  "endpointUri": "http://localhost/e",\n'
            f'  "uriLocation": "{link}{name}",\n  "resource": "{NEWS}"\n }},\n'
            f' {{\n  "id": "{made["id"]}",\n  "endpointUri": null,\n'
            f'  "uriLocation": "{made["uriLocation"]}",\n  "resource": "/other"\n }}\n]')


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_the_exit_code_of_an_end_that_was_asked_for_is_0(signo):
    with Daemon() as daemon:
        assert daemon.stop(signo, PATIENCE) == 0


def test_the_log_has_the_phrases_that_scripts_look_for(app):
    with Daemon() as daemon:
        _, by = create(daemon, "publishers", {"resource": NEWS, "endpointUri": app.url + "/ack"})
        daemon.subscribe(app.url + "/event", NEWS)
        assert publish(daemon, by["id"]) == 202
        app.wait("/ack", 2)
        wait_for(lambda: "SUCCESS to publisher" in daemon.log(), "the third phrase")
        assert "Created publisher" in daemon.log() and "event sent" in daemon.log()
