"""Stores as cloud-event-proxy 1 and 2 left them: gurnardd serves them at once, and what it writes
is what those programs would read again."""
import json
import os

import pytest
from gurnard import SYSTEMS, Daemon, Sink, event, record, wait_for
from proxies import Recorder, client_id, register, registration

V2 = "/api/ocloudNotifications/v2"
LINK = "http://localhost:8089/api/ocloudNotifications/v1/subscriptions/"
LINK_2 = "http://localhost:9043/api/ocloudNotifications/v2/subscriptions/"
MOCK = "/cluster/node/n1/mock"
ONE = "1b0f3d5e-22c8-4a0b-8b1a-c3a4e5d6f701"
TWO = "2b0f3d5e-22c8-4a0b-8b1a-c3a4e5d6f702"
THREE = "3b0f3d5e-22c8-4a0b-8b1a-c3a4e5d6f703"
HOST = "http://localhost:9044"  # --transport-host of the proxy that was replaced
PUBLISHER = "c5a1ab4f-02d1-4b7c-a5a3-5d1a3c9e7700"


# ---- the files, written out as those programs write them ----


def records(*rows):
    """sub.json or pub.json of version 1; a row: id, callback or None, link, resource."""
    return "[\n" + ",\n".join(
        ' {\n'
        f'  "id": "{row[0]}",\n'
        f'  "endpointUri": {json.dumps(row[1])},\n'
        f'  "uriLocation": "{row[2]}",\n'
        f'  "resource": "{row[3]}"\n'
        ' }' for row in rows) + "\n]"


def records_2(*rows):
    """pub.json of version 2."""
    return "[\n" + ",\n".join(
        ' {\n'
        f'  "ResourceAddress": "{row[3]}",\n'
        f'  "EndpointUri": "{row[1]}",\n'
        f'  "SubscriptionId": "{row[0]}",\n'
        f'  "UriLocation": "{row[2]}"\n'
        ' }' for row in rows) + "\n]"


def proxy_file(url, *subs, client=None):
    """<clientID>.json of version 1; a subscription: id, resource."""
    return ('{\n'
            f' "clientID": "{client or client_id(url)}",\n'
            ' "subStore": {\n'
            '  "store": {\n' + ",\n".join(
                f'   "{sub}": {{\n'
                f'    "id": "{sub}",\n'
                '    "endpointUri": null,\n'
                '    "uriLocation": null,\n'
                f'    "resource": "{resource}"\n'
                '   }' for sub, resource in subs) + '\n'
            '  }\n'
            ' },\n'
            f' "endPointURI": "{url}",\n'
            ' "status": 1,\n'
            ' "action": 0\n'
            '}')


def consumer_file(endpoint, *subs):
    """<clientID>.json of version 2; a subscription: id, resource, link."""
    return ('{\n'
            f' "clientID": "{client_id(endpoint)}",\n'
            ' "subStore": {\n'
            '  "store": {\n' + ",\n".join(
                f'   "{sub}": {{\n'
                f'    "ResourceAddress": "{resource}",\n'
                f'    "EndpointUri": "{endpoint}",\n'
                f'    "SubscriptionId": "{sub}",\n'
                f'    "UriLocation": "{link}"\n'
                '   }' for sub, resource, link in subs) + '\n'
            '  }\n'
            ' },\n'
            f' "EndpointUri": "{endpoint}",\n'
            ' "status": 1,\n'
            ' "action": 0\n'
            '}')


OUR_PUBLISHER = records((PUBLISHER, "http://localhost:9085/api/ocloudNotifications/v1/dummy",
                         "http://localhost:9085/api/ocloudNotifications/v1/publishers/" + PUBLISHER,
                         SYSTEMS))


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return folder


def fill(store, **files):
    """Puts files in the store; pub and sub are empty as after a first start, if not given."""
    for name, text in {"pub": "", "sub": "", **files}.items():
        (store / f"{name}.json").write_text(text)


def contents(store):
    """All .json files but our own."""
    return {f.name: f.read_bytes() for f in store.glob("*.json") if f.name != "native.json"}


def numbers(bodies):
    """EventIds of v1's or v2's events, or of what goes between proxies."""
    return [(b.get("data") or b)["values"][0]["value"]["Events"][0]["EventId"] for b in bodies]


# ---- version 1 ----


def test_subscriptions_of_version_1_are_served_with_their_ids(store, sink):
    text = records((ONE, sink.url, LINK + ONE, SYSTEMS), (TWO, None, LINK + TWO, MOCK))
    fill(store, sub=text, pub=OUR_PUBLISHER)
    before = contents(store)
    with Daemon(store=store) as daemon:
        assert daemon.v1("GET", "/subscriptions")[2].decode() == text
        assert json.loads(daemon.v1("GET", f"/subscriptions/{ONE}")[2]) == {
            "id": ONE, "endpointUri": sink.url, "uriLocation": LINK + ONE, "resource": SYSTEMS}
        assert daemon.v1("GET", "/publishers")[2].decode() == OUR_PUBLISHER  # no second one
        daemon.post_event(event())
        assert sink.wait(1)[0]["id"] == ONE and sink.probes == 0
        assert daemon.subscribe(sink.url)["id"] == ONE
    assert contents(store) == before


def test_changed_files_of_version_1_have_the_form_of_version_1(store, sink):
    fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS), (TWO, None, LINK + TWO, MOCK)),
         pub=OUR_PUBLISHER)
    with Daemon(store=store) as daemon:
        made = daemon.subscribe(sink.url, "/news-service/sports")
        row = (made["id"], sink.url, made["uriLocation"], "/news-service/sports")
        assert (store / "sub.json").read_text() == records(
            (ONE, sink.url, LINK + ONE, SYSTEMS), (TWO, None, LINK + TWO, MOCK), row)
        daemon.v1("DELETE", f"/subscriptions/{ONE}")
        daemon.v1("DELETE", f"/subscriptions/{TWO}")
        assert (store / "sub.json").read_text() == records(row)
        daemon.v1("DELETE", f"/publishers/{PUBLISHER}")
        assert (store / "pub.json").read_bytes() == b"[]"
        daemon.v1("POST", "/publishers", {"resource": MOCK})
        new = json.loads(daemon.v1("GET", "/publishers")[2])[0]
        assert (store / "pub.json").read_text() == records(
            (new["id"], None, new["uriLocation"], MOCK))


def test_texts_that_go_escapes_are_the_same_texts(store):
    with Sink() as sink:
        url = f"http://127.0.0.1:{sink.port}/event?a=1&b=<2>"
        escaped = url.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        fill(store, sub=records((ONE, "URL", LINK + ONE, SYSTEMS)).replace("URL", escaped))
        with Daemon(store=store) as daemon:
            assert json.loads(daemon.v1("GET", "/subscriptions")[2])[0]["endpointUri"] == url
            daemon.v1("POST", "/subscriptions", {"resource": MOCK})
            assert json.loads((store / "sub.json").read_text())[0]["endpointUri"] == url


def test_proxies_of_version_1_get_events_without_registering_again(store):
    with Recorder() as peer, Recorder() as other:
        name, other_name = client_id(peer.url), client_id(other.url)
        fill(store, pub=OUR_PUBLISHER, **{
            name: proxy_file(peer.url, (ONE, SYSTEMS), (TWO, MOCK)),
            other_name: proxy_file(other.url, (THREE, MOCK))})
        before = contents(store)
        with Daemon(store=store) as daemon:
            daemon.post_event(event(record(1)), "/webhook/bmc-1")
            got = peer.wait("/event")[0]
            assert dict(got.ce())["Ce-Source"] == SYSTEMS
            assert numbers([got.json()]) == ["1"]
            assert other.requests == []
            status, _, body = daemon.v1("GET", "/subscriptions")
            assert (status, body) == (200, b"[]")  # they are the other proxies', not ours
        assert contents(store) == before


def test_changed_files_of_proxies_have_the_form_of_version_1(store):
    with Recorder() as peer:
        name = client_id(peer.url)
        file = store / f"{name}.json"
        fill(store, **{name: proxy_file(peer.url, (TWO, SYSTEMS))})
        with Daemon(store=store) as daemon:
            assert register(daemon.transport, peer.url, SYSTEMS, sub_id=ONE) == 200
            assert file.read_text() == proxy_file(peer.url, (TWO, SYSTEMS))  # it has that already
            assert register(daemon.transport, peer.url, MOCK, sub_id=ONE) == 200
            assert file.read_text() == proxy_file(peer.url, (ONE, MOCK), (TWO, SYSTEMS))
            assert register(daemon.transport, peer.url, MOCK, "DELETE", sub_id=ONE, action=2,
                            headers={"Gurnard-Partial": "1"}) == 200
            assert file.read_text() == proxy_file(peer.url, (TWO, SYSTEMS))
            assert register(daemon.transport, peer.url, SYSTEMS, "DELETE", action=2) == 200
            assert not file.exists()
            assert register(daemon.transport, peer.url, SYSTEMS, sub_id=THREE) == 200
            assert file.read_text() == proxy_file(peer.url, (THREE, SYSTEMS))


def test_a_proxy_that_moves_keeps_its_file(store):
    with Recorder() as peer:
        old = client_id("http://localhost:9044")
        fill(store, **{old: proxy_file("http://localhost:9044", (ONE, SYSTEMS))})
        with Daemon(store=store) as daemon:
            assert register(daemon.transport, peer.url, SYSTEMS, sub_id=ONE, client=old) == 200
            assert (store / f"{old}.json").read_text() == proxy_file(
                peer.url, (ONE, SYSTEMS), client=old)
            daemon.post_event(event())
            peer.wait("/event")


def test_a_proxy_that_was_given_up_is_served_again(store):
    with Recorder() as peer:
        text = proxy_file(peer.url, (ONE, SYSTEMS))
        fill(store, **{client_id(peer.url): text.replace('"status": 1', '"status": 0').replace(
            '"action": 0', '"action": 3')})
        with Daemon(store=store) as daemon:
            daemon.post_event(event())
            peer.wait("/event")


def test_the_consumers_proxy_registers_anew_what_its_store_holds(store, sink):
    fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS), (TWO, None, LINK + TWO, MOCK)))
    with Recorder() as publisher:
        with Daemon(f"--http-event-publishers={publisher.url}", f"--transport-host={HOST}",
                    store=store):
            publisher.wait("/subscription", 2)
            assert {one.body.decode() for one in publisher.to("/subscription")} == {
                registration(HOST, SYSTEMS, ONE), registration(HOST, MOCK, TWO)}


# ---- version 2 ----


def test_consumers_of_version_2_get_events_where_they_are(store):
    with Recorder() as one, Recorder() as two:
        urls = [one.url + "/event", two.url + "/hook"]
        fill(store, **{client_id(url): consumer_file(url, (sub, SYSTEMS, LINK_2 + sub))
                       for url, sub in zip(urls, (ONE, TWO))},
             pub=records_2((PUBLISHER, "http://localhost:9043/api/ocloudNotifications/v2/dummy",
                            "http://localhost:9043/api/ocloudNotifications/v2/publishers/" +
                            PUBLISHER, MOCK)))
        with Daemon(store=store) as daemon:
            daemon.post_event(event(record(3)))
            for got in (one.wait("/event")[0], two.wait("/hook")[0]):
                assert got.body.startswith(b'{"specversion":"1.0","id":"')
                assert numbers([got.json()]) == ["3"]
            listed = json.loads(daemon.v1("GET", "/subscriptions", prefix=V2)[2])
            assert sorted(s["SubscriptionId"] for s in listed) == [ONE, TWO]
            assert daemon.v1("GET", f"/subscriptions/{ONE}", prefix=V2)[2].decode() == (
                f'{{"ResourceAddress":"{SYSTEMS}","EndpointUri":"{urls[0]}",'
                f'"SubscriptionId":"{ONE}","UriLocation":"{LINK_2 + ONE}"}}')
            kept = json.loads(daemon.v1("GET", f"/publishers/{PUBLISHER}", prefix=V2)[2])
            assert kept["ResourceAddress"] == MOCK
            assert daemon.v1("GET", "/subscriptions")[2] == b"[]"


def test_changed_files_of_consumers_have_the_form_of_version_2(store):
    with Recorder() as app:
        url = app.url + "/event"
        file = store / f"{client_id(url)}.json"
        fill(store, **{client_id(url): consumer_file(url, (TWO, SYSTEMS, LINK_2 + TWO))})
        with Daemon(store=store) as daemon:
            daemon.v1("POST", "/publishers", {"ResourceAddress": MOCK}, prefix=V2)
            status, _, body = daemon.v1("POST", "/subscriptions", {
                "ResourceAddress": MOCK, "EndpointUri": url}, prefix=V2)
            made = json.loads(body)
            rows = sorted([(TWO, SYSTEMS, LINK_2 + TWO),
                           (made["SubscriptionId"], MOCK, made["UriLocation"])])
            assert status == 201 and file.read_text() == consumer_file(url, *rows)
            assert daemon.v1("DELETE", f"/subscriptions/{TWO}", prefix=V2)[0] == 204
            assert file.read_text() == consumer_file(url, *[r for r in rows if r[0] != TWO])
            daemon.restart()
            assert json.loads(daemon.v1("GET", "/subscriptions", prefix=V2)[2]) == [made]
            assert daemon.v1("DELETE", "/subscriptions", prefix=V2)[0] == 204
            assert not file.exists()


@pytest.mark.parametrize("empty", ['"store": {}', '"store": null'])
def test_a_consumer_that_had_left_may_come_back(store, empty):
    """Version 2 keeps the file of a consumer whose last subscription was deleted."""
    with Recorder() as app:
        url = app.url + "/event"
        file = store / f"{client_id(url)}.json"
        text = consumer_file(url, (ONE, SYSTEMS, LINK_2 + ONE))
        left = text[:text.index('"store"')] + empty + text[text.index("\n },"):]
        fill(store, **{client_id(url): left})
        with Daemon(store=store) as daemon:
            assert daemon.v1("GET", "/subscriptions", prefix=V2)[2] == b"[]"
            assert file.read_text() == left
            status, _, body = daemon.v1("POST", "/subscriptions", {
                "ResourceAddress": SYSTEMS, "EndpointUri": url}, prefix=V2)
            made = json.loads(body)
            assert status == 201 and file.read_text() == consumer_file(
                url, (made["SubscriptionId"], SYSTEMS, made["UriLocation"]))


def test_clients_of_both_versions_live_in_one_store(store, sink):
    with Recorder() as peer:
        fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS)), **{
            client_id(peer.url): proxy_file(peer.url, (ONE, SYSTEMS)),
            client_id(peer.url + "/v2"): consumer_file(peer.url + "/v2",
                                                       (THREE, SYSTEMS, LINK_2 + THREE))})
        before = contents(store)
        with Daemon(store=store) as daemon:
            daemon.post_event(event())
            sink.wait(1)
            ids = {peer.wait(path)[0].header("Gurnard-Event-Id") for path in ("/event", "/v2")}
            assert ids == {sink.seen_headers[0]["Gurnard-Event-Id"]}
            assert "store.record_skipped" not in daemon.log()
            pub = (store / "pub.json").read_bytes()
            assert contents(store) == {**before, "pub.json": pub}


@pytest.mark.parametrize("spell", [
    lambda text: text.replace("endPointURI", "endpointURI").replace('"resource"', '"Resource"'),
    lambda text: text.replace('"subStore"', '"SubStore"').replace('"store"', '"Store"'),
    lambda text: json.dumps(json.loads(text)),
    lambda text: text + "\n",
    lambda text: text.replace('"endpointUri": null', '"endpointUri": ""'),
    lambda text: text.replace('    "id": "' + ONE + '",\n', ""),  # its key stands for it
    lambda text: text.replace('   "' + ONE + '": {', '   "' + TWO + '": {'),
    lambda text: text.replace(' "status": 1', ' "more": {"a": [1]},\n "status": 1'),
])
def test_a_proxys_file_is_read_in_any_spelling(store, spell):
    with Recorder() as peer:
        text = spell(proxy_file(peer.url, (ONE, SYSTEMS)))
        fill(store, **{client_id(peer.url): text})
        with Daemon(store=store) as daemon:
            daemon.post_event(event())
            peer.wait("/event")
            assert (store / f"{client_id(peer.url)}.json").read_text() == text


def test_an_object_under_two_keys_is_one_subscription(store):
    """Asked for the same again, version 1 files an object under a further key."""
    with Recorder() as peer:
        text = proxy_file(peer.url, (ONE, SYSTEMS), (TWO, SYSTEMS)).replace(
            f'"id": "{TWO}"', f'"id": "{ONE}"')
        fill(store, **{client_id(peer.url): text})
        with Daemon(store=store) as daemon:
            for number in (1, 2):
                daemon.post_event(event(record(number)), "/webhook/bmc-1")
            assert numbers(one.json() for one in peer.wait("/event", 2)) == ["1", "2"]


# ---- what is not as it should be ----


def test_empty_and_unknown_files_are_left_alone(store):
    with Recorder() as peer:
        fill(store, **{client_id(peer.url): proxy_file(peer.url, (ONE, SYSTEMS))})
        strange = {"notes.txt": b"mine", "other.json": b"{", ".hidden.json": b"{",
                   "9C6E7AB0-6A3B-4A5C-9D6B-0C7F6F2D8B11.json": b"{",
                   "9c6e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11.json~": b"{",
                   "9c6e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b12.json": b"",  # of 0 bytes
                   "9c6e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b13.json": b"null"}
        for name, text in strange.items():
            (store / name).write_bytes(text)
        (store / "..data").mkdir()
        (store / "folder.json").mkdir()
        os.symlink("nowhere", store / "link.json")
        with Daemon(store=store) as daemon:
            daemon.post_event(event())
            peer.wait("/event")
        for name, text in strange.items():
            assert (store / name).read_bytes() == text, name
        assert (store / "sub.json").read_bytes() == b""
        assert not list(store.glob("*.bad"))


BROKEN = [b"{", b"[]", b'"text"', b"\0\0\0\0", b'{"clientID":', b"{}}",
          b'{"subStore":{"store":{}},"endPointURI":"\xff"}']


def test_broken_files_are_set_aside_and_the_rest_is_served(store, sink):
    with Recorder() as peer:
        fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS)),
             pub='[\n {\n  "id": "', **{
                 client_id(peer.url): proxy_file(peer.url, (ONE, SYSTEMS))})
        names = [f"9c6e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b{n:02d}.json" for n in range(len(BROKEN))]
        for name, text in zip(names, BROKEN):
            (store / name).write_bytes(text)
        with Daemon(store=store) as daemon:
            daemon.post_event(event())
            peer.wait("/event")
            sink.wait(1)
            log = daemon.log()
            for name, text in zip(names + ["pub.json"], BROKEN + [b'[\n {\n  "id": "']):
                assert (store / (name + ".bad")).read_bytes() == text, name
                assert name in log
            for name in names:
                assert not (store / name).exists(), name
            kept = contents(store)
            daemon.restart()  # nothing is set aside twice
            assert contents(store) == kept
            daemon.post_event(event(record(2)))
            sink.wait(2)


@pytest.mark.parametrize("change", [
    ('"endPointURI": "URL"', '"endPointURI": null'), ('"endPointURI": "URL"', '"endPointURI": ""'),
    ('"endPointURI"', '"elsewhere"'), ('"subStore"', '"other"'), ('"resource"', '"other"'),
    ('"store": {', '"store": null, "was": {'), ('"subStore": {', '"subStore": null, "was": {')])
def test_clients_that_cannot_be_used_keep_their_files(store, sink, change):
    text = proxy_file("URL", (TWO, SYSTEMS), client=client_id(HOST)).replace(*change)
    fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS)), **{client_id(HOST): text})
    with Daemon(store=store) as daemon:
        daemon.post_event(event())
        sink.wait(1)
        assert "store.client_skipped" in daemon.log()
    assert (store / f"{client_id(HOST)}.json").read_text() == text


def test_records_that_cannot_be_used_are_left_out_and_the_others_served(store, sink):
    rows = json.loads(records((ONE, sink.url, LINK + ONE, SYSTEMS), (TWO, None, LINK + TWO, MOCK)))
    rows[1]["id"] = None
    fill(store, sub=json.dumps([{}, 5, rows[1], rows[0]], indent=1))
    with Daemon(store=store) as daemon:
        assert [r["id"] for r in json.loads(daemon.v1("GET", "/subscriptions")[2])] == [ONE]
        assert daemon.log().count("store.record_skipped") == 3
        daemon.post_event(event())
        sink.wait(1)


def test_a_proxy_swapped_in_is_left_again_without_a_trace_in_the_files(store, sink):
    """A day under gurnardd: come, go, come back; the other program finds what it knows."""
    with Recorder() as peer:
        fill(store, sub=records((ONE, sink.url, LINK + ONE, SYSTEMS)), pub=OUR_PUBLISHER, **{
            client_id(peer.url): proxy_file(peer.url, (TWO, SYSTEMS))})
        before = contents(store)
        with Daemon(store=store) as daemon:
            with Sink() as guest:
                made = daemon.subscribe(guest.url, MOCK)
                assert register(daemon.transport, guest.url, MOCK) == 200
                daemon.post_event(event())
                sink.wait(1)
                daemon.v1("DELETE", f"/subscriptions/{made['id']}")
                assert register(daemon.transport, guest.url, MOCK, "DELETE", action=2) == 200
            assert register(daemon.transport, peer.url, SYSTEMS, sub_id=THREE) == 200
            daemon.restart(signo=9)
            wait_for(lambda: daemon.metric("gurnard_outbox_queued") == 0, "quiet")
        assert contents(store) == before
