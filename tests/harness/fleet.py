"""BMCs that send numbered events and remember which of them the daemon promised to keep."""
import contextlib
import http.client
import json
from collections import defaultdict

from gurnard import request, value_of, wait_for


def key_of(delivered):
    """BMC and number of a delivered event, `bmc-number`."""
    return value_of(delivered)["Events"][0]["EventId"]


def keys_of(sink):
    """Of everything that a sink has taken, in order of arrival."""
    with sink.lock:
        bodies = list(sink.events)
    keys = []
    for body in bodies:
        with contextlib.suppress(ValueError):  # cut off: the sender went away in the middle
            keys.append(key_of(json.loads(body)))
    return keys


def firsts(keys):
    """Without what came before."""
    return list(dict.fromkeys(keys))


def by_bmc(keys):
    lanes = defaultdict(list)
    for key in keys:
        bmc, number = key.rsplit("-", 1)
        lanes[bmc].append(int(number))
    return lanes


class Fleet:
    """Sends events to daemon.webhook; acked holds the keys that were answered 200, in order."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.acked = []
        self.next = defaultdict(lambda: 1)
        self.bodies = {}

    def send(self, bmc="b1", filler=0, severity="OK"):
        """One new event; its status, or None when no answer came."""
        key = f"{bmc}-{self.next[bmc]}"
        self.next[bmc] += 1
        self.bodies[key] = json.dumps({
            "@odata.type": "#Event.v1_7_0.Event", "Id": "1", "Name": "Event Array",
            "Events": [{"EventType": "Alert", "EventId": key, "Severity": severity,
                        "EventTimestamp": "2026-03-01T12:00:00Z", "Message": "." * filler,
                        "MessageId": "Made.1.0.Up"}]})
        return self.resend(key)

    def resend(self, key):
        """The same body once more."""
        try:
            status, self.headers, _ = request(
                self.daemon.webhook, "POST", "/webhook/" + key.rsplit("-", 1)[0],
                self.bodies[key], {"Content-Type": "application/json"})
        except (OSError, http.client.HTTPException):
            return None
        if status == 200 and key not in self.acked:
            self.acked.append(key)
        return status

    def must_send(self, count, bmcs=("b1",), **kind):
        """count events of each BMC in turn, all of which must be taken."""
        for _ in range(count):
            for bmc in bmcs:
                status = self.send(bmc, **kind)
                assert status == 200, status

    def all_arrive_at(self, *sinks, patience=30):
        """Everything promised comes to each of the sinks, first attempts in order for each BMC."""
        for sink in sinks:
            missing = lambda: sorted(set(self.acked) - set(keys_of(sink)))  # noqa: E731
            try:
                wait_for(lambda: not missing(), "all promised events", patience)
            except AssertionError:
                raise AssertionError(f"{len(missing())} of {len(self.acked)} promised events "
                                     f"never came: {missing()[:20]}") from None
            for bmc, numbers in by_bmc(firsts(keys_of(sink))).items():
                assert numbers == sorted(numbers), (bmc, numbers)
