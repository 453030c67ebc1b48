"""The examples in docs/examples against the real daemon."""
import json
import os
import shutil
import signal
import subprocess

import pytest
from gurnard import ROOT, SYSTEMS, event, free_port, record, value_of, wait_for

EXAMPLES = ROOT / "docs/examples"
LINES = 80  # an example stays below


def build_c(folder):
    libraries = subprocess.run(["pkg-config", "--cflags", "--libs", "libcurl", "libmicrohttpd"],
                               capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["cc", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-O2", "-o",
                    folder / "consumer", EXAMPLES / "consumer.c", *libraries], check=True)
    return [folder / "consumer"]


def build_python(_):
    return ["/usr/bin/python3", EXAMPLES / "consumer.py"]


def build_go(folder):
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    env = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder), "GO111MODULE": "off",
           "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", folder / "consumer", EXAMPLES / "consumer.go"],
                   check=True, env={**os.environ, **env})
    formatted = subprocess.run(["gofmt", "-l", EXAMPLES / "consumer.go"], capture_output=True)
    assert formatted.stdout == b""
    return [folder / "consumer"]


@pytest.fixture(params=[build_c, build_python, build_go], ids=["c", "python", "go"])
def consumer(request, tmp_path):
    """The command of an example."""
    return request.param(tmp_path)


def subscriptions(daemon):
    return json.loads(daemon.v1("GET", "/subscriptions")[2])


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_a_consumer_prints_a_line_for_each_event_and_leaves_nothing_behind(
        daemon, consumer, signo, tmp_path):
    own = f"http://127.0.0.1:{free_port()}/event"
    out = tmp_path / "out"
    with open(out, "wb") as file:
        process = subprocess.Popen([*consumer, f"http://127.0.0.1:{daemon.api}", SYSTEMS, own],
                                   stdout=file, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: subscriptions(daemon) or process.poll() is not None, "the subscription")
        assert [s["endpointUri"] for s in subscriptions(daemon)] == [own]
        daemon.post_event(event(record(1)), "/webhook/a")
        daemon.post_event(event(record(2, Message="x" * 200_000)), "/webhook/a")
        daemon.post_event(event(record(3)), "/webhook/b")
        wait_for(lambda: daemon.metric("gurnard_deliveries_total") == 3, "the deliveries")
        process.send_signal(signo)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    lines = [line.split(" ", 1) for line in out.read_text().splitlines()]
    events = [value_of(json.loads(body))["Events"][0]["EventId"] for _, body in lines]
    assert sorted(events) == ["1", "2", "3"] and events.index("1") < events.index("2")
    assert len({name for name, _ in lines}) == 3 and all(len(name) == 36 for name, _ in lines)
    assert subscriptions(daemon) == []


def test_a_consumer_without_gurnardd_says_so_and_ends(consumer):
    run = subprocess.run([*consumer, f"http://127.0.0.1:{free_port()}", SYSTEMS,
                          f"http://127.0.0.1:{free_port()}/event"],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and run.stderr


@pytest.mark.parametrize("resource", ["", SYSTEMS])
def test_the_walkthrough_walks_through(daemon, resource):
    run = subprocess.run([EXAMPLES / "walkthrough.sh", f"http://127.0.0.1:{daemon.api}", resource,
                          f"http://127.0.0.1:{free_port()}/event",
                          f"http://127.0.0.1:{daemon.webhook}/webhook"],
                         capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    steps = dict(part.split("\n", 1) for part in run.stdout.split("\n== ")[1:])
    assert list(steps) == [f"subscribe to {SYSTEMS}", "an event of a BMC", "receive it",
                           f"the current state of {SYSTEMS}", "delete the subscription"]
    made = json.loads(steps[f"subscribe to {SYSTEMS}"])
    came = json.loads(steps["receive it"])
    state = json.loads(steps[f"the current state of {SYSTEMS}"])
    assert came["id"] == made["id"] and state["data"] == came["data"]
    assert json.loads(steps["delete the subscription"]) == {"status": "OK"}
    assert subscriptions(daemon) == []


def test_examples_stay_short():
    for path in EXAMPLES.glob("consumer.*"):
        assert len(path.read_text().splitlines()) < LINES, path
