#!/usr/bin/python3
"""Measures two daemons in a row (producer, consumer) beside one alone, 100 subscribers of one
resource, and the API at a thousand subscriptions.

  tests/bench/run.sh --row [--quick] [--json FILE]

Prints a Markdown table and writes the figures to build/bench-row.json. One daemon and two are
measured in turns, in the same run, each several times; the figure is the median.
"""
import argparse
import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

from bench import (CONNECTIONS, ROOT, Bench, Sink, cpu_ns, machine, memory_kib, note, number,
                   raise_file_limit, table)
from gurnard import SYSTEMS, Daemon, request, wait_for

ROUNDS = 3
SUBSCRIPTIONS = 1000
API_ASKS = 200


@contextlib.contextmanager
def alone(bench, sink):
    """One daemon: BMC -> gurnardd -> application."""
    with Daemon(build=bench.build) as daemon:
        for port in sink.ports:
            daemon.subscribe(f"http://127.0.0.1:{port}/events")
        yield daemon, [daemon.process.pid]


@contextlib.contextmanager
def in_row(bench, sink):
    """Two: BMC -> producer -> consumer -> application."""
    with Daemon(build=bench.build) as producer:
        with Daemon(f"--http-event-publishers=http://127.0.0.1:{producer.transport}",
                    build=bench.build) as consumer:
            for port in sink.ports:
                consumer.subscribe(f"http://127.0.0.1:{port}/events")
            wait_for(lambda: "registrar.registered" in consumer.log(), "registration")
            yield producer, [producer.process.pid, consumer.process.pid]


def at_rate(bench, sink, make, rate, seconds):
    with make(bench, sink) as (daemon, pids):
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        before = [cpu_ns(pid) for pid in pids]
        events = max(50, int(rate * seconds))
        got = bench.step(sink, daemon.webhook, rate, events, True)
        got["cpu_us"] = [(cpu_ns(pid) - was) / 1000 / events
                         for pid, was in zip(pids, before)]
        bench.settle(sink)
        return got


def compare_latency(bench, rate, seconds):
    figures = {}
    with Sink(bench.build, 1) as sink:
        for _ in range(ROUNDS):
            for name, make in (("one", alone), ("two", in_row)):
                got = at_rate(bench, sink, make, rate, seconds)
                note(f"    {name}: {rate}/s p50 {got['sink']['p50_us']:.0f} us"
                     f"{'' if got['good'] else ', lost or late'}")
                figures.setdefault(name, []).append(got)
    return figures


def highest(bench, make, seconds):
    with Sink(bench.build, 1) as sink, make(bench, sink) as (daemon, pids):
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, True)
        got = bench.highest(sink, daemon.webhook, True, seconds, first=4000)
        return {"highest": got, "rss_kib": [memory_kib(pid, "VmHWM") for pid in pids]}


def fan_out(bench, seconds):
    """100 subscribers of one resource at 100 events/s."""
    with Sink(bench.build, 100) as sink:
        return at_rate(bench, sink, alone, 100, max(seconds, 3))


def asked(daemon, method, path, body=None):
    begin = time.monotonic()
    status, _, _ = request(daemon.api, method, path, body,
                           {"Content-Type": "application/json"} if body else {})
    assert status in (200, 201, 204), (method, path, status)
    return (time.monotonic() - begin) * 1000


def measure_api(bench):
    """Answers of the API, and memory, when there are many subscriptions."""
    v1, v2 = "/api/ocloudNotifications/v1", "/api/ocloudNotifications/v2"
    native = "/api/gurnard/v1"
    result = {}
    with Sink(bench.build, 1) as sink, Daemon(build=bench.build) as daemon:
        url = f"http://127.0.0.1:{sink.ports[0]}"
        daemon.subscribe(f"{url}/first")
        before = memory_kib(daemon.process.pid, "VmRSS")
        times = []
        for i in range(SUBSCRIPTIONS):
            times.append(asked(daemon, "POST", v1 + "/subscriptions",
                               {"resource": SYSTEMS, "endpointUri": f"{url}/a{i}"}))
        result["create_ms"] = times[-API_ASKS:]
        result["kib_each"] = (memory_kib(daemon.process.pid, "VmRSS") - before) / SUBSCRIPTIONS
        some = json.loads(request(daemon.api, "GET", v1 + "/subscriptions")[2])[-1]["id"]
        result["get_ms"] = [asked(daemon, "GET", f"{v1}/subscriptions/{some}")
                            for _ in range(API_ASKS)]
        result["list_ms"] = [asked(daemon, "GET", v1 + "/subscriptions") for _ in range(API_ASKS)]
        result["create_v2_ms"] = [
            asked(daemon, "POST", v2 + "/subscriptions",
                  {"ResourceAddress": SYSTEMS, "EndpointUri": f"{url}/b{i}"})
            for i in range(API_ASKS)]
        result["create_native_ms"] = [
            asked(daemon, "POST", native + "/subscriptions", {"sink": f"{url}/c{i}"})
            for i in range(API_ASKS)]
    return result


def median(rows, key):
    return statistics.median(row["sink"][key] for row in rows)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def as_markdown(figures):
    one, two = figures["latency"]["one"], figures["latency"]["two"]
    ratio = median(two, "p50_us") / median(one, "p50_us")
    rows = []
    for name, runs in (("one", one), ("two in a row", two)):
        top = figures["highest"]["one" if name == "one" else "two"]
        rows.append([name, number(median(runs, "p50_us") / 1000, 2),
                     number(median(runs, "p99_us") / 1000, 2),
                     " + ".join(number(statistics.median(run["cpu_us"][i] for run in runs), 0)
                                for i in range(len(runs[0]["cpu_us"]))),
                     number(top["highest"] and top["highest"]["rate"]),
                     " + ".join(number(kib / 1024, 1) for kib in top["rss_kib"])])
    fan, api = figures["fan_out"], figures["api"]
    return "\n\n".join([
        f"{figures['machine']}.",
        "One daemon, and two in a row, at 1,000 events/s (ms, CPU in us an event) and the highest "
        f"rate with nothing lost or late (p50 of two: {ratio:.2f} times that of one):",
        table(["daemons", "p50", "p99", "CPU", "highest", "RSS MiB"], rows),
        f"100 subscribers of one resource, 100 events/s: {'none' if fan['good'] else 'SOME'} lost, "
        f"p50 {fan['sink']['p50_us'] / 1000:.1f} ms, p99 {fan['sink']['p99_us'] / 1000:.1f} ms.",
        f"API with {SUBSCRIPTIONS} subscriptions, ms (median, p99); RSS "
        f"{api['kib_each']:.1f} KiB for each of them:",
        table(["request", "-", "median", "p99"],
              [[name, "", number(statistics.median(api[key]), 2),
                number(percentile(api[key], 0.99), 2)]
               for name, key in (("GET one", "get_ms"), ("GET all", "list_ms"),
                                 ("POST v1 (with probe and sync)", "create_ms"),
                                 ("POST v2 (with notification and sync)", "create_v2_ms"),
                                 ("POST native (with sync)", "create_native_ms"))]),
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="steps of one second")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench-row.json")
    options = parser.parse_args()
    seconds = 1 if options.quick else 3
    raise_file_limit()
    bench = Bench(options.build)
    figures = {"machine": machine(), "seconds": seconds}
    note("one daemon and two, 1,000 events/s")
    figures["latency"] = compare_latency(bench, 1000, seconds)
    note("highest rates")
    figures["highest"] = {"one": highest(bench, alone, seconds),
                          "two": highest(bench, in_row, seconds)}
    note("100 subscribers")
    figures["fan_out"] = fan_out(bench, seconds)
    note("API")
    figures["api"] = measure_api(bench)
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(as_markdown(figures))


if __name__ == "__main__":
    sys.exit(main())
