"""The main job: what a BMC POSTs reaches the application, made readable."""
import json
import re
from pathlib import Path

import pytest
from gurnard import NODE, ROOT, SYSTEMS, event, record, request, value_of

DATA = ROOT / "tests/data/redfish"


def test_an_event_arrives_with_its_text_and_severity(daemon, sink):
    subscription = daemon.subscribe(sink.url)
    body = event(record(7, MessageId="ResourceEvent.1.0.ResourceErrorsDetected",
                        MessageArgs=["Fan 3", "speed"]))
    status, headers, answer = daemon.post_event(body if isinstance(body, str) else json.dumps(body))
    assert (status, answer) == (200, b"{}")
    assert headers["Content-Type"] == "application/json" and headers["Content-Length"] == "2"
    got = sink.wait(1)[0]
    assert list(got) == ["id", "type", "source", "dataContentType", "time", "data"]
    assert got["id"] == subscription["id"]
    assert got["type"] == "event.redfish.alert"
    assert got["source"] == SYSTEMS
    assert got["dataContentType"] == "application/json"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", got["time"])
    value = got["data"]["values"][0]
    assert got["data"]["version"] == "v1"
    assert list(value) == ["resource", "dataType", "valueType", "value"]
    assert (value["resource"], value["dataType"], value["valueType"]) == (
        "/redfish/v1/Systems", "notification", "redfish-event")
    first = value["value"]["Events"][0]
    assert "Fan 3" in first["Message"] and first["Severity"] in ("Warning", "Critical")
    assert first["MessageId"] == "ResourceEvent.1.0.ResourceErrorsDetected"


def test_the_delivered_bytes_have_the_fixed_order_and_keep_what_the_bmc_sent(daemon, sink):
    daemon.subscribe(sink.url)
    body = (b'{ "Name": "Event Array", "Vendor": 42.10, "Id": "5e00", "Context": "ctx",\n'
            b'  "Events@odata.count": 1, "@odata.type": "#Event.v1_3_0.Event",\n'
            b'  "Events": [ { "MessageId": "TMP0100", "EventType": "Alert", "Message": "Hot <&>",\n'
            b'    "Severity": "Warning", "EventId": "2162", "MemberId": "615703",\n'
            b'    "EventTimestamp": "2021-07-13T15:07:59+0300", "MessageArgs": [ "Inlet", 5 ],\n'
            b'    "Oem": { "z": 123456789012345678901, "a": 1.50 },\n'
            b'    "OriginOfCondition": "iDRAC.Embedded.1", "hostname": "n-1" } ] }')
    assert daemon.post_event(body)[0] == 200
    sink.wait(1)
    raw = sink.events[0].decode()
    assert ('"value":{"Context":"ctx","@odata.type":"#Event.v1_3_0.Event","Events":[{'
            '"Context"') not in raw
    assert raw.endswith(
        '"value":{"Context":"ctx","@odata.type":"#Event.v1_3_0.Event","Events":[{'
        '"EventGroupId":0,"EventId":"2162","EventTimestamp":"2021-07-13T15:07:59+0300",'
        '"Message":"Hot <&>","MessageArgs":["Inlet","5"],'
        '"Oem":{"z":123456789012345678901,"a":1.50},"OriginOfCondition":"iDRAC.Embedded.1",'
        '"Severity":"Warning","MessageId":"TMP0100","MemberId":"615703","EventType":"Alert",'
        '"hostname":"n-1"}],"Id":"5e00","Name":"Event Array","Vendor":42.10,'
        '"Events@odata.count":1}}]}}'), raw


def test_a_consumer_gets_plain_json_and_the_events_own_id_in_a_header(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event())
    sink.wait(1)
    headers = {k.lower(): v for k, v in sink.seen_headers[0].items()}
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
                        headers["gurnard-event-id"])
    assert not any(name.startswith("ce-") for name in headers)
    assert "expect" not in headers and "transfer-encoding" not in headers


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda p: p.stem)
def test_every_vendors_shape_arrives(daemon, sink, path):
    daemon.subscribe(sink.url)
    assert daemon.post_event(path.read_bytes())[0] == 200
    got = sink.wait(1)[0]
    assert value_of(got)
    assert daemon.metric("gurnard_events_quarantined_total") == 0


def test_all_records_of_a_payload_stay_together(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event(record(1), record(2), record(3)))
    assert [r["EventId"] for r in value_of(sink.wait(1)[0])["Events"]] == ["1", "2", "3"]


def test_an_array_at_the_top_gives_an_event_for_each_envelope(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(json.dumps([event(record(1), Id="a"), event(record(2), Id="b")]))
    assert {value_of(e)["Id"] for e in sink.wait(2)} == {"a", "b"}


def test_json_without_an_event_is_forwarded_as_it_is(daemon, sink):
    daemon.subscribe(sink.url)
    assert daemon.post_event('{"hello": [1, 2.50, null]}')[0] == 200
    sink.wait(1)
    assert b'"value":{"hello":[1,2.50,null]}' in sink.events[0]
    assert daemon.metric("gurnard_events_unparsed_total") == 1


def test_the_bmcs_own_severity_is_kept_and_overwritten_only_on_request(sink):
    from gurnard import Daemon
    body = event(record(1, MessageId="ResourceEvent.1.0.ResourceErrorsDetected", Severity="OK",
                        MessageArgs=["a", "b"]))
    for flags, wanted in ((), "OK"), (("--events-severity=overwrite",), None):
        with Daemon(*flags) as daemon:
            daemon.subscribe(sink.url)
            daemon.post_event(body)
            count = len(sink.wait(1 if not flags else 2))
            severity = value_of(json.loads(sink.events[count - 1]))["Events"][0]["Severity"]
            assert severity == wanted if wanted else severity in ("Warning", "Critical")


def test_the_old_address_is_the_same_resource(daemon, sink):
    old = f"/cluster/node/{NODE}/redfish/event"
    assert daemon.subscribe(sink.url, old)["resource"] == old
    daemon.post_event(event())
    sink.wait(1)


def test_two_applications_get_the_same_event_each_with_its_own_id(daemon):
    from gurnard import Sink
    with Sink() as one, Sink() as two:
        ids = [daemon.subscribe(s.url)["id"] for s in (one, two)]
        daemon.post_event(event())
        assert [s.wait(1)[0]["id"] for s in (one, two)] == ids
        tails = {e[len('{"id":"') + 36:] for s in (one, two) for e in s.events}
        assert len(tails) == 1


def test_a_bmcs_repeat_is_answered_alike_and_delivered_once(daemon, sink):
    daemon.subscribe(sink.url)
    for _ in range(3):
        assert daemon.post_event(event(record(5)))[::2] == (200, b"{}")
    daemon.post_event(event(record(6)))
    sink.wait(2)
    assert [value_of(json.loads(e))["Events"][0]["EventId"] for e in sink.events] == ["5", "6"]
    assert daemon.metric("gurnard_events_repeated_total") == 2


def test_the_same_body_from_two_bmcs_is_two_events(daemon, sink):
    daemon.subscribe(sink.url)
    daemon.post_event(event(record(5)), "/webhook/a")
    daemon.post_event(event(record(5)), "/webhook/b")
    sink.wait(2)


def test_an_event_created_by_a_publisher_reaches_its_subscribers(daemon, sink):
    resource = f"/cluster/node/{NODE}/mock"
    publisher = json.loads(daemon.v1("POST", "/publishers", {"resource": resource})[2])
    daemon.subscribe(sink.url, resource)
    created = {
        "id": publisher["id"], "type": "event.mock", "source": resource,
        "dataContentType": "application/json", "time": "2026-03-01T12:00:00.5Z",
        "data": {"version": "v1", "values": [
            {"resource": resource, "dataType": "notification", "valueType": "enumeration",
             "value": "ACQUIRING-SYNC"},
            {"resource": resource, "dataType": "metric", "valueType": "decimal64.3",
             "value": 100.30}]}}
    assert daemon.v1("POST", "/create/event", created)[::2] == (202, b'{"status":"Event sent"}')
    got = sink.wait(1)[0]
    assert got["type"] == "event.mock" and got["time"] == "2026-03-01T12:00:00.5Z"
    assert [v["value"] for v in got["data"]["values"]] == ["ACQUIRING-SYNC", "100.3"]
