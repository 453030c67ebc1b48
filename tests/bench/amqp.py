#!/usr/bin/python3
"""Measures delivery by AMQP beside delivery by HTTP: backlog, highest rate, latency, breaks.

  tests/bench/run.sh --amqp [--quick] [--json FILE]

Prints Markdown tables and writes the figures to build/bench-amqp.json. Three ways out are measured in
turns in the same run: by HTTP to the sink; by AMQP to a sink that stands for a router with one
receiver; by AMQP to Proton's example broker (compiled here, with a wider credit window than its
example's 5) and from there to a receiver.
"""
import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import (CONNECTIONS, ROOT, Bench, Daemon, Sink, cpu_ns, free_port, machine,  # noqa: E402
                   memory_kib, note, number, raise_file_limit, table)
from brokers import BROKER_SOURCE, answers, die_with_us  # noqa: E402
from gurnard import SYSTEMS, wait_for  # noqa: E402

WINDOW = 100
WINDOWS = (1, 10, 100, 1000)
BROKER_CREDIT = 1000
ROUNDS = 3
FILL_RATE = 8000      # events/s posted while nobody takes them
BREAK_RATE = 8000
BREAK_S = 0.2         # how long the peer is away
PATIENCE = 60
# Pauses that do not hide what is measured: the peer is found again soon.
SOON = ("--delivery-retry-min=20ms", "--delivery-retry-max=100ms", "--transport-retry-min=20ms",
        "--transport-retry-max=100ms")


class AmqpSink(Sink):
    """A peer of the daemon, or a receiver of the broker on a port."""

    def __init__(self, build, broker_port=None):
        how = ["connect", str(broker_port), SYSTEMS] if broker_port else ["listen"]
        self.process = subprocess.Popen([build / "bin/bench_amqp_sink", *how],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = [int(self.process.stdout.readline().split()[1])]


def build_broker(build):
    """Proton's example broker, with room for a window of ours."""
    program = build / "bench-broker"
    source = BROKER_SOURCE.read_text()
    wide = source.replace("const int WINDOW=5;", f"const int WINDOW={BROKER_CREDIT};")
    assert wide != source, f"{BROKER_SOURCE} is not the one that is known"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libqpid-proton"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run(["cc", "-O2", f"-I{BROKER_SOURCE.parent}", "-x", "c", "-", "-o", program, *flags,
                    "-lpthread"], check=True,
                   input=wide, text=True)
    return program


@contextlib.contextmanager
def broker(program):
    port = free_port()
    process = subprocess.Popen([program, "127.0.0.1", str(port)], cwd=BROKER_SOURCE.parent,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=die_with_us)
    try:
        wait_for(lambda: answers(port), "the broker")
        yield port
    finally:
        process.kill()
        process.wait()


# ---- the ways out: each gives a sink and a daemon that delivers to it ----

@contextlib.contextmanager
def by_http(bench, *flags):
    with Sink(bench.build, 1) as sink, Daemon(*SOON, *flags, build=bench.build) as daemon:
        daemon.subscribe(f"http://127.0.0.1:{sink.ports[0]}/events")
        yield sink, daemon


@contextlib.contextmanager
def amqp_daemon(bench, port, *flags):
    with Daemon(f"--transport-host=amqp://127.0.0.1:{port}", f"--transport-amqp-window={WINDOW}",
                *SOON, *flags, build=bench.build) as daemon:
        yield daemon


@contextlib.contextmanager
def by_peer(bench, *flags):
    with AmqpSink(bench.build) as sink, amqp_daemon(bench, sink.ports[0], *flags) as daemon:
        wait_for(lambda: "amqp.up" in daemon.log(), "the connection")
        yield sink, daemon


@contextlib.contextmanager
def by_broker(bench, *flags):
    with broker(bench.broker) as port, AmqpSink(bench.build, port) as sink, \
            amqp_daemon(bench, port, *flags) as daemon:
        wait_for(lambda: "amqp.up" in daemon.log(), "the connection")
        yield sink, daemon


WAYS = {"HTTP": by_http, "AMQP, a peer": by_peer, "AMQP, broker and receiver": by_broker}


# ---- a backlog ----

def load(bench, daemon, rate, events):
    """The generator alone; every event must have been stored."""
    done = subprocess.run([bench.build / "bin/bench_load", str(daemon.webhook), str(bench.run),
                           str(rate), str(events), str(CONNECTIONS), "with"],
                          stdout=subprocess.PIPE, text=True)
    seen = json.loads(done.stdout)
    assert seen["failed"] == 0 and seen["unanswered"] == 0, seen


def await_all(sink, events):
    end = time.monotonic() + PATIENCE
    while (seen := sink.report())["unique"] < events and time.monotonic() < end:
        time.sleep(0.02)
    return seen


def drained(sink, daemon, events, cpu_before):
    seen = await_all(sink, events)
    spent = cpu_ns(daemon.process.pid) - cpu_before
    taken = max(1, seen["last_ns"] - seen["first_ns"])
    return {"rate": seen["unique"] / taken * 1e9, "cpu_us": spent / 1000 / events,
            "lost": events - seen["unique"], "repeated": seen["duplicates"],
            "rss_kib": memory_kib(daemon.process.pid, "VmHWM")}


def drain_amqp(bench, events, *flags):
    """Events wait while the peer is away; then it comes."""
    bench.run += 1
    with by_peer(bench, *flags) as (sink, daemon):
        sink.begin(bench.run, events)
        sink.ask("close")
        load(bench, daemon, FILL_RATE, events)
        before = cpu_ns(daemon.process.pid)
        sink.ask("open")
        return drained(sink, daemon, events, before)


def drain_http(bench, events):
    bench.run += 1
    with by_http(bench) as (sink, daemon):
        port = sink.ports[0]
        sink.process.stdin.close()
        sink.process.wait(10)
        load(bench, daemon, FILL_RATE, events)
        before = cpu_ns(daemon.process.pid)
        sink.process = Sink(bench.build, 1, port).process
        sink.begin(bench.run, events)
        return drained(sink, daemon, events, before)


def measure_backlog(bench, events):
    rows = {"HTTP": drain_http(bench, events)}
    note(f"    HTTP {rows['HTTP']['rate']:.0f}/s")
    for window in WINDOWS:
        name = f"AMQP, window {window}"
        rows[name] = drain_amqp(bench, events, f"--transport-amqp-window={window}")
        note(f"    {name} {rows[name]['rate']:.0f}/s")
    name = f"AMQP, window {WINDOW}, presettled"
    rows[name] = drain_amqp(bench, events, "--transport-amqp-presettled=/")
    note(f"    {name} {rows[name]['rate']:.0f}/s")
    return rows


# ---- rates and latency ----

def measure_highest(bench, seconds):
    rows = {}
    for name, way in WAYS.items():
        with way(bench) as (sink, daemon):
            bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
            pid = daemon.process.pid
            rows[name] = bench.highest(sink, daemon.webhook, True, seconds, pid, first=4000)
            note(f"    {name}: {rows[name] and rows[name]['rate']}/s")
    return rows


def one_latency(bench, way, seconds):
    with way(bench) as (sink, daemon):
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        got = bench.step(sink, daemon.webhook, 1000, int(1000 * seconds), True, daemon.process.pid)
        bench.settle(sink)
    return got


def measure_latency(bench, seconds):
    runs = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            runs[name].append(one_latency(bench, way, seconds))
            note(f"    {name}: p50 {runs[name][-1]['sink']['p50_us']:.0f} us")
    return runs


# ---- breaks ----

def measure_breaks(bench, seconds):
    """The peer breaks off again and again while events come; it keeps what it has counted."""
    bench.run += 1
    events = int(BREAK_RATE * seconds)
    breaks = 0
    with by_peer(bench) as (sink, daemon):
        sink.begin(bench.run, events)
        generator = subprocess.Popen(
            [bench.build / "bin/bench_load", str(daemon.webhook), str(bench.run), str(BREAK_RATE),
             str(events), str(CONNECTIONS), "with"], stdout=subprocess.PIPE, text=True)
        while generator.poll() is None:
            time.sleep(0.5)
            sink.ask("close")
            time.sleep(BREAK_S)
            sink.ask("open")
            breaks += 1
        posted = json.loads(generator.communicate()[0])
        seen = await_all(sink, events)
        outcomes = {outcome: daemon.metric(f'gurnard_amqp_outcomes_total'
                                           f'{{connection="127.0.0.1:{sink.ports[0]}",'
                                           f'outcome="{outcome}"}}')
                    for outcome in ("accepted", "released", "rejected", "lost", "unknown")}
    return {"events": events, "breaks": breaks, "refused": posted["failed"],
            "lost": events - seen["unique"], "repeated": seen["duplicates"],
            "p50_us": seen["p50_us"], "max_us": seen["max_us"], "outcomes": outcomes}


# ---- the report ----

def as_markdown(figures):
    backlog = [[name, number(row["rate"]), number(row["cpu_us"], 1), row["lost"], row["repeated"],
                number(row["rss_kib"] / 1024, 1)] for name, row in figures["backlog"].items()]
    rates = []
    for name in WAYS:
        top, runs = figures["highest"][name], figures["latency"][name]
        rates.append([name, number(top and top["rate"]), number(top and top["cpu_us_per_event"], 1),
                      *(number(statistics.median(run["sink"][key] for run in runs) / 1000, 2)
                        for key in ("p50_us", "p99_us")),
                      number(statistics.median(run["cpu_us_per_event"] for run in runs), 0)])
    broken = figures["breaks"]
    return "\n\n".join([
        f"{figures['machine']}; window {WINDOW}, {CONNECTIONS} BMCs.",
        f"{figures['events']:,} events waited on disk when the receiver came: rate until the last "
        "one was there, CPU us an event in the daemon, RSS in MiB:",
        table(["way", "events/s", "CPU", "lost", "repeated", "RSS"], backlog),
        "From the webhook to the receiver: highest rate with nothing lost or late and CPU us an "
        "event there; p50, p99 (ms) and CPU at 1,000/s:",
        table(["way", "highest", "CPU", "p50", "p99", "CPU at 1,000/s"], rates),
        f"{broken['breaks']} breaks of {BREAK_S} s each under {BREAK_RATE:,} events/s: of "
        f"{broken['events']:,} events {broken['lost']} were lost and {broken['repeated']} came "
        f"twice; {broken['refused']} were refused at the webhook.",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short steps, a smaller backlog")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench-amqp.json")
    options = parser.parse_args()
    seconds = 1 if options.quick else 3
    events = 20000 if options.quick else 100000
    raise_file_limit()
    bench = Bench(options.build)
    bench.broker = build_broker(options.build)
    figures = {"machine": machine(), "seconds": seconds, "events": events}
    note("a backlog")
    figures["backlog"] = measure_backlog(bench, events)
    note("highest rates")
    figures["highest"] = measure_highest(bench, seconds)
    note("1,000 events/s")
    figures["latency"] = measure_latency(bench, seconds)
    note("breaks")
    figures["breaks"] = measure_breaks(bench, 5 * seconds)
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(as_markdown(figures))


if __name__ == "__main__":
    sys.exit(main())
