"""Outages of gurnardd itself: what BMCs logged meanwhile is told once, and subscriptions are found
again."""
import signal

import pytest
from bmc_daemon import Account, Bmc, BmcDaemon, entry_of
from bmcs import PROFILES, ROOT
from gurnard import wait_for

SOME = ("idrac9", "ilo5", "openbmc", "xcc")


def begin(daemon, account, *bmcs):
    account.subscribe(daemon)
    daemon.wait_proven(*bmcs)
    daemon.wait_marks(*bmcs)
    for bmc in bmcs:
        bmc.happen(2)
    account.wait_all(*bmcs)
    daemon.wait_rounds(2 * len(bmcs))


@pytest.mark.parametrize("profile", PROFILES)
def test_events_of_an_outage_come_once_and_marked(profile):
    with Bmc(profile) as bmc, Account() as account:
        bmc.age()
        with BmcDaemon(bmc, bmc={"registry_wait": "5s"}) as daemon:
            begin(daemon, account, bmc)
            daemon.stop(signal.SIGKILL)
            bmc.happen(4)
            wait_for(lambda: all(s["waiting"] == 0 for s in bmc.pushes()), "the BMC's last try")
            daemon.start()
            account.wait_all(bmc)
            assert account.recovered(bmc) == [3, 4, 5, 6]
            daemon.wait_proven(bmc)
            bmc.happen(1)
            account.wait_all(bmc)
            daemon.wait_rounds(2)
            account.check(bmc)
            entries = [record.get("LogEntry", {}).get("@odata.id", "")
                       for _, record in account.records()][2:6]
            assert all(uri.startswith(ROOT) and "/LogServices/" in uri for uri in entries)
            assert daemon.metric("gurnard_bmc_recovered_total") == 4


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("profile", SOME)
def test_what_the_bmc_still_sends_itself_is_not_told_twice(profile, signo):
    """The BMC goes on trying when gurnardd is back already, which reads the same from the log."""
    with Bmc(profile, speed=15) as bmc, Account() as account:  # three tries within four seconds
        bmc.age()
        port = None
        with BmcDaemon(bmc, bmc={"registry_wait": "5s"}) as daemon:
            begin(daemon, account, bmc)
            port = daemon.webhook
            daemon.stop(signo)
            bmc.happen(3)
            daemon.flags.append(f"--webhook-port={port}")
            daemon.start()
            account.wait_all(bmc)
            wait_for(lambda: all(s["waiting"] == 0 for s in bmc.pushes()), "the BMC's last try")
            daemon.wait_rounds(3)
            account.check(bmc)


def test_outages_in_a_row_lose_nothing_and_tell_nothing_twice():
    with Bmc("openbmc") as one, Bmc("idrac9") as two, Account() as account:
        one.age()
        two.age()
        with BmcDaemon(one, two) as daemon:
            begin(daemon, account, one, two)
            for _ in range(4):
                daemon.stop(signal.SIGKILL)
                one.happen(2)
                two.happen(2)
                daemon.start()
                one.happen(1)  # while the first round is under way
                two.happen(1)
            account.wait_all(one, two)
            daemon.wait_proven(one, two)
            daemon.wait_rounds(6)
            account.check(one, two)


@pytest.mark.parametrize("profile", ("ilo5", "openbmc"))  # one does not give Contexts back
def test_its_own_subscription_is_adopted_when_only_the_secret_is_left(profile):
    with Bmc(profile) as bmc, Account() as account, BmcDaemon(bmc) as daemon:
        begin(daemon, account, bmc)
        before, = bmc.pushes()
        port = daemon.webhook
        daemon.stop()
        for file in (daemon.store / "bmcs").glob("*.json"):
            file.unlink()
        daemon.flags.append(f"--webhook-port={port}")
        daemon.start()
        daemon.wait_proven(bmc)
        after, = bmc.pushes()
        assert after["id"] == before["id"]
        assert daemon.metric('gurnard_bmc_subscriptions_total{action="adopted"}') == 1
        assert daemon.metric('gurnard_bmc_subscriptions_total{action="created"}') == 0


def test_another_port_means_another_subscription_and_the_old_one_goes():
    with Bmc("openbmc") as bmc, Account() as account, BmcDaemon(bmc) as daemon:
        begin(daemon, account, bmc)
        before, = bmc.pushes()
        daemon.restart()
        daemon.wait_proven(bmc)
        wait_for(lambda: len(bmc.pushes()) == 1, "the end of the old one")
        after, = bmc.pushes()
        assert after["id"] != before["id"]
        assert f":{daemon.webhook}/" in after["Destination"]


def test_without_keep_the_subscription_goes_at_sigterm():
    with Bmc("openbmc") as bmc, Account() as account:
        with BmcDaemon(bmc, bmc={"keep": "no"}) as daemon:
            begin(daemon, account, bmc)
            assert bmc.bmc_state()["sessions"] == 1
            assert daemon.stop() == 0
            assert bmc.pushes() == []
            assert bmc.bmc_state()["sessions"] == 0
            bmc.happen(2)
            daemon.start()
            account.wait_all(bmc)
            assert account.recovered(bmc) == [3, 4]


def test_a_bmc_that_leaves_the_inventory_is_left_clean():
    with Bmc("openbmc") as bmc, Account() as account, BmcDaemon() as daemon:
        assert daemon.add(bmc)[0] == 201
        begin(daemon, account, bmc)
        assert daemon.order("DELETE", f"/bmcs/{bmc.name}")[0] == 200
        wait_for(lambda: bmc.pushes() == [] and bmc.bmc_state()["sessions"] == 0, "its leave")
        assert daemon.show(bmc) == {}
        wait_for(lambda: not (daemon.store / "bmcs" / "b-openbmc.json").exists(), "its file's end")


def test_two_daemons_leave_each_others_subscriptions_alone():
    with Bmc("openbmc") as bmc, Account() as one, Account() as two:
        with BmcDaemon(bmc) as first, BmcDaemon(bmc, bmc={"keep": "no"}) as second:
            begin(first, one, bmc)
            two.subscribe(second)
            second.wait_proven(bmc)
            wait_for(lambda: len(bmc.pushes()) == 2, "two subscriptions")
            ids = {s["id"] for s in bmc.pushes()}
            first.wait_rounds(2)
            second.wait_rounds(2)
            assert {s["id"] for s in bmc.pushes()} == ids
            bmc.happen(2)
            one.wait_all(bmc)
            wait_for(lambda: len(two.numbered()[bmc.name]) == 2, "both events")
            second.stop()
            left, = bmc.pushes()
            assert left["id"] in ids and f":{first.webhook}/" in left["Destination"]
            bmc.happen(1)
            one.wait_all(bmc)


def test_a_stranger_with_the_same_name_but_another_secret_is_not_adopted():
    with Bmc("openbmc") as bmc, Account() as account:
        with BmcDaemon(entry_of(bmc)) as before:
            before.wait_proven(bmc)
            kept, = bmc.pushes()
            port = before.webhook
        with BmcDaemon(entry_of(bmc), flags=(f"--webhook-port={port}",)) as after:
            begin(after, account, bmc)
            assert len(bmc.pushes()) == 2 and kept["id"] in {s["id"] for s in bmc.pushes()}
            assert kept["Destination"] not in {
                s["Destination"] for s in bmc.pushes() if s["id"] != kept["id"]}
