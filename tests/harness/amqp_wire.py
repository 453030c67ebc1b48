"""One AMQP 1.0 connection of a test's peer: qpid-proton's engine on a socket of asyncio's, in one
thread for all peers of a test process. SASL's server side is written out, as proton has none for
PLAIN."""
import asyncio
import contextlib
import struct
import threading
import time

from gurnard import PATIENCE
from proton import Collector, Connection, Data, Transport

PLAIN_HEADER, SASL_HEADER = b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"

_loop = None


def loop():
    """The loop of all peers; its thread ends with the process."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    return _loop


def in_loop(function, *args):
    """Calls a function, or awaits a coroutine function, in the loop's thread; gives its result."""
    async def run():
        result = function(*args)
        return await result if asyncio.iscoroutine(result) else result
    return asyncio.run_coroutine_threadsafe(run(), loop()).result(PATIENCE)


class Wire(asyncio.Protocol):
    """One connection: bytes in and out of proton's engine, its events to the owner's on_... methods
    (of the last part of the event's name, if there is such a method)."""

    def __init__(self, owner, is_server):
        self.owner, self.is_server = owner, is_server
        self.socket, self.is_lost, self.is_pumping, self.timer = None, False, False, None
        self.greeted = not is_server  # SASL is over, or there is none
        self.early = b""

    def connection_made(self, socket):
        self.socket = socket
        self.connection, self.collector = Connection(), Collector()
        self.connection.collect(self.collector)
        self.transport = Transport(Transport.SERVER if self.is_server else Transport.CLIENT)
        self.transport.idle_timeout = self.owner.idle_s
        if self.owner.max_frame:
            self.transport.max_frame_size = self.owner.max_frame
        if not self.is_server:
            self.owner.before_open(self)
        self.transport.bind(self.connection)
        self.owner.opened(self)
        self.pump()

    def data_received(self, data):
        if not self.greeted:
            self.early += data
            self.greet()
            return
        while data:
            room = self.transport.capacity()
            if room <= 0:
                break
            self.transport.push(data[:room])
            data = data[room:]
            self.pump()

    def greet(self):
        """The SASL exchange; what follows it goes to the engine."""
        if self.early.startswith(PLAIN_HEADER) and not self.owner.needs_sasl:
            return self.greeting_over(self.early)
        if self.early[:8] == SASL_HEADER[:len(self.early[:8])]:
            if len(self.early) < 8:
                return None
            if not getattr(self, "offered", False):
                self.offered = True
                self.socket.write(SASL_HEADER + sasl_mechanisms(self.owner.mechanisms))
            frame = self.early[8:]
            if len(frame) < 4 or len(frame) < struct.unpack(">I", frame[:4])[0]:
                return None
            size = struct.unpack(">I", frame[:4])[0]
            is_good = self.owner.login(self, *sasl_init(frame[8:size]))
            self.socket.write(sasl_outcome(0 if is_good else 1))
            if is_good:
                return self.greeting_over(frame[size:])
        self.socket.write(SASL_HEADER if not getattr(self, "offered", False) else b"")
        self.socket.close()
        return None

    def greeting_over(self, rest):
        self.greeted, self.early = True, b""
        self.data_received(rest)

    def pump(self):
        """Until nothing moves: events to the owner, bytes to the socket. Not from a handler."""
        assert not self.is_pumping
        self.is_pumping, moved = True, not self.is_lost
        while moved:
            moved = False
            while event := self.collector.peek():
                handler = getattr(self.owner, "on_" + event.type.name[3:].lower(), None)
                if handler:
                    handler(self, event)
                self.collector.pop()
                moved = True
            pending = self.transport.pending()
            if pending > 0 and self.greeted:
                self.socket.write(self.transport.peek(pending))
                self.transport.pop(pending)
                moved = True
            elif pending < 0:
                self.socket.close()
        self.is_pumping = False
        self.tick()

    def kick(self):
        """Pumps in the next turn."""
        loop().call_soon(self.pump)

    def tick(self):
        if self.timer:
            self.timer.cancel()
        self.timer = None
        if self.is_lost or not self.greeted:
            return
        deadline = self.transport.tick(time.monotonic())
        if deadline:
            pause = max(0.01, deadline - time.monotonic())
            self.timer = loop().call_later(pause, self.pump)

    def connection_lost(self, _):
        if self.timer:
            self.timer.cancel()
        with contextlib.suppress(Exception):
            self.transport.close_tail()
        self.pump()
        self.is_lost = True
        self.owner.lost(self)
        self.transport.unbind()


# ---- SASL, the server's frames ----


def sasl_frame(body):
    return struct.pack(">IBBH", len(body) + 8, 2, 1, 0) + body


def sasl_mechanisms(names):
    array = b"".join(bytes([len(n)]) + n.encode() for n in names)
    array = b"\xe0" + bytes([len(array) + 2, len(names)]) + b"\xa3" + array
    return sasl_frame(b"\x00\x53\x40\xc0" + bytes([len(array) + 1, 1]) + array)


def sasl_init(body):
    """Mechanism and initial response."""
    data = Data()
    data.decode(body)
    data.rewind()
    data.next()
    fields = data.get_object().value
    return str(fields[0]), bytes(fields[1]) if len(fields) > 1 and fields[1] is not None else b""


def sasl_outcome(code):
    return sasl_frame(b"\x00\x53\x44\xc0\x03\x01\x50" + bytes([code]))
