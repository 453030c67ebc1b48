#!/usr/bin/python3
"""Measures gurnardd: latency, highest rate without loss, CPU, memory, start.

  tests/bench/run.sh [--quick] [--subscribers 1,10,100] [--json FILE]

Prints a Markdown table and writes the figures to build/bench.json. Every figure stands beside its
floor: the same generator posting straight to the sink, measured in the same run. An event counts as
delivered when every subscriber got it exactly once.
"""
import argparse
import contextlib
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True  # the source tree stays as it is
sys.path.insert(0, str(ROOT / "tests/harness"))

from gurnard import Daemon, free_port  # noqa: E402

CONNECTIONS = 64    # one for each BMC of the generator
GRACE = 0.25        # seconds behind the last due time within which every event must have arrived
RATES = (10, 100, 1000)
COLD_STARTS = 5
STOP_AT = 0.05      # the search for the highest rate ends at steps of this share


class Sink:
    """The subscribers: one process, a port for each."""

    def __init__(self, build, ports, port=None):
        self.process = subprocess.Popen([build / "bin/bench_sink", str(ports),
                                         *([str(port)] if port else [])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = [int(p) for p in self.process.stdout.readline().split()[1:]]

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def begin(self, run, events):
        self.ask(f"begin {run} {events}")

    def report(self):
        return json.loads(self.ask("report"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


class Bench:
    def __init__(self, build):
        self.build = build
        self.run = 0

    def step(self, sink, port, rate, events, message, pid=None):
        """One run of the generator: what it saw, what the sink saw, the daemon's CPU time."""
        self.run += 1
        sink.begin(self.run, events)
        cpu = cpu_ns(pid) if pid else 0
        done = subprocess.run(
            [self.build / "bin/bench_load", str(port), str(self.run), str(rate), str(events),
             str(CONNECTIONS), "with" if message else "without"],
            stdout=subprocess.PIPE, text=True)
        if done.returncode == 2:
            raise RuntimeError("bench_load could not run")
        load = json.loads(done.stdout)
        wanted = events * len(sink.ports)
        end = time.monotonic() + max(0.05, GRACE - load["tail_ms"] / 1000)
        while True:
            seen = sink.report()
            if seen["unique"] >= wanted or time.monotonic() > end:
                break
            time.sleep(0.02)
        cpu = cpu_ns(pid) - cpu if pid else 0
        good = (seen["unique"] == wanted and seen["duplicates"] == 0 and load["failed"] == 0
                and load["unanswered"] == 0 and load["tail_ms"] < GRACE * 1000)
        return {"rate": rate, "events": events, "good": good, "load": load, "sink": seen,
                "cpu_us_per_event": cpu / 1000 / events}

    def settle(self, sink):
        """Waits until nothing arrives any more, so that a lost step does not weigh on the next."""
        before = None
        for _ in range(200):
            seen = sink.report()
            now = (seen["unique"], seen["strange"], seen["duplicates"])
            if now == before:
                return
            before = now
            time.sleep(0.3)

    def highest(self, sink, port, message, seconds, pid=None, first=1000, limit=200000):
        """Doubles the rate until events are lost or late, then halves the interval. A rate has a
        second chance: this machine may do other things too."""
        low, high, best = 0, None, None
        rate = first
        while rate >= 1:
            for _ in range(2):
                events = max(CONNECTIONS, int(rate * seconds))
                got = self.step(sink, port, rate, events, message, pid)
                note(f"    {rate}/s {'ok' if got['good'] else 'lost or late'} "
                     f"(p99 {got['sink']['p99_us'] / 1000:.1f} ms)")
                if got["good"]:
                    break
                self.settle(sink)
            if got["good"]:
                low, best = rate, got
            else:
                high = rate
            if low >= limit or high is not None and (high - low) / high < STOP_AT:
                break
            rate = min(low * 2, limit) if high is None else (low + high) // 2
        return best


def note(text):
    print(text, file=sys.stderr, flush=True)


def cpu_ns(pid):
    """CPU time of all threads of a process, from the scheduler's own account."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def memory_kib(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def cold_start_ms(build):
    """From starting the process to the first 200 on POST /webhook."""
    port = free_port()
    body = b'{"Events":[{"MessageId":"Environmental.1.1.FanFailed","MessageArgs":["1"]}]}'
    request = (b"POST /webhook/bmc-00 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
               b"Connection: close\r\n\r\n%s" % (len(body), body))
    with tempfile.TemporaryDirectory(prefix="gurnard-bench-") as store:
        begin = time.monotonic()
        process = subprocess.Popen(
            [build / "bin/gurnardd", f"--webhook-port={port}", "--api-port=0",
             "--metrics-addr=127.0.0.1:0", f"--store-path={store}/store",
             f"--registries-paths={ROOT / 'registries'}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.monotonic() < begin + 30:
                with contextlib.suppress(OSError), \
                        socket.create_connection(("127.0.0.1", port), timeout=30) as conn:
                    conn.sendall(request)
                    if conn.recv(4096).startswith(b"HTTP/1.1 200"):
                        return (time.monotonic() - begin) * 1000
                time.sleep(0.0005)
        finally:
            process.terminate()
            process.wait(10)
    raise RuntimeError("gurnardd does not answer")


def measure_floor(bench, seconds):
    """The generator straight to one sink: what the harness and the kernel alone take."""
    note("floor: generator to sink")
    with Sink(bench.build, 1) as sink:
        rates = {}
        for rate in RATES:
            got = bench.step(sink, sink.ports[0], rate, max(20, int(rate * seconds)), True)
            rates[rate] = got
            note(f"    {rate}/s p50 {got['sink']['p50_us']:.0f} us")
        best = bench.highest(sink, sink.ports[0], True, min(seconds, 2), first=16000)
    return {"rates": rates, "highest": best}


@contextlib.contextmanager
def subscribed_daemon(bench, sink, message):
    """A daemon with all ports of the sink subscribed and its connections open; gives its pid too."""
    with Daemon(build=bench.build) as daemon:
        time.sleep(0.3)
        daemon.idle_kib = memory_kib(daemon.process.pid, "VmRSS")
        for port in sink.ports:
            daemon.subscribe(f"http://127.0.0.1:{port}/events")
        bench.step(sink, daemon.webhook, 50, CONNECTIONS * 2, message)
        yield daemon, daemon.process.pid


def measure_latency(bench, sink, message, seconds, result):
    with subscribed_daemon(bench, sink, message) as (daemon, pid):
        for rate in RATES:
            got = bench.step(sink, daemon.webhook, rate, max(50, int(rate * seconds)), message, pid)
            note(f"    {rate}/s p50 {got['sink']['p50_us']:.0f} us, CPU "
                 f"{got['cpu_us_per_event']:.0f} us/event{'' if got['good'] else ', lost or late'}")
            if not got["good"]:
                break
            result["rates"][rate] = got
        result["idle_rss_kib"] = daemon.idle_kib
        result["busy_rss_kib"] = memory_kib(pid, "VmHWM")
        bench.settle(sink)


def measure_highest(bench, sink, message, seconds, result):
    with subscribed_daemon(bench, sink, message) as (daemon, pid):
        result["highest"] = bench.highest(sink, daemon.webhook, message, seconds, pid,
                                          first=max(40, 4000 // len(sink.ports)))
        result["overload_rss_kib"] = memory_kib(pid, "VmHWM")


def measure_daemon(bench, subscribers, message, seconds):
    note(f"gurnardd: {subscribers} subscribers, {'with' if message else 'without'} Message")
    result = {"subscribers": subscribers, "message": message, "rates": {}}
    with Sink(bench.build, subscribers) as sink:
        measure_latency(bench, sink, message, seconds, result)
        measure_highest(bench, sink, message, seconds, result)
    return result


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def latency_cells(got):
    if got is None:
        return ["-"] * 4
    return [number(got["sink"][k] / 1000, 2) for k in ("p50_us", "p95_us", "p99_us", "p999_us")]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- " * 2 + "| ---: " * (len(head) - 2) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def as_markdown(figures):
    floor = figures["floor"]
    best = floor["highest"]["rate"]
    latency = [["floor", "-", rate, *latency_cells(floor["rates"][rate]), "-"] for rate in RATES]
    load = [["floor", "-", number(best), "-", "-", "-", "-"]]
    for run in figures["gurnardd"]:
        name, message = run["subscribers"], "with" if run["message"] else "without"
        top = run["highest"]
        load.append([name, message, number(top and top["rate"]),
                     number(top and top["cpu_us_per_event"], 1),
                     *(number(run[f"{k}_rss_kib"] / 1024, 1) for k in ("idle", "busy", "overload"))])
        for rate in RATES:
            got = run["rates"].get(rate)
            latency.append([name, message, rate, *latency_cells(got),
                            number(got and got["cpu_us_per_event"], 1)])
    micro = figures["micro"]
    return "\n\n".join([
        f"{figures['machine']}; event of {micro['body_bytes']} bytes, {CONNECTIONS} BMCs.",
        f"First 200 after {figures['cold_start_ms']:.0f} ms (median of {COLD_STARTS} starts).",
        "Highest rate with every event delivered exactly once to every subscriber, within "
        f"{GRACE} s of its due time at the end; RSS in MiB idle, at the rates below, and in overload:",
        table(["subscribers", "Message", "events/s", "CPU us/event", "idle", "busy", "overload"],
              load),
        "Latency from due time at the BMC to arrival at the subscriber, ms:",
        table(["subscribers", "Message", "events/s", "p50", "p95", "p99", "p99.9",
               "CPU us/event"], latency),
        f"Scan {micro['scan_ns']} ns, write {micro['write_ns']} ns, look-up {micro['find_ns']} ns, "
        f"text {micro['text_ns']} ns; a registry of {micro['registry_messages']:,} messages "
        f"({micro['registry_json_bytes'] / 1024:,.0f} KiB) loads in {micro['registry_load_ms']} ms "
        f"and takes {micro['registry_bytes'] / 1024:,.0f} KiB.",
    ])


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").open()
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}"


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="steps of one second")
    parser.add_argument("--subscribers", default="1,10,100", help="how many, separated by commas")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench.json")
    options = parser.parse_args()
    seconds = 1 if options.quick else 3
    raise_file_limit()
    bench = Bench(options.build)
    figures = {"machine": machine(), "seconds": seconds}
    figures["cold_start_ms"] = statistics.median(
        cold_start_ms(options.build) for _ in range(COLD_STARTS))
    note(f"first 200 after {figures['cold_start_ms']:.0f} ms")
    figures["micro"] = json.loads(subprocess.run([options.build / "bin/bench_micro"], check=True,
                                                 stdout=subprocess.PIPE, text=True).stdout)
    figures["floor"] = measure_floor(bench, seconds)
    figures["gurnardd"] = [measure_daemon(bench, int(count), message, seconds)
                           for count in options.subscribers.split(",")
                           for message in (True, False)]
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
