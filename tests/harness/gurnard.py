"""What scenario tests are written with: the daemon, a sink, BMCs, and waiting for conditions.

Standard library only. Every port is chosen by the kernel, every folder is a temporary one, and
everything started here is ended by its context manager.
"""
import contextlib
import http.client
import http.server
import json
import os
import re
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GURNARD_BUILD", ROOT / "build/debug"))
RELEASE = Path(os.environ.get("GURNARD_RELEASE", ROOT / "build"))
V1 = "/api/ocloudNotifications/v1"
NODE = "n1"
SYSTEMS = f"/cluster/node/{NODE}/redfish/v1/Systems"
PATIENCE = 30  # seconds until a condition that does not come is a failure


def wait_for(condition, what="condition", patience=PATIENCE):
    """Polls condition until it gives something true, and returns that."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)


def request(port, method, path, body=None, headers=None, host="127.0.0.1"):
    """One HTTP request; returns (status, headers, body bytes)."""
    conn = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        conn.request(method, path, body=body, headers=headers or {})
        answer = conn.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        conn.close()


def raw(port, data, until_close=True, patience=PATIENCE):
    """Sends bytes as they are and returns what comes back until the peer closes (or a pause)."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as sock:
        sock.sendall(data)
        if until_close:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := sock.recv(65536):
                got += chunk
        return got


class Daemon:
    """gurnardd on free ports with a store of its own."""

    def __init__(self, *flags, env=None, store=None, registries=None, build=BUILD, node=NODE,
                 settings=None, wait_ready=True, preexec=None):
        self._tmp = tempfile.TemporaryDirectory(prefix="gurnard-test-")
        self.dir = Path(self._tmp.name)
        self.store = Path(store) if store else self.dir / "store"
        self.log_path = self.dir / "gurnardd.log"
        self.flags = [
            "--webhook-port=0", "--api-port=0", "--metrics-addr=127.0.0.1:0",
            "--transport-listen=127.0.0.1:0",
            f"--store-path={self.store}", f"--node-name={node}",
            f"--registries-paths={registries if registries is not None else ROOT / 'registries'}",
            *flags,
        ]
        if settings is not None:
            file = self.dir / "gurnard.yaml"
            file.write_text(settings)
            self.flags.append(f"--config={file}")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GURNARD_")}
        self.env.update(env or {})
        self.build = Path(build)
        self.wait_ready = wait_ready
        self.preexec = preexec
        self.process = None

    def start(self):
        log = open(self.log_path, "ab")
        self._log_from = log.tell()
        self.process = subprocess.Popen(
            [self.build / "bin/gurnardd", *self.flags], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, env=self.env, preexec_fn=self.preexec)
        log.close()
        if self.wait_ready:
            line = wait_for(self._ready_line, "gurnardd.ready")
            ports = dict(re.findall(r"(\w+)=(\d+)", line))
            self.webhook, self.api, self.admin, self.transport = (
                int(ports[k]) for k in ("webhook", "api", "admin", "transport"))
        return self

    def _ready_line(self):
        if self.process.poll() is not None:
            raise AssertionError(f"gurnardd ended with {self.process.returncode}:\n{self.log()}")
        found = re.search(r"gurnardd\.ready (.*)", self.log())
        return found and found.group(1)

    def log(self):
        with open(self.log_path, "rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def whole_log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self, signo=signal.SIGTERM, patience=PATIENCE):
        """Ends the daemon (signo None: only waits for its end) and returns its exit code."""
        if self.process is None:
            return None
        if signo is not None and self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"gurnardd did not end:\n{self.log()}") from None
        self.process = None
        return code

    def restart(self, signo=signal.SIGTERM):
        self.stop(signo)
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        try:
            code = self.stop()
            text = self.whole_log()
            if kind is None:
                assert code in (0, None), f"exit code {code}:\n{text[-4000:]}"
                assert "ERROR: " not in text and "runtime error" not in text, text[-8000:]
                assert "assert.failed" not in text, text[-4000:]
        finally:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
            self._tmp.cleanup()

    # -- its three ports --

    def post_event(self, body, path="/webhook", headers=None):
        return request(self.webhook, "POST", path, body,
                       {"Content-Type": "application/json", **(headers or {})})

    def v1(self, method, path, body=None, prefix=V1):
        return request(self.api, method, prefix + path, body,
                       {"Content-Type": "application/json"} if body is not None else {})

    def subscribe(self, endpoint, resource=SYSTEMS):
        status, _, body = self.v1("POST", "/subscriptions",
                                  {"endpointUri": endpoint, "resource": resource})
        assert status == 201, (status, body)
        return json.loads(body)

    def admin_get(self, path):
        """A part of the admin API's JSON: /status, /deadletters ..."""
        status, _, body = request(self.admin, "GET", "/admin/v1" + path)
        assert status == 200, body
        return json.loads(body)

    def metrics(self):
        """All series as {name{labels}: value}."""
        _, _, body = request(self.admin, "GET", "/metrics")
        rows = (line.rsplit(" ", 1) for line in body.decode().splitlines()
                if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def metric(self, name):
        """The sum of a family's series (of one with labels when name holds them)."""
        return sum(v for k, v in self.metrics().items() if k == name or k.startswith(name + "{"))


class Sink:
    """A consumer application: answers POSTs and keeps what it got.

    status: what to answer, or a function of (number of the request, body) that gives it.
    """

    def __init__(self, status=204, delay=0.0, headers=None, port=0):
        sink = self
        self.events, self.probes, self.lock = [], 0, threading.Lock()
        self.arrivals = []
        self.seen_headers = []
        self.connections = set()
        self.status, self.delay, self.headers = status, delay, headers or {}
        self.hold = threading.Event()  # cleared: requests hang
        self.hold.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if body:
                    sink.hold.wait()
                    if sink.delay:
                        time.sleep(sink.delay)
                with sink.lock:
                    number = len(sink.arrivals)
                    status = sink.status
                    if body and callable(status):
                        status = status(number, body)
                    elif callable(status):
                        status = 204
                    if body:
                        sink.arrivals.append((time.monotonic(), body))
                        if 200 <= status < 300:
                            sink.events.append(body)
                            sink.seen_headers.append(dict(self.headers.items()))
                    else:
                        sink.probes += 1
                        sink.probe_headers = dict(self.headers.items())
                self.send_response(status)
                for key, value in sink.headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def process_request(self, conn, address):
                sink.connections.add(conn)
                super().process_request(conn, address)

            def shutdown_request(self, conn):
                sink.connections.discard(conn)
                super().shutdown_request(conn)

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/event"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def wait(self, count, patience=PATIENCE):
        """Waits until count events were taken; returns them decoded."""
        wait_for(lambda: len(self.events) >= count, f"{count} events, have {len(self.events)}",
                 patience)
        with self.lock:
            return [json.loads(e) for e in self.events]

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
        for conn in list(self.connections):  # kept alive by the client, or still answering
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_port():
    """A port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def record(number=1, **members):
    """One made-up record of an Event."""
    return {"EventType": "Alert", "EventId": str(number), "MemberId": str(number),
            "EventTimestamp": f"2026-03-01T12:{number // 60 % 60:02d}:{number % 60:02d}Z",
            "MessageId": "ResourceEvent.1.3.ResourceChanged", **members}


def event(*records, **members):
    """A made-up Event; without records, one."""
    return {"@odata.type": "#Event.v1_7_0.Event", "Id": "1", "Name": "Event Array",
            "Events": list(records) or [record()], **members}


def value_of(delivered):
    """The Redfish Event inside a delivered CloudNativeEvent."""
    return delivered["data"]["values"][0]["value"]
