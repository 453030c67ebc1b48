"""What becomes of BMCs' events: gurnard's own ones about BMCs, alarms, storms, metric reports."""
import signal

import pytest
from bmc_daemon import OWN, Account, Bmc, BmcDaemon
from gurnard import SYSTEMS, request, wait_for

REPORTS = "/cluster/node/n1/redfish/v1/TelemetryService/MetricReports"


@pytest.fixture
def bmc():
    with Bmc("idrac9") as running:
        running.age()
        yield running


def alarms(daemon, bmc=None):
    """{key of the message: alarm} of what is active."""
    rows = daemon.admin_get("/alarms" + (f"?bmc={bmc.name}" if bmc else ""))["alarms"]
    return {row["message_id"].rsplit(".", 1)[-1]: row for row in rows}


# ---- gurnard's own events ----


def test_changes_of_state_are_events_like_others(bmc):
    with Account() as own, Account() as account, BmcDaemon() as daemon:
        own.subscribe(daemon, OWN)
        account.subscribe(daemon)
        assert daemon.add(bmc)[0] == 201
        daemon.wait_proven(bmc)
        wait_for(lambda: {"SubscriptionCreated", "PathProven"} <= set(own.own_keys(bmc)), "both")
        bmc.fault(http_status=500, times=1_000_000)
        daemon.wait_state(bmc, "unreachable")
        wait_for(lambda: "BmcUnreachable" in alarms(daemon), "the alarm")
        bmc.fault(clear=True)
        daemon.wait_proven(bmc)
        wait_for(lambda: own.own_keys(bmc).count("BmcReachable") == 1, "the end of it")
        wait_for(lambda: "BmcUnreachable" not in alarms(daemon), "the end of the alarm")
        keys = own.own_keys(bmc)
        assert keys.count("BmcUnreachable") == 1
        assert keys.index("BmcUnreachable") < keys.index("BmcReachable")
        for _, record in own.records():
            assert bmc.name in record["Message"] and record["EventTimestamp"]
            assert record["Severity"] in ("OK", "Warning", "Critical")
            assert record["OriginOfCondition"]["@odata.id"].endswith("/" + bmc.name)
        assert account.bodies() == []


def test_a_lost_subscription_is_told_with_its_end(bmc):
    with Account() as own, Account() as account, BmcDaemon(bmc) as daemon:
        own.subscribe(daemon, OWN)
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        daemon.wait_marks(bmc)
        bmc.fault(drop_subscriptions=True)
        bmc.happen(2)
        account.wait_all(bmc)
        wait_for(lambda: "EventsRecovered" in own.own_keys(bmc), "the number of those recovered")
        keys = own.own_keys(bmc)
        assert keys.index("SubscriptionLost") < keys.index("SubscriptionRepaired")
        told, = [r for _, r in own.records() if r["MessageId"].endswith("EventsRecovered")]
        assert told["MessageArgs"] == [bmc.name, "2"]


# ---- alarms ----


def test_alarms_begin_and_end_also_over_a_restart(bmc):
    with Account() as account, BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        bmc.happen(1)
        account.wait_all(bmc)
        daemon.wait_metric('gurnard_bmc_registries_total{result="ok"}')
        wait_for(lambda: "FAN0001" in alarms(daemon, bmc), "the alarm")
        alarm = alarms(daemon, bmc)["FAN0001"]
        assert (alarm["bmc"], alarm["severity"], alarm["count"]) == (bmc.name, "Critical", 1)
        assert daemon.metric('gurnard_alarms{severity="critical"}') == 1
        bmc.happen(1)
        account.wait_all(bmc)
        wait_for(lambda: alarms(daemon, bmc)["FAN0001"]["count"] == 2, "the second")
        wait_for(lambda: (daemon.store / "alarms.json").exists()
                 and "FAN0001" in (daemon.store / "alarms.json").read_text(), "the file")

        daemon.restart(signal.SIGTERM)
        assert alarms(daemon, bmc)["FAN0001"]["id"] == alarm["id"]
        daemon.wait_proven(bmc)
        bmc.raise_events(1, message_id="FanRestored", args=["Fan 1"])
        wait_for(lambda: "FAN0001" not in alarms(daemon, bmc), "its end")
        assert daemon.metric('gurnard_alarms{severity="critical"}') == 0


def test_an_alarm_is_ended_by_what_was_recovered_too(bmc):
    with Account() as account, BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        bmc.happen(1)
        account.wait_all(bmc)
        wait_for(lambda: "FAN0001" in alarms(daemon), "the alarm")
        daemon.wait_metric('gurnard_bmc_registries_total{result="ok"}')
        daemon.look(bmc)
        daemon.wait_marks(bmc, on_disk=True)
        daemon.stop()
        bmc.raise_events(1, message_id="FanRestored", args=["Fan 1"])
        wait_for(lambda: all(s["waiting"] == 0 for s in bmc.pushes()), "the BMC's last try")
        daemon.start()
        wait_for(lambda: "FAN0001" not in alarms(daemon), "its end")


def test_an_operator_ends_an_alarm_and_a_bmc_takes_its_alarms_along(bmc):
    with Account() as account, BmcDaemon() as daemon:
        account.subscribe(daemon)
        assert daemon.add(bmc)[0] == 201
        daemon.wait_proven(bmc)
        bmc.happen(1)
        bmc.raise_events(1, message_id="MemoryErrorUncorrectable")
        wait_for(lambda: {"FAN0001", "MEM0001"} <= set(alarms(daemon)), "two alarms")
        fan = alarms(daemon)["FAN0001"]["id"]
        assert daemon.order("DELETE", f"/alarms/{fan}")[0] == 200
        assert daemon.order("DELETE", f"/alarms/{fan}")[0] == 404
        assert "FAN0001" not in alarms(daemon) and "MEM0001" in alarms(daemon)
        assert daemon.order("DELETE", f"/bmcs/{bmc.name}")[0] == 200
        wait_for(lambda: "MEM0001" not in alarms(daemon), "the end of all its alarms")


# ---- storms ----


def test_a_storm_of_repeats_is_folded_and_counted():
    with Bmc("openbmc") as bmc, Account() as account:
        with BmcDaemon(bmc, more={"storm": {"rate": 1, "burst": 5}}) as daemon:
            account.subscribe(daemon)
            daemon.wait_proven(bmc)
            wish = {"message_id": "MemoryErrorsCorrected", "args": ["DIMM 1", "7"]}
            bmc.raise_events(60, **wish)
            wait_for(lambda: bmc.state()["delivered"] >= 61, "their arrival")

            def folded():
                return [(r.get("Oem") or {}).get("Gurnard", {}).get("Folded", 0)
                        for _, r in account.records()]
            wait_for(lambda: sum(n or 1 for n in folded()) >= 60, "an account of all", 40)
            assert sum(n or 1 for n in folded()) in (60, 61) and max(folded()) > 10
            assert len(account.bodies()) < 30
            last = account.records()[-1][1]["Oem"]["Gurnard"]
            assert last["LastTime"]


def test_critical_events_and_news_pass_in_a_storm():
    with Bmc("openbmc") as bmc, Account() as account:
        with BmcDaemon(bmc, more={"storm": {"rate": 1, "burst": 2}}) as daemon:
            account.subscribe(daemon)
            daemon.wait_proven(bmc)
            bmc.raise_events(10, message_id="MemoryErrorsCorrected", args=["DIMM 1", "7"])
            bmc.happen(20)  # critical
            account.wait_all(bmc)
            for number in range(5):
                bmc.raise_events(1, message_id="MemoryErrorsCorrected", args=["DIMM 2", str(number)])
            wait_for(lambda: len({tuple(r["MessageArgs"]) for _, r in account.records()
                                  if r["MessageArgs"][0] == "DIMM 2"}) == 5, "five news")


# ---- metric reports ----


@pytest.mark.parametrize("setting", ["apart", "with", "drop"])
def test_metric_reports_go_where_the_setting_says(setting):
    with Bmc("openbmc") as bmc, Account() as events, Account() as reports:
        with BmcDaemon(bmc, bmc={"metric_reports": "yes"},
                       more={"metrics": {"reports": setting}}) as daemon:
            events.subscribe(daemon, SYSTEMS)
            reports.subscribe(daemon, REPORTS)
            wait_for(lambda: len(bmc.pushes()) == 2, "two subscriptions")
            daemon.wait_proven(bmc)
            assert request(bmc.port, "POST", "/sim/reports", {"count": 3})[0] == 200
            wait_for(lambda: bmc.state()["delivered"] >= 4, "their arrival")
            bmc.happen(1)
            wait_for(lambda: events.numbered()[bmc.name], "an event behind them")
            got = {"apart": reports, "with": events}.get(setting)
            wait_for(lambda: got is None or got.reports() == 3, "the reports")
            assert reports.reports() + events.reports() == (0 if setting == "drop" else 3)
