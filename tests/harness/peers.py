"""Who talks to gurnardd in the crash rig: clients with their connections, consumers with theirs.
All in one thread, on asyncio."""
import asyncio
import re
import time

from ledger import Inbox


class Unanswered(Exception):
    """The daemon was gone before it answered."""


class Connection:
    """A keep-alive connection of a client."""

    def __init__(self):
        self.port = self.reader = self.writer = None

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def ask(self, port, method, path, body=b""):
        """One request; (status, body) or Unanswered."""
        try:
            return await asyncio.wait_for(self._ask(port, method, path, body), 15)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            self.close()
            raise Unanswered from error

    async def _ask(self, port, method, path, body):
        if self.writer is None or self.port != port or self.writer.is_closing():
            self.close()
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
            self.port = port
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: gurnardd\r\n"
                          "Content-Type: application/json\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        answer = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), answer


class Delivery(asyncio.Protocol):
    """A connection that the daemon made to a consumer."""

    def __init__(self, consumer):
        self.consumer, self.rig = consumer, consumer.rig
        self.input = b""

    def connection_made(self, transport):
        self.transport, self.generation = transport, self.rig.generation
        self.consumer.connections.add(self)
        if self.consumer.is_failing and self.rig.weather and self.rig.rng.random() < 0.05:
            transport.abort()

    def connection_lost(self, _):
        self.consumer.connections.discard(self)

    def data_received(self, data):
        self.input += data
        head_end = self.input.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self.input[:head_end]
        end = head_end + 4 + int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
        if len(self.input) >= end:
            body, self.input = self.input[head_end + 4:end], self.input[end:]
            self.request(head, body)

    def request(self, head, body):
        if not body:
            return self.answer(204)  # the probe of a new subscription
        key = re.search(rb'"EventId":"([^"]+)"', body)[1].decode()
        event_id = re.search(rb"(?i)\r\ngurnard-event-id: (\S+)", head)[1].decode()
        subscription = re.match(rb'\{"id":"([^"]+)"', body)[1].decode()
        self.consumer.received(key, event_id, subscription, self.generation)
        self.rig.happened("delivery")
        if self.consumer.kind == "gone":
            return self.answer(410)
        fate = self.rig.rng.random() if self.consumer.is_failing else 1
        if fate < 0.08:
            self.answer(500)
        elif fate < 0.14:
            self.transport.abort()
        elif self.consumer.delay:
            asyncio.get_running_loop().call_later(self.consumer.delay, self.take, key)
        else:
            self.take(key)

    def take(self, key):
        is_alive = (self.rig.is_alive and self.generation == self.rig.generation
                    and not self.transport.is_closing())
        self.rig.ledger.taken(self.consumer.inbox, key, self.generation, time.monotonic(), is_alive)
        self.answer(200)

    def answer(self, status):
        if not self.transport.is_closing():
            self.transport.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n".encode())


class Consumer:
    """A subscriber on loopback: healthy, slow, gone, or one that fails now and then."""

    def __init__(self, rig, number, kind):
        self.rig, self.kind = rig, kind
        self.inbox = Inbox(f"{kind}-{number}")
        self.is_failing = kind == "failing"
        self.delay = 0.004 if kind == "slow" else 0
        self.connections = set()
        self.server, self.port = None, 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/event"

    async def open(self):
        self.server = await asyncio.get_running_loop().create_server(
            lambda: Delivery(self), "127.0.0.1", self.port, reuse_address=True, backlog=256)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        self.server.close()
        for connection in list(self.connections):
            connection.transport.abort()

    async def come_and_go(self):
        """Refuses connections for a while, now and then."""
        while True:
            await asyncio.sleep(self.rig.rng.uniform(0.3, 1.0))
            self.close()
            await asyncio.sleep(self.rig.rng.uniform(0.01, 0.1))
            await self.open()

    def received(self, key, event_id, subscription, generation):
        ledger = self.rig.ledger
        ledger.received(self.inbox, key, event_id, subscription, generation)
        if self.inbox.gone_in is not None and generation > self.inbox.gone_in:
            ledger.fault("after_delete", f"{key} to {self.inbox.name}")
