#!/usr/bin/python3
"""Measures what durability costs and what a restart takes.

  tests/bench/run.sh --durable [--quick] [--events 1000000] [--json FILE]

Prints Markdown tables and writes the figures to build/bench-durable.json. Journal and memory are
measured in turn in the same run, and so are healthy subscribers with and without dead ones.
"""
import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import (CONNECTIONS, ROOT, Bench, Daemon, Sink, free_port, machine,  # noqa: E402
                   memory_kib, note, raise_file_limit, table)
from gurnard import request, wait_for  # noqa: E402

ACK_RATES = (1000, 10000, 20000)
ROUNDS = 5             # of journal and memory in turn
HEALTHY, DEAD = 10, 100


def metric(daemon, name, labels=""):
    text = request(daemon.admin, "GET", "/metrics")[2].decode()
    found = re.search(rf"^{name}{re.escape(labels)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


def disk_floor(folder, seconds):
    """What appending 1 KiB and syncing takes here, one after another."""
    took = []
    with open(folder / "floor", "wb", buffering=0) as file:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.monotonic()
            file.write(b"x" * 1024)
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - begin)
    took.sort()
    return {"p50_us": took[len(took) // 2] * 1e6, "p99_us": took[len(took) * 99 // 100] * 1e6}


def measure_acks(bench, seconds):
    """Answers to 64 BMCs, each given when the event is on disk."""
    rows = []
    with Sink(bench.build, 1) as sink, Daemon("--journal-size=2GiB", build=bench.build) as daemon:
        daemon.subscribe(f"http://127.0.0.1:{sink.ports[0]}/events")
        for rate in ACK_RATES:
            events = int(rate * seconds)
            before = metric(daemon, "gurnard_journal_syncs_total", '{journal="events"}')
            got = bench.step(sink, daemon.webhook, rate, events, True, daemon.process.pid)
            syncs = metric(daemon, "gurnard_journal_syncs_total", '{journal="events"}') - before
            rows.append({"rate": rate, "good": got["good"], "answered": got["load"]["answered"],
                         "events": events, "p50_us": got["load"]["p50_us"],
                         "p99_us": got["load"]["p99_us"], "syncs_per_event": syncs / events,
                         "cpu_us": got["cpu_us_per_event"]})
            note(f"  {rate}/s: p99 of the answer {rows[-1]['p99_us'] / 1000:.2f} ms, "
                 f"{rows[-1]['syncs_per_event']:.3f} syncs an event")
            bench.settle(sink)
    return rows


def one_latency(bench, durability, seconds):
    with Sink(bench.build, 1) as sink, \
            Daemon(f"--durability={durability}", build=bench.build) as daemon:
        daemon.subscribe(f"http://127.0.0.1:{sink.ports[0]}/events")
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        got = bench.step(sink, daemon.webhook, 1000, int(1000 * seconds), True, daemon.process.pid)
    return {"p50_us": got["sink"]["p50_us"], "p99_us": got["sink"]["p99_us"],
            "cpu_us": got["cpu_us_per_event"]}


def measure_price(bench, seconds):
    """The consumer's latency with the journal and without."""
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({kind: one_latency(bench, kind, seconds) for kind in ("journal", "memory")})
        note("  p50 " + ", ".join(f"{k} {v['p50_us']:.0f} us" for k, v in rounds[-1].items()))
    return {kind: {key: statistics.median(r[kind][key] for r in rounds)
                   for key in ("p50_us", "p99_us", "cpu_us")} for kind in ("journal", "memory")}


def healthy_figures(bench, sink, daemon, seconds):
    got = bench.step(sink, daemon.webhook, 500, int(500 * seconds), True)
    best = bench.highest(sink, daemon.webhook, True, min(seconds, 2), daemon.process.pid, first=500)
    return {"p50_us": got["sink"]["p50_us"], "p99_us": got["sink"]["p99_us"],
            "highest": best["rate"] if best else 0}


def measure_dead(bench, seconds):
    """Ten subscribers alone, then the same beside a hundred whose ports are closed."""
    figures = {}
    with Sink(bench.build, HEALTHY) as sink, Daemon(build=bench.build) as daemon:
        for port in sink.ports:
            daemon.subscribe(f"http://127.0.0.1:{port}/events")
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        figures["alone"] = healthy_figures(bench, sink, daemon, seconds)
        bench.settle(sink)
        with Sink(bench.build, DEAD) as doomed:
            for port in doomed.ports:
                daemon.subscribe(f"http://127.0.0.1:{port}/events")
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        wait_for(lambda: metric(daemon, "gurnard_outbox_sinks_down") == DEAD, "the dead to be down")
        figures["beside"] = healthy_figures(bench, sink, daemon, seconds)
        figures["rss_kib"] = memory_kib(daemon.process.pid, "VmHWM")
    note(f"  p99 alone {figures['alone']['p99_us'] / 1000:.2f} ms, beside the dead "
         f"{figures['beside']['p99_us'] / 1000:.2f} ms")
    return figures


def first_answer_s(daemon, begin):
    body = '{"Events":[{"MessageId":"Environmental.1.1.FanFailed","MessageArgs":["1"]}]}'

    def answered():
        with contextlib.suppress(OSError):
            return request(daemon.fixed_port, "POST", "/webhook/after", body)[0] == 200
        return False
    wait_for(answered, "the first 200", 120)
    return time.monotonic() - begin


def fill(bench, daemon, events):
    """Events for a subscriber that is away, as fast as they are taken."""
    done = subprocess.run([bench.build / "bin/bench_load", str(daemon.webhook), "9999", "60000",
                           str(events), str(CONNECTIONS), "with"], stdout=subprocess.PIPE, text=True)
    load = json.loads(done.stdout)
    if load["answered"] != events:
        raise RuntimeError(f"only {load['answered']} of {events} were taken")


def measure_restart(bench, events):
    """kill -9 with so many events queued; then the start, its memory, and the drain."""
    port = free_port()
    flags = ["--journal-size=8GiB", "--delivery-queue-events=10000000",
             "--delivery-queue-size=8GiB", "--delivery-retry-min=50ms", "--delivery-retry-max=200ms", f"--webhook-port={port}"]
    with Sink(bench.build, 1) as live, tempfile.TemporaryDirectory(prefix="gurnard-bench-") as tmp, \
            Daemon(*flags, store=Path(tmp) / "store", build=bench.build) as daemon:
        daemon.fixed_port = port
        with Sink(bench.build, 1) as away:
            away_port = away.ports[0]
            daemon.subscribe(f"http://127.0.0.1:{away_port}/events")
        fill(bench, daemon, events)
        note(f"  {events} events queued")
        daemon.stop(9)
        daemon.wait_ready = False
        begin = time.monotonic()
        daemon.start()
        ready_s = first_answer_s(daemon, begin)
        daemon.wait_ready = True
        line = wait_for(daemon._ready_line, "gurnardd.ready")
        daemon.api, daemon.admin = (int(re.search(rf"{k}=(\d+)", line).group(1))
                                    for k in ("api", "admin"))
        figures = {"events": events, "ready_s": ready_s,
                   "rss_kib": memory_kib(daemon.process.pid, "VmRSS"),
                   "journal_bytes": metric(daemon, "gurnard_journal_bytes", '{journal="events"}'),
                   "queued": metric(daemon, "gurnard_outbox_queued")}
        note(f"  first 200 after {ready_s:.2f} s, RSS {figures['rss_kib'] / 1024:.1f} MiB")
        daemon.subscribe(f"http://127.0.0.1:{live.ports[0]}/events")
        with Sink(bench.build, 1, away_port) as back:
            back.begin(9999, events)
            begin = time.monotonic()
            wait_for(lambda: back.report()["unique"] > 0, "the backlog to move", 60)
            figures["live"] = bench.step(live, port, 500, 2500, True)["sink"]
            wait_for(lambda: back.report()["unique"] == events, "the backlog to leave", 1200)
            figures["drain_per_s"] = events / (time.monotonic() - begin)
            figures["drained_twice"] = back.report()["duplicates"]
        figures["rss_max_kib"] = memory_kib(daemon.process.pid, "VmHWM")
    note(f"  drained at {figures['drain_per_s']:,.0f}/s, meanwhile p50 of another subscriber "
         f"{figures['live']['p50_us'] / 1000:.2f} ms")
    return figures


def ms(us):
    return f"{us / 1000:.2f}"


def as_markdown(f):
    acks = [[r["rate"], "yes" if r["good"] else "no", ms(r["p50_us"]), ms(r["p99_us"]),
             f"{r['syncs_per_event']:.3f}", f"{r['cpu_us']:.0f}"] for r in f["acks"]]
    price = [[kind, ms(v["p50_us"]), ms(v["p99_us"]), f"{v['cpu_us']:.0f}"]
             for kind, v in f["price"].items()]
    dead = [[kind, ms(f["dead"][k]["p50_us"]), ms(f["dead"][k]["p99_us"]), f["dead"][k]["highest"]]
            for kind, k in (("10 healthy alone", "alone"), ("beside 100 dead", "beside"))]
    restart = f["restart"]
    return "\n\n".join([
        f"{f['machine']}. The disk: 1 KiB appended and synced in {f['disk']['p50_us']:.0f} us "
        f"(p50), {f['disk']['p99_us']:.0f} us (p99).",
        "Answers to 64 BMCs, ms:",
        table(["events/s", "all in time", "p50", "p99", "syncs an event", "CPU us/event"], acks),
        f"A consumer's latency at 1,000 events/s, medians of {ROUNDS} rounds, ms:",
        table(["durability", "", "p50", "p99", "CPU us/event"], [[p[0], "", *p[1:]] for p in price]),
        f"p50 with the journal is {f['price']['journal']['p50_us'] / f['price']['memory']['p50_us']:.2f}"
        " times that in memory.",
        "Healthy subscribers, ms at 500 events/s, and their highest rate:",
        table(["", " ", "p50", "p99", "events/s"], [[d[0], "", *d[1:]] for d in dead]),
        f"Restart after kill -9 with {restart['events']:,} events queued "
        f"({restart['journal_bytes'] / (1 << 20):,.0f} MiB of journal): first 200 after "
        f"{restart['ready_s']:.2f} s, RSS {restart['rss_kib'] / 1024:.1f} MiB, at most "
        f"{restart['rss_max_kib'] / 1024:.1f} MiB while the backlog left at "
        f"{restart['drain_per_s']:,.0f} events/s; another subscriber got new events with p50 "
        f"{ms(restart['live']['p50_us'])} ms and p99 {ms(restart['live']['p99_us'])} ms meanwhile.",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="steps of one second")
    parser.add_argument("--events", type=int, default=1000000, help="queued at the restart")
    parser.add_argument("--only", default="acks,price,dead,restart", help="parts, by commas")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench-durable.json")
    options = parser.parse_args()
    seconds = 1 if options.quick else 4
    raise_file_limit()
    bench = Bench(options.build)
    figures = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="gurnard-bench-") as folder:
        figures["disk"] = disk_floor(Path(folder), 1)
    parts = {"acks": lambda: measure_acks(bench, seconds),
             "price": lambda: measure_price(bench, seconds),
             "dead": lambda: measure_dead(bench, seconds),
             "restart": lambda: measure_restart(bench, options.events)}
    for name in options.only.split(","):
        note(f"{name}:")
        figures[name] = parts[name]()
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if all(name in figures for name in parts):
        print(as_markdown(figures))
    else:
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
