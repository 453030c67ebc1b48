"""Logs, metrics and probes."""
import json
import re
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gurnard import Daemon, Sink, event, record, request, wait_for


def test_promtool_accepts_the_metrics(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event())
    daemon.post_event(b"not json")
    sink.wait(1)
    status, headers, body = request(daemon.admin, "GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout + checked.stderr == b""


def test_openmetrics_pass_a_strict_parser_and_say_the_same(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event())
    daemon.post_event(b"not json")
    sink.wait(1)
    status, headers, body = request(
        daemon.admin, "GET", "/metrics",
        headers={"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
    assert status == 200
    assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = {f.name: f for f in text_string_to_metric_families(body.decode())}
    assert families["gurnard_events_received"].type == "counter"
    assert families["process_cpu_seconds"].unit == "seconds"
    assert families["gurnard_delivery_seconds"].type == "histogram"
    assert {s.name for f in families.values() for s in f.samples} == \
        {name.split("{")[0] for name in daemon.metrics()}


def test_the_figures_are_right(daemon, sink):
    daemon.subscribe(sink.url)
    for number in range(3):
        daemon.post_event(event(record(number)))
    daemon.post_event(event(record(9, MessageId="No.1.0.Such")))
    daemon.post_event('{"x":1}')
    daemon.post_event(b"garbage")
    sink.wait(5)

    def settled():
        rows = daemon.metrics()
        return rows if rows["gurnard_outbox_in_flight"] == 0 else None

    rows = wait_for(settled, "the last answer")
    assert rows['gurnard_events_received_total{via="webhook"}'] == 6
    assert rows["gurnard_events_parsed_total"] == 4
    assert rows["gurnard_events_unparsed_total"] == 1
    assert rows["gurnard_events_quarantined_total"] == 1
    assert rows['gurnard_registry_hits_total{match="exact"}'] + \
        rows['gurnard_registry_hits_total{match="nearest"}'] == 3
    assert rows["gurnard_registry_misses_total"] == 1
    assert rows['gurnard_deliveries_total{transport="http",outcome="delivered"}'] == 5
    assert rows["gurnard_delivery_seconds_count"] == 5
    assert rows["gurnard_outbox_queued"] == 0 and rows["gurnard_outbox_bytes"] == 0
    assert rows["gurnard_api_subscriptions"] == 1 and rows["gurnard_api_publishers"] == 1
    assert rows["gurnard_loop_turn_seconds_count"] > 0
    assert rows["gurnard_registries"] >= 11
    assert rows['gurnard_build_info{version="0.1.0"}'] == 1
    assert rows["process_resident_memory_bytes"] > 1e6


def test_probes_on_both_ports(daemon):
    for port in (daemon.admin, daemon.api):
        for path in ("/livez", "/readyz", "/healthz"):
            assert request(port, "GET", path)[::2] == (200, b"ok\n")
        status, _, body = request(port, "GET", "/readyz?verbose")
        assert status == 200 and b"[+]webhook ok\n" in body and b"[+]registries ok\n" in body
        assert request(port, "POST", "/livez")[0] == 405
    assert request(daemon.api, "GET", "/metrics")[0] == 404
    assert request(daemon.admin, "GET", "/nope")[0] == 404
    assert request(daemon.admin, "POST", "/metrics")[0] == 405


def test_text_log_lines_have_one_form(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(b"x" * 100)
    wait_for(lambda: "quarantine" in daemon.log(), "the warning")
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) "
                      r"[a-z0-9_]+\.[a-z0-9_]+( [a-z0-9_]+=(\"([^\"\\]|\\.)*\"|[^ \"]*))*")
    for line in daemon.log().splitlines():
        assert form.fullmatch(line), line


def test_json_log_lines_are_json():
    with Daemon("--log-format=json", "--log-level=debug", wait_ready=False) as daemon:
        wait_for(lambda: '"gurnardd.ready"' in daemon.log(), "the ready line")
        rows = [json.loads(line) for line in daemon.log().splitlines()]
        ready = next(row for row in rows if row["event"] == "gurnardd.ready")
        assert ready["level"] == "info" and isinstance(ready["webhook"], int)


def test_values_from_outside_cannot_forge_log_lines():
    with Daemon("--log-level=debug") as daemon:
        nasty = '/r"\n2026-01-01T00:00:00.000Z error fake.line x=y\x1b[31m'
        daemon.v1("POST", "/subscriptions", {"resource": nasty})
        wait_for(lambda: "subscription.created" in daemon.log(), "the line")
        assert "\nfake" not in daemon.log() and "\x1b" not in daemon.log()
        assert not any(line.startswith("2026-01-01T00:00:00.000Z")
                       for line in daemon.log().splitlines())


def test_no_payload_in_the_log():
    with Daemon("--log-level=debug") as daemon, Sink() as sink:
        daemon.subscribe(sink.url)
        daemon.post_event(event(record(1, Message="canary-in-the-message", Oem={"k": "canary"})))
        sink.wait(1)
        assert "canary" not in daemon.whole_log()


def test_loop_lag_is_measured(daemon):
    assert "gurnard_loop_lag_seconds" in daemon.metrics()
