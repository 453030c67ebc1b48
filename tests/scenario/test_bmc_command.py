"""gurnard bmc and gurnard alarms against the real daemon, with BMCs that answer and such that do not."""
import json
import os
import subprocess

import pytest
from bmc_daemon import Bmc, BmcDaemon, entry_of
from bmcs import PASSWORD, USER
from gurnard import BUILD, free_port, wait_for

GURNARD = BUILD / "bin/gurnard"
COLUMNS = 120


def gurnard(daemon, *args, code=0):
    """Runs the command and returns what it printed (what it complained about when code is not 0)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GURNARD_")}
    ran = subprocess.run([GURNARD, *args, "--url", f"http://127.0.0.1:{daemon.admin}"],
                         capture_output=True, text=True, timeout=60, env=env)
    assert ran.returncode == code, (args, ran.stdout, ran.stderr)
    assert PASSWORD + "\n" not in ran.stdout + ran.stderr
    return ran.stdout if code == 0 else ran.stderr + ran.stdout


def silent(name, **members):
    """An entry of a BMC where nothing listens."""
    return {"name": name, "address": f"http://127.0.0.1:{free_port()}", **members}


def row_of(table, name):
    return next(line for line in table.splitlines() if line.split()[:1] == [name])


@pytest.fixture
def lonely():
    """A daemon with two BMCs in its settings that do not answer."""
    with BmcDaemon(silent("node-2"), silent("node-1")) as daemon:
        for name in ("node-1", "node-2"):
            daemon.wait_state(name, "unreachable")
        yield daemon


# -- BMCs that do not answer --

def test_the_list_is_a_table_by_name(lonely):
    table = gurnard(lonely, "bmc", "list")
    lines = table.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "WAY", "MODEL", "FIRMWARE", "LAST", "EVENT", "PROOF",
                                "SUBS", "REASON"]
    assert [line.split()[:3] for line in lines[1:3]] == [["node-1", "unreachable", "-"],
                                                         ["node-2", "unreachable", "-"]]
    assert lines[3:] == ["2 BMCs: 2 unreachable"]
    assert all(len(line) <= COLUMNS for line in lines)
    assert "..." not in gurnard(lonely, "bmc", "list", "--wide")
    names = [b["name"] for b in json.loads(gurnard(lonely, "bmc", "list", "--json"))["bmcs"]]
    assert names == ["node-1", "node-2"]


def test_one_is_shown_with_its_settings(lonely):
    shown = gurnard(lonely, "bmc", "show", "node-1")
    assert "\nfrom          settings\n" in shown and "\nstate         unreachable since " in shown
    assert '"username_file": "' in shown
    assert "no such BMC" in gurnard(lonely, "bmc", "show", "node-3", code=1)


def test_the_status_and_the_alarms_tell_of_them(lonely):
    status = lonely.admin_get("/status")
    assert status["bmcs"]["count"] == 2 and status["bmcs"]["states"]["unreachable"] == 2
    wait_for(lambda: lonely.admin_get("/status")["alarms"]["critical"] == 2, "alarms")
    screen = gurnard(lonely, "status")
    assert "\nBMCs          2, 2 unreachable\n" in screen
    assert "\nalarms        2 critical, 0 warning\n" in screen
    table = gurnard(lonely, "alarms")
    assert "Gurnard.BmcUnreachable" in table and table.endswith("2 alarms: 2 Critical\n")
    assert all(len(line) <= COLUMNS for line in table.splitlines())
    assert gurnard(lonely, "alarms", "--bmc", "node-1").endswith("1 alarm: 1 Critical\n")
    assert gurnard(lonely, "alarms", "--bmc", "nobody") == "no alarms\n"


def test_an_alarm_is_cleared_by_hand(lonely):
    wait_for(lambda: len(lonely.admin_get("/alarms")["alarms"]) == 2, "alarms")
    alarm = lonely.admin_get("/alarms?bmc=node-1")["alarms"][0]
    assert gurnard(lonely, "alarms", "clear", alarm["id"][:8]) == "1 cleared\n"
    assert gurnard(lonely, "alarms", "--bmc", "node-1") == "no alarms\n"
    assert "no such alarm" in gurnard(lonely, "alarms", "clear", alarm["id"], code=1)


def test_a_test_of_one_says_why_it_failed(lonely):
    said = gurnard(lonely, "bmc", "test", "node-1", code=1)
    assert said.startswith("node-1: not proven: ")
    answer = json.loads(gurnard(lonely, "bmc", "test", "node-1", "--json", code=1))
    assert answer["proven"] is False and answer["reason"]
    assert "no such BMC" in gurnard(lonely, "bmc", "test", "nobody", code=1)


def test_what_the_settings_list_is_removed_there(lonely):
    assert "it comes from the settings" in gurnard(lonely, "bmc", "remove", "node-1", code=1)
    assert "from the settings" in gurnard(lonely, "bmc", "add", "node-1", "192.0.2.1", code=1)
    assert lonely.show("node-1")["origin"] == "settings"


def test_what_is_replaced_here_wins_until_it_is_removed(lonely):
    address = f"http://127.0.0.1:{free_port()}"
    assert gurnard(lonely, "bmc", "add", "node-1", address, "--replace") == "node-1 replaced\n"
    assert (lonely.show("node-1")["origin"], lonely.show("node-1")["address"]) == ("api", address)
    assert gurnard(lonely, "bmc", "remove", "node-1") == "node-1 removed\n"
    assert lonely.show("node-1")["origin"] == "settings"


@pytest.mark.parametrize("args, said", [
    (("x", "ipmi://192.0.2.1"), "ipmi"), (("a b", "192.0.2.1"), "name"),
    (("x", "192.0.2.1", "--tls", "never"), "tls"), (("x", "192.0.2.1", "--way", "pigeon"), "way"),
    (("x", "192.0.2.1", "--sha256", "AA"), "sha256"),
])
def test_an_entry_that_is_wrong_is_refused_with_the_reason(lonely, args, said):
    complaint = gurnard(lonely, "bmc", "add", *args, code=1)
    assert "answer 400" in complaint and said in complaint
    assert len(lonely.admin_get("/bmcs")["bmcs"]) == 2


def test_a_password_is_refused_and_not_repeated(lonely):
    status, answer = lonely.order("POST", "/bmcs", silent("x", password="hunter2"))
    assert status == 400 and "password_file" in answer["error"] and "hunter2" not in str(answer)
    assert "hunter2" not in lonely.log()


def test_what_was_added_is_there_after_a_restart(lonely):
    entry = silent("node-3", way="push")
    assert gurnard(lonely, "bmc", "add", "node-3", entry["address"], "--way", "push") == \
        "node-3 added\n"
    assert gurnard(lonely, "bmc", "resync", "node-3") == "node-3 is looked at now\n"
    lonely.restart()
    lonely.wait_state("node-3", "unreachable")
    assert lonely.show("node-3")["settings"]["way"] == "push"


def test_a_damaged_list_is_said_and_left(lonely):
    file = lonely.store / "bmcs.json"
    file.write_text("{")
    assert "bmcs.json" in gurnard(lonely, "bmc", "add", "x", "192.0.2.1", code=1)
    assert file.read_text() == "{"


# -- BMCs that answer --

def test_one_is_added_proven_tested_and_removed():
    with Bmc("idrac9") as bmc, BmcDaemon() as daemon:
        assert gurnard(daemon, "bmc", "list") == "no BMCs\n"
        said = gurnard(daemon, "bmc", "add", bmc.name, bmc.url, "--credentials",
                       str(daemon.credentials))
        assert said == "idrac9 added\n"
        daemon.wait_proven(bmc)
        table = gurnard(daemon, "bmc", "list")
        assert row_of(table, "idrac9").split()[1:3] == ["proven", "push"]
        assert " ms " in row_of(table, "idrac9") and table.endswith("1 BMC: 1 proven\n")
        shown = gurnard(daemon, "bmc", "show", "idrac9")
        assert "\nproof         proven in " in shown and "\nsubscription  /redfish/v1/" in shown
        assert USER + "\n" not in shown  # it stands in a file
        said = wait_for(lambda: proof_of(daemon, "idrac9"), "a second proof")
        assert said.startswith("idrac9: proven in ") and said.endswith(" ms by push\n")
        assert gurnard(daemon, "bmc", "resync", "idrac9") == "idrac9 is looked at now\n"
        assert gurnard(daemon, "bmc", "remove", "idrac9") == "idrac9 removed\n"
        wait_for(lambda: not bmc.pushes(), "a subscription taken back")
        assert gurnard(daemon, "bmc", "list") == "no BMCs\n"


def proof_of(daemon, name):
    """What `gurnard bmc test` says once the way is proven; some BMCs want a pause between tests."""
    answer = daemon.order("POST", f"/bmcs/{name}/test")[1]
    return gurnard(daemon, "bmc", "test", name) if answer["proven"] else None


def test_tokens_and_passwords_are_in_no_answer():
    with Bmc("openbmc") as bmc, BmcDaemon(entry_of(bmc)) as daemon:
        daemon.wait_proven(bmc)
        token = bmc.pushes()[0]["Destination"].rsplit("/", 1)[-1]
        assert len(token) >= 16
        for path in ("/bmcs", "/bmcs/openbmc", "/status", "/alarms"):
            text = json.dumps(daemon.admin_get(path))
            assert token not in text and f'"{PASSWORD}"' not in text, path
        assert token not in daemon.log()
