"""Outages of gurnardd itself: what BMCs logged meanwhile is told once, and subscriptions are found
again."""
import signal

import pytest
from bmc_daemon import Account, Bmc, BmcDaemon, all_profiles, entry_of, is_recovered
from bmcs import ROOT
from gurnard import wait_for

SOME = ("idrac9", "ilo5", "openbmc", "xcc")


def begin(daemon, account, *bmcs):
    """The consumer has two events of each BMC, and all is on disk."""
    account.subscribe(daemon)
    daemon.wait_proven(*bmcs)
    for bmc in bmcs:
        bmc.happen(2)
    account.wait_all(*bmcs)
    daemon.look(*bmcs)
    daemon.wait_marks(*bmcs, on_disk=True)


def wait_silent(*bmcs):
    """Waits until the BMCs have given up what they could not deliver."""
    for bmc in bmcs:
        wait_for(lambda: all(s["waiting"] == 0 for s in bmc.pushes()), "the BMC's last try")


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_events_of_an_outage_come_once_and_marked(signo):
    with all_profiles() as bmcs, Account(forgives=True) as account:
        with BmcDaemon(*bmcs, bmc={"registry_wait": "5s"}) as daemon:
            begin(daemon, account, *bmcs)
            daemon.stop(signo)
            for bmc in bmcs:
                bmc.happen(4)
            wait_silent(*bmcs)
            daemon.start()
            account.wait_all(*bmcs)
            assert {b.name: account.recovered(b) for b in bmcs} == {
                b.name: [3, 4, 5, 6] for b in bmcs}
            daemon.wait_proven(*bmcs)
            for bmc in bmcs:
                bmc.happen(1)
            account.wait_all(*bmcs)
            daemon.look(*bmcs)
            account.check(*bmcs)
            entries = [r["LogEntry"]["@odata.id"] for _, r in account.records() if is_recovered(r)]
            assert len(entries) == 4 * len(bmcs)
            assert all(uri.startswith(ROOT) and "/LogServices/" in uri for uri in entries)
            assert daemon.metric("gurnard_bmc_recovered_total") == 4 * len(bmcs)


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_what_the_bmc_still_sends_itself_is_not_told_twice(signo):
    """The BMCs go on trying when gurnardd is back already, which reads the same from their logs."""
    with all_profiles(*SOME, speed=15) as bmcs, Account(forgives=True) as account:
        with BmcDaemon(*bmcs, bmc={"registry_wait": "5s"}) as daemon:
            begin(daemon, account, *bmcs)
            daemon.stop(signo)
            for bmc in bmcs:
                bmc.happen(3)
            daemon.flags.append(f"--webhook-port={daemon.webhook}")
            daemon.start()
            account.wait_all(*bmcs)
            wait_silent(*bmcs)
            daemon.look(*bmcs)
            account.check(*bmcs)


def test_outages_in_a_row_lose_nothing_and_tell_nothing_twice():
    with all_profiles("openbmc", "idrac9") as bmcs, Account(forgives=True) as account:
        with BmcDaemon(*bmcs) as daemon:
            begin(daemon, account, *bmcs)
            for _ in range(4):
                daemon.stop(signal.SIGKILL)
                for bmc in bmcs:
                    bmc.happen(2)
                daemon.start()
                for bmc in bmcs:
                    bmc.happen(1)  # while the first round is under way
                wait_silent(*bmcs)  # what was on its way to a consumer when we die comes again
            account.wait_all(*bmcs)
            daemon.wait_proven(*bmcs)
            daemon.look(*bmcs)
            account.check(*bmcs)


@pytest.mark.parametrize("profile", ("ilo5", "openbmc"))  # one does not give Contexts back
def test_its_own_subscription_is_adopted_when_only_the_secret_is_left(profile):
    with Bmc(profile) as bmc, Account() as account, BmcDaemon(bmc) as daemon:
        bmc.age()
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
        bmc.age()
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
        bmc.age()
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
        bmc.age()
        assert daemon.add(bmc)[0] == 201
        begin(daemon, account, bmc)
        assert daemon.order("DELETE", f"/bmcs/{bmc.name}")[0] == 200
        wait_for(lambda: bmc.pushes() == [] and bmc.bmc_state()["sessions"] == 0, "its leave")
        assert daemon.show(bmc) == {}
        wait_for(lambda: not (daemon.store / "bmcs" / "b-openbmc.json").exists(), "its file's end")


def test_two_daemons_leave_each_others_subscriptions_alone():
    with Bmc("openbmc") as bmc, Account() as one, Account() as two:
        bmc.age()
        with BmcDaemon(bmc) as first, BmcDaemon(bmc, bmc={"keep": "no"}) as second:
            begin(first, one, bmc)
            two.subscribe(second)
            second.wait_proven(bmc)
            wait_for(lambda: len(bmc.pushes()) == 2, "two subscriptions")
            ids = {s["id"] for s in bmc.pushes()}
            first.look(bmc)
            second.look(bmc)
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
        bmc.age()
        with BmcDaemon(entry_of(bmc)) as before:
            before.wait_proven(bmc)
            kept, = bmc.pushes()
            port = before.webhook
        with BmcDaemon(entry_of(bmc), flags=(f"--webhook-port={port}",)) as after:
            begin(after, account, bmc)
            assert len(bmc.pushes()) == 2 and kept["id"] in {s["id"] for s in bmc.pushes()}
            assert kept["Destination"] not in {
                s["Destination"] for s in bmc.pushes() if s["id"] != kept["id"]}


def test_what_a_bmc_gave_up_between_two_rounds_is_found_in_its_log():
    """Nothing shows that there was an outage: only the log has more than what came."""
    with all_profiles(*SOME) as bmcs, Account(forgives=True) as account:
        with BmcDaemon(*bmcs, bmc={"registry_wait": "5s"}) as daemon:
            begin(daemon, account, *bmcs)
            for bmc in bmcs:
                bmc.happen(4)
            account.wait_all(*bmcs)
            for _ in range(3):  # what came and what is logged agree
                daemon.look(*bmcs)
            for bmc in bmcs:
                bmc.fault(mute_push=True)
                bmc.happen(1)
                bmc.fault(mute_push=False)
            account.wait_all(*bmcs)
            assert {b.name: account.recovered(b) for b in bmcs} == {b.name: [7] for b in bmcs}
            for bmc in bmcs:
                bmc.happen(1)
            account.wait_all(*bmcs)
            daemon.look(*bmcs)
            daemon.look(*bmcs)
            account.check(*bmcs)
