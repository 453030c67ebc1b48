"""gurnardd and what goes wrong on BMCs: each trouble is told in words, and ends when it is over."""
import signal
import time

import pytest
from bmc_daemon import OWN, Account, Bmc, BmcDaemon, entry_of
from gurnard import wait_for

SERVICE = "/redfish/v1/EventService"
ANSWERS = ("resource", "created", "error", "absolute", "collection", "body", "empty", "path", "task")


@pytest.fixture
def bmc():
    with Bmc("openbmc") as running:
        running.age()
        yield running


@pytest.fixture
def account():
    with Account() as running:
        yield running


def works(daemon, account, bmc, count=1):
    """Proven, and events come, none lost and none twice."""
    daemon.wait_proven(bmc)
    bmc.happen(count)
    account.wait_all(bmc)


# ---- credentials ----


def test_a_401_is_followed_by_one_login(bmc, account):
    with BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        logins = bmc.count_seen("POST", "/redfish/v1/SessionService/Sessions")
        bmc.fault(http_status=401, times=1)
        wait_for(lambda: bmc.count_seen("POST", "/redfish/v1/SessionService/Sessions") == logins + 1,
                 "a login")
        daemon.look(bmc)
        works(daemon, account, bmc)
        assert bmc.bmc_state()["unauthorized"] == 1


@pytest.mark.parametrize("auth", ["auto", "basic", "session"])
def test_a_wrong_password_locks_no_account(bmc, account, auth):
    with BmcDaemon(entry_of(bmc, auth=auth), password="wrong-so-wrong") as daemon:
        account.subscribe(daemon)
        shown = daemon.wait_state(bmc, "auth")
        tried = bmc.bmc_state()["unauthorized"]
        assert 1 <= tried <= 2
        assert daemon.show(bmc)["locked_ms"] > 200_000
        for _ in range(3):
            assert daemon.order("POST", f"/bmcs/{bmc.name}/resync")[0] < 300
            assert daemon.order("POST", f"/bmcs/{bmc.name}/test")[1]["proven"] is False
        assert bmc.bmc_state()["unauthorized"] == tried
        assert bmc.pushes() == []
        assert "wrong-so-wrong" not in daemon.whole_log() + str(shown)

        daemon.write_credentials(daemon.credentials)
        if auth != "auto":
            daemon.process.send_signal(signal.SIGHUP)  # else seen within five seconds
        wait_for(lambda: daemon.show(bmc)["locked_ms"] == 0, "the end of the pause")
        daemon.order("POST", f"/bmcs/{bmc.name}/resync")
        works(daemon, account, bmc)
        assert bmc.bmc_state()["unauthorized"] == tried


def test_credentials_that_cannot_be_read_are_told_and_nothing_is_asked(bmc):
    with BmcDaemon(entry_of(bmc, credentials="/nowhere/at/all")) as daemon:
        shown = daemon.wait_state(bmc, "auth", reason="/nowhere/at/all")
        assert "password" in shown["reason"] or "username" in shown["reason"]
        assert bmc.bmc_state()["requests"] == 0


# ---- answers that come late, wrong or not at all ----


@pytest.mark.parametrize("status", [500, 502])
def test_an_error_of_the_server_passes(bmc, account, status):
    with BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        daemon.wait_marks(bmc)
        bmc.fault(http_status=status, times=1_000_000)
        shown = daemon.wait_state(bmc, "unreachable", reason=str(status))
        assert shown["since"]
        bmc.happen(2)  # pushed all the same
        bmc.fault(clear=True)
        works(daemon, account, bmc)


def test_retry_after_is_kept(bmc, account):
    with BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        before = bmc.count_seen("GET", SERVICE)
        bmc.fault(http_status=503, times=1, retry_after=3, path=SERVICE)
        wait_for(lambda: bmc.count_seen("GET", SERVICE) > before, "the request that is put off")
        put_off = time.monotonic()
        seen = bmc.count_seen("GET", SERVICE)
        wait_for(lambda: bmc.count_seen("GET", SERVICE) > seen, "its repetition")
        assert time.monotonic() - put_off > 2.5
        assert daemon.show(bmc)["state"] == "proven"
        works(daemon, account, bmc)


def test_a_slow_bmc_is_waited_for_and_one_too_slow_is_unreachable(bmc, account):
    with BmcDaemon(bmc, bmc={"timeout": "700ms"}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        bmc.fault(delay_ms=100)
        daemon.look(bmc, times=1)
        assert daemon.show(bmc)["state"] == "proven"
        bmc.fault(delay_ms=5000)
        daemon.wait_state(bmc, "unreachable")
        bmc.fault(clear=True)
        works(daemon, account, bmc)


def test_dropped_connections_are_no_end(bmc, account):
    with BmcDaemon() as daemon:
        account.subscribe(daemon)
        bmc.fault(drop=3)
        assert daemon.add(bmc)[0] == 201
        works(daemon, account, bmc)


def test_a_bmc_that_is_not_there_yet_is_found_later(account):
    bmc = Bmc("openbmc")
    with bmc:
        place, entry = bmc.port, entry_of(bmc)
    with BmcDaemon(entry) as daemon:
        account.subscribe(daemon)
        daemon.wait_state("openbmc", "unreachable", reason="onnect")
        with Bmc("openbmc", "--listen", f"127.0.0.1:{place}") as late:
            works(daemon, account, late)


# ---- subscriptions refused ----


def test_no_place_left_is_told_and_used_once_there_is_one(bmc, account):
    with Account() as own, BmcDaemon() as daemon:
        account.subscribe(daemon)
        own.subscribe(daemon, OWN)
        bmc.fault(full=True)
        assert daemon.add(bmc, way="push")[0] == 201
        shown = daemon.wait_state(bmc, "refused", reason="no place")
        assert shown.get("way", "") == "" and daemon.metric('gurnard_bmcs{state="refused"}') == 1
        bmc.fault(clear=True)
        works(daemon, account, bmc)
        keys = own.own_keys(bmc)
        assert keys.index("SubscriptionRefused") < keys.index("SubscriptionRepaired")


def test_an_event_service_that_is_off_is_turned_on(bmc, account):
    bmc.fault(service_disabled=True)
    with BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        works(daemon, account, bmc)
        assert bmc.count_seen("PATCH", SERVICE) == 1


def test_alerts_that_are_off_are_the_reason(account):
    with Bmc("idrac9") as bmc:
        bmc.age()
        bmc.fault(alerts_disabled=True)
        with BmcDaemon(entry_of(bmc, way="push"), bmc={"proof_timeout": "500ms"}) as daemon:
            account.subscribe(daemon)
            daemon.wait_state(bmc, "degraded", reason="Alerts are turned off")
            daemon.wait_marks(bmc)
            bmc.happen(2)  # nobody is told, but they are logged
            bmc.fault(clear=True)
            works(daemon, account, bmc)


# ---- answers to a new subscription ----


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_new_subscription_is_found_however_it_is_answered(answer, bmc, account):
    bmc.fault(answer=answer)
    with BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        works(daemon, account, bmc)
        sub, = bmc.pushes()
        assert daemon.show(bmc)["subscription"].rsplit("/", 1)[-1] == sub["id"]
        daemon.look(bmc)
        assert [s["id"] for s in bmc.pushes()] == [sub["id"]]


# ---- push and stream ----


def test_the_stream_is_the_way_while_push_is_mute(bmc, account):
    with BmcDaemon(bmc, bmc={"proof_timeout": "500ms"}) as daemon:
        account.subscribe(daemon)
        works(daemon, account, bmc)
        daemon.wait_marks(bmc)
        bmc.fault(mute_push=True)
        assert daemon.order("POST", f"/bmcs/{bmc.name}/test")[1]["proven"] is False
        daemon.wait_state(bmc, "proven", reason="by SSE")
        assert bmc.bmc_state()["streams"] == 1
        bmc.happen(3)
        account.wait_all(bmc)
        assert account.recovered(bmc) == []

        bmc.fault(clear=True)  # noticed by itself within the hour
        assert daemon.order("POST", f"/bmcs/{bmc.name}/test")[1]["way"] == "push"
        wait_for(lambda: daemon.show(bmc)["way"] == "push", "push again")
        wait_for(lambda: bmc.bmc_state()["streams"] == 0, "the end of the stream")
        works(daemon, account, bmc, 2)
        assert daemon.show(bmc).get("reason", "") == ""


def test_a_broken_stream_is_resumed_without_loss(account):
    with Bmc("openbmc") as bmc, BmcDaemon(entry_of(bmc, way="sse")) as daemon:
        account.subscribe(daemon)
        works(daemon, account, bmc, 2)
        wait_for(lambda: bmc.bmc_state()["streams"] == 1, "the stream")
        assert bmc.pushes() == []
        bmc.fault(end_streams=True)
        bmc.happen(3)
        account.wait_all(bmc)
        wait_for(lambda: daemon.show(bmc)["streams_opened"] >= 2, "another stream")
        works(daemon, account, bmc, 2)
        daemon.look(bmc)
        account.check(bmc)
