"""Peers, clients, consumers and disks that mean harm: the daemon serves everybody else meanwhile."""
import contextlib
import http.client
import json
import os
import random
import re
import socket
import struct
import subprocess
import threading

import pytest
from gurnard import SYSTEMS, V1, Daemon, Sink, event, free_port, record, request, wait_for

SHORT = ("--http-header-deadline=400ms", "--http-body-deadline=400ms", "--http-idle-timeout=1s")
FAST = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--delivery-timeout=500ms")
SLOWEST = 2  # seconds that a request of a well-behaved client may take under attack


class Watcher:
    """Asks for the API's health all the time; fails when one answer is wrong or late."""

    def __init__(self, daemon):
        self.daemon, self.end, self.trouble = daemon, threading.Event(), []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.end.wait(0.02):
            try:
                conn = http.client.HTTPConnection("127.0.0.1", self.daemon.api, timeout=SLOWEST)
                conn.request("GET", V1 + "/health")
                status = conn.getresponse().status
                conn.close()
                if status != 200:
                    self.trouble.append(status)
            except OSError as error:
                self.trouble.append(repr(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()
        assert self.trouble == []


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def reset(sock):
    """Closes it with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def post_of(body, path=V1 + "/subscriptions"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"POST %s HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(), len(body), body)


# -- bytes --

BODY = json.dumps(event()).encode()
VALID = [
    post_of(BODY, "/webhook/b1"),
    b"POST /webhook HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n"
    b"Trailer: x\r\n\r\n" % (len(BODY), BODY),
    b"PUT /webhook/b2 HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"GET %s/subscriptions HTTP/1.1\r\nHost: g\r\n\r\n" % V1.encode(),
    post_of({"resource": "/a"}),
    b"DELETE %s/subscriptions HTTP/1.0\r\n\r\n" % V1.encode(),
    b"GET /a/../b//c?x=%2f HTTP/1.1\r\nHost: g\r\nConnection: keep-alive\r\n\r\n",
    b"HEAD /healthz HTTP/1.1\r\nHost: g\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n",
    post_of({}, V1 + "/create/event"),
]
BITS = [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"%00", b"%2f", b"\xff\xfe", b"X" * 9000,
        b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"A: b\r\n" * 2000, b"/../" * 500,
        b"ffffffffffffffff\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"]


def mutated(rnd):
    data = bytearray(rnd.choice(VALID))
    for _ in range(rnd.choice([0, 1, 1, 2, 3, 6])):
        at = rnd.randrange(len(data) + 1)
        how = rnd.randrange(5)
        if how == 0:
            data[at:at + 1] = bytes([rnd.randrange(256)])
        elif how == 1:
            data[at:at] = rnd.choice(BITS)
        elif how == 2:
            del data[at:at + rnd.randrange(1, 20)]
        elif how == 3:
            data[at:at] = data[at:at + rnd.randrange(50)]
        else:
            del data[at:]
    return bytes(data)


def test_broken_requests_harm_nobody():
    rnd = random.Random(20260301)
    with Daemon(*SHORT) as daemon, Watcher(daemon):
        before = descriptors(daemon)
        for _ in range(1000):
            data = b"".join(mutated(rnd) for _ in range(rnd.choice([1, 1, 2, 5])))
            sock = connect(rnd.choice([daemon.webhook, daemon.api, daemon.admin]))
            with contextlib.suppress(OSError):  # it may be cut off at any byte
                sock.sendall(data[:rnd.randrange(len(data) + 1)] if rnd.random() < 0.3 else data)
                if rnd.random() < 0.1:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
            (reset if rnd.random() < 0.3 else socket.socket.close)(sock)
        wait_for(lambda: descriptors(daemon) <= before + 3, "the connections' end")
        assert daemon.post_event(event(record(7)), "/webhook/fine")[0] == 200
        assert len(daemon.log().splitlines()) < 300


def test_who_half_closes_is_let_go_before_the_idle_timeout():
    with Daemon("--http-idle-timeout=1h", "--http-header-deadline=1m",
                "--http-body-deadline=1s") as daemon:
        for data in (VALID[7], b"GET / HT"):
            sock = connect(daemon.webhook)
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
            sock.close()


def test_pipelines_nobody_reads_are_held_back_and_cut_off():
    ask = b"GET %s/subscriptions HTTP/1.1\r\nHost: g\r\n\r\n" % V1.encode()
    with Daemon(*SHORT) as daemon:
        for number in range(100):
            daemon.v1("POST", "/subscriptions", {"resource": f"/{number}" + "x" * 900})
        before = descriptors(daemon)
        with Watcher(daemon):
            socks = [connect(daemon.api) for _ in range(10)]
            for sock in socks:
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError, ConnectionResetError):
                    while True:
                        sock.send(ask * 500)
            wait_for(lambda: descriptors(daemon) <= before + 3, "the pipelines' end")
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("body", [
    b"[" * 900_000, b'{"a":' * 180_000, b"[" + b"1," * 400_000 + b"1]",
    b'{"Events":[' + b"{}," * 300_000 + b"{}]}", b'"' + b"\\u0000" * 150_000 + b'"', b"1" * 900_000,
    b'{"Oem":"' + b"\xff" * 900_000 + b'"}',
], ids=["arrays", "objects", "numbers", "records", "escapes", "digits", "not UTF-8"])
def test_json_bombs_are_answered_in_time(daemon, body):
    with Watcher(daemon):
        assert daemon.post_event(body, "/webhook/bomb")[0] == 200
        assert daemon.v1("POST", "/create/event", body)[0] == 400
        assert daemon.v1("POST", "/subscriptions", body)[0] == 400


# -- loops --

def test_its_own_webhook_cannot_be_subscribed(daemon):
    for path in ("/webhook", "/webhook/name"):
        status, _, body = daemon.v1("POST", "/subscriptions", {
            "endpointUri": f"http://127.0.0.1:{daemon.webhook}{path}", "resource": SYSTEMS})
        assert status == 400 and b"validation check failed" in body
    assert daemon.metric("gurnard_webhook_loops_total") == 2
    assert "webhook.loop" in daemon.log()


def test_a_stored_subscription_of_its_own_webhook_makes_no_loop(tmp_path):
    port = free_port()
    store = tmp_path / "store"
    store.mkdir()
    (store / "sub.json").write_text(json.dumps([
        {"id": f"6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b1{n}", "resource": SYSTEMS, "uriLocation": "",
         "endpointUri": f"http://127.0.0.1:{port}/webhook/self{n}"} for n in range(5)]))
    with Daemon(*FAST, f"--webhook-port={port}", store=store) as daemon:
        assert daemon.metric("gurnard_api_subscriptions") == 5
        daemon.post_event(event())
        wait_for(lambda: daemon.metric(
            'gurnard_deliveries_total{transport="http",outcome="dead"}') == 5, "five dead letters")
        assert daemon.metric("gurnard_webhook_loops_total") == 15  # three tries each
        assert daemon.metric("gurnard_events_received_total") == 1


# -- clients of the API --

class Silent:
    """An endpoint that takes connections and says nothing until told."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/e"
        self.conns = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.conns.append(self.listener.accept()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for conn in self.conns:
            conn.close()


def test_clients_that_leave_during_the_probe_leave_nothing_behind():
    with Daemon("--api-probe-timeout=1s") as daemon, Silent() as silent, Watcher(daemon):
        before = descriptors(daemon)
        clients = []
        for number in range(64):
            clients.append(connect(daemon.api))
            clients[-1].sendall(post_of({"endpointUri": silent.url + str(number), "resource": "/r"}))
        wait_for(lambda: len(silent.conns) == 64, "64 probes")
        assert daemon.v1("POST", "/subscriptions",
                         {"endpointUri": silent.url, "resource": "/more"})[0] == 503
        for number, client in enumerate(clients):
            (reset if number % 2 else socket.socket.close)(client)
        for number, conn in enumerate(silent.conns):  # the last third times out
            if number % 3 == 0:
                conn.sendall(b"HTTP/1.1 204 N\r\nConnection: close\r\n\r\n")
            elif number % 3 == 1:
                conn.close()
        wait_for(lambda: daemon.metric("gurnard_api_probes_total") == 64, "the probes' end")
        wait_for(lambda: descriptors(daemon) <= before + 3, "their descriptors")
        assert len(json.loads(daemon.v1("GET", "/subscriptions")[2])) == 22
        log = daemon.log()
        assert log.count("probe_failed") < 6  # one a second
        assert "watch_lost" not in log and "unwatched" not in log


def test_the_same_record_made_and_deleted_by_many_at_once_stays_one(daemon):
    with Sink() as sink:
        def work(seed):
            rnd = random.Random(seed)
            for _ in range(25):
                if rnd.random() < 0.6:
                    daemon.subscribe(sink.url, f"/dup{rnd.randrange(3)}")
                    continue
                for item in json.loads(daemon.v1("GET", "/subscriptions")[2])[:1]:
                    assert daemon.v1("DELETE", "/subscriptions/" + item["id"])[0] == 200

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listed = json.loads(daemon.v1("GET", "/subscriptions")[2])
        assert listed == json.loads((daemon.store / "sub.json").read_text())
        assert len({item["resource"] for item in listed}) == len(listed)


def test_subscriptions_deleted_with_deliveries_under_way_leave_nothing_behind():
    with Daemon(*FAST) as daemon, Sink() as stuck, Sink() as failing:
        stuck.hold.clear()
        failing.status = lambda n, body: 503
        for number in range(10):
            ids = [daemon.subscribe(f"{sink.url}{number}")["id"] for sink in (stuck, failing)]
            for bmc in range(3):
                daemon.post_event(event(record(number * 10 + bmc)), f"/webhook/b{bmc}")
            for one in ids:
                assert daemon.v1("DELETE", "/subscriptions/" + one)[0] == 200
        wait_for(lambda: daemon.metric("gurnard_outbox_bytes") == 0 and
                 daemon.metric("gurnard_outbox_in_flight") == 0, "an empty outbox")
        assert daemon.metric(
            'gurnard_deliveries_total{transport="http",outcome="unsubscribed"}') == 60


# -- consumers --

def forever(head, more):
    def answer(conn):
        conn.sendall(head)
        while True:
            conn.sendall(more)
    return answer


def once(data):
    return lambda conn: conn.sendall(data)


CONSUMERS = {
    "garbage": once(bytes(range(256)) * 16),
    "endless-headers": forever(b"HTTP/1.1 200 OK\r\n", b"X-A: bbbbbbbbbbbbbbbbbb\r\n" * 100),
    "one-endless-header": forever(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
    "endless-body": forever(b"HTTP/1.1 500 OK\r\n\r\n", b"x" * 65536),
    "endless-chunks": forever(b"HTTP/1.1 500 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                              b"5\r\nhello\r\n" * 1000),
    "endless-100": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "endless-103": forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 500),
    "bad-chunk": once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n"),
    "half-a-body": once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    "http-0.9": once(b"hello world\n"),
    "http-2": once(b"\0\0\x12\4\0\0\0\0\0" + b"\0" * 18),
    "upgrade": once(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
    "negative-length": once(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
    "status-0": once(b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"),
    "status-999": once(b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n"),
    "retry-after": once(b"HTTP/1.1 503 OK\r\nRetry-After: 99999999999999999999\r\n"
                        b"Content-Length: 0\r\n\r\n"),
    "to-a-file": once(b"HTTP/1.1 302 OK\r\nLocation: file:///etc/passwd\r\n"
                      b"Content-Length: 0\r\n\r\n"),
    "nothing": lambda conn: None,
    "reset": reset,
}


class Hostile:
    """A consumer that passes the probe and answers events as told."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/e"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],),
                                 daemon=True).start()

    def serve(self, conn):
        with contextlib.suppress(OSError), conn:
            head = b""
            while b"\r\n\r\n" not in head:
                got = conn.recv(65536)
                if not got:
                    return
                head += got
            if b"Gurnard-Probe" in head:
                conn.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            else:
                self.answer(conn)


def test_hostile_consumers_delay_no_other():
    with Daemon(*FAST, "--delivery-expire=2s", "--shutdown-drain=0ms") as daemon, \
            Sink() as healthy, Watcher(daemon):
        consumers = [Hostile(answer) for answer in CONSUMERS.values()]
        for consumer in consumers:
            daemon.subscribe(consumer.url)
        daemon.subscribe(healthy.url)
        for number in range(20):
            assert daemon.post_event(event(record(number)), f"/webhook/b{number % 4}")[0] == 200
        healthy.wait(20, patience=5)
        wait_for(lambda: daemon.metric("gurnard_outbox_bytes") == 0, "the end of the others")
        for consumer in consumers:
            consumer.listener.close()
        daemon.v1("DELETE", "/subscriptions")
        assert descriptors(daemon) < 100  # those that were kept alive
        assert len(daemon.log().splitlines()) < 120
        assert daemon.metric("process_resident_memory_bytes") < 300 << 20


# -- disks and folders --

def test_a_full_disk_refuses_changes_and_recovers(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        with Daemon("--journal-segment=64KiB", "--journal-disk-spare=0",
                    store=disk / "store") as daemon, Sink() as sink:
            daemon.subscribe(sink.url)
            made = 0
            while daemon.v1("POST", "/subscriptions", {"resource": f"/{made}" + "x" * 600})[0] == 201:
                made += 1
            assert 10 < made < 200
            assert request(daemon.admin, "GET", "/readyz")[0] == 503
            assert daemon.post_event(event())[0] == 200  # its room was taken before
            for number in range(30):
                assert daemon.post_event(b"bad %d " % number * 1000)[0] == 200
            sink.wait(1)
            assert len(json.loads(daemon.v1("GET", "/subscriptions")[2])) == made + 1
            wait_for(lambda: daemon.metric("gurnard_quarantine_dropped_total") > 0, "lost bodies")
            for path in (disk / "store/quarantine").iterdir():
                path.unlink()
            assert daemon.v1("DELETE", "/subscriptions")[0] == 200
            wait_for(lambda: request(daemon.admin, "GET", "/readyz")[0] == 200, "readiness")
            daemon.subscribe(sink.url, "/after")
            daemon.restart()
            assert [item["resource"] for item in json.loads(daemon.v1("GET", "/subscriptions")[2])
                    ] == ["/after"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_odd_things_in_the_registries_folder_do_not_stop_the_load(tmp_path):
    folder = tmp_path / "registries"
    folder.mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    os.symlink("self.json", folder / "self.json")
    os.symlink(".", folder / "loop")
    os.symlink("/dev/zero", folder / "zero.json")
    with open(folder / "sparse.json", "wb") as sparse:
        sparse.truncate(1 << 40)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "good.json").write_text(json.dumps({
        "@odata.type": "#MessageRegistry.v1_4_0.MessageRegistry", "Id": "Good.1.0.0",
        "RegistryPrefix": "Good", "RegistryVersion": "1.0.0", "Language": "en",
        "Messages": {"A": {"Message": "found", "NumberOfArgs": 0, "Severity": "OK"}}}))
    with Daemon(registries=folder) as daemon, Sink() as sink, Watcher(daemon):
        daemon.subscribe(sink.url)
        wait_for(lambda: request(daemon.admin, "GET", "/readyz")[0] == 200, "the first load")
        for _ in range(50):
            daemon.process.send_signal(1)  # SIGHUP
        wait_for(lambda: re.search(r"registries\.loaded.*(\n.*)*registries\.loaded", daemon.log()),
                 "another load")
        daemon.post_event(event(record(MessageId="Good.1.0.A")))
        assert '"Message": "found"' in json.dumps(sink.wait(1)[0])
