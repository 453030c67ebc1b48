"""gurnard tap --amqp and gurnard send, against a router that does as the test says."""
import json
import re
import signal
import subprocess

import pytest
from amqp import Router, cne_message
from brokers import ProtonBroker
from gurnard import BUILD, SYSTEMS, free_port, wait_for

GURNARD = BUILD / "bin/gurnard"
ADDRESS = "/news-service/sports"
EVENT = {"specversion": "1.0", "id": "17", "source": "/news", "type": "news.goal", "score": 3,
         "datacontenttype": "application/json", "time": "2026-11-21T03:49:30.5Z", "data": {"by": "Z\u00e9"}}


@pytest.fixture
def router():
    with Router() as running:
        yield running


def url(peer, user=""):
    return f"amqp://{user}127.0.0.1:{peer.port}"


def start(*args):
    return subprocess.Popen([GURNARD, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def send(peer, *args, text=None):
    return subprocess.run([GURNARD, "send", "--amqp", url(peer), *args], input=text,
                          capture_output=True, text=True, timeout=60)


def test_tap_prints_what_comes_and_takes_no_more(router):
    sent = router.put(SYSTEMS, *(cne_message(SYSTEMS, number) for number in range(1, 6)))
    tap = start("tap", "--amqp", url(router), SYSTEMS, "--count", "2", "--json")
    out, err = tap.communicate(timeout=60)
    assert tap.returncode == 0, err
    assert [json.loads(line)["source"] for line in out.splitlines()] == [SYSTEMS] * 2
    assert f"receiving from {SYSTEMS} at 127.0.0.1:{router.port}" in err
    wait_for(lambda: [s.outcome for s in sent].count("accepted") == 2, "the outcomes")
    assert not router.receivers()


def test_tap_accepts_what_is_no_event(router):
    sent = router.put(ADDRESS, b"\x00\x53\x75\xa0\x03abc", cne_message(ADDRESS))
    tap = start("tap", "--amqp", url(router), ADDRESS, "--count", "2", "--no-color")
    out, err = tap.communicate(timeout=60)
    assert tap.returncode == 0 and len(out.splitlines()) == 1
    assert "bytes came that are no CloudEvent" in err
    wait_for(lambda: all(s.outcome == "accepted" for s in sent), "the outcomes")


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_tap_outlasts_the_router_and_ends_by_a_signal(router, signo):
    tap = start("tap", "--amqp", url(router), ADDRESS, "--json")
    router.wait_receiver(ADDRESS)
    router.drop()
    wait_for(lambda: not router.receivers(), "the end")
    router.wait_receiver(ADDRESS)
    router.put(ADDRESS, cne_message(ADDRESS))
    assert json.loads(tap.stdout.readline())["source"] == ADDRESS
    tap.send_signal(signo)
    assert tap.wait(60) == 0
    assert "amqp.down" in tap.stderr.read()


def test_tap_fails_where_the_address_is_refused(router):
    router.rule(ADDRESS, refuse=("amqp:not-found", "no such thing"))
    tap = start("tap", "--amqp", url(router), ADDRESS)
    _, err = tap.communicate(timeout=60)
    assert tap.returncode == 1
    assert f"gurnard tap: {ADDRESS}: amqp:not-found: no such thing" in err


@pytest.mark.parametrize("mode", [(), ("--structured",)])
def test_an_event_from_standard_input_arrives_as_it_is(router, mode):
    ran = send(router, ADDRESS, *mode, text=json.dumps(EVENT))
    assert (ran.returncode, ran.stdout) == (0, "accepted 17\n"), ran.stderr
    [arrival] = router.to(ADDRESS)
    if mode:
        assert arrival.message.content_type.startswith("application/cloudevents+json")
        assert arrival.json() == EVENT
    else:
        assert arrival.properties["cloudEvents:type"] == "news.goal"
        assert arrival.properties["cloudEvents:score"] == 3
        assert int(arrival.properties["cloudEvents:time"]) == 1795232970500
        assert arrival.json() == EVENT["data"]


def test_an_event_from_a_file_and_one_made_of_options(router, tmp_path):
    file = tmp_path / "event.json"
    file.write_text(json.dumps(EVENT))
    assert send(router, ADDRESS, str(file)).returncode == 0
    ran = send(router, ADDRESS, "--type", "t", "--source", "/s", "--subject", "q", "--data", "[1]")
    made = router.to(ADDRESS)[1]
    assert made.json() == [1] and made.properties["cloudEvents:subject"] == "q"
    assert re.fullmatch(r"accepted ([0-9a-f-]{36})\n", ran.stdout)[1] == made.id
    assert send(router, ADDRESS, "--type", "t", "--source", "/s", "--data", "plain").returncode == 0
    assert bytes(router.to(ADDRESS)[2].message.body) == b"plain"


@pytest.mark.parametrize("outcome, want", [("rejected", "rejected"), ("released", "nobody has it"),
                                           ("modified", "nobody has it"), (None, "no outcome")])
def test_send_says_what_became_of_it(router, outcome, want):
    router.rule(ADDRESS, outcome=outcome)
    ran = send(router, ADDRESS, "--timeout", "2", text=json.dumps(EVENT))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert want in ran.stderr


def test_send_says_that_nobody_receives(router):
    router.rule(ADDRESS, credit=0)
    ran = send(router, ADDRESS, "--timeout", "0.5", text=json.dumps(EVENT))
    assert ran.returncode == 1 and "no credit" in ran.stderr
    assert not router.to(ADDRESS)


def test_send_says_that_the_address_is_refused(router):
    router.rule(ADDRESS, refuse=("amqp:unauthorized-access", "not for you"))
    ran = send(router, ADDRESS, text=json.dumps(EVENT))
    assert ran.returncode == 1 and "not for you" in ran.stderr


def test_send_interrupted_before_the_outcome_is_a_failure(router):
    router.rule(ADDRESS, outcome=None)
    sending = start("send", "--amqp", url(router), ADDRESS, "--type", "t", "--source", "s")
    router.wait(ADDRESS)
    sending.send_signal(signal.SIGINT)
    _, err = sending.communicate(timeout=60)
    assert sending.returncode == 1 and "interrupted" in err


def test_nobody_there(tmp_path):
    ran = subprocess.run([GURNARD, "send", "--amqp", f"amqp://127.0.0.1:{free_port()}", ADDRESS,
                          "--type", "t", "--source", "s", "--timeout", "0.5"],
                         capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and "no connection to 127.0.0.1:" in ran.stderr


def test_a_user_needs_the_right_password(tmp_path):
    password = tmp_path / "password"
    with Router(mechanisms=("PLAIN",), users={"me": "secret"}, needs_sasl=True) as router:
        common = (ADDRESS, "--type", "t", "--source", "s", "--timeout", "2", "--insecure-plain",
                  "--user", "me", "--password-file", str(password))
        password.write_text("secret\n")
        assert send(router, *common).returncode == 0
        password.write_text("wrong")
        assert send(router, *common).returncode == 1
        assert len(router.to(ADDRESS)) == 1


def test_both_with_a_broker_of_others():
    with ProtonBroker() as broker:
        for _ in range(3):
            ran = send(broker, ADDRESS, text=json.dumps(EVENT))
            assert ran.returncode == 0, ran.stderr
        tap = start("tap", "--amqp", url(broker), ADDRESS, "--count", "3", "--no-color")
        out, err = tap.communicate(timeout=60)
        assert tap.returncode == 0, err
        assert out == '2026-11-21T03:49:30Z  news.goal  /news  {"by":"Z\u00e9"}\n' * 3
