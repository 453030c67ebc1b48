#!/usr/bin/python3
"""Kills gurnardd again and again under load and keeps a ledger: what it acknowledged must come out.

  crash.py --cycles N --mode kill|strict|garbage [--seed S] [--consumers 3] [--sweep] [--json FILE]

kill      SIGKILL: what was written survives, synced or not
strict    a power failure that leaves only what was synced (powerfail.py)
garbage   a power failure that leaves by chance also parts of what was not synced
--sweep   the n-th life ends behind its n-th call that changes the store
--lie     the disk ignores syncs (data: only fdatasync). Then there must be losses, else this rig
          proves nothing.

Exit code 0: nothing lost, repeated, out of order or renamed beyond what docs/reliability.md allows
(with --lie: losses were noticed). One thread, standard library only; the daemon is that of the
release build ($GURNARD_RELEASE), since preloading and AddressSanitizer do not mix.
"""
import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path

from gurnard import NODE, RELEASE, SYSTEMS, V1
from ledger import Event, Ledger
from peers import Connection, Consumer, Unanswered
from powerfail import Disk

BMCS = 6
BACKLOG = 300        # owed to one consumer; more, and the BMCs wait a little
START_PATIENCE = 10  # seconds until ready
TRAFFIC_SPAN = 0.25  # seconds from ready to a kill, at most
SWEEP = 200          # calls after which a sweep begins anew: a start has some 20
LONG_SPAN = 1.8      # the same for one life in twenty: what happens each second is met, too
FLAGS = ("--delivery-retry-min=5ms", "--delivery-retry-max=100ms")
JOURNALS = (("--journal-segment=64KiB", "--journal-size=4MiB"),  # soon full: room has to be made
            ("--journal-segment=256KiB", "--journal-size=32MiB"))
FAULTS = ("lost", "out_of_order", "changed_ids", "resend_stored_twice", "repeated_in_one_life",
          "repeated_old", "wrong_subscription", "after_delete", "records_wrong", "failed_starts",
          "died_alone", "bad_answers", "bad_exit")


class GivenUp(Exception):
    """gurnardd does not start any more."""


class Rig:
    def __init__(self, cycles, mode="kill", seed=1, consumers=3, lie=None, daemon=None,
                 library=None, flags=None, patience=10, sweep=False):
        self.cycles, self.mode, self.seed, self.lie = cycles, mode, seed, lie
        self.sweep = sweep
        self.daemon = Path(daemon or RELEASE / "bin/gurnardd")
        self.library = Path(library or RELEASE / "bin/libpowerfail.so")
        flags = FLAGS + JOURNALS[seed % 2] if flags is None else flags
        self.patience = patience  # seconds without any delivery until the rest counts as lost
        self.rng = random.Random(seed)
        self.dir = Path(tempfile.mkdtemp(prefix="gurnard-crash-"))
        self.store = self.dir / "disk/store"
        (self.dir / "disk").mkdir()
        (self.dir / "none").mkdir()
        self.disk = Disk(self.library, self.dir / "disk", self.dir / "shadow",
                         random.Random(seed), lie)
        self.command = [
            self.daemon, "--webhook-port=0", "--api-port=0", "--metrics-addr=127.0.0.1:0",
            f"--store-path={self.store}", f"--node-name={NODE}",
            f"--registries-paths={self.dir / 'none'}", *flags]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GURNARD_")}
        self.ledger = Ledger()
        kinds = ("healthy", "slow", "failing")
        self.consumers = [Consumer(self, n, kinds[n % 3]) for n in range(consumers)]
        self.guest = Consumer(self, "guest", "healthy")  # subscribes and leaves in mid-run
        # Takes nothing: its backlog fills a small journal, and is given up bit by bit.
        self.gone = [Consumer(self, "owed", "gone")] if seed % 2 == 0 else []
        self.ledger.inboxes = [c.inbox for c in (*self.consumers, self.guest)]
        self.generation, self.is_alive, self.is_ending = 0, False, False
        self.up, self.checked = asyncio.Event(), asyncio.Event()
        self.armed = None               # [what must happen until the kill, how often]
        self.starts = []
        self.records = {}               # id: record, as 201 gave it
        self.unsure = Counter()         # ids being deleted when the daemon was killed
        self.kinds = Counter()
        self.answers = Counter()
        self.weather = []               # tasks of the consumers that fail now and then

    # -- the daemon --

    async def start(self, kill_after=None, kill_at=0):
        """Starts it; True when it is ready, False when it was killed or failed before.

        kill_after: seconds until it is killed. kill_at: it is killed behind this many calls that
        change the store, wherever that is.
        """
        loop = asyncio.get_running_loop()
        self.generation += 1
        self.ready, self.dead = loop.create_future(), loop.create_future()
        self.text = b""
        self.kill_at = kill_at
        env = self.env if self.mode == "kill" and not kill_at else {
            **self.env, **self.disk.env(kill_at)}
        began = time.monotonic()
        out, into = os.pipe()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=into,
                                        stderr=into, env=env)
        os.close(into)
        loop.add_reader(out, self._on_log, out)
        self.is_alive = True
        timer = None if kill_after is None else loop.call_later(kill_after, self.kill)
        await asyncio.wait({self.ready, self.dead}, timeout=START_PATIENCE,
                           return_when=asyncio.FIRST_COMPLETED)
        is_ready = self.ready.done() and self.ready.result() is not None
        if timer is not None and is_ready:
            await self.dead
        if self.dead.done():
            return False
        if timer is not None:
            timer.cancel()
        if not is_ready:
            self._failed_start()
            return False
        self.starts.append((self.ready.result() - began) * 1000)
        return True

    def _on_log(self, out):
        text = os.read(out, 65536)
        if not text:
            asyncio.get_running_loop().remove_reader(out)
            os.close(out)
            if self.kill_at and self.process.wait() == -signal.SIGKILL:
                self.kill("call")
            if not self.ready.done():
                self.ready.set_result(None)
            return
        with open(self.dir / "gurnardd.log", "ab") as log:
            log.write(text)
        self.text = (self.text + text)[-100_000:]
        found = re.search(rb"gurnardd\.ready (.*)\n", self.text)
        if found and not self.ready.done():
            ports = {k.decode(): int(v) for k, v in re.findall(rb"(\w+)=(\d+)", found[1])}
            self.webhook, self.api = ports["webhook"], ports["api"]
            self.ready.set_result(time.monotonic())
            self.up.set()

    def _failed_start(self):
        text = self.text.decode(errors="replace")[-1500:]
        self.ledger.fault("failed_starts", f"generation {self.generation}: {text}")
        kept = self.dir / f"failed-{self.generation}"
        shutil.copytree(self.dir / "disk", kept)
        self.kill()
        if self.ledger.counts["failed_starts"] >= 3:
            raise GivenUp

    def kill(self, kind="recovery"):
        """At once, without giving anybody else a turn."""
        if self.dead.done():
            return
        code = self.process.poll()
        is_asked_for = code == -signal.SIGKILL and self.kill_at
        if code is not None and not is_asked_for and self.up.is_set():
            self.ledger.fault("died_alone", self.text.decode(errors="replace")[-3000:])
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.ledger.killed_at[self.generation] = time.monotonic()
        self.ledger.counts["kills"] += 1
        self.kinds[kind] += 1
        self.is_alive = False
        self.up.clear()
        self.checked.clear()
        self.dead.set_result(kind)

    async def bury(self):
        """What the dead one had sent is read; then the power failure, if it was one."""
        self.process.wait()
        for _ in range(8):  # rounds of the loop: accept, connection, data, end
            await asyncio.sleep(0)
        self.disk.fail(self.mode)

    def happened(self, what):
        """Something that a kill may have been waiting for."""
        if self.armed and self.armed[0] == what and self.is_alive:
            self.armed[1] -= 1
            if self.armed[1] <= 0:
                self.armed = None
                self.kill(what)

    # -- BMCs --

    async def bmc(self, name):
        """Sends events one after another, each until it is acknowledged; some of them again."""
        connection, sent = Connection(), deque(maxlen=200)
        number = 0
        while not self.is_ending:
            number += 1
            size = self.rng.choices((0, 300, 3000, 90000), (20, 50, 20, 10))[0]
            event = Event(name, number, self.rng.randint(0, size))
            await self.post(connection, event)
            sent.append(event)
            chance = self.rng.random()
            if chance < 0.05:
                await self.post(connection, event)
            elif chance < 0.08 and not self.gone:  # else its id may have gone with its segment
                await self.post(connection, self.rng.choice(sent))
            elif chance < 0.1:
                connection.close()
            await asyncio.sleep(self.rng.uniform(0, 0.01))
            for _ in range(20):
                if self.ledger.backlog() > BACKLOG:
                    await asyncio.sleep(0.01)
        connection.close()

    async def post(self, connection, event):
        while True:
            await self.up.wait()
            generation = self.generation
            self.ledger.sending(event, generation, time.monotonic())
            try:
                status, _ = await connection.ask(self.webhook, "POST", f"/webhook/{event.bmc}",
                                                 event.body)
            except Unanswered:
                await asyncio.sleep(0.001)
                continue
            if status == 200:
                self.ledger.acknowledged(event, generation)
                self.happened("ack")
                return
            self.answers[status] += 1
            if status != 503:
                self.ledger.fault("bad_answers", f"{status} to {event.key}")
            await asyncio.sleep(0.01)

    # -- subscriptions --

    async def api_call(self, method, path, body=None):
        connection = Connection()
        try:
            text = b"" if body is None else json.dumps(body).encode()
            status, answer = await connection.ask(self.api, method, V1 + path, text)
        finally:
            connection.close()
        return status, json.loads(answer)

    async def subscribe(self, consumer):
        consumer.inbox.gone_in = None
        status, record = await self.api_call(
            "POST", "/subscriptions", {"endpointUri": consumer.url, "resource": SYSTEMS})
        if status != 201:
            self.ledger.fault("bad_answers", f"{status} to a subscription: {record}")
            return
        self.records[record["id"]] = record
        consumer.inbox.subscribed(record["id"], time.monotonic())

    async def guest_comes_or_leaves(self):
        """Ends with a kill right behind the answer."""
        inbox = self.guest.inbox
        if inbox.since is None:
            await self.subscribe(self.guest)
        else:
            number = inbox.subscription
            inbox.unsubscribed(self.generation)
            status, _ = await self.api_call("DELETE", f"/subscriptions/{number}")
            if status != 200:
                self.ledger.fault("bad_answers", f"{status} to a deletion")
            self.records.pop(number, None)
        self.kill("subscription")

    async def check_records(self):
        """What 201 was given for is there as it was; what was deleted is not."""
        _, found = await self.api_call("GET", "/subscriptions")
        if self.dead.done():
            return  # too late: the next life is asked again
        found = {r["id"]: {**r, "endpointUri": r["endpointUri"] or ""} for r in found}
        for number, record in list(self.records.items()):
            if number in self.unsure and number not in found:
                del self.records[number]
            elif found.get(number) != record:
                self.ledger.fault("records_wrong", f"{record}, found {found.get(number)}")
                del self.records[number]
        self.unsure.clear()
        for number, record in found.items():
            if number not in self.records:
                if not record["resource"].startswith("/passing/"):
                    self.ledger.fault("records_wrong", f"not expected: {record}")
                self.records[number] = record  # its 201 was under way
        self.checked.set()

    async def passers_by(self):
        """Makes and deletes subscriptions without endpoint all the time."""
        serial = 0
        while not self.is_ending:
            await self.checked.wait()
            passing = [n for n, r in self.records.items() if r["resource"].startswith("/passing/")]
            with contextlib.suppress(Unanswered):
                if len(passing) > 8 or passing and self.rng.random() < 0.5:
                    number = self.rng.choice(passing)
                    self.unsure[number] += 1
                    status, _ = await self.api_call("DELETE", f"/subscriptions/{number}")
                    if status == 200:
                        self.records.pop(number, None)
                        del self.unsure[number]
                else:
                    serial += 1
                    status, record = await self.api_call(
                        "POST", "/subscriptions", {"resource": f"/passing/{serial}"})
                    if status == 201:
                        self.records[record["id"]] = record
            await asyncio.sleep(self.rng.uniform(0.002, 0.02))

    # -- the run --

    async def cycle(self, number):
        """One life and its end: during the start, behind a call, or when something happens."""
        kill_after, kill_at = None, 0
        is_guests = number % max(4, self.cycles // 8) == 2 and not self.sweep
        chance = 1 if is_guests or not self.starts else self.rng.random()
        if self.sweep:
            kill_at = number % (SWEEP + 1)  # the first life has none: it gets the subscriptions
        elif chance < 0.2:
            kill_after = self.rng.uniform(0, 1.3) * statistics.median(self.starts) / 1000
        elif chance < 0.5:
            kill_at = self.rng.randint(1, self.rng.choice((40, 300)))
        if await self.start(kill_after, kill_at):
            if not self.weather:
                await self.first_subscriptions()
            with contextlib.suppress(Unanswered):
                await self.check_records()
                if is_guests:
                    await self.guest_comes_or_leaves()
            if not self.dead.done():
                await self.wait_for_the_moment()
        await self.bury()

    async def first_subscriptions(self):
        for consumer in (*self.consumers, *self.gone):
            await self.subscribe(consumer)
        self.weather = [asyncio.create_task(c.come_and_go())
                        for c in self.consumers if c.is_failing]

    async def wait_for_the_moment(self):
        """Until a kill that is due to something happening, or for a random while."""
        span = LONG_SPAN if self.rng.random() < 0.05 else TRAFFIC_SPAN
        kind = self.rng.choice(("traffic", "ack", "delivery"))
        if self.kill_at:
            span *= 2
        elif kind == "traffic" or span == LONG_SPAN:
            span *= self.rng.random()
        else:
            self.armed = [kind, self.rng.randint(1, 40)]
            span *= 2
        await asyncio.wait({self.dead}, timeout=span)
        self.armed = None
        self.kill("traffic")

    async def drain(self, tasks):
        """Lets everything come out; returns the seconds that took."""
        began = last = time.monotonic()
        while not await self.start():
            await self.bury()
        with contextlib.suppress(Unanswered):
            await self.check_records()
        self.is_ending = True
        await asyncio.wait(tasks)
        taken = -1
        while self.ledger.backlog() > 0 and time.monotonic() - last < self.patience:
            await asyncio.sleep(0.01)
            now = sum(len(i.taken) for i in self.ledger.inboxes)
            if now != taken:
                taken, last = now, time.monotonic()
        return time.monotonic() - began

    async def run(self):
        began = time.monotonic()
        for consumer in (*self.consumers, self.guest, *self.gone):
            await consumer.open()
        tasks = [asyncio.create_task(self.bmc(f"bmc-{n}")) for n in range(BMCS)]
        tasks.append(asyncio.create_task(self.passers_by()))
        drained = 0
        try:
            for number in range(self.cycles):
                await self.cycle(number)
            drained = await self.drain(tasks)
            await self.end()
        except GivenUp:
            pass  # the report tells
        finally:
            for task in (*tasks, *self.weather):
                task.cancel()
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        return self.report(time.monotonic() - began - drained, drained)

    async def end(self):
        self.is_alive = False
        self.process.send_signal(signal.SIGTERM)
        while self.process.poll() is None:
            await asyncio.sleep(0.01)
        if self.process.returncode != 0:
            self.ledger.fault("bad_exit", f"{self.process.returncode}: "
                              f"{self.text.decode(errors='replace')[-3000:]}")

    # -- the report --

    def report(self, killing, drained):
        ledger, lost = self.ledger, self.ledger.lost()
        counts = ledger.counts
        counts["lost"] = sum(map(len, lost.values()))
        report = {
            "mode": self.mode, "seed": self.seed, "sweep": self.sweep, "lie": self.lie,
            "consumers": len(self.consumers),
            "kills": counts["kills"], "kill_kinds": dict(self.kinds),
            "kills_per_s": round(counts["kills"] / killing, 1),
            "acknowledged": counts["acknowledged"], "resent": counts["resent"],
            "deliveries": counts["deliveries"],
            "repeated": sum(ledger.repeated.values()),
            "most_repeated_per_kill": max(ledger.repeated.values(), default=0),
            "oldest_repeat_ms": round(ledger.oldest_repeat * 1000),
            **{fault: counts[fault] for fault in FAULTS},
            "median_start_ms": round(statistics.median(self.starts or [0]), 1),
            "longest_start_ms": round(max(self.starts, default=0), 1),
            "drain_s": round(drained, 2), "seconds": round(killing + drained, 1),
            "answers": dict(self.answers),
            "undone": dict(self.disk.counts),
            "lost_events": {name: keys[:10] for name, keys in lost.items()},
            "notes": ledger.notes,
        }
        report["clean"] = not any(report[fault] for fault in FAULTS)
        report["folder"] = None if report["clean"] or self.lie else str(self.dir)
        if report["folder"] is None:
            shutil.rmtree(self.dir)
        return report


def crash(cycles, **options):
    """Runs the rig and returns its report."""
    async def run():
        return await Rig(cycles, **options).run()
    return asyncio.run(run())


def table(report):
    """The report for a reader."""
    rows = {k: v for k, v in report.items() if k not in ("notes", "lost_events")}
    lines = []
    for key, value in rows.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items()) or "-"
        mark = "  <--" if key in FAULTS and value else ""
        lines.append(f"{key:24} {value}{mark}")
    for name, keys in report["lost_events"].items():
        lines.append(f"lost for {name}: {', '.join(keys)}")
    return "\n".join(lines + report["notes"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--mode", choices=("kill", "strict", "garbage"), default="kill")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--consumers", type=int, default=3)
    parser.add_argument("--lie", choices=("1", "data"),
                        help="the disk ignores syncs: all of them, or only fdatasync")
    parser.add_argument("--sweep", action="store_true",
                        help="kill behind the 1st, 2nd ... call that changes the store")
    parser.add_argument("--json", help="file for the report")
    parser.add_argument("--daemon", help="gurnardd to test")
    args = parser.parse_args()
    report = crash(args.cycles, mode=args.mode, seed=args.seed, consumers=args.consumers,
                   lie=args.lie, sweep=args.sweep, daemon=args.daemon)
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))
    return 0 if (report["lost"] > 0 if args.lie else report["clean"]) else 1


if __name__ == "__main__":
    sys.exit(main())
