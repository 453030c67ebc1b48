"""AMQP with TLS and SASL: whom the daemon trusts, how it shows who it is, and what it keeps to
itself."""
import time

import pytest
from amqp import Router, server_tls
from brokers import Certificates
from gurnard import SYSTEMS, Daemon, wait_for
from test_amqp import QUICK, post

USER, PASSWORD = "gurnard", "s3cret-and-long"


@pytest.fixture(scope="module")
def certs():
    made = Certificates()
    yield made
    made.close()


def tls_router(certs, name="server", **about):
    return Router(tls=server_tls(certs.cert(name), certs.key(name), about.pop("client_ca", None)),
                  **about)


def secured(router, *flags, scheme="amqps", host="localhost"):
    return Daemon(f"--transport-host={scheme}://{host}:{router.port}", *QUICK, *flags)


def ca(certs, name="ca"):
    return f"--transport-amqp-ca-file={certs.cert(name)}"


def password_file(tmp_path, text=PASSWORD):
    file = tmp_path / "password"
    file.write_text(text + "\n")
    return f"--transport-amqp-password-file={file}"


def remains(condition, seconds=0.7):
    """Nothing says when something will not happen: it is watched for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition()
        time.sleep(0.02)


def failure(daemon):
    """The first line that says why the connection failed."""
    lines = [line for line in daemon.log().splitlines()
             if "amqp." in line and ("reason=" in line or "error=" in line)]
    return lines[0] if lines else None


def test_a_router_whose_certificate_is_good_gets_events_by_tls(certs):
    with tls_router(certs) as router, secured(router, ca(certs)) as daemon:
        post(daemon, 1)
        router.wait(SYSTEMS)


@pytest.mark.parametrize("name, trusted", [
    ("server", "other_ca"), ("expired", "ca"), ("elsewhere", "ca"), ("server", None)])
def test_a_router_whose_certificate_is_bad_gets_nothing_unless_it_is_not_verified(
        certs, name, trusted):
    flags = [ca(certs, trusted)] if trusted else []
    with tls_router(certs, name) as router:
        with secured(router, *flags) as daemon:
            post(daemon, 1)
            line = wait_for(lambda: failure(daemon), "a line about it")
            assert "certificate" in line or "verify" in line or "hostname" in line, line
            assert router.arrivals == [] and router.logins == []
        with secured(router, *flags, "--transport-amqp-verify=no") as daemon:
            post(daemon, 1)
            router.wait(SYSTEMS)


def test_a_password_goes_by_tls_from_a_file_or_the_url_and_into_no_log(certs, tmp_path):
    login = ("PLAIN", f"\0{USER}\0{PASSWORD}".encode())
    about = {"mechanisms": ["PLAIN"], "users": {USER: PASSWORD}, "needs_sasl": True}
    rows = [("localhost", [f"--transport-amqp-user={USER}", password_file(tmp_path)]),
            (f"{USER}:{PASSWORD}@localhost", [])]
    for host, flags in rows:
        with tls_router(certs, **about) as router, \
                secured(router, ca(certs), *flags, host=host) as daemon:
            post(daemon, 1)
            router.wait(SYSTEMS)
            assert router.logins == [login]
            assert PASSWORD not in daemon.whole_log()
            assert PASSWORD not in str(daemon.admin_get("/status"))


def test_a_password_is_not_sent_without_tls_unless_that_is_allowed(tmp_path):
    flags = [f"--transport-amqp-user={USER}", password_file(tmp_path)]
    with Router(mechanisms=["PLAIN", "ANONYMOUS"], users={USER: PASSWORD},
                needs_sasl=True) as router:
        with secured(router, *flags, scheme="amqp") as daemon:
            post(daemon, 1)
            wait_for(lambda: failure(daemon), "a line about it")
            assert not any(PASSWORD.encode() in response for _, response in router.logins)
            assert router.arrivals == []
        with secured(router, *flags, "--transport-amqp-insecure-plain=yes",
                     scheme="amqp") as daemon:
            post(daemon, 1)
            router.wait(SYSTEMS)


def test_a_wrong_password_is_said_and_not_tried_again_soon(certs, tmp_path):
    with tls_router(certs, mechanisms=["PLAIN"], users={USER: "another"},
                    needs_sasl=True) as router, \
            secured(router, ca(certs), f"--transport-amqp-user={USER}",
                    password_file(tmp_path)) as daemon:
        post(daemon, 1)
        wait_for(lambda: failure(daemon), "a line about it")
        assert PASSWORD not in daemon.log()
        assert len(router.logins) == 1
        remains(lambda: len(router.connects) == 1)


def test_a_certificate_of_ours_is_who_we_are(certs):
    flags = [f"--transport-amqp-cert-file={certs.cert('client')}",
             f"--transport-amqp-key-file={certs.key('client')}"]
    with tls_router(certs, client_ca=certs.cert("ca"), mechanisms=["EXTERNAL"],
                    needs_sasl=True) as router:
        with secured(router, ca(certs), *flags) as daemon:
            post(daemon, 1)
            router.wait(SYSTEMS)
            assert [mechanism for mechanism, _ in router.logins] == ["EXTERNAL"]
        with secured(router, ca(certs)) as daemon:
            post(daemon, 2)
            wait_for(lambda: failure(daemon), "a line about it")
            assert len(router.arrivals) == 1


def test_files_that_cannot_be_read_are_said(certs, tmp_path):
    with tls_router(certs) as router, \
            secured(router, f"--transport-amqp-ca-file={tmp_path / 'none'}") as daemon:
        post(daemon, 1)
        line = wait_for(lambda: failure(daemon), "a line about it")
        assert "none" in line or "CA" in line or "ca_file" in line, line
        assert router.arrivals == []
    with Daemon("--transport-host=amqp://127.0.0.1:1", "--transport-amqp-user=u",
                f"--transport-amqp-password-file={tmp_path / 'none'}", wait_ready=False) as daemon:
        assert daemon.stop(signo=None) == 1
        assert "password_file" in daemon.log()
