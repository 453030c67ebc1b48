"""Peers of gurnardd that speak AMQP 1.0: a router that does as the test says (and misbehaves so),
and an application that sends and receives through whatever broker."""
import json
import ssl
import time
import uuid
from collections import defaultdict, deque

from amqp_messages import attribute, cne_message, encoded  # noqa: F401 (cne_message: for tests)
from amqp_wire import Wire, in_loop, loop
from gurnard import PATIENCE, wait_for
from proton import Condition, Delivery, Link, Message, Terminus

OUTCOMES = {"accepted": Delivery.ACCEPTED, "rejected": Delivery.REJECTED,
            "released": Delivery.RELEASED, "modified": Delivery.MODIFIED}
NAMES = {state: name for name, state in OUTCOMES.items()}


class Owner:
    """What a router and an application have in common."""
    idle_s, max_frame = 0, None

    def opened(self, wire):
        pass

    def before_open(self, wire):
        pass

    def on_session_remote_close(self, _, event):
        event.session.close()

    def on_connection_remote_close(self, _, event):
        event.connection.close()


class Rule:
    """How a router treats an address; the attributes may be changed while it runs."""

    def __init__(self, **about):
        self.credit = 100  # messages a sender may have under way; 0: none may come
        self.outcome = "accepted"  # of OUTCOMES, None: never settled, or a function of Arrival
        self.refuse = None  # (condition, description): links are refused
        self.__dict__.update(about)


class Arrival:
    """A message that came to a router or an application. outcome: None until settled here."""

    def __init__(self, address, raw, wire, delivery):
        self.address, self.raw, self.wire, self.delivery = address, raw, wire, delivery
        self.at, self.outcome, self.is_presettled = time.monotonic(), None, delivery.settled
        self.message = Message()
        self.message.decode(raw)

    @property
    def properties(self):
        return self.message.properties or {}

    @property
    def id(self):
        return attribute(self.message, "id")

    def json(self):
        return json.loads(bytes(self.message.body))

    def settle(self, outcome):
        """In the loop's thread."""
        if self.outcome is None:
            self.outcome = outcome
            if outcome == "modified":
                self.delivery.local.failed = True
            if outcome == "rejected":
                self.delivery.local.condition = Condition("amqp:decode-error", "the test's wish")
            self.delivery.update(OUTCOMES[outcome])
            self.delivery.settle()


class Sent:
    """A message that was sent; outcome: what the receiver said, "lost" when its link broke."""

    def __init__(self, address, raw):
        self.address, self.raw, self.outcome = address, raw, None
        self.reason, self.attempts = "", 0

    def wait(self):
        wait_for(lambda: self.outcome, f"the outcome of a message to {self.address}")
        return self.outcome

    def told(self, delivery):
        self.outcome = NAMES.get(delivery.remote_state, "settled")
        condition = delivery.remote.condition
        self.reason = f"{condition.name}: {condition.description}" if condition else ""


def send_some(link):
    """What link.waiting holds, as far as there is credit."""
    while link.waiting and link.credit > 0:
        sent = link.waiting.popleft()
        sent.attempts += 1
        delivery = link.delivery(uuid.uuid4().hex[:16])
        link.send(sent.raw)
        link.advance()
        if getattr(link, "presettled", False):
            sent.outcome = "presettled"
            delivery.settle()
        else:
            link.under_way[delivery] = sent


def take_outcome(link, delivery):
    """The peer has said what became of a delivery of ours."""
    if delivery.remote_state or delivery.settled:
        sent = link.under_way.pop(delivery, None)
        if sent:
            sent.told(delivery)
        delivery.settle()
        return sent
    return None


def whole_message(wire, link, delivery):
    """The message of a delivery, once all of it is there, and the link is on the next one."""
    if not delivery.readable:
        return None
    link.parts = getattr(link, "parts", b"") + (link.recv(delivery.pending) or b"")
    if delivery.partial:
        return None
    raw, link.parts = link.parts, b""
    link.advance()
    return Arrival(link.address, raw, wire, delivery)


class Router(Owner):
    """Listens, remembers every message and hands it on to all receivers attached to the address.
    What put() gives it waits for a receiver, and comes back when that goes without settling.

    tls: an ssl.SSLContext. users: {name: password} for PLAIN. greeting: bytes sent instead.
    """

    def __init__(self, port=0, tls=None, mechanisms=("ANONYMOUS",), users=None, greeting=None,
                 needs_sasl=False, **owner):
        self.port, self.tls, self.mechanisms, self.users = port, tls, mechanisms, users or {}
        self.greeting, self.needs_sasl = greeting, needs_sasl
        self.default, self.rules, self.default_about = Rule(), {}, {}
        self.arrivals, self.kept, self.outcomes = [], defaultdict(deque), []
        self.wires, self.links, self.logins, self.connects = [], [], [], []
        self.refused, self.closes = [], []
        self.__dict__.update(owner)
        self.server = None

    # -- the test's side --

    def start(self):
        async def listen():
            self.server = await loop().create_server(
                lambda: Wire(self, True), "127.0.0.1", self.port, ssl=self.tls, backlog=64)
            self.port = self.server.sockets[0].getsockname()[1]
        in_loop(listen)
        return self

    def stop(self):
        """Ends abruptly, as if killed; start() listens on the same port again."""
        def end():
            if self.server:
                self.server.close()
            self.abort()
        in_loop(end)
        wait_for(lambda: not self.wires, "the connections' end")

    def drop(self):
        """Breaks all connections, listening on."""
        in_loop(self.abort)

    def abort(self):
        for wire in list(self.wires):
            wire.socket.abort()

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    def rule(self, address, **about):
        self.rules[address] = Rule(**about)
        return self.rules[address]

    def rule_of(self, address):
        return self.rules.get(address, self.default)

    def to(self, address):
        return [a for a in self.arrivals if a.address == address]

    def wait(self, address, count=1, patience=PATIENCE):
        wait_for(lambda: len(self.to(address)) >= count, f"{count} messages to {address}, have "
                 f"{len(self.to(address))}", patience)
        return self.to(address)

    def put(self, address, *messages):
        """Gives messages (proton.Message or bytes) to the receivers of address, now or later; one
        Sent each, which is there once more when it came back."""
        sent = [Sent(address, encoded(message)) for message in messages]

        def hand():
            self.kept[address].extend(sent)
            self.serve(address)
        in_loop(hand)
        return sent

    def settle(self, address, outcome="accepted"):
        """What a rule without an outcome has held back."""
        def held():
            for arrival in self.to(address):
                link = arrival.delivery.link
                if arrival.outcome is None and (arrival.wire, link) in self.links:
                    arrival.settle(outcome)
                    link.held -= 1
                    link.flow(max(0, self.rule_of(address).credit - link.credit - link.held))
            self.pump()
        in_loop(held)

    def give_credit(self, address, credit):
        """From now on, and at once to those attached."""
        if address not in self.rules:
            self.rules[address] = Rule(**self.default.__dict__)
        self.rules[address].credit = credit

        def flow():
            for wire, link in self.links:
                if link.is_receiver and link.address == address:
                    link.flow(max(0, credit - link.credit - link.held))
            self.pump()
        in_loop(flow)

    def detach(self, address, condition="amqp:internal-error", description="by the test"):
        def close():
            for _, link in list(self.links):
                if link.address == address:
                    link.condition = Condition(condition, description)
                    link.close()
            self.pump()
        in_loop(close)

    def close_connections(self, condition="amqp:connection:forced", description="by the test"):
        def close():
            for wire in self.wires:
                wire.connection.condition = Condition(condition, description)
                wire.connection.close()
            self.pump()
        in_loop(close)

    def freeze(self):
        """Reads and says nothing any more, the sockets stay."""
        def hold():
            for wire in self.wires:
                wire.socket.pause_reading()
                wire.greeted = False  # nor are heartbeats sent
                if wire.timer:
                    wire.timer.cancel()
        in_loop(hold)

    def inject(self, data):
        """Bytes as they are into every connection."""
        in_loop(lambda: [wire.socket.write(data) for wire in self.wires])

    def senders(self):
        """The addresses that peers are attached to for sending."""
        return [link.address for _, link in list(self.links) if link.is_receiver]

    def receivers(self):
        return [link.address for _, link in list(self.links) if link.is_sender]

    def wait_receiver(self, address, count=1):
        wait_for(lambda: self.receivers().count(address) >= count,
                 f"a receiver on {address}, have {self.receivers()}")

    def wait_sender(self, address):
        wait_for(lambda: address in self.senders(), f"a sender to {address}")

    # -- the loop's side --

    def pump(self):
        for wire in self.wires:
            wire.kick()

    def opened(self, wire):
        self.wires.append(wire)
        self.connects.append(time.monotonic())
        if self.greeting is not None:
            wire.socket.write(self.greeting)
            wire.data_received = lambda _: None

    def lost(self, wire):
        self.wires.remove(wire)
        for which, link in list(self.links):
            if which is wire:
                self.unlink(wire, link)
        self.pump()

    def login(self, wire, mechanism, response):
        self.logins.append((mechanism, response))
        if mechanism == "PLAIN":
            _, user, password = (response.split(b"\0") + [b"", b""])[:3]
            return self.users.get(user.decode()) == password.decode()
        if mechanism == "EXTERNAL":
            return bool(wire.socket.get_extra_info("peercert"))
        return mechanism in self.mechanisms

    def on_connection_remote_open(self, _, event):
        event.connection.container = "router-of-the-test"
        event.connection.open()

    def on_session_remote_open(self, _, event):
        event.session.open()

    def on_link_remote_open(self, wire, event):
        link = event.link
        end = link.remote_target if link.is_receiver else link.remote_source
        link.address = end.address
        link.waiting, link.under_way, link.held = deque(), {}, 0
        rule = self.rule_of(link.address)
        if rule.refuse:
            self.refused.append((time.monotonic(), link.address))
            link.open()
            link.condition = Condition(*rule.refuse)
            link.close()
            return
        (link.target if link.is_receiver else link.source).copy(end)
        link.open()
        self.links.append((wire, link))
        if link.is_receiver:
            link.flow(rule.credit)
        else:
            self.serve(link.address)

    def on_link_remote_close(self, wire, event):
        self.unlink(wire, event.link)
        event.link.close()
        self.pump()

    on_link_remote_detach = on_link_remote_close

    def on_session_remote_close(self, wire, event):
        for which, link in list(self.links):
            if which is wire and link.session == event.session:
                self.unlink(wire, link)
        event.session.close()

    def on_connection_remote_close(self, wire, event):
        self.closes.append(time.monotonic())
        super().on_connection_remote_close(wire, event)

    def on_link_flow(self, _, event):
        if event.link.is_sender and hasattr(event.link, "waiting"):
            send_some(event.link)

    def on_delivery(self, wire, event):
        link, delivery = event.link, event.delivery
        if link.is_sender:
            sent = take_outcome(link, delivery)
            if sent:
                self.outcomes.append(sent)
                if sent.outcome in ("released", "modified"):
                    self.kept[sent.address].append(sent)
                    self.serve(sent.address)
            return
        arrival = whole_message(wire, link, delivery)
        if not arrival:
            return
        self.arrivals.append(arrival)
        rule = self.rule_of(link.address)
        outcome = rule.outcome(arrival) if callable(rule.outcome) else rule.outcome
        if outcome:
            arrival.settle(outcome)
        else:
            link.held += 1
        link.flow(max(0, rule.credit - link.credit - link.held))
        if outcome in ("accepted", None):
            for which, out in list(self.links):
                if out.is_sender and out.address == link.address:
                    out.waiting.append(Sent(link.address, arrival.raw))
                    send_some(out)
                    if which is not wire:
                        which.kick()

    def serve(self, address):
        """What is kept for address, to one of its receivers."""
        for wire, link in list(self.links):
            if link.is_sender and link.address == address and self.kept[address]:
                link.waiting.extend(self.kept[address])
                self.kept[address].clear()
                send_some(link)
                wire.kick()

    def unlink(self, wire, link):
        """It is gone: what its peer has not settled is there for the next."""
        if (wire, link) not in self.links:
            return
        self.links.remove((wire, link))
        if link.is_sender:
            back = [*link.under_way.values(), *link.waiting]
            link.under_way.clear()
            link.waiting.clear()
            self.kept[link.address].extendleft(reversed(back))
            self.serve(link.address)


class Inbox:
    """What an application has received from one address."""

    def __init__(self, address, outcome):
        self.address, self.outcome, self.arrivals = address, outcome, []
        self.is_attached, self.refused = False, None  # refused: why, also when it ended later

    def wait(self, count=1, patience=PATIENCE):
        wait_for(lambda: len(self.arrivals) >= count,
                 f"{count} messages from {self.address}, have {len(self.arrivals)}", patience)
        return list(self.arrivals)

    def ids(self):
        return [arrival.id for arrival in list(self.arrivals)]


class Application(Owner):
    """A client of a broker on 127.0.0.1: any number of links, one session each."""

    def __init__(self, port, user=None, password=None, tls=None, **owner):
        self.port, self.user, self.password, self.tls = port, user, password, tls
        self.wire, self.links, self.is_open, self.is_over = None, {}, False, False
        self.reason = ""
        self.__dict__.update(owner)

    def start(self):
        async def connect():
            _, self.wire = await loop().create_connection(
                lambda: Wire(self, False), "127.0.0.1", self.port, ssl=self.tls,
                server_hostname="localhost" if self.tls else None)
        in_loop(connect)
        wait_for(lambda: self.is_open or self.is_over, "an open connection")
        assert self.is_open, self.reason
        return self

    __enter__ = start

    def __exit__(self, *_):
        def close():
            if not self.is_over:
                self.wire.connection.close()
                self.wire.pump()
                self.wire.socket.close()
        in_loop(close)
        wait_for(lambda: self.is_over, "the connection's end")

    def receive(self, address, credit=100, outcome="accepted", durable=False):
        """Attaches a receiver; returns its Inbox. outcome: as a Rule's. durable: RabbitMQ makes a
        queue that outlasts it."""
        inbox = Inbox(address, outcome)

        def attach():
            link = self.new_link(f"in-{uuid.uuid4()}", False)
            link.source.address, link.address, link.inbox = address, address, inbox
            if durable:
                link.source.durability = Terminus.DELIVERIES
            self.links[inbox] = link
            link.open()
            link.flow(credit)
            self.wire.pump()
        in_loop(attach)
        wait_for(lambda: inbox.is_attached or inbox.refused or self.is_over, f"a link to {address}")
        return inbox

    def send(self, address, *messages, presettled=False):
        """Sends messages (proton.Message or bytes), as there is credit; one Sent each."""
        sent = [Sent(address, encoded(message)) for message in messages]

        def hand():
            link = self.links.get((address, presettled))
            if link is None:
                link = self.links[address, presettled] = self.new_link(f"out-{uuid.uuid4()}", True)
                link.target.address, link.address = address, address
                link.waiting, link.under_way = deque(), {}
                link.presettled = presettled
                if presettled:
                    link.snd_settle_mode = Link.SND_SETTLED
                link.open()
            link.waiting.extend(sent)
            send_some(link)
            self.wire.pump()
        in_loop(hand)
        return sent

    def new_link(self, name, is_sender):
        session = self.wire.connection.session()
        session.open()
        return session.sender(name) if is_sender else session.receiver(name)

    def before_open(self, wire):
        sasl = wire.transport.sasl()
        if self.user:
            wire.connection.user, wire.connection.password = self.user, self.password
            sasl.allow_insecure_mechs = True
        sasl.allowed_mechs("PLAIN" if self.user else "ANONYMOUS")
        wire.connection.container = f"application-{uuid.uuid4()}"
        wire.connection.hostname = "127.0.0.1"
        wire.connection.open()

    def lost(self, _):
        self.is_over = True
        for key in list(self.links):
            self.unlink(key, self.reason or "the connection is gone")

    def on_connection_remote_open(self, *_):
        self.is_open = True

    def on_transport_error(self, wire, _):
        self.reason = str(wire.transport.condition)

    def on_link_flow(self, _, event):
        if event.link.is_sender:
            send_some(event.link)

    def on_link_remote_open(self, _, event):
        if event.link.is_receiver:
            event.link.inbox.is_attached = event.link.remote_source.address is not None

    def on_link_remote_close(self, _, event):
        for key, link in list(self.links.items()):
            if link == event.link:
                self.unlink(key, str(link.remote_condition))
        event.link.close()

    on_link_remote_detach = on_link_remote_close

    def on_session_remote_close(self, wire, event):
        for key, link in list(self.links.items()):
            if link.session == event.session:
                self.unlink(key, str(event.session.remote_condition))
        super().on_session_remote_close(wire, event)

    def unlink(self, key, reason):
        link = self.links.pop(key)
        if link.is_receiver:
            link.inbox.refused = reason
            return
        for sent in [*link.under_way.values(), *link.waiting]:
            sent.outcome, sent.reason = sent.outcome or "lost", reason
        link.waiting.clear()

    def on_delivery(self, wire, event):
        link, delivery = event.link, event.delivery
        if link.is_sender:
            take_outcome(link, delivery)
            return
        arrival = whole_message(wire, link, delivery)
        if not arrival:
            return
        inbox = link.inbox
        inbox.arrivals.append(arrival)
        outcome = inbox.outcome(arrival) if callable(inbox.outcome) else inbox.outcome
        if outcome:
            arrival.settle(outcome)
            link.flow(1)


def server_tls(cert, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
