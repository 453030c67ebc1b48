"""The CloudEvents SDK for JavaScript as a peer of gurnardd: Node.js runs cloudevents/peer.js, which
receives and sends; here is its remote control. tests/run.sh installs the SDK into build/npm."""
import base64
import contextlib
import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import unquote

from gurnard import PATIENCE, ROOT

NPM = Path(os.environ.get("GURNARD_NPM", ROOT / "build/npm"))
PEER = ROOT / "tests/harness/cloudevents/peer.js"


def missing():
    """Why the SDK cannot be used here; None when it can."""
    if shutil.which("node") is None:
        return "no Node.js"
    if not (NPM / "node_modules/cloudevents/package.json").exists():
        return f"the npm package cloudevents is not in {NPM}; tests/run.sh installs it"
    return None


class Received:
    """A POST as the SDK has read it."""

    def __init__(self, message):
        self.headers, self.body = message["headers"], base64.b64decode(message["body"])
        assert "error" not in message, (message["error"], self.headers, self.body)
        self.events = [reading(event, self.is_binary) for event in message["events"]]

    @property
    def is_binary(self):
        return "ce-specversion" in self.headers


def reading(event, is_binary):
    """The SDK's event with its data as one value: bytes, or what the JSON means. In binary mode the
    SDK leaves to its caller to undo the percent-encoding."""
    event = dict(event)
    if "data_base64" in event:
        event["data"] = base64.b64decode(event.pop("data_base64"))
    elif isinstance(event.get("data"), str) and "json" not in event.get("datacontenttype", "json"):
        event["data"] = event["data"].encode()
    if is_binary:
        for name in set(event) - {"data", "datacontenttype"}:
            event[name] = unquote(event[name], errors="strict")
    return event


class Sdk:
    """The process. Messages are told apart by the path that they were posted to."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, "NODE_PATH": str(NPM / "node_modules"), "CE_USE_BIG_INT": "true"})
        self.answers, self.inboxes, self.lock = queue.Queue(), {}, threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        self.port = self._answer()["port"]

    def _listen(self):
        for line in self.process.stdout:
            message = json.loads(line)
            inbox = self._inbox(message["path"]) if "path" in message else self.answers
            inbox.put(message)
        self.answers.put({"failed": "Node.js has ended"})

    def _inbox(self, path):
        with self.lock:
            return self.inboxes.setdefault(path, queue.Queue())

    def _answer(self):
        answer = self.answers.get(timeout=PATIENCE)
        assert "failed" not in answer, answer["failed"]
        return answer

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def send(self, url, mode, *events, encode=False):
        """Has the SDK encode events (one, unless mode is batch) and sends them; (status, text). An
        event's data_bytes is its data in base64. encode: percent-encode the headers, as senders
        must; without it they are as the SDK makes them."""
        order = {"url": url, "mode": mode, "events": events, "encode": encode}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        return answer["status"], answer["text"]

    def wait(self, path):
        """The next message to path."""
        try:
            return Received(self._inbox(path).get(timeout=PATIENCE))
        except queue.Empty:
            raise AssertionError(f"nothing came to {path}") from None

    def wait_events(self, path, count):
        """The next count events to path, in however many messages."""
        events = []
        while len(events) < count:
            events += self.wait(path).events
        return events

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
