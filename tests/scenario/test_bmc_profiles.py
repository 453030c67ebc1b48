"""gurnardd and the habits of each vendor's BMC: subscribed, proven, repaired, and nothing lost."""
import pytest
from bmc_daemon import TEXT, Account, Bmc, BmcDaemon, all_profiles
from bmcs import PROFILES
from gurnard import request, wait_for

# Those that show a subscription's Status; what the others have suspended cannot be seen.
SHOW_STATUS = ("idrac9", "idrac10", "ami", "xcc")


def ready(daemon, account, *bmcs):
    """The consumer is subscribed, the paths are proven, the logs' ends are known."""
    account.subscribe(daemon)
    daemon.wait_proven(*bmcs)
    daemon.wait_marks(*bmcs)


@pytest.mark.parametrize("profile", PROFILES)
def test_subscribed_proven_and_after_a_reset_nothing_is_lost(profile):
    with Bmc(profile) as bmc, Account() as account:
        bmc.age()
        with BmcDaemon(bmc, bmc={"registry_wait": "5s"}) as daemon:
            ready(daemon, account, bmc)
            shown = daemon.show(bmc)
            assert shown["way"] == "push" and shown["proof"]["result"] == "proven"
            assert shown["model"] and shown["firmware"] and shown["logs"]
            sub, = bmc.pushes()
            assert sub["Destination"].startswith(
                f"http://127.0.0.1:{daemon.webhook}/webhook/{bmc.name}/")

            bmc.happen(3)
            account.wait_all(bmc)
            texts = [r["Message"] for _, r in account.records() if TEXT.search(r["Message"])]
            assert texts == [f"Fan {profile}-{n} does not turn." for n in (1, 2, 3)]

            bmc.fault(reset={"lose_subscriptions": True, "boot_ms": 400})
            bmc.happen(4)
            account.wait_all(bmc)
            assert account.recovered(bmc) == [4, 5, 6, 7]
            daemon.wait_proven(bmc)
            assert bmc.pushes()[0]["Context"] == sub["Context"]
            assert daemon.metric('gurnard_bmc_subscriptions_total{action="repaired"}') == 1

            bmc.happen(2)
            account.wait_all(bmc)
            daemon.look(bmc)
            if profile != "zt":  # it wants pauses between test events
                assert daemon.order("POST", f"/bmcs/{profile}/test")[1]["proven"]
            account.check(bmc)  # calm rounds tell nothing again
            assert len(account.recovered(bmc)) == 4
            assert len(account.bodies()) == bmc.raised  # no test event among them
        assert len(bmc.pushes()) == 1  # kept for the next start
        assert bmc.bmc_state()["sessions"] == 0  # but logged out


@pytest.mark.parametrize("profile", SHOW_STATUS)
def test_a_suspended_subscription_is_repaired(profile):
    with Bmc(profile) as bmc, Account() as account:
        bmc.age()
        with BmcDaemon(bmc) as daemon:
            ready(daemon, account, bmc)
            bmc.happen(1)
            account.wait_all(bmc)
            bmc.fault(suspend=True)
            bmc.happen(2)
            account.wait_all(bmc)
            assert account.recovered(bmc) == [2, 3]
            wait_for(lambda: [s["suspended"] for s in bmc.pushes()] == [False], "one that sends")
            daemon.wait_proven(bmc)
            bmc.happen(1)
            account.wait_all(bmc)


def test_subscriptions_that_vanished_are_made_anew():
    with all_profiles() as bmcs, Account() as account:
        with BmcDaemon(*bmcs, bmc={"registry_wait": "5s"}) as daemon:
            ready(daemon, account, *bmcs)
            for bmc in bmcs:
                bmc.fault(drop_subscriptions=True)
                bmc.happen(2)
            account.wait_all(*bmcs)
            for bmc in bmcs:
                assert account.recovered(bmc) == [1, 2]
                wait_for(lambda: len(bmc.pushes()) == 1, "the subscription")


def test_what_expires_is_renewed():
    with Bmc("ilo4", "--ttl", "3") as bmc, Account() as account:
        bmc.age()
        with BmcDaemon(bmc) as daemon:
            ready(daemon, account, bmc)
            first = bmc.pushes()[0]["id"]
            wait_for(lambda: bmc.pushes() and bmc.pushes()[0]["id"] != first, "another one")
            bmc.happen(3)
            account.wait_all(bmc)
            assert account.recovered(bmc) == []
            assert daemon.metric("gurnard_bmc_gaps_total") <= 1  # that of the start
            assert len(bmc.pushes()) <= 2  # new before old, and the old go


def test_metric_reports_have_a_subscription_of_their_own():
    with Bmc("openbmc") as bmc, Account() as reports, Account() as account:
        bmc.age()
        with BmcDaemon(bmc, bmc={"metric_reports": "yes"},
                       more={"metrics": {"reports": "apart"}}) as daemon:
            reports.subscribe(daemon, "/cluster/node/n1/redfish/v1/TelemetryService/MetricReports")
            ready(daemon, account, bmc)
            wait_for(lambda: len(bmc.pushes()) == 2, "two subscriptions")
            assert request(bmc.port, "POST", "/sim/reports", {"count": 2})[0] == 200
            reports.wait(2)
            bmc.happen(1)
            account.wait_all(bmc)
            assert len(account.bodies()) == 1 and len(reports.bodies()) == 2
            assert {b["type"] for b in reports.bodies()} == {"event.redfish.metric-report"}
