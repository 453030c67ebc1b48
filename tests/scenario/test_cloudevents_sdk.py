"""What gurnardd sends and takes as CloudEvents, against an implementation that is not ours: the SDK
for JavaScript (npm package cloudevents), in both directions and all encodings.

Where that SDK falls short of the specification, the tests take it as it is: it neither undoes nor
makes the percent-encoding of headers, tells times in milliseconds, and knows `charset=utf-8` in
lower case only."""
import base64
import json
import os
import re
import uuid

import pytest
from cesdk import Sdk, missing
from gurnard import NODE, SYSTEMS, V1, Daemon, event, record, request
from proxies import cne_data, register, registration

pytestmark = pytest.mark.skipif(
    "GURNARD_NPM" not in os.environ and missing() is not None, reason=str(missing()))

V2 = "/api/ocloudNotifications/v2"
NATIVE = "/api/gurnard/v1"
MODES = ["binary", "structured", "batch"]
TIME = "2026-11-21T12:00:00.250Z"
BYTES = bytes(range(256))


@pytest.fixture(scope="module")
def sdk():
    assert missing() is None, missing()
    with Sdk() as running:
        yield running


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as running:
        yield running


def post(daemon, path, body):
    status, _, answer = request(daemon.api, "POST", path, json.dumps(body),
                                {"Content-Type": "application/json"})
    assert status == 201, (status, answer)
    return json.loads(answer)


@pytest.fixture
def subscribe(daemon, sdk):
    """Makes native subscriptions, each to a path of its own, for the time of the test."""
    ids = []

    def make(mode, **members):
        path = f"/native/{uuid.uuid4()}"
        config = {"mode": mode, **members.pop("config", {})}
        ids.append(post(daemon, NATIVE + "/subscriptions",
                        {"sink": sdk.url(path), "config": config, **members})["id"])
        return path

    yield make
    for one in ids:
        assert request(daemon.api, "DELETE", f"{NATIVE}/subscriptions/{one}")[0] == 200


def millis(time):
    """A time as text, cut or filled up to milliseconds."""
    whole, fraction = re.fullmatch(r"([-\dT:]{19})(?:\.(\d+))?Z", time).groups()
    return f"{whole}.{(fraction or '')[:3]:0<3}Z"


def texts(event):
    """All attributes as texts, as headers have them."""
    out = {name: value if isinstance(value, str) else json.dumps(value)
           for name, value in event.items() if name != "data"}
    return {**out, "time": millis(out["time"])}


# ---- what we send ----

MESSAGE = 'Lüfter „7“ ist zu 50% "ausgefallen" \\ 風扇'
PLACE = '/redfish/v1/Chassis/Gehäuse 1/50%/"oben"/%41'
OEM = ('{"Zeta":18446744073709551616123,"Alpha":-9007199254740993,"Ratio":42.10,'
       '"Text":"50% \\"ü\\" \\u00e9","None":null}')


def odd_event(number):
    """A Redfish event with two records, as bytes: Python would not keep 42.10."""
    records = [record(number, Severity="Critical", MessageId="Vendor.1.2.FanFailed", Oem="OEM",
                      Message=MESSAGE, OriginOfCondition={"@odata.id": PLACE}),
               record(number + 1, Severity="Warning", MessageId="Vendor.1.2.FanSlow", Oem="OEM")]
    return json.dumps(event(*records, Id=f"id-{number:08d}")).replace('"OEM"', OEM).encode()


def check_oem(value):
    assert value["Oem"] == json.loads(OEM) and list(value["Oem"]) == list(json.loads(OEM))


def test_records_of_a_redfish_event_read_alike_in_every_mode(daemon, sdk, subscribe):
    paths = [subscribe(mode) for mode in MODES]
    assert daemon.post_event(odd_event(1), "/webhook/bmc-1")[0] == 200
    binary, structured, batch = (sdk.wait_events(path, 2) for path in paths)
    for one, other in zip(binary, structured):
        assert texts(one) == texts(other)
    assert [texts(e) for e in batch] == [texts(e) for e in structured]
    for events in (binary, structured, batch):
        first, second = (e["data"] for e in events)
        assert first["Message"] == MESSAGE
        assert first["OriginOfCondition"] == {"@odata.id": PLACE}
        check_oem(first), check_oem(second)
    first, second = structured
    assert first["id"] != second["id"] and first["specversion"] == "1.0"
    assert (first["source"], first["subject"]) == ("/redfish/bmc-1", PLACE)
    assert first["type"] == "org.dmtf.redfish.event.Vendor.FanFailed"
    assert first["time"] == "2026-03-01T12:00:01.000Z"
    assert (first["datacontenttype"], first["dataschema"]) == (
        "application/json", "https://redfish.dmtf.org/schemas/v1/Event.v1_7_0.json")
    assert (first["severitytext"], first["severitynumber"]) == ("ERROR", 17)
    assert (second["severitytext"], second["severitynumber"]) == ("WARN", 13)
    assert (first["messageid"], first["registry"]) == ("Vendor.1.2.FanFailed", "Vendor")
    assert (first["bmc"], first["partitionkey"], first["node"]) == ("bmc-1", "bmc-1", NODE)
    assert first["sequence"] < second["sequence"] and millis(first["recordedtime"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", first["traceparent"])


@pytest.mark.parametrize("mode", MODES)
def test_a_whole_redfish_event_is_one_cloudevent(daemon, sdk, subscribe, mode):
    path = subscribe(mode, config={"split": "whole"})
    number = 100 + 10 * MODES.index(mode)
    assert daemon.post_event(odd_event(number), "/webhook/bmc-2")[0] == 200
    got = sdk.wait(path)
    (one,) = got.events
    assert [r["EventId"] for r in one["data"]["Events"]] == [str(number), str(number + 1)]
    assert one["data"]["Events"][0]["Message"] == MESSAGE
    check_oem(one["data"]["Events"][0])
    assert got.body.count(OEM.encode()) == 2  # byte for byte: 42.10 is no 42.1
    assert (one["subject"], str(one["severitynumber"])) == (PLACE, "17")
    assert got.headers.get("gurnard-event-id") == one["id"] or mode == "batch"


def test_v2_subscribers_get_structured_cloudevents(daemon, sdk):
    made = post(daemon, V2 + "/subscriptions",
                {"ResourceAddress": "/././redfish", "EndpointUri": sdk.url("/v2")})
    sdk.wait("/v2")  # the initial notification is one too
    assert daemon.post_event(odd_event(200), "/webhook/bmc-3")[0] == 200
    got = sdk.wait("/v2")
    (one,) = got.events
    assert one["id"] == got.headers["gurnard-event-id"] and one["specversion"] == "1.0"
    assert (one["source"], one["type"]) == ("/redfish/v1/Systems", "event.redfish.alert")
    assert set(one) == {"specversion", "id", "source", "type", "time", "data"}
    (value,) = one["data"]["values"]
    assert one["data"]["version"] == "1.0" and value["ResourceAddress"] == "/redfish/v1/Systems"
    assert value["value_type"] == "redfish-event"
    assert value["value"]["Events"][0]["Message"] == MESSAGE
    check_oem(value["value"]["Events"][0])
    assert got.body.count(OEM.encode()) == 2
    assert request(daemon.api, "DELETE", f"{V2}/subscriptions/{made['SubscriptionId']}")[0] == 204


def test_proxies_get_binary_cloudevents_0_3(daemon, sdk):
    assert register(daemon.transport, sdk.url("/peer"), SYSTEMS) == 200
    assert daemon.post_event(odd_event(300), "/webhook/bmc-4")[0] == 200
    got = sdk.wait("/peer/event")
    (one,) = got.events
    assert got.is_binary and one["specversion"] == "0.3"
    assert (one["source"], one["subject"], one["type"]) == (SYSTEMS, SYSTEMS, "event.redfish.alert")
    assert one["datacontenttype"] == "application/json"
    assert one["id"] == got.headers["gurnard-event-id"]
    assert one["time"] == millis(got.headers["ce-time"])
    (value,) = one["data"]["values"]
    assert value["value"]["Events"][0]["Message"] == MESSAGE
    check_oem(value["value"]["Events"][0])
    assert got.body.count(OEM.encode()) == 2
    assert register(daemon.transport, sdk.url("/peer"), SYSTEMS, "DELETE", action=2) == 200


def test_odd_attributes_reach_proxies_percent_encoded(daemon, sdk):
    resource = "/nachrichten/Köln 50%41"
    publisher = post(daemon, V1 + "/publishers", {"resource": resource})
    wish = attributes(resource, "0.3", type="SUBSCRIBER", subject="NEW",
                      datacontenttype="application/json",
                      data=json.loads(registration(sdk.url("/odd"), resource)))
    assert sdk.send(f"http://127.0.0.1:{daemon.transport}/subscription", "binary", wish,
                    encode=True) == (200, "")
    status, _, _ = daemon.v1("POST", "/create/event", {
        "id": publisher["id"], "type": "event.test", "source": 'Tür "7"', "time": TIME,
        "data": cne_data(1, resource)})
    assert status == 202
    got = sdk.wait("/odd/event")
    (one,) = got.events
    assert got.headers["ce-source"].isascii()
    assert (one["source"], one["subject"]) == (resource, 'Tür "7"')
    assert (one["time"], one["data"]) == (TIME, cne_data(1, resource))


# ---- what others send, and what becomes of it ----

TRICKY = {"subject": 'Tür "7" steht zu 50% auf \\ 門 %41', "exttext": " ä%20b, \"c\"; d=é "}
JSON_DATA = {"münze": "„x“ \\ %41 \"y\"", "big": 18446744073709551616123, "ratio": 42.5,
             "list": [None, True, {"": ""}]}
CONTENTS = {
    "json": {"datacontenttype": "application/json", "data": JSON_DATA},
    "json suffix": {"datacontenttype": "application/vnd.example+json", "data": {"a": "ü"}},
    "text": {"datacontenttype": "text/plain; charset=utf-8", "data": "Grüße\n\t\"50%\" {\\"},
    "bytes": {"datacontenttype": "application/octet-stream", "data": BYTES},
    "nothing": {},
}


def schema_of(version):
    return {"1.0": "dataschema", "0.3": "schemaurl"}[version]


def attributes(source, version="1.0", **others):
    return {"specversion": version, "id": f"id {uuid.uuid4()} ü%41", "source": source,
            "type": "com.example.door", "time": TIME, "extnumber": 42, "extflag": True,
            schema_of(version): "https://example.com/s?a=%20", **others}


def to_send(one):
    """As the SDK is told: bytes in base64."""
    if isinstance(one.get("data"), bytes):
        return {**{k: v for k, v in one.items() if k != "data"},
                "data_bytes": base64.b64encode(one["data"]).decode()}
    return one


def expected(sent):
    """What must arrive: version 1.0, text that is no JSON as its bytes."""
    want = {**sent, "specversion": "1.0"}
    if "schemaurl" in want:
        want["dataschema"] = want.pop("schemaurl")
    if isinstance(want.get("data"), str):
        want["data"] = want["data"].encode()
    return want


def check(sent, arrived, is_told_by_header):
    """is_told_by_header: numbers and Booleans became texts on one of the ways."""
    want = expected(sent)
    got = {**arrived, "time": millis(arrived["time"])}
    assert want.get("data") == json_of(want, got)
    if is_told_by_header:
        want, got = texts(want), texts(got)
    for name in set(want) - {"data"}:
        assert want[name] == got[name], name
    return set(got) - set(want)


def json_of(want, got):
    """The data of got. The SDK reads JSON only of application/json itself."""
    data = got.get("data")
    is_unread = isinstance(data, (bytes, str)) and isinstance(want.get("data"), dict)
    return json.loads(data) if is_unread else data


def source_of(test):
    return f"/racks/{test}/{uuid.uuid4()}"


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("content", CONTENTS)
def test_events_pass_through_as_they_came(daemon, sdk, subscribe, mode, version, content):
    source = source_of("all")
    paths = {out: subscribe(out, source=source) for out in MODES}
    sent = [attributes(source, version, **TRICKY, **CONTENTS[content])
            for _ in range(3 if mode == "batch" else 1)]
    assert sdk.send(f"http://127.0.0.1:{daemon.api}{NATIVE}/events", mode, *map(to_send, sent),
                    encode=True) == (204, "")
    for out, path in paths.items():
        arrived = sdk.wait_events(path, len(sent))
        for one, other in zip(sent, arrived):
            assert check(one, other, "binary" in (mode, out)) <= {"datacontenttype"}


@pytest.mark.parametrize("version", ["1.0", "0.3"])
def test_binary_headers_are_taken_as_the_sdk_writes_them(daemon, sdk, subscribe, version):
    source = source_of("raw")
    path = subscribe("structured", source=source)
    sent = attributes(source, version, subject='door "7", left \\ open; 3', data={"ü": 1})
    sent.update({"id": "a b", schema_of(version): "https://example.com/s"})
    assert sdk.send(f"http://127.0.0.1:{daemon.api}{NATIVE}/events", "binary", sent) == (204, "")
    (one,) = sdk.wait(path).events
    assert "datacontenttype" in check(sent, one, True)
    assert one["datacontenttype"] == "application/json; charset=utf-8"  # of the SDK's own choice


@pytest.mark.parametrize("members, error", [
    ({"subject": "Tür"}, "subject: MUST be percent-encoded UTF-8"),  # goes out as Latin-1
    ({"data": "no JSON", "datacontenttype": "application/json"}, "not JSON"),
])
def test_what_the_sdk_writes_wrongly_is_refused_and_not_guessed(daemon, sdk, members, error):
    sent = {**attributes(source_of("wrong")), "id": "1", "dataschema": None, "data": {}, **members}
    status, text = sdk.send(f"http://127.0.0.1:{daemon.api}{NATIVE}/events", "binary",
                            {k: v for k, v in sent.items() if v is not None})
    assert (status, json.loads(text)) == (400, {"error": error})


INTAKES = {
    "native": (lambda d: f"{d.api}{NATIVE}/events", 204),
    "v1": (lambda d: f"{d.api}{V1}/create/event", 202),
    "v2": (lambda d: f"{d.api}{V2}/create/event", 202),
    "transport": (lambda d: f"{d.transport}/event", 200),
}


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("intake", INTAKES)
def test_every_intake_takes_what_the_sdk_sends(daemon, sdk, subscribe, intake, mode, version):
    where, status = INTAKES[intake]
    source = source_of(intake)
    post(daemon, V1 + "/publishers", {"resource": source})
    path = subscribe("structured", source=source)
    for content in ("json", "text", "bytes"):
        sent = attributes(source, version, **TRICKY, **CONTENTS[content])
        got = sdk.send(f"http://127.0.0.1:{where(daemon)}", mode, to_send(sent), encode=True)
        assert got[0] == status, got
        (one,) = sdk.wait(path).events
        assert check(sent, one, mode == "binary") == set()


@pytest.mark.parametrize("version", ["1.0", "0.3"])
@pytest.mark.parametrize("mode", ["binary", "structured"])
@pytest.mark.parametrize("intake", INTAKES)
def test_data_of_the_cne_kind_reaches_every_face(daemon, sdk, subscribe, intake, mode, version):
    where, status = INTAKES[intake]
    source = source_of("cne")
    post(daemon, V1 + "/publishers", {"resource": source})
    path, v2 = subscribe("structured", source=source), f"/v2/{uuid.uuid4()}"
    made = post(daemon, V2 + "/subscriptions",
                {"ResourceAddress": source, "EndpointUri": sdk.url(v2)})
    first = sdk.wait(v2)
    assert first.headers["gurnard-probe"] == "1"
    data = cne_data(1, source)
    data["values"][0]["value"] = MESSAGE
    sent = attributes(source, version, **TRICKY, datacontenttype="application/json", data=data)
    assert sdk.send(f"http://127.0.0.1:{where(daemon)}", mode, sent, encode=True)[0] == status
    (one,) = sdk.wait(path).events
    assert check(sent, one, mode == "binary") <= {"node", "recordedtime", "sequence", "traceparent"}
    (other,) = sdk.wait(v2).events
    assert (other["source"], other["type"], other["time"]) == (source, "com.example.door", TIME)
    assert other["data"]["values"][0]["value"] == MESSAGE
    assert request(daemon.api, "DELETE", f"{V2}/subscriptions/{made['SubscriptionId']}")[0] == 204
