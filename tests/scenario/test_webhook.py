"""What the webhook answers, whatever comes."""
import gzip
import json
import socket
import time

import pytest
from gurnard import Daemon, event, raw, record, request, value_of, wait_for


def post_raw(port, body, *headers, path="/webhook", version="1.1"):
    lines = [f"POST {path} HTTP/{version}", "Host: g", "Connection: close", *headers]
    return raw(port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body, until_close=False)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer else None


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/webhook", 200), ("HEAD", "/webhook", 200), ("POST", "/webhook", 200),
    ("PUT", "/webhook", 200), ("POST", "/webhook/bmc-1", 200), ("GET", "/webhook/bmc-1", 200),
    ("DELETE", "/webhook", 405), ("PATCH", "/webhook", 405), ("POST", "/", 404),
    ("POST", "/webhooks", 404), ("POST", "/webhook/a/b/c", 404), ("POST", "/webhook/%00", 400),
    ("POST", "/webhook/a%2fb", 400), ("POST", "/webhook/" + "n" * 129, 404),
    ("POST", "/ack/event", 204),
])
def test_probes_and_paths(daemon, method, path, status):
    assert request(daemon.webhook, method, path)[0] == status


def test_consent_is_given_to_whoever_asks(daemon):
    status, headers, _ = request(daemon.webhook, "OPTIONS", "/webhook",
                                 headers={"WebHook-Request-Origin": "bmc.example",
                                          "WebHook-Request-Rate": "120"})
    assert status == 200
    assert headers["WebHook-Allowed-Origin"] == "*" and headers["WebHook-Allowed-Rate"] == "*"


@pytest.mark.parametrize("name, body", [
    ("bom", b"\xef\xbb\xbf" + json.dumps(event()).encode()),
    ("nul", json.dumps(event()).encode() + b"\0"),
    ("newlines", json.dumps(event()).encode() + b"\r\n\r\n"),
    ("single object", json.dumps(event(Events=record())).encode()),
    ("bare record", json.dumps(record()).encode()),
    ("other case", json.dumps({"events": [{"MessageID": "A.1.0.B", "eventid": "3",
                                           "SEVERITY": "ok"}]}).encode()),
    ("null args", json.dumps(event(record(MessageArgs=None))).encode()),
    ("number args", json.dumps(event(record(MessageArgs=[1, 2.50, True]))).encode()),
    ("no type, id, context", json.dumps({"Events": [{"MessageId": "A.1.0.B"}]}).encode()),
    ("string origin", json.dumps(event(record(OriginOfCondition="/redfish/v1/Chassis/1"))).encode()),
    ("odd time", json.dumps(event(record(EventTimestamp="2020-11-14T17:15:06-0500"))).encode()),
    ("bad utf-8", json.dumps(event(record(Message="x@y"))).encode().replace(b"@", b"\xff")),
])
def test_payload_oddities_are_taken(daemon, sink, name, body):
    daemon.subscribe(sink.url)
    assert daemon.post_event(body)[0] == 200
    assert value_of(sink.wait(1)[0])["Events"]
    assert daemon.metric("gurnard_events_parsed_total") == 1


def test_chunked_and_100_continue_and_http10(daemon, sink):
    daemon.subscribe(sink.url)
    one, two, three = (json.dumps(event(record(n))).encode() for n in (1, 2, 3))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one[i:i + 50]), one[i:i + 50])
                      for i in range(0, len(one), 50)) + b"0\r\n\r\n"
    assert status_of(post_raw(daemon.webhook, chunks, "Transfer-Encoding: chunked")) == 200
    with socket.create_connection(("127.0.0.1", daemon.webhook), timeout=30) as sock:
        sock.sendall(b"POST /webhook HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(two))
        assert sock.recv(100).startswith(b"HTTP/1.1 100")
        sock.sendall(two)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    assert status_of(post_raw(daemon.webhook, three, f"Content-Length: {len(three)}",
                              version="1.0")) == 200
    sink.wait(3)


def test_pipelined_requests_are_answered_in_turn(daemon, sink):
    daemon.subscribe(sink.url)
    wire = b""
    for number in range(1, 21):
        body = json.dumps(event(record(number))).encode()
        last = b"Connection: close\r\n" if number == 20 else b""
        wire += (b"POST /webhook HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n%s\r\n%s"
                 % (len(body), last, body))
    assert raw(daemon.webhook, wire, until_close=False).count(b"HTTP/1.1 200") == 20
    assert [value_of(e)["Events"][0]["EventId"] for e in sink.wait(20)] == [
        str(n) for n in range(1, 21)]


def test_compressed_bodies_are_refused(daemon):
    body = gzip.compress(json.dumps(event()).encode())
    assert daemon.post_event(body, headers={"Content-Encoding": "gzip"})[0] == 415


def test_large_bodies_are_refused_by_the_setting():
    with Daemon("--webhook-max-body=8KiB") as daemon:
        small = json.dumps(event(Name="n" * 7000))
        assert daemon.post_event(small)[0] == 200
        assert status_of(post_raw(daemon.webhook, b"", "Content-Length: 9000",
                                  "Expect: 100-continue")) == 413
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n0\r\n\r\n"
        assert status_of(post_raw(daemon.webhook, chunk, "Transfer-Encoding: chunked")) == 413
        assert daemon.post_event(json.dumps(event()))[0] == 200


def test_several_megabytes_are_taken_when_allowed(sink):
    with Daemon("--webhook-max-body=8MiB") as daemon:
        daemon.subscribe(sink.url)
        body = event(Oem={"blob": "x" * (5 << 20)})
        assert daemon.post_event(body)[0] == 200
        assert len(sink.wait(1)[0]["data"]["values"][0]["value"]["Oem"]["blob"]) == 5 << 20


@pytest.mark.parametrize("body", [
    b"not json", b"{", b'{"Events":[}', b"\xff\xfe", b'{"a":1}{"b":2}', b"[" * 1000 + b"]" * 1000,
    b'{"Events":' + b"[" * 33 + b"]" * 33 + b"}", b"[" + b"{}," * 400_000 + b"{}]",
    b'{"Events":[' + b",".join([b'{"MessageId":"A.1.0.B"}'] * 1025) + b"]}",
], ids=["text", "open", "broken", "utf-16", "two", "deep", "deep events", "wide", "many records"])
def test_unreadable_bodies_are_kept_in_quarantine(daemon, body):
    status, _, answer = daemon.post_event(body)
    assert (status, answer) == (200, b"{}")
    folder = daemon.store / "quarantine"
    # the description is written last: where it is whole, the body is
    meta = wait_for(lambda: [p.read_text() for p in folder.glob("*.meta") if p.stat().st_size],
                    "the description")
    assert json.loads(meta[0])["bytes"] == len(body)
    assert [p.read_bytes() for p in folder.glob("*.body")] == [body]
    assert daemon.metric("gurnard_events_quarantined_total") == 1


def test_unreadable_bodies_are_refused_on_request():
    with Daemon("--webhook-unreadable=reject") as daemon:
        assert daemon.post_event(b"not json")[0] == 400
        assert daemon.post_event(event())[0] == 200


def test_the_quarantine_is_bounded():
    with Daemon("--quarantine-files=3") as daemon:
        for number in range(10):
            assert daemon.post_event(b"bad %d" % number)[0] == 200
        folder = daemon.store / "quarantine"
        wait_for(lambda: [p.read_bytes() for p in sorted(folder.glob("*.body"))]
                 == [b"bad 7", b"bad 8", b"bad 9"], "the last three")


def test_tokens_guard_their_names(tmp_path, sink):
    import signal
    file = tmp_path / "tokens"
    file.write_text("# made up\nbmc-1 s3cret-token\n\nbmc-2 other\n")
    with Daemon(f"--webhook-tokens-file={file}") as daemon:
        daemon.subscribe(sink.url)
        answers = {path: daemon.post_event(event(record(n)), path)[0] for n, path in enumerate([
            "/webhook/bmc-1/s3cret-token", "/webhook/bmc-1", "/webhook/bmc-1/wrong",
            "/webhook/bmc-2/s3cret-token", "/webhook/bmc-3", "/webhook"])}
        assert list(answers.values()) == [200, 401, 401, 401, 200, 200]
        sink.wait(3)
        file.write_text("bmc-1 new-token\n")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.log().count("tokens.loaded") == 1, "the new tokens")
        assert daemon.post_event(event(record(90)), "/webhook/bmc-1/s3cret-token")[0] == 401
        assert daemon.post_event(event(record(91)), "/webhook/bmc-1/new-token")[0] == 200
        log = daemon.whole_log() + json.dumps(daemon.metrics())
        assert "s3cret" not in log and "new-token" not in log


def test_with_tokens_required_only_their_names_are_served(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("bmc-1 s3cret-token\n")
    with Daemon(f"--webhook-tokens-file={file}", "--webhook-require-token=yes") as daemon:
        assert [daemon.post_event(event(), path)[0] for path in (
            "/webhook/bmc-1/s3cret-token", "/webhook/bmc-1", "/webhook/bmc-2", "/webhook/bmc-2/x",
            "/webhook")] == [200, 401, 401, 401, 401]
        assert "webhook.open" not in daemon.log()


@pytest.mark.parametrize("head, status", [
    (b"POST /webhook HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
    (b"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"2\r\n{}\r\n0\r\n\r\n", 400),
    (b"POST /webhook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 400),
    (b"POST /webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"POST /webhook HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 60000 + b"\r\n\r\n", 431),
], ids=["two hosts", "two lengths", "length and chunked", "no host", "encoding", "huge header"])
def test_ambiguous_requests_are_refused(daemon, head, status):
    assert status_of(raw(daemon.webhook, head, until_close=False)) == status
    assert daemon.post_event(event())[0] == 200


def test_slow_senders_are_cut_off_and_hurt_nobody():
    with Daemon("--http-header-deadline=300ms", "--http-body-deadline=300ms") as daemon:
        socks = []
        for start in (b"POST /webhook HTTP/1.1\r\nHo",
                      b"POST /webhook HTTP/1.1\r\nHost: g\r\nContent-Length: 20\r\n\r\n{"):
            sock = socket.create_connection(("127.0.0.1", daemon.webhook), timeout=30)
            sock.sendall(start)
            socks.append(sock)
        began = time.monotonic()
        for sock in socks:
            sock.settimeout(0.05)
            while time.monotonic() - began < 30:
                try:  # a byte now and then keeps an idle timeout from running out
                    sock.sendall(b"x")
                    if sock.recv(1000) == b"":
                        break
                except TimeoutError:
                    assert daemon.post_event(event(record(time.monotonic_ns() % 1000)))[0] == 200
                except OSError:
                    break
            else:
                pytest.fail("the slow sender is still connected")
            sock.close()


def test_a_thousand_idle_connections_leave_the_service_up():
    with Daemon() as daemon:
        socks = [socket.create_connection(("127.0.0.1", daemon.webhook), timeout=30)
                 for _ in range(1000)]
        try:
            assert daemon.post_event(event())[0] == 200
        finally:
            for sock in socks:
                sock.close()
        assert daemon.post_event(event(record(2)))[0] == 200
