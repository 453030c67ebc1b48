"""Certificates of BMCs, passwords, and the token in the webhook's path."""
import hashlib
import signal
import ssl
from pathlib import Path

import pytest
from bmc_daemon import Account, Bmc, BmcDaemon, entry_of
from brokers import Certificates
from gurnard import Sink, event, record, request, wait_for

SECRET = "a-pass-word-that-nobody-else-has"


@pytest.fixture(scope="module")
def certificates():
    made = Certificates()
    yield made
    made.close()


def served(certificates, name, *flags):
    """A BMC that shows this certificate."""
    return Bmc("openbmc", "--tls-cert", certificates.cert(name), "--tls-key",
               certificates.key(name), *flags)


def pin_of(certificates, name):
    der = ssl.PEM_cert_to_DER_cert(Path(certificates.cert(name)).read_text())
    return hashlib.sha256(der).hexdigest()


def rule_of(tls, certificates, name="server"):
    """The member tls of an entry."""
    return {"verify": {"ca_file": certificates.cert("ca")},
            "sha256": {"sha256": pin_of(certificates, name).upper()}}.get(tls, tls)


# ---- certificates ----


@pytest.mark.parametrize("tls, name", [
    ("verify", "server"), ("sha256", "server"), ("tofu", "server"), ("off", "server"),
    ("sha256", "expired"), ("tofu", "elsewhere"), ("off", "expired")])
def test_what_is_trusted_is_used(certificates, tls, name):
    with served(certificates, name) as bmc, Account() as account:
        with BmcDaemon(entry_of(bmc, tls=rule_of(tls, certificates, name))) as daemon:
            account.subscribe(daemon)
            daemon.wait_proven(bmc)
            assert daemon.show(bmc)["tls"] == {"sha256": "pin"}.get(tls, tls)
            bmc.happen(1)
            account.wait_all(bmc)


@pytest.mark.parametrize("tls, name", [
    ("verify", "expired"), ("verify", "elsewhere"), ("system", "server"), ("sha256", "other_ca")])
def test_what_is_not_trusted_gets_nothing(certificates, tls, name):
    rule = "verify" if tls == "system" else rule_of(tls, certificates, "server")
    with served(certificates, name) as bmc, BmcDaemon(entry_of(bmc, tls=rule)) as daemon:
        shown = daemon.wait_state(bmc, "certificate")
        assert shown["reason"]
        daemon.order("POST", f"/bmcs/{bmc.name}/resync")
        wait_for(lambda: daemon.metric('gurnard_bmc_rounds_total{result="failed"}') >= 2, "rounds")
        assert bmc.bmc_state()["requests"] == 0


def test_a_certificate_that_changes_is_told_and_gets_nothing(certificates):
    with Account() as account, BmcDaemon() as daemon:
        account.subscribe(daemon)
        with served(certificates, "server") as bmc:
            place = bmc.port
            assert daemon.add(bmc, tls="tofu")[0] == 201
            daemon.wait_proven(bmc)
        daemon.wait_state("openbmc", "unreachable")
        daemon.restart()  # the pin is remembered
        with served(certificates, "elsewhere", "--listen", f"127.0.0.1:{place}") as bmc:
            daemon.wait_state(bmc, "certificate")
            assert bmc.bmc_state()["requests"] == 0
            assert daemon.metric('gurnard_bmcs{state="certificate"}') == 1
        with served(certificates, "server", "--listen", f"127.0.0.1:{place}") as bmc:
            daemon.wait_proven(bmc)
            bmc.happen(1)
            account.wait_all(bmc)


def test_plain_http_to_a_bmc_of_https_is_no_redfish(certificates):
    with served(certificates, "server") as bmc:
        entry = {"name": "plain", "address": f"http://127.0.0.1:{bmc.port}"}
        with BmcDaemon(entry) as daemon:
            daemon.wait_state("plain", "unreachable", "hostile")


# ---- passwords ----


@pytest.mark.parametrize("auth", ["session", "basic"])
def test_a_password_is_nowhere_but_in_its_file(auth):
    with Bmc("openbmc", "--password", SECRET) as bmc, Account() as account:
        settings = {"log": {"level": "debug"}}
        with BmcDaemon(entry_of(bmc, auth=auth), password=SECRET, more=settings) as daemon:
            account.subscribe(daemon)
            daemon.wait_proven(bmc)
            bmc.happen(2)
            account.wait_all(bmc)
            answers = [request(daemon.admin, "GET", path)[2] for path in (
                "/metrics", "/admin/v1/bmcs", f"/admin/v1/bmcs/{bmc.name}", "/admin/v1/status",
                "/admin/v1/alarms")]
            bmc.fault(http_status=401, times=3)
            daemon.wait_state(bmc, "auth")
            answers.append(request(daemon.admin, "GET", f"/admin/v1/bmcs/{bmc.name}")[2])
            token = bmc.pushes()[0]["Destination"].rsplit("/", 1)[-1]
            assert daemon.stop() == 0
            answers += [file.read_bytes() for file in daemon.store.rglob("*") if file.is_file()]
            everything = b"\n".join(answers) + daemon.whole_log().encode()
            assert len(answers) > 8
            for secret in (SECRET, token):
                assert secret.encode() not in everything


def test_a_password_in_an_entry_is_refused_and_not_repeated():
    with BmcDaemon() as daemon:
        status, answer = daemon.order("POST", "/bmcs", {
            "name": "x", "address": "192.0.2.1", "password": SECRET})
        assert status == 400 and "password" in str(answer)
        assert SECRET not in str(answer) + daemon.whole_log()


def test_headers_for_the_subscription_come_from_a_file_and_stay_secret(tmp_path):
    """The Destination is a server in front of gurnardd here, which sees them."""
    headers = tmp_path / "headers"
    headers.write_text(f"X-Tenant: {SECRET}\n")
    with Bmc("openbmc") as bmc, Sink() as front:
        front_url = front.url.removesuffix("/event")
        entry = entry_of(bmc, headers_file=str(headers), webhook_url=front_url, way="push")
        with BmcDaemon(entry, bmc={"proof_timeout": "300ms"},
                       more={"log": {"level": "debug"}}) as daemon:
            wait_for(bmc.pushes, "the subscription")
            bmc.happen(1)
            wait_for(lambda: SECRET in [h.get("X-Tenant") for h in front.seen_headers], "it")
            before = bmc.pushes()[0]["id"]
            headers.write_text(f"X-Tenant: {SECRET}2\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: bmc.pushes() and bmc.pushes()[0]["id"] != before, "another one")
            bmc.happen(1)
            wait_for(lambda: SECRET + "2" in [h.get("X-Tenant") for h in front.seen_headers], "it")
            shown = str(daemon.show(bmc))
            daemon.stop()
            kept = b"".join(f.read_bytes() for f in daemon.store.rglob("*") if f.is_file())
            assert SECRET not in shown + daemon.whole_log() and SECRET.encode() not in kept


# ---- the token in the path ----


def test_in_the_name_of_a_bmc_only_the_bmc_may_send():
    with Bmc("openbmc") as bmc, Account() as account, BmcDaemon(bmc) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bmc)
        token = bmc.pushes()[0]["Destination"].rsplit("/", 1)[-1]
        assert len(token) == 32
        for path in ("", "/", "/" + "0" * 32, "/" + token[:-1], "/" + token + "0", "?token=x",
                     "/" + token.upper() + "x"):
            status = daemon.post_event(event(record(1)), f"/webhook/{bmc.name}{path}")[0]
            assert status in (401, 404), (path, status)
        bmc.happen(1)
        account.wait_all(bmc)
        assert len(account.bodies()) == 1
        assert daemon.post_event(event(record(2)), f"/webhook/{bmc.name}/{token}")[0] == 200
        assert daemon.post_event(event(record(3)), "/webhook/somebody-else")[0] == 200
        account.wait(3)
