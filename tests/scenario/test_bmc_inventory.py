"""Where BMCs may be named: settings, files, the environment, the admin API; and changes of these."""
import json
import signal

import pytest
from bmc_daemon import Account, Bmc, BmcDaemon, entry_of
from bmcs import PASSWORD, USER
from brokers import Certificates
from gurnard import free_port, wait_for


@pytest.fixture
def bmc():
    with Bmc("openbmc") as running:
        running.age()
        yield running


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bmcs"
    made.mkdir()
    return made


def names(daemon):
    return [b["name"] for b in daemon.order("GET", "/bmcs")[1]["bmcs"]]


def absent(name, **members):
    """An entry of a BMC that does not answer."""
    return {"name": name, "address": f"http://127.0.0.1:{free_port()}", **members}


def read_again(daemon):
    daemon.process.send_signal(signal.SIGHUP)


# ---- a folder of files ----


def test_files_come_change_and_go_by_themselves(bmc, folder):
    with Account() as account, BmcDaemon(bmc={"folder": str(folder)}) as daemon:
        account.subscribe(daemon)
        assert names(daemon) == []
        (folder / "one.json").write_text(json.dumps(entry_of(bmc)))
        daemon.wait_proven(bmc)  # seen within five seconds
        assert daemon.show(bmc)["origin"] == "folder"
        bmc.happen(1)
        account.wait_all(bmc)

        (folder / "one.json").write_text(json.dumps([entry_of(bmc), absent("two")]))
        (folder / "three.yaml").write_text("bmcs: [{name: three, address: 192.0.2.1}]\n")
        read_again(daemon)
        wait_for(lambda: names(daemon) == ["openbmc", "three", "two"], "three BMCs")
        (folder / "three.yaml").unlink()
        (folder / "one.json").write_text("[]")
        read_again(daemon)
        wait_for(lambda: names(daemon) == [], "none")
        wait_for(lambda: bmc.pushes() == [], "its leave")


def test_a_file_that_cannot_be_read_keeps_its_bmcs(bmc, folder):
    file = folder / "one.yaml"
    file.write_text(json.dumps({"bmcs": [entry_of(bmc)]}))
    with Account() as account, BmcDaemon(bmc={"folder": str(folder)}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        file.write_text("{ this: [is no")
        read_again(daemon)
        wait_for(lambda: "one.yaml" in daemon.log(), "a line about it")
        daemon.look(bmc)
        assert len(bmc.pushes()) == 1
        bmc.happen(1)
        account.wait_all(bmc)


def test_what_is_wrong_is_told_and_the_rest_counts(bmc, folder):
    (folder / "some.json").write_text(json.dumps([
        {"name": "no-address"}, {"name": "ipmi", "address": "ipmi://192.0.2.1"},
        {"name": "../up", "address": "192.0.2.1"}, entry_of(bmc, way="sideways"), entry_of(bmc)]))
    with BmcDaemon(bmc={"folder": str(folder)}) as daemon:
        daemon.wait_proven(bmc)
        assert names(daemon) == ["openbmc"]
        assert daemon.admin_get("/status")["bmcs"]["wrong"] == 4
        assert "no-address" in daemon.log() or "address" in daemon.log()


def test_bare_metal_hosts_are_understood(bmc, folder, tmp_path):
    secrets = tmp_path / "secrets"
    (secrets / "worker-bmc").mkdir(parents=True)
    BmcDaemon.write_credentials(secrets / "worker-bmc")
    (folder / "hosts.json").write_text(json.dumps({"kind": "List", "items": [{
        "apiVersion": "metal3.io/v1alpha1", "kind": "BareMetalHost",
        "metadata": {"name": "worker-0", "namespace": "metal"},
        "spec": {"bmc": {
            "address": f"redfish+http://127.0.0.1:{bmc.port}/redfish/v1/Systems/system",
            "credentialsName": "worker-bmc"}}}]}))
    with BmcDaemon(bmc={"folder": str(folder), "secrets_folder": str(secrets),
                        "username_file": "", "password_file": ""}) as daemon:
        shown = daemon.wait_state("metal.worker-0", "proven")
        assert shown["manager"] == "/redfish/v1/Managers/bmc"
        assert shown["settings"]["password_file"] == str(secrets / "worker-bmc" / "password")


# ---- the environment ----


def test_the_environment_of_hw_event_proxy_is_a_fleet_of_one():
    certificates = Certificates()
    flags = ("--tls-cert", certificates.cert("server"), "--tls-key", certificates.key("server"))
    try:
        with Bmc("openbmc", *flags) as bmc, Account() as account:
            env = {"REDFISH_HOSTADDR": f"127.0.0.1:{bmc.port}", "REDFISH_USERNAME": USER,
                   "REDFISH_PASSWORD": PASSWORD}
            own = {"username_file": "", "password_file": ""}
            with BmcDaemon(bmc=own, env=env) as daemon:
                wait_for(lambda: names(daemon), "the BMC")
                name, = names(daemon)
                shown = daemon.wait_state(name, "watched")
                assert shown["origin"] == "environment" and shown["tls"] == "tofu"
                assert bmc.pushes() == [] and PASSWORD + "\n" not in daemon.log()
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            with BmcDaemon(bmc={**own, "webhook_url": url}, env=env,
                           flags=(f"--webhook-port={port}",)) as daemon:
                account.subscribe(daemon)
                daemon.wait_state(name, "proven")
                bmc.happen(1)
                account.wait_all(bmc)
    finally:
        certificates.close()


# ---- the admin API, and who wins ----


def test_the_admin_apis_list_outlives_a_restart(bmc):
    with Account() as account, BmcDaemon() as daemon:
        account.subscribe(daemon)
        assert daemon.add(bmc)[0] == 201
        assert daemon.add(bmc)[0] == 409
        daemon.wait_proven(bmc)
        daemon.restart(signal.SIGKILL)
        daemon.wait_proven(bmc)
        bmc.happen(1)
        account.wait_all(bmc)
        status, answer = daemon.order("PUT", f"/bmcs/{bmc.name}", entry_of(bmc, way="none"))
        assert status == 200, answer
        daemon.wait_state(bmc, "watched")
        wait_for(lambda: bmc.pushes() == [], "the end of the subscription")


def test_the_weightier_place_counts(bmc, folder):
    (folder / "one.json").write_text(json.dumps(absent("openbmc")))
    with BmcDaemon(bmc={"folder": str(folder)}) as daemon:
        daemon.wait_state("openbmc", "unreachable")
        daemon.write_settings(bmc)
        daemon.restart()
        daemon.wait_proven(bmc)
        assert daemon.show(bmc)["origin"] == "settings"
        status, answer = daemon.order("DELETE", "/bmcs/openbmc")
        assert status == 409 and "settings" in str(answer)
        elsewhere = absent("openbmc")
        assert daemon.order("PUT", "/bmcs/openbmc", elsewhere)[0] in (200, 201)
        daemon.wait_state("openbmc", "unreachable")
        assert daemon.show("openbmc")["origin"] == "api"
        assert daemon.order("DELETE", "/bmcs/openbmc")[0] == 200
        daemon.wait_proven(bmc)


def test_a_change_of_settings_puts_the_subscription_right(bmc):
    with Account() as account, BmcDaemon() as daemon:
        account.subscribe(daemon)
        assert daemon.add(bmc)[0] == 201
        daemon.wait_proven(bmc)
        before = bmc.pushes()[0]
        assert daemon.order("PUT", f"/bmcs/{bmc.name}",
                            entry_of(bmc, registries=["OpenBMC"]))[0] == 200
        wait_for(lambda: [s.get("RegistryPrefixes") for s in bmc.pushes()] == [["OpenBMC"]],
                 "the filter")
        assert bmc.pushes()[0]["id"] != before["id"]
        daemon.wait_proven(bmc)
        bmc.happen(2)
        account.wait_all(bmc)


def test_a_count_of_bmcs_by_state_is_in_the_metrics(bmc):
    with BmcDaemon(bmc, absent("two"), absent("three")) as daemon:
        daemon.wait_proven(bmc)
        for name in ("two", "three"):
            daemon.wait_state(name, "unreachable")
        assert daemon.metric('gurnard_bmcs{state="unreachable"}') == 2
        assert daemon.metric('gurnard_bmcs{state="proven"}') == 1
        assert daemon.metric("gurnard_bmcs") == 3
        states = daemon.admin_get("/status")["bmcs"]
        assert states["count"] == 3 and states["states"]["unreachable"] == 2


def test_many_behind_one_process_are_looked_after_two_requests_at_a_time():
    with Bmc("mixed", "--count", "60") as fleet, Account() as account:
        entries = [{"name": f"n{i}", "address": f"http://127.0.0.{i}:{fleet.port}"}
                   for i in range(1, 61)]
        with BmcDaemon(*entries, bmc={"concurrency": 16, "resync": "30s"}) as daemon:
            account.subscribe(daemon)
            wait_for(lambda: daemon.metric('gurnard_bmcs{state="proven"}') == 60, "all of them")
            assert fleet.raise_events(1) == 60
            account.wait(60)
            assert all(b["max_at_once"] <= 2 for b in fleet.state()["bmcs"])
