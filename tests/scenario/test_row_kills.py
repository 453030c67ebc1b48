"""Two daemons in a row that are killed again and again: what the first acknowledged reaches the
application behind the second, each event at least once, each BMC's in order, with the same id."""
import json
import random
import signal
import threading

from gurnard import Daemon, Sink, event, free_port, record, wait_for

BMCS = 4
KILLS = 12
QUICK = ["--transport-health=100ms", "--transport-renew=500ms", "--transport-retry-min=20ms",
         "--transport-retry-max=100ms", "--delivery-retry-min=10ms", "--delivery-retry-max=50ms"]


class Fleet:
    """BMCs that send event after event, each until it is acknowledged."""

    def __init__(self, producer):
        self.producer, self.stop = producer, threading.Event()
        self.acknowledged = [0] * BMCS
        self.threads = [threading.Thread(target=self.run, args=(n,), daemon=True)
                        for n in range(BMCS)]
        for thread in self.threads:
            thread.start()

    def run(self, bmc):
        number = 0
        while not self.stop.is_set():
            body = json.dumps(event(record(number), Id=f"bmc-{bmc}-{number:08d}"))
            try:
                status, _, _ = self.producer.post_event(body, f"/webhook/bmc-{bmc}")
            except OSError:
                self.stop.wait(0.01)
                continue
            if status == 200:
                number += 1
                self.acknowledged[bmc] = number
            else:
                self.stop.wait(0.01)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


def names(sink):
    """(Id, Gurnard-Event-Id) of all that came, in order."""
    with sink.lock:
        pairs = list(zip(sink.events, sink.seen_headers))
    return [(json.loads(body)["data"]["values"][0]["value"]["Id"], headers["Gurnard-Event-Id"])
            for body, headers in pairs]


def test_nothing_acknowledged_is_lost_when_either_is_killed():
    rng = random.Random(4)
    ports = free_port(), free_port()
    webhook = free_port()
    producer = Daemon(f"--transport-listen=127.0.0.1:{ports[0]}", f"--webhook-port={webhook}",
                      *QUICK)
    consumer = Daemon(f"--transport-listen=127.0.0.1:{ports[1]}",
                      f"--transport-host=127.0.0.1:{ports[1]}",
                      f"--http-event-publishers=http://127.0.0.1:{ports[0]}", *QUICK)
    with producer, consumer, Sink() as app:
        consumer.subscribe(app.url)
        wait_for(lambda: "peer.registered" in producer.log(), "registration")
        fleet = Fleet(producer)
        for _ in range(KILLS):
            before = len(app.events)
            wait_for(lambda: len(app.events) >= before + rng.randrange(5, 40), "events")
            rng.choice([producer, consumer]).restart(signal.SIGKILL)
        fleet.end()
        wanted = {f"bmc-{bmc}-{number:08d}" for bmc in range(BMCS)
                  for number in range(fleet.acknowledged[bmc])}
        wait_for(lambda: wanted <= {name for name, _ in names(app)}, "all that was acknowledged")
        first_seen, ids = {}, {}
        for place, (name, event_id) in enumerate(names(app)):
            first_seen.setdefault(name, place)
            assert ids.setdefault(name, event_id) == event_id
        for bmc in range(BMCS):
            places = [first_seen[f"bmc-{bmc}-{n:08d}"] for n in range(fleet.acknowledged[bmc])]
            assert places == sorted(places)
