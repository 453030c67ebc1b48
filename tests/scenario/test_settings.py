"""Settings from flags, variables and a file, and what is said when they are wrong."""
import os
import subprocess

import pytest
from gurnard import BUILD, ROOT, Daemon, Sink, event, request

GURNARDD = BUILD / "bin/gurnardd"


def run(*flags, env=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GURNARD_")}
    return subprocess.run([GURNARDD, *flags], capture_output=True, text=True, timeout=60,
                          env={**clean, **(env or {})})


def test_a_typo_is_told_with_its_place_and_a_guess(tmp_path):
    file = tmp_path / "gurnard.yaml"
    file.write_text("webhook:\n  port: 9087\n  max_bdoy: 1MiB\ndelivery:\n  timeout: soon\n")
    ran = run("--check-config", "--config", str(file))
    assert ran.returncode == 1
    assert f"{file}:3:3: unknown setting webhook.max_bdoy; did you mean webhook.max_body?" \
        in ran.stderr
    assert f'{file}:5:12: delivery.timeout: "soon" is not a duration' in ran.stderr
    ran = run("--config", str(file))
    assert ran.returncode == 1 and "unknown setting" in ran.stderr


def test_good_settings_pass_the_check(tmp_path):
    for name in ("gurnard.yaml", "gurnard-full.yaml"):
        ran = run("--check-config", "--config", str(ROOT / "config" / name))
        assert (ran.returncode, ran.stderr) == (0, ""), name


def test_unknown_flags_end_with_2():
    ran = run("--no-such-flag=1")
    assert ran.returncode == 2 and "--no-such-flag: unknown flag" in ran.stderr


def test_help_and_version():
    assert "--webhook-port" in run("--help").stdout
    assert run("--version").stdout.startswith("gurnardd ")


def test_flags_and_variables_of_the_replaced_programs():
    with Daemon("-transport-host=http://host.svc.cluster.local:9043", "--api-version=2.0",
                "--http-event-publishers", "a:9043,b:9043", node="",
                env={"NODE_NAME": "node.example", "LOG_LEVEL": "trace", "MSG_PARSER_PORT": "9097",
                     "MSG_PARSER_TIMEOUT": "10", "PTP_PLUGIN": "false", "HW_PLUGIN": "true",
                     "HW_EVENT_PORT": "tcp://10.0.0.1:9087"}) as daemon:
        # node="" above is a flag and weighs more; the publisher shows the variable without it
        assert daemon.v1("GET", "/health")[0] == 200
    flags_of_the_sidecar = ["--metrics-addr=127.0.0.1:0", "--api-port=0"]
    with Daemon(*flags_of_the_sidecar, env={"HW_EVENT_PROXY_SERVICE_SERVICE_PORT": "9087"}) as daemon:
        assert daemon.webhook != 9087  # the flag weighs more than the variable


def test_a_file_a_variable_and_a_flag_weigh_more_each(tmp_path):
    file = "node:\n  name: from-file\n"
    for env, flags, node in (({}, (), "from-file"),
                             ({"NODE_NAME": "legacy"}, (), "legacy"),
                             ({"NODE_NAME": "legacy", "GURNARD_NODE_NAME": "own"}, (), "own"),
                             ({"GURNARD_NODE_NAME": "own"}, ("--node-name=flag",), "flag")):
        daemon = Daemon(*flags, env=env, settings=file)
        daemon.flags = [f for f in daemon.flags if f != "--node-name=n1"]
        with daemon:
            publishers = daemon.v1("GET", "/publishers")[2].decode()
            assert f"/cluster/node/{node}/redfish/v1/Systems" in publishers


def test_a_missing_settings_file_is_an_error():
    ran = run("--config", "/nonexistent/gurnard.yaml")
    assert ran.returncode == 1 and "/nonexistent/gurnard.yaml" in ran.stderr


@pytest.mark.parametrize("flag", ["--webhook-port", "--api-port", "--metrics-addr"])
def test_a_taken_port_ends_the_start_with_one_clear_line(daemon, flag):
    value = {"--webhook-port": daemon.webhook, "--api-port": daemon.api,
             "--metrics-addr": f"127.0.0.1:{daemon.admin}"}[flag]
    second = Daemon(f"{flag}={value}", wait_ready=False).start()
    assert second.process.wait(60) == 1
    lines = [line for line in second.log().splitlines() if " error " in line]
    assert len(lines) == 1 and "listen.failed" in lines[0] and "taken" in lines[0]
    second.process = None
    second._tmp.cleanup()


def test_listening_addresses(sink):
    with Daemon("--webhook-address=127.0.0.1", "--api-address=::1") as daemon:
        assert request(daemon.webhook, "POST", "/webhook", event())[0] == 200
        assert request(daemon.api, "GET", "/livez", host="::1")[0] == 200
        with pytest.raises(OSError):
            request(daemon.api, "GET", "/livez", host="127.0.0.1")
    with Daemon() as daemon:  # all addresses, both families
        for host in ("127.0.0.1", "::1"):
            assert request(daemon.webhook, "POST", "/webhook", event(), host=host)[0] == 200
