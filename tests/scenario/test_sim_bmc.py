"""The simulated BMC, seen by clients that are not ours: plain HTTP, redfishtool, sushy."""
import gzip
import http.client
import io
import json
import ssl
import subprocess
import time
import urllib.request
import zipfile

import pytest
from bmcs import (LOGIN, PASSWORD, PROFILES, ROOT, USER, SimBmc, Stream, delivered, records_of)
from gurnard import BUILD, Sink, request, wait_for

SSE = {"idrac9": "/redfish/v1/SSE", "idrac10": "/redfish/v1/SSE",
       "openbmc": "/redfish/v1/EventService/SSE", "zt": "/redfish/v1/EventService/SSE",
       "xcc": "/redfish/v1/EventService/SSE"}


@pytest.fixture(params=PROFILES)
def each(request):
    with SimBmc(request.param, "--allow-http") as bmc:
        yield bmc


def keys(answer):
    """The message keys of an error, wherever they stand."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            if "MessageId" in value:
                found.append(value["MessageId"].rsplit(".", 1)[-1])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(answer)
    return found


# ---- what every profile does ----


def test_root_is_open_and_the_rest_wants_a_login(each):
    status, headers, root = each.ask("GET", ROOT + "/", headers=None)
    assert status == 200 and root["Vendor"] and len(root["UUID"]) == 36
    assert headers["OData-Version"] == "4.0"
    status, headers, body = each.ask("GET", ROOT + "/Systems", headers=None)
    assert status == 401 and "WWW-Authenticate" in headers and keys(body) == ["NoValidSession"]
    assert each.ask("GET", ROOT + "/Systems",
                    headers={"Authorization": "Basic cm9vdDp3cm9uZw=="})[0] == 401
    assert each.state()["unauthorized"] == 2


def test_every_link_of_the_tree_leads_somewhere(each):
    seen, todo = set(), [ROOT + "/"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        body = each.get(path)

        def walk(value):
            if isinstance(value, dict):
                for key, inner in value.items():
                    if key in ("@odata.id", "@Redfish.ActionInfo") and inner != body["@odata.id"]:
                        todo.append(inner)
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(body)
    assert len(seen) > 12


def test_sessions_are_opened_used_and_closed(each):
    status, headers, body = each.ask("POST", ROOT + "/SessionService/Sessions",
                                     {"UserName": USER, "Password": PASSWORD}, None)
    assert status == 201 and body["UserName"] == USER
    token, place = {"X-Auth-Token": headers["X-Auth-Token"]}, headers["Location"]
    assert each.ask("GET", ROOT + "/Systems", headers=token)[0] == 200
    assert each.bmc_state()["sessions"] == 1
    assert each.ask("DELETE", place, headers=token)[0] == 204
    assert each.ask("GET", ROOT + "/Systems", headers=token)[0] == 401


def test_subscribe_get_events_and_delete(each, sink):
    place = each.must_subscribe(sink.url)
    got = each.get(place)
    assert got["Destination"] == sink.url and got["Id"]
    assert each.raise_events(3) == 3
    bodies = sink.wait(3)
    assert len(records_of(bodies)) == 3
    assert each.ask("DELETE", place)[0] == 200
    assert each.subscriptions() == []
    each.raise_events(1)
    assert each.state()["delivered"] == 3


def test_a_test_event_arrives(each, sink):
    each.must_subscribe(sink.url, "c")
    more = {"Destination": sink.url} if each.profile == "idrac9" else {}
    status, _, body = each.submit_test(**more)
    assert status in (200, 202, 204), body
    record, = records_of(sink.wait(1))
    assert record["MessageId"]


def test_incidents_are_logged_under_the_same_text(each, sink):
    each.must_subscribe(sink.url)
    each.raise_events(1, message_id="FanFailed")
    record = records_of(sink.wait(1))[0]
    owners = [m["@odata.id"] for kind in ("Systems", "Chassis", "Managers")
              for m in each.get(f"{ROOT}/{kind}")["Members"]]
    entries = []
    for owner in owners:
        services = each.get(owner).get("LogServices")
        for log in services and each.get(services["@odata.id"])["Members"] or []:
            entries += each.get(each.get(log["@odata.id"])["Entries"]["@odata.id"])["Members"]
    entry, = entries
    assert entry["Created"] == record["EventTimestamp"]
    if "Message" in record:
        assert entry["Message"] == record["Message"]
    assert ("MessageId" in entry) == (not each.profile.startswith("ilo"))


def test_the_registry_knows_the_events(each, sink):
    each.must_subscribe(sink.url)
    each.raise_events(1, message_id="FanFailed", message="")
    record = records_of(sink.wait(1))[0]
    known = {}
    for member in each.get(ROOT + "/Registries")["Members"]:
        file = each.get(member["@odata.id"])
        location = file["Location"][0]
        uri = location.get("Uri") or location["ArchiveUri"]
        uri = uri["extref"] if isinstance(uri, dict) else uri
        status, headers, body = each.ask("GET", uri)
        assert status == 200
        if "ArchiveUri" in location:
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                assert archive.testzip() is None
                body = json.loads(archive.read(location["ArchiveFile"]))
        if "MessageRegistry" in body["@odata.type"]:
            known[body["RegistryPrefix"]] = body["Messages"]
    key = record["MessageId"].rsplit(".", 1)[-1]
    assert any(key in messages for messages in known.values())
    assert "PropertyUnknown" in known["Base"]


# ---- what some refuse, and how they answer ----


@pytest.mark.parametrize("profile, members, key", [
    ("openbmc", {"EventTypes": ["Alert"]}, "PropertyUnknown"),
    ("openbmc", {"Severities": ["Critical"]}, "PropertyUnknown"),
    ("openbmc", {"MessageIds": ["A"], "RegistryPrefixes": ["OpenBMC"]}, "PropertyValueConflict"),
    ("openbmc", {"RegistryPrefixes": ["ResourceEvent"]}, "PropertyValueNotInList"),
    ("openbmc", {"DeliveryRetryPolicy": "RetryForeverWithBackoff"}, "PropertyValueNotInList"),
    ("openbmc", {"Context": "c" * 257}, "PropertyValueFormatError"),
    ("openbmc", {"HttpHeaders": {"A": "b"}}, "PropertyValueTypeError"),
    ("idrac9", {"EventTypes": None}, "PropertyMissing"),
    ("idrac9", {"RegistryPrefixes": ["IDRAC"]}, "PropertyUnknown"),
    ("ilo5", {"DeliveryRetryPolicy": "RetryForever"}, "PropertyNotWritableOrUnknown"),
    ("xcc", {"SubscriptionType": None}, "PropertyMissing"),
    ("zt", {"HttpHeaders": [{"A": "b"}]}, "PropertyValueTypeError"),
    ("ami", {"Context": None}, "PropertyMissing"),
])
def test_a_profile_refuses(profile, members, key):
    with SimBmc(profile, "--allow-http") as bmc:
        body = {k: v for k, v in bmc.body_for("http://127.0.0.1:9/x", **members).items()
                if v is not None}
        status, _, answer = bmc.ask("POST", ROOT + "/EventService/Subscriptions", body)
        assert status == 400 and keys(answer) == [key], answer
        assert bmc.subscriptions() == []


def test_ilo_wants_https():
    with SimBmc("ilo5") as bmc:
        assert bmc.subscribe("http://127.0.0.1:9/x")[0] == 400
        assert bmc.subscribe("https://127.0.0.1:9/x")[0] == 201


def test_answers_to_a_new_subscription_differ():
    seen = {}
    for profile in PROFILES:
        with SimBmc(profile, "--allow-http") as bmc:
            status, headers, body = bmc.subscribe("http://127.0.0.1:9/x")
            seen[profile] = (status, headers.get("Location"), body)
    assert seen["openbmc"][0] == 201 and "Id" not in seen["openbmc"][2]
    assert "error" in seen["ilo5"][2] and seen["ilo5"][1].endswith("/")
    assert seen["ilo4"][1].startswith("http://")
    assert seen["zt"][1] is None and isinstance(seen["zt"][2]["Id"], int)
    assert seen["zt"][2]["@odata.id"].endswith("/Subscriptions")
    assert seen["xcc"][0] == 200 and seen["xcc"][1] is None
    assert seen["idrac9"][2]["@odata.id"] == seen["idrac9"][1]


@pytest.mark.parametrize("answer, status", [("empty", 204), ("path", 201), ("task", 202)])
def test_other_answers_can_be_asked_for(answer, status):
    with SimBmc("openbmc") as bmc:
        bmc.fault(answer=answer)
        got, headers, body = bmc.subscribe("http://127.0.0.1:9/x")
        assert got == status
        place = bmc.subscriptions()[0]["@odata.id"]
        if answer == "path":
            assert body["message"] == place
        if answer == "empty":
            assert headers["Location"] == place
        if answer == "task":
            done = wait_for(lambda: (bmc.ask("GET", headers["Location"])[0] == 201 and
                                     bmc.ask("GET", headers["Location"])), "the task's end")
            assert done[1]["Location"] == place


def test_dell_refuses_a_second_subscription_of_a_destination():
    with SimBmc("idrac9") as bmc:
        assert bmc.subscribe("http://127.0.0.1:9/x")[0] == 201
        status, _, body = bmc.subscribe("http://127.0.0.1:9/x")
        assert status == 400 and keys(body) == ["PropertyValueModified"]
        assert "http://127.0.0.1:9/x" in json.dumps(body)


def test_the_limit_of_subscriptions():
    with SimBmc("openbmc") as bmc:
        for number in range(20):
            assert bmc.subscribe(f"http://127.0.0.1:9/{number}")[0] == 201
        status, _, body = bmc.subscribe("http://127.0.0.1:9/x")
        assert status == 503 and keys(body) == ["EventSubscriptionLimitExceeded"]


def test_etags_guard_changes():
    with SimBmc("ami") as bmc:
        place = bmc.must_subscribe("http://127.0.0.1:9/x")
        assert bmc.ask("PATCH", place, {"Context": "n"})[0] == 428
        assert bmc.ask("PATCH", place, {"Context": "n"}, {**LOGIN, "If-Match": 'W/"0"'})[0] == 412
        etag = bmc.ask("GET", place)[1]["ETag"]
        assert bmc.ask("PATCH", place, {"Context": "n"}, {**LOGIN, "If-Match": etag})[0] == 200
        assert bmc.get(place)["Context"] == "n"
        assert bmc.ask("GET", place)[1]["ETag"] != etag


def test_ilo_redirects_the_root_to_its_slash():
    with SimBmc("ilo5") as bmc:
        status, headers, _ = bmc.ask("GET", ROOT, headers=None)
        assert status == 308 and headers["Location"] == ROOT + "/"
        assert bmc.get(ROOT + "/")["Systems"]["@odata.id"] == "/redfish/v1/Systems/"


# ---- delivery ----


def test_headers_are_sent_along(sink):
    with SimBmc("openbmc") as bmc:
        place = bmc.must_subscribe(sink.url, HttpHeaders=[{"X-Secret": "abc"}])
        bmc.raise_events(1)
        sink.wait(1)
        assert sink.seen_headers[0]["X-Secret"] == "abc"
        assert bmc.get(place)["HttpHeaders"] == []


@pytest.mark.parametrize("profile, members, wanted", [
    ("openbmc", {"MessageIds": ["FanFailed"]}, 1),
    ("openbmc", {"MessageIds": ["OpenBMC.FanFailed"]}, 0),
    ("openbmc", {"RegistryPrefixes": ["Base"]}, 0),
    ("idrac10", {"MessageIds": ["IDRAC.FAN0001"]}, 1),
    ("idrac10", {"Severities": ["Critical"]}, 1),
    ("idrac10", {"Severities": ["Warning"]}, 1),
    ("ami", {"RegistryPrefixes": ["EventLog"]}, 2),
])
def test_filters_are_honoured(profile, members, wanted, sink):
    with SimBmc(profile) as bmc:
        bmc.must_subscribe(sink.url, **members)
        bmc.raise_events(1, message_id="FanFailed")
        bmc.raise_events(1, message_id="DrivePredictiveFailure")
        wait_for(lambda: bmc.bmc_state()["delivered"] == wanted, "deliveries")
        waiting = [s["waiting"] for s in bmc.bmc_state()["subscriptions"]]
        assert waiting == [0]


def test_events_go_one_after_another_in_order(sink):
    with SimBmc("openbmc") as bmc:
        bmc.must_subscribe(sink.url)
        bmc.raise_events(50)
        numbers = [int(r["EventId"]) for r in records_of(sink.wait(50))]
        assert numbers == list(range(1, 51))


@pytest.mark.parametrize("profile, left, state", [
    ("openbmc", 0, None), ("ilo5", 0, None), ("idrac10", 1, "Disabled"), ("idrac9", 1, "Enabled")])
def test_what_becomes_of_a_subscription_nobody_answers(profile, left, state):
    with SimBmc(profile, "--allow-http", speed=3000) as bmc, Sink(status=500) as sink:
        place = bmc.must_subscribe(sink.url)
        bmc.raise_events(1)
        wait_for(lambda: bmc.state()["failed"] == 1, "the last attempt")
        assert len(sink.arrivals) == 3
        assert len(bmc.subscriptions()) == left
        if state:
            assert bmc.get(place)["Status"]["State"] == state


def test_a_suspended_subscription_can_be_resumed(sink):
    with SimBmc("idrac10") as bmc:
        place = bmc.must_subscribe(sink.url)
        resume = place + "/Actions/EventDestination.ResumeSubscription"
        assert "Actions" not in bmc.get(place) and bmc.ask("POST", resume, {})[0] == 400
        bmc.fault(suspend=True)
        bmc.raise_events(1)
        got = bmc.get(place)
        assert got["Status"]["State"] == "Disabled"
        target = got["Actions"]["#EventDestination.ResumeSubscription"]["target"]
        assert bmc.ask("POST", target, {})[0] == 204
        bmc.raise_events(1, message_id="FanFailed")
        assert len(sink.wait(1)) == 1


def test_subscriptions_expire(sink):
    with SimBmc("ilo4", "--allow-http", "--ttl", "1") as bmc:
        bmc.must_subscribe(sink.url)
        wait_for(lambda: bmc.subscriptions() == [], "the expiry")


def test_metric_reports_go_to_those_who_asked(sink):
    with SimBmc("openbmc") as bmc:
        bmc.must_subscribe(sink.url, EventFormatType="MetricReport")
        bmc.raise_events(1)
        assert bmc.ask("POST", "/sim/reports", {}, None)[2] == {"raised": 1}
        report, = sink.wait(1)
        assert "MetricReport" in report["@odata.type"] and len(report["MetricValues"]) == 20


def test_a_heartbeat_comes_when_asked_for(sink):
    with SimBmc("openbmc", speed=1000) as bmc:
        place = bmc.must_subscribe(sink.url, SendHeartbeat=True, HeartbeatIntervalMinutes=1)
        records = records_of(sink.wait(2))
        assert records[0]["MessageId"] == "HeartbeatEvent.1.0.RedfishServiceFunctional"
        assert bmc.ask("PATCH", place, {"SendHeartbeat": False})[0] == 200


def test_a_change_takes_effect(sink):
    with SimBmc("openbmc") as bmc, Sink(status=500) as deaf:
        place = bmc.must_subscribe(deaf.url)
        assert bmc.ask("PATCH", place, {"DeliveryRetryPolicy": "RetryForever",
                                        "HttpHeaders": [{"X-New": "1"}]})[0] == 200
        bmc.raise_events(1)
        wait_for(lambda: bmc.state()["failed"] == 1, "the last attempt")
        deaf.status = 200
        bmc.raise_events(1)
        deaf.wait(1)
        assert deaf.seen_headers[0]["X-New"] == "1"
        assert bmc.ask("PATCH", place, {"Destination": sink.url})[0] == 400


def test_bmcs_have_events_by_themselves(sink):
    with SimBmc("openbmc", "--rate", "50") as bmc:
        bmc.must_subscribe(sink.url)
        assert len(sink.wait(5)) >= 5


def test_a_clock_can_be_wrong():
    with SimBmc("ilo5", "--clock-skew", str(-3 * 366 * 86400)) as bmc:
        manager = bmc.get("/redfish/v1/Managers/1/")
        assert int(manager["DateTime"][:4]) <= time.gmtime().tm_year - 3


# ---- test events ----


@pytest.mark.parametrize("profile, body, status", [
    ("openbmc", {"EventType": "Alert"}, 400), ("openbmc", {}, 204),
    ("ami", {"MessageId": "EventLog.1.0.Alert"}, 400), ("ilo5", {"MessageId": "X.1.0.Y"}, 400),
    ("idrac9", {"MessageId": "TMP0118"}, 400), ("idrac10", {"MessageId": "IDRAC.2.10.CPU0002"}, 204),
    ("zt", {"MessageId": "A.1.0.B"}, 202), ("zt", {"MessageId": "A.1.0.B", "EventId": "1"}, 400),
])
def test_parameters_of_a_test_event(profile, body, status):
    with SimBmc(profile) as bmc:
        assert bmc.ask("POST", ROOT + "/EventService/Actions/EventService.SubmitTestEvent",
                       body)[0] == status


def test_zt_refuses_a_second_test_event_too_soon():
    with SimBmc("zt", speed=20) as bmc:
        assert bmc.submit_test()[0] == 202
        assert bmc.submit_test()[0] == 400
        wait_for(lambda: bmc.submit_test()[0] == 202, "the end of the pause")


def test_xcc_makes_a_task_of_it():
    with SimBmc("xcc") as bmc:
        status, headers, body = bmc.submit_test()
        assert status == 202 and body["TaskState"] == "Running"
        wait_for(lambda: bmc.get(body["@odata.id"])["TaskState"] == "Completed", "the task's end")
        assert bmc.ask("GET", headers["Location"])[0] == 204


def test_action_info_tells_what_is_required():
    with SimBmc("ami") as bmc:
        action = bmc.get(ROOT + "/EventService")["Actions"]["#EventService.SubmitTestEvent"]
        rows = bmc.get(action["@Redfish.ActionInfo"])["Parameters"]
        assert {r["Name"] for r in rows if r["Required"]} == {
            "EventId", "EventTimestamp", "MessageArgs", "MessageId", "OriginOfCondition",
            "Severity"}


# ---- server-sent events ----


@pytest.mark.parametrize("profile", sorted(SSE))
def test_events_are_streamed(profile):
    with SimBmc(profile, speed=1) as bmc, Stream(bmc, SSE[profile]) as stream:
        assert stream.status == 200
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        assert bmc.bmc_state()["streams"] == 1
        bmc.raise_events(2)
        numbers = [stream.next() for _ in range(2)]
        assert [n for n, _ in numbers] == ["1", "2"]
        assert numbers[0][1]["Events"][0]["MessageId"]
        stream.close()
        wait_for(lambda: bmc.bmc_state()["streams"] == 0, "the end of the subscription")


def test_a_stream_wants_its_accept_header_and_has_a_limit():
    with SimBmc("idrac9", speed=1) as bmc:
        assert bmc.ask("GET", "/redfish/v1/SSE")[0] == 404
        with Stream(bmc, "/redfish/v1/SSE") as one, Stream(bmc, "/redfish/v1/SSE") as two, \
                Stream(bmc, "/redfish/v1/SSE") as three:
            assert (one.status, two.status, three.status) == (200, 200, 503)


def test_what_was_missed_is_sent_again():
    with SimBmc("openbmc") as bmc:
        bmc.raise_events(5)
        with Stream(bmc, SSE["openbmc"], last_id=3) as stream:
            assert [stream.next()[0] for _ in range(2)] == ["4", "5"]
        with Stream(bmc, SSE["openbmc"], last_id=77) as stream:
            assert stream.next()[1]["MessageId"].endswith(".EventBufferExceeded")


def test_dell_ends_a_silent_stream():
    with SimBmc("idrac9", speed=10000) as bmc, Stream(bmc, "/redfish/v1/SSE") as stream:
        assert stream.next() is None


def test_deleting_the_subscription_of_a_stream_ends_it():
    with SimBmc("openbmc") as bmc, Stream(bmc, SSE["openbmc"]) as stream:
        place = bmc.subscriptions()[0]["@odata.id"]
        assert bmc.get(place)["SubscriptionType"] == "SSE"
        assert bmc.ask("DELETE", place)[0] == 200
        assert stream.next() is None


# ---- logs and registries ----


def test_a_long_log_comes_in_pages():
    with SimBmc("idrac9") as bmc:
        bmc.raise_events(120, message_id="FanFailed")
        path = "/redfish/v1/Managers/iDRAC.Embedded.1/LogServices/Lclog/Entries"
        ids, pages = [], 0
        while path:
            page = bmc.get(path)
            ids += [int(m["Id"]) for m in page["Members"]]
            path, pages = page.get("Members@odata.nextLink"), pages + 1
        assert pages == 3 and ids == list(range(120, 0, -1))
        short = bmc.get("/redfish/v1/Managers/iDRAC.Embedded.1/LogServices/Lclog/Entries"
                        "?$top=2&$skip=1")
        assert [m["Id"] for m in short["Members"]] == ["119", "118"]


def test_a_log_can_be_cleared():
    with SimBmc("openbmc") as bmc:
        log = "/redfish/v1/Systems/system/LogServices/EventLog"
        bmc.raise_events(3)
        assert bmc.ask("POST", bmc.get(log)["Actions"]["#LogService.ClearLog"]["target"])[0] == 204
        assert bmc.get(log + "/Entries")["Members"] == []
        bmc.raise_events(1)
        assert bmc.get(log + "/Entries")["Members"][0]["Id"] == "1"


def test_a_large_registry_comes_packed_and_once():
    with SimBmc("idrac10") as bmc:
        uri = "/redfish/v1/Registries/Messages/iDRACMessageRegistry"
        status, headers, body = bmc.ask("GET", uri, headers={**LOGIN, "Accept-Encoding": "gzip"})
        assert status == 200 and headers["Content-Encoding"] == "gzip"
        assert len(json.loads(gzip.decompress(body))["Messages"]) > 3000
        again = {**LOGIN, "If-None-Match": headers["ETag"]}
        assert bmc.ask("GET", uri, headers=again)[0] == 304


# ---- faults ----


def test_a_reset_can_lose_subscriptions(sink):
    with SimBmc("idrac9") as bmc:
        bmc.must_subscribe(sink.url)
        bmc.raise_events(2)
        sink.wait(2)
        manager = bmc.get(ROOT + "/Managers/iDRAC.Embedded.1")
        bmc.fault(reset={"lose_subscriptions": True, "boot_ms": 300})
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            bmc.get(ROOT + "/")

        def is_up():
            try:
                return bmc.get(ROOT + "/")
            except (http.client.HTTPException, ConnectionError):
                return None

        wait_for(is_up, "the BMC")
        assert bmc.subscriptions() == []
        assert bmc.bmc_state()["events"] == 0
        assert manager["LastResetTime"] <= bmc.get(manager["@odata.id"])["LastResetTime"]
        log = "/redfish/v1/Managers/iDRAC.Embedded.1/LogServices/Lclog/Entries"
        assert len(bmc.get(log)["Members"]) <= 2  # the log outlives it


def test_statuses_delays_and_drops_on_command():
    with SimBmc("openbmc") as bmc:
        bmc.fault(http_status=503, times=1, retry_after=7, path="/redfish/v1/EventService")
        assert bmc.ask("GET", ROOT + "/Systems")[0] == 200
        status, headers, _ = bmc.ask("GET", ROOT + "/EventService")
        assert status == 503 and headers["Retry-After"] == "7"
        assert bmc.ask("GET", ROOT + "/EventService")[0] == 200
        bmc.fault(clear=True, drop=1)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            bmc.get(ROOT + "/Systems")
        bmc.fault(clear=True, delay_ms=50)
        assert bmc.ask("GET", ROOT + "/Systems")[0] == 200
        assert bmc.ask("POST", "/sim/faults", {"hostile": "nonsense"}, None)[0] == 400


def test_full_disabled_and_mute(sink):
    with SimBmc("idrac9") as bmc:
        bmc.fault(full=True)
        assert bmc.subscribe(sink.url)[0] == 503
        bmc.fault(clear=True, alerts_disabled=True)
        bmc.must_subscribe(sink.url)
        service = bmc.get(ROOT + "/EventService")
        assert service["Status"]["Conditions"][0]["MessageId"].endswith("SYS553")
        bmc.raise_events(1)
        attributes = ("/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellAttributes/"
                      "iDRAC.Embedded.1")
        change = {"Attributes": {"IPMILan.1.AlertEnable": "Enabled"}}
        assert bmc.ask("PATCH", attributes, change)[0] == 200
        bmc.raise_events(1, message_id="FanFailed")
        assert records_of(sink.wait(1))[0]["MessageId"] == "IDRAC.2.8.FAN0001"
        bmc.fault(service_disabled=True)
        assert bmc.get(ROOT + "/EventService")["ServiceEnabled"] is False
        bmc.fault(clear=True, mute_push=True)
        with Stream(bmc, "/redfish/v1/SSE") as stream:
            bmc.raise_events(1)
            assert stream.next()
        assert bmc.state()["delivered"] == 1


def test_hostile_answers():
    with SimBmc("openbmc") as bmc:
        bmc.fault(hostile="types")
        assert isinstance(bmc.get(ROOT + "/Systems")["Members"], dict)
        bmc.fault(hostile="loop")
        page = bmc.get("/redfish/v1/Systems")
        assert page["Members@odata.nextLink"] == "/redfish/v1/Systems"
        bmc.fault(hostile="redirect")
        status, headers, _ = bmc.ask("GET", ROOT + "/Systems")
        assert status == 307 and "127.0.0.1" not in headers["Location"]
        bmc.fault(hostile="garbage")
        assert bmc.ask("GET", ROOT + "/Systems")[2].startswith(b"<html>")
        bmc.fault(hostile="half")
        with pytest.raises(http.client.IncompleteRead):
            bmc.ask("GET", ROOT + "/Systems")
        bmc.fault(hostile="endless")
        conn = http.client.HTTPConnection(bmc.host, bmc.port, timeout=30)
        conn.request("GET", ROOT + "/Systems", headers=LOGIN)
        assert len(conn.getresponse().read(1 << 20)) == 1 << 20
        conn.close()


@pytest.mark.parametrize("profile, uri, magic", [
    ("openbmc", "/redfish/v1/Registries/OpenBMC/OpenBMC", b"\x1f\x8b"),
    ("xcc", "/redfish/v1/Registries/XccEvents/XccEvents.zip", b"PK")])
def test_bombs_are_small_and_unpack_huge(profile, uri, magic):
    with SimBmc(profile) as bmc:
        bmc.fault(hostile="bomb", path="/redfish/v1/Registries/")
        status, _, body = bmc.ask("GET", uri)
        assert status == 200 and body[:2] == magic and len(body) < 8 << 20
        if magic == b"PK":
            packed = zipfile.ZipFile(io.BytesIO(body)).infolist()[0]
            assert packed.file_size >= 512 << 20


# ---- many ----


def test_many_bmcs_in_one_process(sink):
    with SimBmc("mixed", "--count", "20", "--allow-http") as fleet:
        roots = [fleet.get(ROOT + "/", host=f"127.0.0.{n}") for n in range(1, 21)]
        assert len({r["UUID"] for r in roots}) == 20
        assert len({r["Vendor"] for r in roots}) == 8
        assert request(fleet.port, "GET", ROOT + "/", host="127.0.0.99")[0] == 421
        body = {"Destination": sink.url, "Protocol": "Redfish", "Context": "c"}
        assert fleet.ask("POST", ROOT + "/EventService/Subscriptions", body,
                         host="127.0.0.5")[0] == 201
        assert fleet.raise_events(1, host="127.0.0.5") == 1
        assert fleet.raise_events(2) == 40
        assert fleet.fault(full=True) == 20
        sink.wait(3)
        delivered(fleet, 3)
        assert fleet.state("?summary")["subscribed"] == 1


@pytest.fixture
def pems(tmp_path):
    """A self-signed certificate for 127.0.0.1 and its key."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "1", "-subj", "/CN=bmc", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    return certificate, key


def test_destinations_of_https_and_who_checks_them(pems, sink):
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(*pems)
    sink.server.socket = trust.wrap_socket(sink.server.socket, server_side=True)
    url = sink.url.replace("http://", "https://")
    with SimBmc("openbmc", speed=3000) as bmc:  # checks unless told otherwise
        bmc.must_subscribe(url)
        bmc.raise_events(1)
        wait_for(lambda: bmc.state()["failed"] == 1, "the last attempt")
        assert sink.events == []
        bmc.must_subscribe(url, VerifyCertificate=False)
        bmc.raise_events(1)
        sink.wait(1)
    with SimBmc("ilo5") as bmc:
        bmc.must_subscribe(url)
        bmc.raise_events(1)
        sink.wait(2)


def test_https(pems):
    certificate, key = pems
    with SimBmc("openbmc", "--tls-cert", str(certificate), "--tls-key", str(key)) as bmc:
        trust = ssl.create_default_context(cafile=certificate)
        with urllib.request.urlopen(bmc.url + ROOT + "/", context=trust, timeout=30) as answer:
            assert json.load(answer)["Vendor"] == "OpenBMC"


def test_wrong_options_are_told():
    for flags in (["--profile", "toaster"], ["--count", "0"], ["--tls-cert", "x"], ["more"]):
        run = subprocess.run([BUILD / "bin/gurnard", "sim", "bmc", *flags], capture_output=True,
                             text=True, timeout=30)
        assert run.returncode == 2 and run.stderr.startswith("gurnard sim bmc: ")


# ---- clients of others ----


def redfishtool(bmc, *words):
    run = subprocess.run(["redfishtool", "-r", f"{bmc.host}:{bmc.port}", "-S", "Never", "-u", USER,
                          "-p", PASSWORD, *words], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr + run.stdout
    return json.loads(run.stdout)


@pytest.mark.parametrize("profile", ["openbmc", "idrac9", "xcc"])
@pytest.mark.parametrize("auth", ["Basic", "Session"])
def test_redfishtool_finds_its_way(profile, auth):
    with SimBmc(profile) as bmc:
        assert redfishtool(bmc, "-A", auth, "Systems", "-1")["PowerState"] == "On"
        assert redfishtool(bmc, "-A", auth, "Managers", "-1")["ManagerType"] == "BMC"
        assert redfishtool(bmc, "-A", auth, "Chassis", "-1")["ChassisType"] == "RackMount"
        assert redfishtool(bmc, "-A", auth, "raw", "GET",
                           ROOT + "/EventService")["ServiceEnabled"] is True
        assert bmc.bmc_state()["sessions"] == 0


def test_redfishtool_subscribes(sink):
    with SimBmc("supermicro") as bmc:
        made = redfishtool(bmc, "-d", json.dumps(bmc.body_for(sink.url)), "raw", "POST",
                           ROOT + "/EventService/Subscriptions")
        assert made["Destination"] == sink.url
        bmc.raise_events(1)
        sink.wait(1)
        redfishtool(bmc, "raw", "DELETE", made["@odata.id"])
        assert bmc.subscriptions() == []


SUBSCRIBE = """
import json, sys
import sushy
from sushy import auth
base, user, password, body = sys.argv[1:]
root = sushy.Sushy(base, auth=auth.BasicAuth(user, password), verify=False)
service = root.get_event_service()
made = service.subscriptions.create(json.loads(body))
print(json.dumps(made and [made.destination, made.context]))
members = service.subscriptions.get_members()
for member in members:
    member.delete()
print(len(members))
"""


@pytest.mark.parametrize("profile, finds_it", [
    ("idrac9", True), ("idrac10", True), ("openbmc", True), ("ami", True), ("supermicro", True),
    ("xcc", False)])  # without a Location sushy does not know what it made
def test_sushy_subscribes(profile, finds_it, sink):
    with SimBmc(profile) as bmc:
        run = subprocess.run(["/usr/bin/python3", "-c", SUBSCRIBE, bmc.url, USER, PASSWORD,
                              json.dumps(bmc.body_for(sink.url))], capture_output=True, text=True,
                             timeout=60)
        assert run.returncode == 0, run.stderr
        made, count = map(json.loads, run.stdout.splitlines())
        assert made == ([sink.url, "c1"] if finds_it else None)
        assert count == 1 and bmc.subscriptions() == []


SUSHY = """
import json, sys
import sushy
from sushy import auth
base, user, password = sys.argv[1:]
root = sushy.Sushy(base, auth=auth.{auth}(user, password), verify=False)
system = root.get_system_collection().get_members()[0]
manager = root.get_manager_collection().get_members()[0]
chassis = root.get_chassis_collection().get_members()[0]
service = root.get_session_service()
print(json.dumps([str(system.power_state), system.manufacturer, manager.firmware_version,
                  chassis.identity, service.session_timeout]))
"""


@pytest.mark.parametrize("profile", PROFILES)
def test_sushy_finds_its_way(profile):
    with SimBmc(profile) as bmc:
        for auth in ("BasicAuth", "SessionAuth"):
            run = subprocess.run(["/usr/bin/python3", "-c", SUSHY.replace("{auth}", auth), bmc.url,
                                  USER, PASSWORD], capture_output=True, text=True, timeout=60)
            assert run.returncode == 0, run.stderr
            power, _, firmware, _, timeout = json.loads(run.stdout)
            assert "on" in power.lower() and firmware and timeout == 1800
