"""gurnard status, replay, deadletter and quarantine against the real daemon."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from gurnard import BUILD, Daemon, Sink, event, free_port, record, request, wait_for

GURNARD = BUILD / "bin/gurnard"
REFUSE_AT_ONCE = "--delivery-refused-tries=1"


def environment(**more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("GURNARD_")}, **more}


def gurnard(daemon, *args, code=0):
    """Runs the command and returns what it printed (what it complained about when code is not 0)."""
    ran = subprocess.run([GURNARD, *args, "--url", f"http://127.0.0.1:{daemon.admin}"],
                         capture_output=True, text=True, timeout=60, env=environment())
    assert ran.returncode == code, (args, ran.stdout, ran.stderr)
    return ran.stdout if code == 0 else ran.stderr


def ask(daemon, *args):
    return json.loads(gurnard(daemon, *args, "--json"))


def send(daemon, count, **members):
    for number in range(count):
        assert daemon.post_event(event(record(number, **members)), "/webhook/bmc-1")[0] == 200


# -- status --

def test_status_is_a_screen_of_text(daemon, sink):
    subscription = daemon.subscribe(sink.url)["id"]
    send(daemon, 3)
    sink.wait(3)
    wait_for(lambda: ask(daemon, "status")["out"]["delivered"] == 3, "the count")
    screen = gurnard(daemon, "status")
    lines = screen.splitlines()
    assert re.match(r"gurnardd +\d+\.\d+\.\d+, node n1, up [0-9.]+s, ready$", lines[0])
    assert all(len(line) <= 100 for line in lines)
    assert re.search(r"^in +3 events, ", screen, re.M)
    assert re.search(r"^out +3 delivered, ", screen, re.M)
    row = next(line for line in lines if line.startswith(subscription[:8])).split()
    assert row[1] == "up" and row[5] == "3" and row[6] == "0"
    assert subscription not in screen
    wide = gurnard(daemon, "status", "--wide")
    assert subscription in wide and sink.url in wide


def test_status_tells_why_a_subscriber_gets_nothing(daemon):
    with Sink() as sink:
        daemon.subscribe(sink.url)
        sink.status = 500
        send(daemon, 1)
        wait_for(lambda: re.search(r" ago: .*500", gurnard(daemon, "status")), "the error")


def test_status_as_json_is_what_the_daemon_said(daemon):
    status = ask(daemon, "status")
    assert status["node"] == "n1" and status["ready"] is True and status["subscriptions"] == []
    assert status["journal"]["max_bytes"] > 0


def test_status_can_be_watched_until_it_is_ended(daemon, tmp_path):
    out = tmp_path / "out"
    with open(out, "w") as file:
        watch = subprocess.Popen([GURNARD, "status", "--watch", "1"], stdout=file, stderr=file,
                                 env=environment(GURNARD_ADMIN=f"http://127.0.0.1:{daemon.admin}"))
    wait_for(lambda: out.read_text().count("no subscriptions") >= 2, "the second screen")
    begin = time.monotonic()
    watch.send_signal(signal.SIGINT)
    assert watch.wait(30) == 0 and time.monotonic() - begin < 5
    assert "\x1b" not in out.read_text()  # the screen of a terminal only


@pytest.mark.parametrize("args", [
    ("status",), ("status", "--json"), ("replay", "--stop", "--subscription", "x"),
    ("deadletter", "list"), ("quarantine", "replay", "--all"),
])
def test_that_nobody_answers_is_said(args):
    url = f"http://127.0.0.1:{free_port()}"
    ran = subprocess.run([GURNARD, *args], capture_output=True, text=True, timeout=60,
                         env=environment(GURNARD_ADMIN=url))
    assert ran.returncode == 1 and ran.stdout == ""
    assert f"no gurnardd answers at {url}" in ran.stderr


# -- replay --

def test_replay_sends_stored_events_again(daemon, sink):
    subscription = daemon.subscribe(sink.url)["id"]
    send(daemon, 3)
    first = sink.wait(3)
    said = gurnard(daemon, "replay", "--subscription", subscription, "--since", "1h")
    assert said.startswith(f"replaying to {subscription} what came from ")
    assert sink.wait(6)[3:] == first
    assert [h.get("Gurnard-Replay") for h in sink.seen_headers] == [None] * 3 + ["1"] * 3
    assert ([h["Gurnard-Event-Id"] for h in sink.seen_headers[:3]]
            == [h["Gurnard-Event-Id"] for h in sink.seen_headers[3:]])


def test_replay_can_be_stopped(daemon, sink):
    subscription = daemon.subscribe(sink.url)["id"]
    send(daemon, 50)
    sink.wait(50)
    sink.hold.clear()
    gurnard(daemon, "replay", "--subscription", subscription, "--since", "1h")
    assert "under way" in gurnard(daemon, "replay", "--subscription", subscription, "--since", "1h",
                                  code=1)
    assert gurnard(daemon, "replay", "--stop", "--subscription", subscription) == "stopped\n"
    sink.hold.set()
    assert "no replay" in gurnard(daemon, "replay", "--stop", "--subscription", subscription, code=1)


@pytest.mark.parametrize("subscription, since", [
    ("no/such?#subscription", "1h"), ("6c9e7ab0-6a3b-4a5c-9d6b-0c7f6f2d8b11", "1h"),
])
def test_replay_of_what_is_not_there(daemon, subscription, since):
    assert "answer 404" in gurnard(daemon, "replay", "--subscription", subscription,
                                   "--since", since, code=1)


def test_replay_of_an_unreadable_time(daemon, sink):
    subscription = daemon.subscribe(sink.url)["id"]
    assert "answer 400" in gurnard(daemon, "replay", "--subscription", subscription,
                                   "--since", "yesterday", code=1)


# -- dead letters --

def dead(daemon, count):
    return wait_for(lambda: (kept := ask(daemon, "deadletter", "list"))["count"] == count and kept,
                    f"{count} dead letters")["items"]


def test_dead_letters_are_listed_shown_and_delivered_once_more():
    with Daemon(REFUSE_AT_ONCE) as daemon, Sink() as sink:
        subscription = daemon.subscribe(sink.url)["id"]
        sink.status = 400
        send(daemon, 2, Message="Fan is \x1b[31m hot")
        letters = dead(daemon, 2)
        table = gurnard(daemon, "deadletter", "list")
        assert table.count(subscription) == 2 and " 400 " in table
        other = gurnard(daemon, "deadletter", "list", "--subscription", "other")
        assert other.startswith("no dead letters\n")
        number = str(letters[0]["number"])
        shown = gurnard(daemon, "deadletter", "show", number)
        assert sink.url in shown and '"Message": "Fan is \\u001B[31m hot"' in shown
        assert "\x1b" not in shown

        sink.status = 204
        assert gurnard(daemon, "deadletter", "replay", number) == "1 queued for delivery\n"
        sink.wait(1)
        dead(daemon, 1)
        assert gurnard(daemon, "deadletter", "replay", "--all", "--subscription",
                       subscription) == "1 queued for delivery\n"
        sink.wait(2)
        dead(daemon, 0)
        assert gurnard(daemon, "deadletter", "list") == "no dead letters\n"
        assert "answer 404" in gurnard(daemon, "deadletter", "show", number, code=1)


def test_dead_letters_are_purged():
    with Daemon(REFUSE_AT_ONCE) as daemon, Sink() as one, Sink() as other:
        ids = [daemon.subscribe(sink.url)["id"] for sink in (one, other)]
        one.status = other.status = 400
        send(daemon, 3)
        letters = dead(daemon, 6)
        mine = [letter["number"] for letter in letters if letter["subscription"] == ids[0]]
        assert gurnard(daemon, "deadletter", "purge", str(mine[0])) == "1 removed\n"
        assert "answer 404" in gurnard(daemon, "deadletter", "purge", str(mine[0]), code=1)
        assert gurnard(daemon, "deadletter", "purge", "--all", "--subscription",
                       ids[0]) == "2 removed\n"
        assert {letter["subscription"] for letter in dead(daemon, 3)} == {ids[1]}
        assert gurnard(daemon, "deadletter", "purge", "--all") == "3 removed\n"
        dead(daemon, 0)


# -- quarantine --

def kept(daemon, count):
    return wait_for(lambda: (q := ask(daemon, "quarantine", "list"))["count"] == count and q,
                    f"{count} bodies")["items"]


def test_quarantined_bodies_are_shown_and_purged(daemon):
    for body in (b"not JSON, but text\n", b"\x1b[2J\xff"):
        daemon.post_event(body, "/webhook/bmc-1")
    names = [item["name"] for item in kept(daemon, 2)]
    table = gurnard(daemon, "quarantine", "list")
    assert all(name in table for name in names)
    text, dump = (wait_for(lambda: gurnard(daemon, "quarantine", "show", n), n) for n in names)
    assert "bmc-1" in text and text.endswith("\n\nnot JSON, but text\n")
    assert "\x1b" not in dump and "00000000  1b 5b 32 4a ff " in dump
    assert "answer 422" in gurnard(daemon, "quarantine", "replay", names[0], code=1)
    assert gurnard(daemon, "quarantine", "purge", names[0]) == "1 removed\n"
    assert "answer 404" in gurnard(daemon, "quarantine", "show", names[0], code=1)
    assert gurnard(daemon, "quarantine", "purge", "--all") == "1 removed\n"
    assert gurnard(daemon, "quarantine", "list") == "nothing in quarantine\n"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a?b#c%2f", "..%2f", "x" * 300])
def test_odd_names_find_nothing(daemon, name):
    assert "answer 40" in gurnard(daemon, "quarantine", "show", name, code=1)


def test_quarantine_is_taken_in_once_more(sink, tmp_path):
    # as a daemon that could not read these left them; this one can read two of three
    folder = tmp_path / "quarantine"
    folder.mkdir()
    for number, body in enumerate((json.dumps(event(record(1))), "{", json.dumps(event(record(2))))):
        name = f"{1763712000000000000 + number}-0"
        (folder / f"{name}.body").write_text(body)
        (folder / f"{name}.meta").write_text(json.dumps(
            {"received": "2025-11-21T08:00:00Z", "source": "bmc-7", "reason": "not JSON",
             "bytes": len(body)}))
    with Daemon(store=tmp_path) as daemon:
        daemon.subscribe(sink.url)
        first = kept(daemon, 3)[0]["name"]
        assert gurnard(daemon, "quarantine", "replay", first) == f"{first} stored\n"
        sink.wait(1)
        said = gurnard(daemon, "quarantine", "replay", "--all", code=1)
        assert "1763712000000000001-0: answer 422" in said
        sink.wait(2)
        assert [item["name"] for item in kept(daemon, 1)] == ["1763712000000000001-0"]


def test_the_admin_api_is_for_this_host_only():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: tells which address we would have
            own = probe.getsockname()[0]
        except OSError:
            own = "127.0.0.1"
    if own.startswith("127."):
        pytest.skip("this host has no address but loopback")
    with Daemon("--metrics-addr=:0") as daemon:
        assert request(daemon.admin, "GET", "/metrics", host=own)[0] == 200
        assert request(daemon.admin, "GET", "/admin/v1/status", host=own)[0] == 403
        assert request(daemon.admin, "GET", "/admin/v1/status")[0] == 200
