#!/usr/bin/python3
"""Measures gurnardd with a thousand simulated BMCs: subscribing, resync, repair, outages, registries.

  tests/bench/run.sh --bmcs [--quick] [--json FILE]

Prints Markdown tables and writes the figures to build/bench-bmcs.json. All BMCs are one process,
`gurnard sim bmc --profile mixed`, on this machine too. Floors are measured in the same run: curl that
sends as many requests to the same BMCs, and a daemon without BMCs.
"""
import argparse
import json
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import (ROOT, cpu_ns, machine, memory_kib, note, number,  # noqa: E402
                   raise_file_limit, table)
from bmcs import PASSWORD, USER, SimBmc  # noqa: E402
from gurnard import Daemon, Sink, request, value_of, wait_for  # noqa: E402

CONCURRENCY = 64        # bmc.concurrency, its default
RESYNC_S = 300          # bmc.resync, its default: what the share of a core is told for
DELAY_MS = 100          # a BMC that thinks before each answer
BOOT_MS = 2000
PATIENCE = 120
SPEED = 20              # in outages: waits between the BMCs' attempts are so much shorter
SETTLED = 3             # seconds behind the last event in which a repeat would show


class Fleet:
    """Simulated BMCs, the inventory that lists them, and what a daemon needs to look after them."""

    def __init__(self, build, count, profile="mixed", speed=1, is_tls=False):
        self.build, self.count = build, count
        self.tmp = tempfile.TemporaryDirectory(prefix="gurnard-bench-")
        self.dir = Path(self.tmp.name)
        flags = ["--count", str(count), "--allow-http", "--seed", "6"]
        if is_tls:
            flags += self.make_certificate()
        self.sim = SimBmc(profile, *flags, speed=speed, build=build)

    def make_certificate(self):
        key, certificate = self.dir / "key.pem", self.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                        certificate, "-days", "2", "-subj", "/CN=bmc"],
                       check=True, capture_output=True)
        return ["--tls-cert", str(certificate), "--tls-key", str(key)]

    def __enter__(self):
        self.sim.start()
        self.hosts = [f"127.0.{n >> 8}.{n & 255}" for n in range(1, self.count + 1)]
        self.names = [f"bmc-{n:04d}" for n in range(self.count)]
        folder = self.dir / "bmcs"
        folder.mkdir()
        (folder / "fleet.json").write_text(json.dumps(
            [{"name": name, "address": self.url(host)}
             for name, host in zip(self.names, self.hosts)]))
        (self.dir / "username").write_text(USER)
        (self.dir / "password").write_text(PASSWORD)
        return self

    def __exit__(self, *why):
        self.sim.__exit__(*why)
        self.tmp.cleanup()

    def url(self, host):
        return f"{self.sim.scheme}://{host}:{self.sim.port}"

    def daemon(self, *flags):
        return Daemon(f"--bmc-folder={self.dir / 'bmcs'}", "--bmc-tls=tofu",
                      f"--bmc-username-file={self.dir / 'username'}",
                      f"--bmc-password-file={self.dir / 'password'}",
                      f"--bmc-concurrency={CONCURRENCY}", *flags, build=self.build)

    def control(self, path, **body):
        """The simulator's own port speaks what the BMCs speak."""
        command = ["curl", "-sSk", "-X", "POST", f"{self.sim.url}/sim/{path}", "-d",
                   json.dumps(body)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def state(self, query=""):
        done = subprocess.run(["curl", "-sSk", f"{self.sim.url}/sim/state{query}"], check=True,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    def raise_events(self, numbers, keys):
        """One event for each of these BMCs and each of these words."""
        for n in numbers:
            for key in keys:
                self.control("events", host=self.hosts[n], message_id="FanFailed",
                             args=[key_of(n, key)])


def key_of(number, key):
    return f"k{number:04d}x{key}"


def keys_of(sink):
    """How often each event came to the consumer."""
    with sink.lock:
        bodies = list(sink.events)
    seen = Counter()
    for body in bodies:
        for record in value_of(json.loads(body)).get("Events", []):
            seen.update(set(re.findall(r"k\d{4}x\w+", json.dumps(record))))
    return seen


def await_keys(sink, wanted, patience):
    """Seconds until all of them have come, or None."""
    begin = time.monotonic()
    while wanted - keys_of(sink).keys():
        if time.monotonic() > begin + patience:
            return None
        time.sleep(0.05)
    return time.monotonic() - begin


# ---- the daemon's figures ----

def states(metrics):
    return {name[20:-2]: int(value) for name, value in metrics.items()
            if name.startswith("gurnard_bmcs{") and value}


def turns(metrics):
    """The loop's turns so far: {upper bound: so many of at most that}."""
    head = 'gurnard_loop_turn_seconds_bucket{le="'
    return {float(name[len(head):-2].replace("+Inf", "inf")): value
            for name, value in metrics.items() if name.startswith(head)}


def longest_turn_ms(before, after):
    """The bound that all turns between two looks kept."""
    grown = {bound: after[bound] - before.get(bound, 0) for bound in sorted(after)}
    return next(bound for bound, count in grown.items() if count == grown[float("inf")]) * 1000


def slow_turns_ms(log):
    return [int(us) / 1000 for us in re.findall(r"loop\.slow took_us=(\d+)", log)]


class Watch:
    """Looks at a daemon's metrics again and again."""

    def __init__(self, daemon, pause=0.1):
        self.daemon, self.pause = daemon, pause
        self.most_active = 0

    def look(self):
        metrics = self.daemon.metrics()
        self.most_active = max(self.most_active, int(metrics["gurnard_bmc_requests_active"]))
        return metrics

    def until(self, condition, what):
        def holds():
            metrics = self.look()
            if not condition(metrics):
                time.sleep(self.pause)
                return None
            return metrics

        return wait_for(holds, what, PATIENCE)


def await_proven(daemon, count):
    return Watch(daemon).until(lambda m: states(m).get("proven") == count, "all proven")


# ---- subscribing ----

def measure_idle(build, seconds):
    """The floor: a daemon without BMCs."""
    with Daemon(build=build) as daemon:
        time.sleep(1)
        before = cpu_ns(daemon.process.pid)
        time.sleep(seconds)
        return {"rss_kib": memory_kib(daemon.process.pid, "VmRSS"),
                "cpu_share": (cpu_ns(daemon.process.pid) - before) / 1e9 / seconds}


def by_curl(fleet, requests):
    """The floor: as many requests to the same BMCs, as many at a time, by curl."""
    each = requests // fleet.count
    config = fleet.dir / "curl"
    config.write_text("".join(f'url = "{fleet.url(host)}/redfish/v1/"\noutput = "/dev/null"\n'
                              for _ in range(each) for host in fleet.hosts))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run(["curl", "-sk", "--no-progress-meter", "--parallel", "--parallel-max", str(CONCURRENCY), "-K", config],
                   check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"requests": each * fleet.count, "s": took, "cpu_s": cpu}


def measure_subscribing(build, count, spread, delay_ms=0, is_tls=False, with_floor=False):
    with Fleet(build, count, is_tls=is_tls) as fleet:
        if delay_ms:
            fleet.control("faults", delay_ms=delay_ms)
        with fleet.daemon(f"--bmc-spread={spread}s") as daemon:
            pid, begin, watch = daemon.process.pid, time.monotonic(), Watch(daemon)
            watch.until(lambda m: sum(states(m).get(word, 0) for word in ("subscribed", "proven"))
                        == count, "all subscribed")
            subscribed = time.monotonic() - begin
            metrics = watch.until(lambda m: states(m).get("proven") == count, "all proven")
            proven = time.monotonic() - begin
            result = {"subscribed_s": subscribed, "proven_s": proven, "cpu_s": cpu_ns(pid) / 1e9,
                      "active": watch.most_active, "slow_turns": slow_turns_ms(daemon.log()),
                      "longest_turn_ms": longest_turn_ms({}, turns(metrics)),
                      "proof_ms": metrics["gurnard_bmc_proof_seconds_sum"] / count * 1000}
            time.sleep(1)
            result["rss_kib"] = memory_kib(pid, "VmRSS")
            result["peak_kib"] = memory_kib(pid, "VmHWM")
            state = fleet.state()
            result["requests"] = state["requests"]
            result["at_once"] = state["max_at_once"]
            result["at_once_each"] = max(bmc["max_at_once"] for bmc in state["bmcs"])
        if delay_ms:
            result["least_s"] = result["requests"] * delay_ms / 1000 / CONCURRENCY
        if with_floor:
            result["floor"] = by_curl(fleet, result["requests"])
    note(f"    proven after {proven:.1f} s, CPU {result['cpu_s']:.1f} s")
    return result


# ---- resync ----

def measure_resync(build, count, spread, resync, is_tls):
    """CPU for a round of one BMC, from two rounds of all."""
    with Fleet(build, count, is_tls=is_tls) as fleet, \
            fleet.daemon(f"--bmc-spread={spread}s", f"--bmc-resync={resync}s") as daemon:
        pid = daemon.process.pid
        await_proven(daemon, count)
        time.sleep(2)
        rounds = lambda m: m['gurnard_bmc_rounds_total{result="ok"}']  # noqa: E731
        first, cpu, begin = daemon.metrics(), cpu_ns(pid), time.monotonic()
        asked = fleet.state("?summary")["requests"]
        time.sleep(2 * resync)
        last, cpu = daemon.metrics(), cpu_ns(pid) - cpu
        took = time.monotonic() - begin
        asked = fleet.state("?summary")["requests"] - asked
        done = rounds(last) - rounds(first)
        result = {"rounds": done, "s": took, "share": cpu / 1e9 / took, "resync_s": resync,
                  "cpu_us": cpu / 1000 / done, "requests": asked / done,
                  "rss_kib": memory_kib(pid, "VmRSS"), "peak_kib": memory_kib(pid, "VmHWM"),
                  "longest_turn_ms": longest_turn_ms(turns(first), turns(last))}
        result["share_at_default"] = result["cpu_us"] * count / RESYNC_S / 1e6
    note(f"    {done:.0f} rounds, CPU {result['cpu_us']:.0f} us each")
    return result


# ---- a reset of the BMC ----

def resync_all(fleet, daemon):
    for name in fleet.names:
        status, _, body = request(daemon.admin, "POST", f"/admin/v1/bmcs/{name}/resync")
        assert 200 <= status < 300, (status, body)


def repair(fleet, daemon, sink, run, asks, patience):
    """Resets all BMCs; their subscriptions are lost, then each has two events. From their first
    answer afterwards: seconds to the last repaired subscription and to the last event."""
    fleet.control("faults", reset={"lose_subscriptions": True, "boot_ms": BOOT_MS})
    time.sleep(BOOT_MS / 1000)
    wait_for(lambda: subprocess.run(["curl", "-skf", f"{fleet.sim.url}/redfish/v1/"],
                                    stdout=subprocess.DEVNULL).returncode == 0, "the BMCs")
    begin = time.monotonic()
    wanted = {key_of(n, f"{run}{i}") for n in range(fleet.count) for i in range(2)}
    fleet.raise_events(range(fleet.count), [f"{run}0", f"{run}1"])
    if asks:
        resync_all(fleet, daemon)
    wait_for(lambda: all(bmc["subscriptions"] for bmc in fleet.state()["bmcs"]), "repair", PATIENCE)
    repaired = time.monotonic() - begin
    further = await_keys(sink, wanted, patience)
    time.sleep(SETTLED)
    seen = keys_of(sink)
    note(f"    repaired after {repaired:.1f} s")
    return {"repaired_s": repaired,
            "recovered_s": None if further is None else repaired + further,
            "lost": len(wanted - seen.keys()), "repeated": sum(seen[key] - 1 for key in wanted
                                                               if seen[key] > 1)}


def measure_reset(build, count, resync, with_streams):
    """With a sign of trouble and without."""
    result = {}
    signs = {"push": {"resync asked for": True, "none": False}}
    if with_streams:
        signs["sse"] = {"a broken stream": False}
    for way, runs in signs.items():
        profile = "openbmc" if way == "sse" else "mixed"
        with Fleet(build, count, profile) as fleet, Sink() as sink, \
                fleet.daemon("--bmc-spread=1s", f"--bmc-resync={resync}s",
                             f"--bmc-way={way}") as daemon:
            daemon.subscribe(sink.url)
            await_proven(daemon, count)
            for run, (name, asks) in enumerate(runs.items()):
                result[name] = repair(fleet, daemon, sink, run, asks, 2 * resync + 10)
                await_proven(daemon, count)
    return result


# ---- an outage of gurnardd ----

def measure_outage(build, count, signo, seconds):
    """Events before, during and after; the BMCs give up meanwhile, each in its way."""
    with Fleet(build, count, speed=SPEED) as fleet, Sink() as sink:
        daemon = fleet.daemon("--bmc-spread=1s")
        with daemon:
            daemon.subscribe(sink.url)
            await_proven(daemon, count)
            wanted = raise_and_await(fleet, sink, ["a1", "a2"])
            time.sleep(1)  # what was delivered is on disk as delivered
            daemon.stop(signo)
            during = [f"b{n}" for n in range(5)]
            fleet.raise_events(range(count), during)
            time.sleep(seconds)
            gave_up = count - fleet.state("?summary")["subscribed"]
            daemon.start()
            wanted |= {key_of(n, key) for n in range(count) for key in during}
            took = await_keys(sink, wanted, PATIENCE / 4)
            await_proven(daemon, count)
            wanted |= raise_and_await(fleet, sink, ["c1"])
            resync_all(fleet, daemon)
            time.sleep(SETTLED)
            recovered = daemon.metric("gurnard_bmc_recovered_total")
    seen = keys_of(sink)
    result = {"events": len(wanted), "lost": len(wanted - seen.keys()), "gave_up": gave_up,
              "repeated": sum(n - 1 for n in seen.values()), "recovered": recovered, "s": took,
              "lost_keys": sorted(wanted - seen.keys()),
              "repeated_keys": sorted(key for key, n in seen.items() if n > 1)}
    note(f"    {result['events']} events, {result['lost']} lost, {result['repeated']} repeated")
    return result


def raise_and_await(fleet, sink, keys):
    """Raises events that should come by push; returns their keys."""
    fleet.raise_events(range(fleet.count), keys)
    wanted = {key_of(n, key) for n in range(fleet.count) for key in keys}
    await_keys(sink, wanted, PATIENCE / 4)
    return wanted


# ---- a large registry ----

def one_registry(build):
    """From an event whose message nobody knows to the registry of 3,000 in use."""
    with Fleet(build, 1, "idrac10") as fleet, fleet.daemon("--bmc-spread=0ms") as daemon:
        await_proven(daemon, 1)
        time.sleep(1)
        before = daemon.metrics()
        slow_before = len(slow_turns_ms(daemon.log()))
        begin = time.monotonic()
        fleet.raise_events([0], ["r"])
        Watch(daemon, 0.02).until(lambda m: m["gurnard_registry_messages"] > 3000, "the registry")
        took = time.monotonic() - begin
        time.sleep(0.5)
        after = daemon.metrics()
        return {"s": took, "messages": after["gurnard_registry_messages"] -
                before["gurnard_registry_messages"],
                "longest_turn_ms": longest_turn_ms(turns(before), turns(after)),
                "slow_turns": slow_turns_ms(daemon.log())[slow_before:],
                "peak_kib": memory_kib(daemon.process.pid, "VmHWM")}


def one_calm(build, seconds):
    """The floor: the longest turn without a download, which also shows how busy the machine is."""
    with Fleet(build, 1, "idrac10") as fleet, fleet.daemon("--bmc-spread=0ms") as daemon:
        await_proven(daemon, 1)
        time.sleep(1)
        before = turns(daemon.metrics())
        time.sleep(seconds)
        return longest_turn_ms(before, turns(daemon.metrics()))


# ---- the report ----

def mib(kib):
    return number(kib / 1024, 1)


def percent(share):
    return f"{100 * share:.2f} %"


def longest(rows):
    """The longest turn in ms: exact where the log tells it, else its bound."""
    slow = [ms for row in rows for ms in row.get("slow_turns", [])]
    if slow:
        return f"{max(slow):.1f} ({len(slow)} over 10)"
    return f"<= {max(row['longest_turn_ms'] for row in rows):g}"


def subscribing_table(figures):
    rows = []
    for name, row in figures["subscribing"].items():
        rows.append([name, number(row["subscribed_s"], 1), number(row["proven_s"], 1),
                     number(row["requests"]), number(row["cpu_s"], 1), row["at_once_each"],
                     f"{row['at_once']} ({row['active']})", mib(row["rss_kib"]),
                     mib(row["peak_kib"]), longest([row])])
        if "floor" in row:
            floor = row["floor"]
            rows.append([f"{name}: curl", "-", number(floor["s"], 1), number(floor["requests"]),
                         number(floor["cpu_s"], 1), *"-----"])
        if "least_s" in row:
            rows.append([f"{name}: least", "-", number(row["least_s"], 1), number(row["requests"]),
                         *"------"])
    rows.append(["no BMCs", *"-----", "-", mib(figures["idle"]["rss_kib"]), "-", "-"])
    return table(["BMCs", "subscribed", "proven", "requests", "CPU", "each", "all", "RSS", "peak",
                  "turn"], rows)


def resync_table(figures):
    idle = figures["idle"]
    rows = [[name, number(row["rounds"]), number(row["requests"], 1), number(row["cpu_us"]),
             f"{percent(row['share'])} at {row['resync_s']} s", percent(row["share_at_default"]),
             mib(row["peak_kib"]), longest([row])] for name, row in figures["resync"].items()]
    rows.append(["no BMCs", "-", "-", "-", percent(idle["cpu_share"]), "-", mib(idle["rss_kib"]),
                 "-"])
    return table(["BMCs", "rounds", "requests each", "CPU us each", "share", "at 5m", "peak",
                  "turn"], rows)


def reset_table(figures):
    return table(["sign", "repaired", "recovered", "lost", "repeated"],
                 [[name, number(row["repaired_s"], 1), number(row["recovered_s"], 1), row["lost"],
                   row["repeated"]] for name, row in figures["reset"].items()])


def outage_table(figures):
    return table(["gurnardd", "events", "BMCs gave up", "lost", "repeated", "from logs", "s"],
                 [[name, row["events"], row["gave_up"], row["lost"], row["repeated"],
                   number(row["recovered"]), number(row["s"], 1)]
                  for name, row in figures["outage"].items()])


def registry_text(figures):
    rows = figures["registry"]
    return (f"First download of a registry of {rows[0]['messages']:,.0f} messages, {len(rows)} "
            f"times: {max(row['s'] for row in rows):.2f} s at most from the event to the registry "
            f"in use; longest turn of the loop {longest(rows)} ms, in calm times <= "
            f"{figures['calm_ms']:g} ms; peak RSS {mib(max(row['peak_kib'] for row in rows))} MiB.")


def as_markdown(figures):
    size = figures["size"]
    texts = [f"{figures['machine']}; {size['bmcs']:,} BMCs of mixed profiles, bmc.concurrency "
             f"{CONCURRENCY}."]
    if "subscribing" in figures:
        texts += ["From the daemon's start: seconds until all were subscribed, and proven; "
                  "requests, CPU seconds, most requests at once to one BMC and to all (as the BMCs "
                  "saw it, and the gauge when looked at), RSS and peak in MiB, longest turn of the "
                  "loop in ms. curl: as many GETs to the same BMCs, as many at once. least: what the "
                  "BMCs alone take, with as many at once:",
                  subscribing_table(figures)]
    if "resync" in figures:
        texts += ["Resync, in two rounds of all. The share of a core at bmc.resync 5m is computed "
                  "from the CPU us of one round of one BMC:", resync_table(figures)]
    if "reset" in figures:
        texts += [f"{size['reset']} BMCs reset at once, subscriptions lost, two events each "
                  f"meanwhile, bmc.resync {size['reset_resync']} s: seconds from the first answer "
                  "afterwards until the last was subscribed, and until the last event had come:",
                  reset_table(figures)]
    if "outage" in figures:
        texts += [f"gurnardd away for {size['outage_s']} s, five events on each of "
                  f"{size['outage']} BMCs meanwhile (two before, one after), their attempts "
                  f"{SPEED} times as fast as usual, so that many give up; seconds from the start "
                  "to the last event that was missed:", outage_table(figures)]
    if "registry" in figures:
        texts.append(registry_text(figures))
    return "\n\n".join(texts)


# ---- the run ----

FULL = {"bmcs": 1000, "spread": 10, "resync": 30, "idle_s": 10, "reset": 100, "reset_resync": 30,
        "outage": 100, "outage_s": 10, "registries": 5, "all": True}
QUICK = {"bmcs": 100, "spread": 2, "resync": 2, "idle_s": 2, "reset": 20, "reset_resync": 3,
         "outage": 20, "outage_s": 3, "registries": 1, "all": False}


def subscribing(build, size):
    kinds = {"http": {"with_floor": True}, f"https, {DELAY_MS} ms": {"is_tls": True,
                                                                     "delay_ms": DELAY_MS}}
    if size["all"]:
        kinds["https"] = {"is_tls": True, "with_floor": True}
    return {name: measure_subscribing(build, size["bmcs"], size["spread"], **kind)
            for name, kind in sorted(kinds.items())}


def resync(build, size):
    kinds = {"http": False, "https": True} if size["all"] else {"https": True}
    return {name: measure_resync(build, size["bmcs"], size["spread"], size["resync"], is_tls)
            for name, is_tls in kinds.items()}


def reset(build, size):
    return measure_reset(build, size["reset"], size["reset_resync"], size["all"])


def outage(build, size):
    ends = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL} if size["all"] else {
        "stopped": signal.SIGTERM}
    return {name: measure_outage(build, size["outage"], signo, size["outage_s"])
            for name, signo in ends.items()}


def registry(build, size):
    return [one_registry(build) for _ in range(size["registries"])]


PARTS = {"subscribing": subscribing, "resync": resync, "reset": reset, "outage": outage,
         "registry": registry}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100 BMCs, in a minute")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench-bmcs.json")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    raise_file_limit()
    figures = {"machine": machine(), "size": size,
               "idle": measure_idle(options.build, size["idle_s"])}
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            continue
        note(name)
        figures[name] = part(options.build, size)
        if name == "registry":
            figures["calm_ms"] = one_calm(options.build, 1)
    options.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(as_markdown(figures))


if __name__ == "__main__":
    sys.exit(main())
