"""Simulated BMCs for scenario tests: `gurnard sim bmc` on a free port, and talking to it."""
import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from gurnard import BUILD, PATIENCE, request, wait_for

USER, PASSWORD = "root", "gurnard"
ROOT = "/redfish/v1"
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
# What a POST must have beside Destination, Protocol and Context.
EXTRAS = {
    "idrac9": {"EventTypes": ["Alert"]},
    "ilo4": {"EventTypes": ["Alert"]},
    "ilo5": {"EventTypes": ["Alert"]},
    "xcc": {"SubscriptionType": "RedfishEvent", "EventFormatType": "Event"},
}
PROFILES = ("idrac9", "idrac10", "ilo5", "ilo4", "openbmc", "ami", "zt", "xcc", "supermicro")
TEST_EVENTS = {  # what each wants of SubmitTestEvent
    "idrac9": {"EventTypes": "Alert", "Context": "c", "Protocol": "Redfish",
               "MessageId": "TMP0118"},
    "idrac10": {"MessageId": "IDRAC.2.10.CPU0002"},
    "ilo4": {"EventType": "Alert", "EventId": "nonce1", "MessageId": "iLOEvents.1.0.TestMessage",
             "EventTimestamp": "2026-03-01T12:00:00Z", "Severity": "OK"},
    "ilo5": {"EventType": "Alert", "EventId": "nonce1", "MessageId": "iLOEvents.2.3.TestMessage",
             "EventTimestamp": "2026-03-01T12:00:00Z", "Severity": "OK"},
    "openbmc": {"MessageId": "OpenBMC.0.4.TestMessage", "MessageArgs": ["nonce1"]},
    "ami": {"EventId": "nonce1", "EventTimestamp": "2026-03-01T12:00:00Z", "MessageArgs": [],
            "MessageId": "EventLog.1.0.TestMessage", "OriginOfCondition": "/redfish/v1/Systems/Self",
            "Severity": "OK"},
    "zt": {"MessageId": "ZT_Event_Service_Log.1.0.Alert"},
    "xcc": {"MessageId": "Base.1.8.Created"},
    "supermicro": {"MessageId": "SmcEvents.1.0.TestMessage", "EventId": "nonce1"},
}


class SimBmc:
    """`gurnard sim bmc` with these options; waits 100 times shorter unless said otherwise."""

    def __init__(self, profile="openbmc", *flags, speed=100, build=BUILD):
        self.profile = profile
        self.command = [str(Path(build) / "bin/gurnard"), "sim", "bmc", "--profile", profile,
                        "--time-scale", str(speed), *flags]
        self.process = None

    def start(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline().decode()
        found = re.match(r"sim bmc: listening on (https?)://([\d.]+):(\d+) profile=(\S+)", line)
        if not found:
            self.process.wait(PATIENCE)
            raise AssertionError(f"no ready line: {line!r} {self.errors()}")
        self.scheme, self.host, self.port = found[1], found[2], int(found[3])
        self.url = f"{self.scheme}://{self.host}:{self.port}"
        return self

    def errors(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("gurnard sim bmc did not end") from None
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        code = self.stop()
        text = self.errors()
        self.log.close()
        if kind is None:
            assert code == 0, f"exit code {code}: {text}"
            assert "ERROR: " not in text and "runtime error" not in text, text

    # -- as a client of Redfish --

    def ask(self, method, path, body=None, headers=LOGIN, host=None):
        """(status, headers, decoded body or bytes) of one request."""
        headers = {"Content-Type": "application/json", **(headers or {})}
        status, got, text = request(self.port, method, path, body, headers, host or self.host)
        with contextlib.suppress(ValueError):
            text = json.loads(text)
        return status, got, text

    def get(self, path, **more):
        status, _, body = self.ask("GET", path, **more)
        assert status == 200, (status, path, body)
        return body

    def subscriptions(self):
        service = self.get(ROOT + "/EventService")
        return self.get(service["Subscriptions"]["@odata.id"])["Members"]

    def body_for(self, url, context="c1", **members):
        return {"Destination": url, "Protocol": "Redfish", "Context": context,
                **EXTRAS.get(self.profile, {}), **members}

    def subscribe(self, url, context="c1", **members):
        """Subscribes in the way that the profile takes; its answer."""
        service = self.get(ROOT + "/EventService")
        return self.ask("POST", service["Subscriptions"]["@odata.id"],
                        self.body_for(url, context, **members))

    def must_subscribe(self, url, context="c1", **members):
        """The same; the URI of the subscription, found in the collection."""
        before = {m["@odata.id"] for m in self.subscriptions()}
        status, _, body = self.subscribe(url, context, **members)
        assert 200 <= status < 300, (status, body)
        made, = {m["@odata.id"] for m in self.subscriptions()} - before
        return made

    def submit_test(self, **members):
        service = self.get(ROOT + "/EventService")
        action = service["Actions"]["#EventService.SubmitTestEvent"]["target"]
        return self.ask("POST", action, {**TEST_EVENTS[self.profile], **members})

    # -- as a test --

    def raise_events(self, count=1, **members):
        status, _, body = self.ask("POST", "/sim/events", {"count": count, **members}, None)
        assert status == 200, body
        return body["raised"]

    def fault(self, **members):
        status, _, body = self.ask("POST", "/sim/faults", members, None)
        assert status == 200, body
        return body["bmcs"]

    def state(self, query=""):
        return self.get("/sim/state" + query, headers=None)

    def bmc_state(self, host="127.0.0.1"):
        return self.state(f"?host={host}")["bmcs"][0]


class Stream:
    """A reader of server-sent events: each is (id, decoded data)."""

    def __init__(self, bmc, path, last_id=None):
        headers = {**LOGIN, "Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        self.conn = http.client.HTTPConnection(bmc.host, bmc.port, timeout=PATIENCE)
        self.conn.request("GET", path, headers=headers)
        self.answer = self.conn.getresponse()
        self.status = self.answer.status

    def next(self):
        """The next event; None at the stream's end."""
        number, data = None, []
        while True:
            try:
                line = self.answer.readline().decode().rstrip("\n")
                ended = not line and self.answer.isclosed()
            except (http.client.IncompleteRead, ConnectionError):
                return None
            if ended:
                return None
            if line.startswith("id: "):
                number = line[4:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and data:
                return number, json.loads("\n".join(data))

    def close(self):
        with contextlib.suppress(OSError, AttributeError):
            self.conn.sock.shutdown(socket.SHUT_RDWR)
        self.conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def records_of(events):
    return [record for event in events for record in event["Events"]]


def delivered(bmc, count):
    """Waits until the BMC has delivered so many."""
    wait_for(lambda: bmc.state()["delivered"] >= count, f"{count} deliveries")
