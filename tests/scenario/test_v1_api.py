"""The v1 API with its codes and bodies, as consumers and operators of old use it."""
import json
import threading

import pytest
from gurnard import (NODE, SYSTEMS, V1, Daemon, Sink, event, free_port, raw, record, request,
                     wait_for)

PREFIXES = ["/api/ocloudNotifications/v1", "/api/cloudNotifications/v1", "/ocloudNotifications/v1"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_subscription_lives_under_every_prefix(daemon, sink, prefix):
    status, headers, body = daemon.v1(
        "POST", "/subscriptions", {"endpointUri": sink.url, "resource": SYSTEMS}, prefix)
    assert status == 201 and headers["Content-Type"] == "application/json"
    made = json.loads(body)
    assert body == json.dumps(made, separators=(",", ":")).encode()
    assert list(made) == ["id", "endpointUri", "uriLocation", "resource"]
    assert made["endpointUri"] == sink.url and made["resource"] == SYSTEMS
    assert made["uriLocation"] == (
        f"http://localhost:{daemon.api}{prefix}/subscriptions/{made['id']}")
    assert sink.probes == 1
    for other in PREFIXES:
        assert daemon.v1("GET", f"/subscriptions/{made['id']}", prefix=other)[::2] == (200, body)
    assert daemon.v1("DELETE", f"/subscriptions/{made['id']}", prefix=prefix)[::2] == (
        200, b'{"status":"OK"}')
    assert daemon.v1("GET", f"/subscriptions/{made['id']}")[::2] == (
        400, b'{"error":"subscription not found"}')


def test_the_probe_is_an_empty_post(daemon, sink):
    daemon.subscribe(sink.url)
    headers = {k.lower(): v for k, v in sink.probe_headers.items()}
    assert headers["content-length"] == "0" and headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [
    {"Resource": SYSTEMS, "EndpointUri": "URL"}, {"RESOURCE": SYSTEMS, "EndPointURI": "URL"},
    {"resource": SYSTEMS, "EndpointUri ": "URL"}, {"ResourceAddress": SYSTEMS, "EndpointUri": "URL"},
    {"resource": SYSTEMS, "uriLocation": "URL"},
    {"resource": SYSTEMS, "UriLocation": "URL", "EndpointUri": ""},
    {"id": "x", "extra": [1], "resource": SYSTEMS, "endpointUri": "URL", "uriLocation": None},
])
def test_keys_are_taken_in_any_case(daemon, sink, body):
    body = {k: sink.url if v == "URL" else v for k, v in body.items()}
    status, _, answer = daemon.v1("POST", "/subscriptions", body)
    made = json.loads(answer)
    assert (status, made["endpointUri"], made["resource"]) == (201, sink.url, SYSTEMS)
    daemon.post_event(event())
    sink.wait(1)


def test_a_record_posted_back_does_not_make_its_link_a_callback(daemon):
    made = json.loads(daemon.v1("POST", "/subscriptions", {"resource": SYSTEMS})[2])
    again = json.loads(daemon.v1("POST", "/subscriptions", made)[2])
    assert again["endpointUri"] == "" and again["id"] == made["id"]


@pytest.mark.parametrize("kind, text", [
    ("subscriptions",
     "return url validation check failed for create subscription.check endpointURI"),
    ("publishers", "return url validation check failed for create publisher,check endpointURI"),
])
def test_an_endpoint_that_answers_badly_is_refused(daemon, kind, text):
    with Sink(status=500) as sink:
        status, _, body = daemon.v1("POST", f"/{kind}", {"endpointUri": sink.url, "resource": "/r"})
    assert (status, json.loads(body)) == (400, {"error": text})


def test_an_endpoint_that_does_not_answer_is_refused_in_gos_words(daemon):
    port = free_port()
    url = f"http://127.0.0.1:{port}/e"
    status, _, body = daemon.v1("POST", "/subscriptions", {"endpointUri": url, "resource": "/r"})
    assert (status, json.loads(body)["error"]) == (
        400, f'Post "{url}": dial tcp 127.0.0.1:{port}: connect: connection refused')
    status, _, body = daemon.v1("POST", "/subscriptions",
                                {"endpointUri": "ftp://127.0.0.1/e", "resource": "/r"})
    assert (status, json.loads(body)["error"]) == (
        400, 'Post "ftp://127.0.0.1/e": unsupported protocol scheme "ftp"')


def test_an_endpoint_that_hangs_blocks_nobody():
    with Daemon("--api-probe-timeout=700ms") as daemon, Sink() as sink:
        import socket
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(16)
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/e"
            answers = []
            hanging = threading.Thread(target=lambda: answers.append(daemon.v1(
                "POST", "/subscriptions", {"endpointUri": url, "resource": "/r"})))
            hanging.start()
            daemon.subscribe(sink.url)
            daemon.post_event(event())
            sink.wait(1)
            hanging.join()
        assert answers[0][0] == 400
        assert "context deadline exceeded" in json.loads(answers[0][2])["error"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_our_own_dummy_is_a_fine_endpoint(daemon, prefix):
    url = f"http://localhost:{daemon.api}{prefix}/dummy"
    assert json.loads(daemon.v1("POST", "/publishers", {
        "id": "", "endpointUri": url, "uriLocation": None, "resource": "/cluster/node/n1/x",
    })[2])["endpointUri"] == url


@pytest.mark.parametrize("body", [b"x", b"", b"[]", b'"s"', b'{"resource":5}', b'{"endpointUri":{}}',
                                  b'{"resource":"a"', b"[" * 100])
def test_bad_bodies_are_marshalling_errors(daemon, body):
    status, _, answer = daemon.v1("POST", "/subscriptions", body)
    assert (status, answer) == (400, b'{"error":"marshalling error"}')


def test_without_endpoint_or_resource_a_record_is_still_made(daemon):
    made = json.loads(daemon.v1("POST", "/subscriptions", {})[2])
    assert made["endpointUri"] == "" and made["resource"] == ""
    listed = json.loads(daemon.v1("GET", "/subscriptions")[2])
    assert listed == [{**made, "endpointUri": None}]


def test_duplicates(daemon):
    with Sink() as one, Sink() as two:
        first, again, other = (daemon.subscribe(s.url) for s in (one, one, two))
        assert again == first and other["id"] != first["id"]
        assert other["endpointUri"] == two.url
        daemon.post_event(event())
        one.wait(1), two.wait(1)
    with Daemon("--api-duplicates=first") as old, Sink() as one, Sink() as two:
        first, second = old.subscribe(one.url), old.subscribe(two.url)
        assert second == first and two.probes == 1


def test_lists_and_deleting_all(daemon, sink):
    assert daemon.v1("GET", "/subscriptions")[::2] == (200, b"[]")
    made = [daemon.subscribe(sink.url, f"/r/{n}") for n in range(3)]
    status, headers, body = daemon.v1("GET", "/subscriptions")
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert json.loads(body) == made
    assert body == json.dumps(made, indent=1).encode()
    assert (daemon.store / "sub.json").read_bytes() == body
    assert daemon.v1("DELETE", "/subscriptions")[::2] == (
        200, b'{"status":"deleted all subscriptions"}')
    assert daemon.v1("GET", "/subscriptions")[::2] == (200, b"[]")
    assert json.loads(daemon.v1("GET", "/publishers")[2])[0]["resource"] == SYSTEMS
    assert daemon.v1("DELETE", "/publishers")[::2] == (200, b'{"status":"deleted all publishers"}')
    assert daemon.v1("GET", "/publishers")[2] == b"[]"
    assert daemon.v1("DELETE", "/publishers/nope")[::2] == (200, b'{"status":"OK"}')
    assert daemon.v1("GET", "/publishers/nope")[::2] == (400, b'{"error":"publisher not found"}')


def test_a_deleted_subscription_gets_nothing_more(daemon):
    with Sink() as gone, Sink() as stays:
        made = daemon.subscribe(gone.url)
        daemon.subscribe(stays.url)
        daemon.v1("DELETE", f"/subscriptions/{made['id']}")
        daemon.post_event(event())
        stays.wait(1)
        assert gone.events == []


def test_records_survive_a_restart(sink):
    with Daemon() as daemon:
        made = [daemon.subscribe(sink.url, r) for r in (SYSTEMS, "/other")]
        publishers = daemon.v1("GET", "/publishers")[2]
        daemon.v1("DELETE", f"/subscriptions/{made[1]['id']}")
        probes = sink.probes
        daemon.restart(signo=9)
        assert json.loads(daemon.v1("GET", "/subscriptions")[2]) == made[:1]
        assert json.loads(daemon.v1("GET", "/publishers")[2]) == json.loads(publishers)
        assert sink.probes == probes  # endpoints are not asked again
        daemon.post_event(event())
        sink.wait(1)


def test_a_store_of_cloud_event_proxy_is_taken_over(tmp_path, sink):
    store = tmp_path / "store"
    store.mkdir()
    (store / "pub.json").write_bytes(b"")
    (store / "sub.json").write_text(json.dumps([{
        "id": "62ab3f3c-1b4d-4a1e-8c55-0d9a52f0a001", "endpointUri": sink.url,
        "uriLocation": "http://localhost:8089/api/ocloudNotifications/v1/subscriptions/"
                       "62ab3f3c-1b4d-4a1e-8c55-0d9a52f0a001", "resource": SYSTEMS}], indent=1))
    with Daemon(store=store) as daemon:
        daemon.post_event(event())
        assert sink.wait(1)[0]["id"] == "62ab3f3c-1b4d-4a1e-8c55-0d9a52f0a001"


@pytest.mark.parametrize("text", ["{", "[1,2]", '[{"id":5}]', "\0\0", "null", '{"id":"x"}'])
def test_a_broken_store_file_is_set_aside(tmp_path, text):
    (tmp_path / "sub.json").write_text(text)
    with Daemon(store=tmp_path) as daemon:
        assert json.loads(daemon.v1("GET", "/subscriptions")[2]) == []
        assert "sub.json" in daemon.log()


def test_two_daemons_never_share_a_store(daemon):
    from gurnard import Daemon as Another
    second = Another(store=daemon.store, wait_ready=False).start()
    assert second.process.wait(30) == 1
    assert "store.locked" in second.log()
    second.process = None
    second.__exit__(None)


def test_current_state(daemon, sink):
    path = SYSTEMS + "/CurrentState"
    assert daemon.v1("GET", path)[::2] == (400, b'{"error":"event not found"}')
    daemon.subscribe(sink.url)
    daemon.post_event(event(record(1)))
    daemon.post_event(event(record(2)))
    sink.wait(2)
    status, headers, body = daemon.v1("GET", path)
    state = json.loads(body)
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert list(state) == ["specversion", "id", "source", "type", "subject", "datacontenttype",
                           "time", "data"]
    assert state["specversion"] == "0.3" and state["source"] == SYSTEMS
    assert state["data"]["values"][0]["value"]["Events"][0]["EventId"] == "2"
    assert daemon.v1("GET", "/redfish/v1/CurrentState")[0] == 200  # part of the address
    assert daemon.v1("GET", "/nothing/like/it/CurrentState")[::2] == (
        400, b'{"error":"subscription not found"}')


def test_current_state_by_the_old_address(daemon, sink):
    old = f"/cluster/node/{NODE}/redfish/event"
    daemon.subscribe(sink.url, old)
    daemon.post_event(event())
    sink.wait(1)
    assert daemon.v1("GET", old + "/CurrentState")[0] == 200


@pytest.mark.parametrize("body, error", [
    (b"x", "invalid character 'x' looking for beginning of value"),
    (b'{"id":"nope"}', "no publisher data for id nope found to publish event for"),
    (b'{"id":"PUB","time":"garbage"}',
     'cannot convert "garbage" to time.Time: not in RFC3339 format'),
    (b'{"id":"PUB","type":"t","data":{"version":"v1","values":[{"valueType":"weird","value":"x"}]}}',
     "value type weird is not supported"),
])
def test_create_event_errors(daemon, body, error):
    publisher = json.loads(daemon.v1("GET", "/publishers")[2])[0]["id"].encode()
    status, _, answer = daemon.v1("POST", "/create/event", body.replace(b"PUB", publisher))
    assert (status, json.loads(answer)) == (400, {"error": error})


def test_create_event_without_anything_to_send_is_accepted(daemon):
    publisher = json.loads(daemon.v1("GET", "/publishers")[2])[0]["id"]
    assert daemon.v1("POST", "/create/event", {"id": publisher})[0] == 202


def test_the_small_routes(daemon, sink):
    made = daemon.subscribe(sink.url)
    status, headers, body = daemon.v1("GET", "/health")
    assert (status, body) == (200, b"OK") and headers["Content-Type"] == "text/plain; charset=utf-8"
    assert daemon.v1("HEAD", "/health")[0] == 200
    status, headers, body = daemon.v1("POST", "/dummy", b"")
    assert (status, body) == (204, b"")
    assert daemon.v1("POST", "/log", {"id": "x", "type": "t"})[::2] == (
        202, b'{"status":"Event published to log"}')
    assert daemon.v1("POST", "/log", b"x")[0] == 400
    assert daemon.v1("PUT", f"/subscriptions/status/{made['id']}")[::2] == (
        202, b'{"status":"ping sent"}')
    assert daemon.v1("PUT", "/subscriptions/status/nope")[::2] == (
        400, b'{"error":"subscription not found"}')


@pytest.mark.parametrize("method, path", [
    ("PUT", "/subscriptions"), ("PATCH", "/publishers"), ("POST", "/subscriptions/x"),
    ("POST", "/health"), ("GET", "/dummy"), ("GET", "/log"), ("GET", "/create/event"),
    ("POST", "/a/CurrentState"), ("GET", "/subscriptions/status/x"),
])
def test_wrong_methods_are_405_without_a_body(daemon, method, path):
    status, headers, body = daemon.v1(method, path)
    assert (status, body) == (405, b"") and "Allow" not in headers


@pytest.mark.parametrize("path", [V1 + "/subscriptions/", V1 + "/nope", V1, "/nope", V1 + "x/health",
                                  V1 + "/CurrentState", "/api/ocloudNotifications/v3/health"])
def test_unknown_paths_are_gos_404(daemon, path):
    status, headers, body = request(daemon.api, "GET", path)
    assert (status, body) == (404, b"404 page not found\n")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_doubled_slashes_are_redirected(daemon):
    status, headers, _ = request(daemon.api, "GET", V1 + "//cluster/x/CurrentState?a=b")
    assert (status, headers["Location"]) == (301, V1 + "/cluster/x/CurrentState?a=b")


def test_many_creates_at_once_make_one_record(daemon, sink):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(daemon.subscribe(sink.url)))
               for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({a["id"] for a in answers}) == 1 and len(answers) == 16
