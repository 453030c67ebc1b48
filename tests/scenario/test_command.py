"""The gurnard command against the real daemon, the quick start, and the installation."""
import contextlib
import json
import os
import re
import signal
import subprocess

import pytest
from gurnard import BUILD, RELEASE, ROOT, SYSTEMS, event, free_port, record, wait_for

GURNARD = BUILD / "bin/gurnard"


def start(*args):
    return subprocess.Popen([GURNARD, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def subscriptions(daemon):
    return json.loads(daemon.v1("GET", "/subscriptions")[2])


def test_tap_prints_events_and_unsubscribes(daemon):
    tap = start("tap", "--api", f"http://127.0.0.1:{daemon.api}", "--count", "2", "--no-color")
    wait_for(lambda: subscriptions(daemon), "the subscription")
    assert subscriptions(daemon)[0]["resource"] == SYSTEMS
    for number in (1, 2):
        daemon.post_event(event(record(number, MessageId="Acme.1.0.Hot", Severity="Critical",
                                       Message=f"Fan {number} is \x1b[31m hot")))
    out, err = tap.communicate(timeout=60)
    assert tap.returncode == 0, err
    lines = [line for line in out.splitlines() if "Acme.1.0.Hot" in line]
    assert len(lines) == 2 and all("Critical" in line for line in lines)
    assert "Fan 1 is" in lines[0] and "\x1b" not in out
    assert subscriptions(daemon) == []


def test_tap_as_json(daemon):
    tap = start("tap", "--api", f"http://127.0.0.1:{daemon.api}", "--count", "1", "--json")
    wait_for(lambda: subscriptions(daemon), "the subscription")
    daemon.post_event(event())
    out, err = tap.communicate(timeout=60)
    assert tap.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["type"] == "event.redfish.alert"


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_tap_unsubscribes_when_it_is_ended(daemon, signo):
    tap = start("tap", "--api", f"http://127.0.0.1:{daemon.api}")
    wait_for(lambda: subscriptions(daemon), "the subscription")
    tap.send_signal(signo)
    assert tap.wait(60) == 0
    assert subscriptions(daemon) == []


def test_sim_sends_events_of_several_vendors(daemon, sink):
    daemon.subscribe(sink.url)
    ran = subprocess.run([GURNARD, "sim", "--webhook", f"http://127.0.0.1:{daemon.webhook}/webhook",
                          "--rate", "200", "--count", "100", "--bmcs", "8"],
                         capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    bodies = sink.wait(100)
    assert daemon.metric("gurnard_events_parsed_total") == 100
    ids = {r["MessageId"] for b in bodies for r in b["data"]["values"][0]["value"]["Events"]}
    assert len({i.split(".")[0] for i in ids}) >= 3
    assert daemon.metric("gurnard_registry_hits_total") > 0


def test_sim_says_when_nobody_listens():
    ran = subprocess.run([GURNARD, "sim", "--webhook", f"http://127.0.0.1:{free_port()}/webhook",
                          "--count", "1"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1


@pytest.mark.parametrize("args, code", [
    ((), 2), (("--help",), 0), (("--version",), 0), (("nope",), 2), (("sim", "--nope"), 2),
    (("tap", "--help"), 0), (("sim", "--help"), 0), (("sim", "--rate", "x"), 2),
])
def test_usage(args, code):
    ran = subprocess.run([GURNARD, *args], capture_output=True, text=True, timeout=60)
    assert ran.returncode == code, ran.stderr
    assert ran.stdout or ran.stderr


def quickstart_env(tmp_path):
    return {**os.environ, "GURNARD_WEBHOOK_PORT": str(free_port()),
            "GURNARD_API_PORT": str(free_port()),
            "GURNARD_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
            "GURNARD_QUICKSTART_DIR": str(tmp_path)}


def test_quickstart_goes_on_until_it_is_ended(tmp_path):
    out = tmp_path / "out"
    with open(out, "w") as file:
        run = subprocess.Popen([ROOT / "deploy/quickstart.sh"], stdout=file, stderr=file,
                               env=quickstart_env(tmp_path), start_new_session=True)
    try:
        wait_for(lambda: len(re.findall(r"\b(OK|Warning|Critical)\b", out.read_text())) > 11,
                 "more than ten events", 300)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0 and out.read_text().endswith("stopped\n")
        with pytest.raises(ProcessLookupError):  # nobody of its session is left
            os.killpg(run.pid, 0)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_quickstart_shows_ten_events(tmp_path):
    ran = subprocess.run([ROOT / "deploy/quickstart.sh", "--once"], capture_output=True, text=True,
                         timeout=600, env=quickstart_env(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.rstrip().splitlines()[-1] == (
        "quickstart: ok, 10 events from BMC to subscriber")
    assert len(re.findall(r"\b(OK|Warning|Critical)\b", ran.stdout)) >= 10


def test_install_puts_everything_in_place(tmp_path):
    ran = subprocess.run(["cmake", "--install", str(RELEASE), "--prefix", str(tmp_path)],
                         capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    for name in ("bin/gurnardd", "bin/gurnard", "share/man/man8/gurnardd.8",
                 "share/man/man1/gurnard.1", "share/man/man5/gurnard.yaml.5",
                 "share/doc/gurnard/examples/gurnard.yaml",
                 "share/gurnard/registries/Gurnard.1.0.0.json"):
        assert (tmp_path / name).exists(), name
    version = subprocess.run([tmp_path / "bin/gurnardd", "--version"], capture_output=True, text=True)
    assert version.stdout.startswith("gurnardd ")
