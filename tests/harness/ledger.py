"""The ledger of the crash rig: what was acknowledged, what came out, and whether that fits.

Times are seconds of one monotonic clock. A generation is one life of the daemon, from 1.
"""
import json
from collections import Counter

OLD = 0.5  # seconds before a kill; an earlier delivery must be remembered after it


class Event:
    """One event as a BMC sends it: the body never changes, however often it is sent."""

    __slots__ = ("key", "bmc", "number", "body", "first_sent", "sent_in", "acked_in", "resent_in")

    def __init__(self, bmc, number, filler):
        self.bmc, self.number = bmc, number
        self.key = f"{bmc}-{number}"
        stamp = f"2026-03-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        self.body = json.dumps({
            "@odata.type": "#Event.v1_7_0.Event", "Id": str(number), "Name": "Event Array",
            "Events": [{"EventType": "Alert", "EventId": self.key, "EventTimestamp": stamp,
                        "Severity": "OK", "Message": "." * filler,
                        "MessageId": "Made.1.0.Up"}]}).encode()
        self.first_sent = None
        self.sent_in = []       # generations that were given it until one said 200
        self.acked_in = None    # that one
        self.resent_in = set()  # generations that were given it once more, and said 200


class Inbox:
    """What one consumer got, against what its subscription is owed."""

    def __init__(self, name):
        self.name = name
        self.subscription = None  # its id, once 201 was given
        self.since = None         # when that was
        self.gone_in = None       # generation in which it was deleted; in later ones nothing comes
        self.seen = set()         # keys that it took, whether the daemon learned of it or not
        self.taken = {}           # key: (generation, time) of the latest while that daemon lived
        self.newest = {}          # BMC: the highest number taken
        self.missing = set()      # acknowledged, owed, not taken

    def subscribed(self, subscription, now):
        self.subscription, self.since = subscription, now
        self.newest.clear()

    def unsubscribed(self, generation):
        self.subscription, self.since, self.gone_in = None, None, generation
        self.missing.clear()

    def is_owed(self, event):
        return self.since is not None and event.first_sent > self.since


class Ledger:
    def __init__(self):
        self.events, self.ids, self.keys = {}, {}, {}
        self.inboxes = []
        self.killed_at = {}            # generation: time
        self.repeated = Counter()      # generation: deliveries of what the consumer had
        self.oldest_repeat = 0.0  # seconds from a delivery to the kill that made it come again
        self.counts = Counter()
        self.notes = []                # the first things that went wrong, in words

    def fault(self, kind, text):
        self.counts[kind] += 1
        if len(self.notes) < 40:
            self.notes.append(f"{kind}: {text}")

    # -- sender --

    def sending(self, event, generation, now):
        if event.first_sent is None:
            event.first_sent = now
            self.events[event.key] = event
        if event.acked_in is None and generation not in event.sent_in:
            event.sent_in.append(generation)

    def acknowledged(self, event, generation):
        if event.acked_in is not None:
            event.resent_in.add(generation)
            self.counts["resent"] += 1
            return
        event.acked_in = generation
        self.counts["acknowledged"] += 1
        for inbox in self.inboxes:
            if inbox.is_owed(event) and event.key not in inbox.taken:
                inbox.missing.add(event.key)

    def backlog(self):
        return max(len(inbox.missing) for inbox in self.inboxes)

    # -- consumers --

    def received(self, inbox, key, event_id, subscription, generation):
        """A whole delivery has come, whatever is answered."""
        self.counts["deliveries"] += 1
        if self.ids.setdefault(key, event_id) != event_id:
            self.fault("changed_ids", f"{key} came as {self.ids[key]} and as {event_id}")
        if self.keys.setdefault(event_id, key) != key:
            self.fault("changed_ids", f"{event_id} is {self.keys[event_id]} and {key}")
        if inbox.subscription is not None and subscription != inbox.subscription:
            self.fault("wrong_subscription", f"{key} to {inbox.name} for {subscription}")

    def taken(self, inbox, key, generation, now, is_alive):
        """A delivery was answered with 2xx. Unless the daemon that made it was alive still, it must
        come again."""
        self.repeated[generation] += key in inbox.seen
        inbox.seen.add(key)
        if not is_alive:
            return
        event = self.events[key]
        before = inbox.taken.get(key)
        inbox.taken[key] = generation, now
        inbox.missing.discard(key)
        if before is not None:
            self._repeated(inbox, event, before, generation)
        elif event.number < inbox.newest.get(event.bmc, 0):
            self.fault("out_of_order",
                       f"{key} to {inbox.name} after {inbox.newest[event.bmc]}")
        else:
            inbox.newest[event.bmc] = event.number

    def _repeated(self, inbox, event, before, generation):
        was, when = before
        age = self.killed_at[was] - when if was != generation else None
        self.oldest_repeat = max(self.oldest_repeat, age or 0)
        text = f"{event.key} to {inbox.name}, " + (
            "in one life" if age is None else f"taken {age * 1000:.0f} ms before a kill")
        if age is not None and age < OLD:
            return
        if generation in event.resent_in:
            self.fault("resend_stored_twice", text)
        else:
            self.fault("repeated_in_one_life" if age is None else "repeated_old", text)

    # -- end --

    def lost(self):
        """For each consumer that misses any, the events in words."""
        return {inbox.name: [self._story(key) for key in sorted(inbox.missing)]
                for inbox in self.inboxes if inbox.missing}

    def _story(self, key):
        event = self.events[key]
        return f"{key} (sent in {event.sent_in}, acknowledged in {event.acked_in})"
