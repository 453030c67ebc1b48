"""Every route of include/gurnard/api/routes.h, sent to the real daemon: it is served, and answers as
docs/openapi.json says. What is no route is not found."""
import json
import re
import uuid
import warnings

import jsonschema
import pytest
from gurnard import NODE, ROOT, SYSTEMS, V1, Daemon, Sink, event, request, wait_for

with warnings.catch_warnings():  # renamed in later versions
    warnings.simplefilter("ignore")
    from jsonschema import RefResolver

V2 = "/api/ocloudNotifications/v2"
NATIVE = "/api/gurnard/v1"
TEXT = (ROOT / "docs/openapi.json").read_text()
DOCUMENT = json.loads(TEXT)
ROWS = re.findall(r'^    ROW\((\w+), (\w+), "([^"]+)"\)',
                  (ROOT / "include/gurnard/api/routes.h").read_text(), re.M)
APIS = sorted({api for api, _, _ in ROWS})
METHODS = ["OPTIONS", "HEAD", "GET", "PUT", "POST", "DELETE"]  # in the order in which they are sent
OTHER_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
NO_ROUTES = {"V1": V1 + "/nothing", "V2": V2 + "/nothing", "NATIVE": NATIVE + "/nothing",
             "COMMON": "/nothing", "METRICS": "/nothing", "ADMIN": "/admin/v1/nothing",
             "PEER": "/nothing"}


def resolved(node):
    """What a $ref of the document leads to."""
    while "$ref" in node:
        ref = node["$ref"]
        node = DOCUMENT
        for part in ref.split("/")[1:]:
            node = node[part]
    return node


def validate(instance, schema):
    jsonschema.Draft202012Validator(
        schema, resolver=RefResolver.from_schema(DOCUMENT)).validate(instance)


def ports_of(daemon, api):
    return {"ADMIN": [daemon.admin], "METRICS": [daemon.admin], "PEER": [daemon.transport],
            "COMMON": [daemon.api, daemon.admin]}.get(api, [daemon.api])


# -- the document itself --

def test_both_ports_serve_the_document(daemon):
    for port in ports_of(daemon, "COMMON"):
        status, headers, body = request(port, "GET", "/openapi.json")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert body.decode() == TEXT
        status, again, body = request(port, "GET", "/openapi.json",
                                      headers={"If-None-Match": headers["ETag"]})
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])


def test_its_schemas_are_schemas_and_its_examples_are_of_them():
    checked = 0
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", []):
            validate(example, schema)
            checked += 1

    def media_below(node):
        if isinstance(node, list):
            for item in node:
                yield from media_below(item)
        elif isinstance(node, dict):
            if "schema" in node and "example" in node:
                yield node
            for item in node.values():
                yield from media_below(item)

    for media in media_below([DOCUMENT["paths"], DOCUMENT["components"]]):
        validate(media["example"], media["schema"])
        checked += 1
    assert checked > 30


# -- the routes --

class Scene:
    """A daemon with one thing of each kind, and a body for each request."""

    def __init__(self, daemon, sink, refusing):
        self.daemon, self.sink, self.refusing = daemon, sink, refusing
        self.values = {"resource": SYSTEMS[1:], "ResourceAddress": SYSTEMS[1:],
                       "id": str(uuid.uuid4()), "clientID": str(uuid.uuid4()),
                       "subscription": str(uuid.uuid4()), "number": "1", "name": "1-0"}
        self.bodies = {}
        self.headers = {}

    def json(self, port, method, path, body=None, headers=None):
        status, _, text = request(port, method, path, body,
                                  headers or {"Content-Type": "application/json"})
        assert status in (200, 201, 204), (method, path, status, text)
        return json.loads(text) if text else None

    def publisher(self, base, names):
        record = self.json(self.daemon.api, "POST", base + "/publishers",
                           {names[0]: "/cluster/node/n1/other", names[1]: self.sink.url})
        return record.get("id") or record["SubscriptionId"]

    def prepare_v1(self):
        self.values["id"] = self.daemon.subscribe(self.sink.url)["id"]
        self.daemon.post_event(event())
        published = {"id": self.publisher(V1, ("resource", "endpointUri")), "type": "event.test",
                     "data": {"version": "v1", "values": []}}
        wish = {"endpointUri": self.sink.url + "/2", "resource": SYSTEMS}
        self.bodies = {"/create/event": published, "/log": published, "/subscriptions": wish,
                       "/publishers": wish}

    def prepare_v2(self):
        wish = {"EndpointUri": self.sink.url, "ResourceAddress": SYSTEMS}
        made = self.json(self.daemon.api, "POST", V2 + "/subscriptions", wish)
        self.values["id"] = made["SubscriptionId"]
        self.daemon.post_event(event())
        published = {"id": self.publisher(V2, ("ResourceAddress", "EndpointUri")),
                     "type": "event.test", "data": {"version": "1.0", "values": []}}
        other = {"EndpointUri": self.sink.url + "/2", "ResourceAddress": SYSTEMS}
        self.bodies = {"/create/event": published, "/log": published, "/subscriptions": other,
                       "/publishers": other}

    def prepare_native(self):
        wish = {"sink": self.sink.url, "filters": [{"not": {"exact": {"severity": "OK"}}}],
                "config": {"mode": "binary", "retry": {"min": "1s"}}, "types": ["a.b"],
                "protocolsettings": {"headers": {"X-Key": "k"}}}
        made = self.json(self.daemon.api, "POST", NATIVE + "/subscriptions", wish)
        self.values["id"] = made["id"]
        self.bodies = {"/subscriptions": wish, f"/subscriptions/{made['id']}": wish,
                       "/events": {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}}
        self.headers = {"/events": {"Content-Type": "application/cloudevents+json"}}

    def prepare_admin(self):
        """A dead letter, a body in quarantine, a replay that lasts; BMCs that do not answer."""
        subscription = self.daemon.subscribe(self.refusing.url)["id"]
        self.values["subscription"] = subscription
        self.daemon.post_event(event())
        self.daemon.post_event(b"not json")
        items = wait_for(lambda: self.daemon.admin_get("/deadletters")["items"], "a dead letter")
        self.values["number"] = str(items[0]["number"])
        items = wait_for(lambda: self.daemon.admin_get("/quarantine")["items"], "a body")
        self.values["name"] = items[0]["name"]
        self.bodies = {"/replay": {"subscription": subscription, "since": "1h"},
                       "/bmcs": {"name": "bmc-1", "address": "http://127.0.0.1:1"},
                       "/bmcs/" + self.values["name"]: {"address": "http://127.0.0.1:1"}}

    def prepare_peer(self):
        client = str(uuid.uuid4())
        self.values["clientID"] = client
        self.daemon.post_event(event())
        data = {"clientID": client, "endPointURI": f"http://127.0.0.1:{self.sink.port}",
                "subStore": {"store": {"1": {"id": "1", "endpointUri": None, "uriLocation": None,
                                             "resource": SYSTEMS}}}, "status": 0, "action": 0}
        self.bodies = {"/subscription": data, "/event": {"version": "v1", "values": []}}
        headers = {"Content-Type": "application/json", "Ce-Specversion": "0.3", "Ce-Id": client,
                   "Ce-Source": SYSTEMS, "Ce-Type": "SUBSCRIBER", "Ce-Subject": "NEW"}
        self.headers = {"/subscription": headers, "/event": {**headers, "Ce-Type": "event.test"}}
        self.json(self.daemon.transport, "POST", "/subscription", data, headers)

    def send(self, port, api, method, template):
        path = re.sub(r"{(\w+)}", lambda found: self.values[found[1]], template)
        prefix = {"V1": V1, "V2": V2, "NATIVE": NATIVE, "ADMIN": "/admin/v1"}.get(api, "")
        rest = path.removeprefix(prefix)
        body = self.bodies.get(rest, {}) if method in ("POST", "PUT") else None
        headers = self.headers.get(rest, {"Content-Type": "application/json"} if body else {})
        return request(port, method, path, body, headers)


@pytest.fixture
def scene():
    with Daemon("--delivery-refused-tries=1") as daemon, Sink() as sink, \
            Sink(lambda number, body: 400) as refusing:
        yield Scene(daemon, sink, refusing)


def check_answer(row, answer):
    """The answer is one of those described."""
    _, method, path = row
    status, headers, body = answer
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    described = responses.get(str(status))
    assert described, (row, status, body, f"described: {list(responses)}")
    content = resolved(described).get("content")
    if content is None or method == "HEAD":
        assert body == b"", (row, status, body)
        return
    media = {name.split(";")[0]: value for name, value in content.items()}
    kind = headers["Content-Type"].split(";")[0]
    assert kind in media or "*/*" in media, (row, status, kind)
    if kind == "application/json" and "schema" in media[kind]:
        validate(json.loads(body), media[kind]["schema"])


def in_order(rows):
    """Reading first; single things are deleted before all are."""
    return sorted(rows, key=lambda row: (METHODS.index(row[1]), -row[2].count("/"), row[2]))


@pytest.mark.parametrize("api", APIS)
def test_every_route_is_served_and_answers_as_described(scene, api):
    prepare = getattr(scene, f"prepare_{api.lower()}", None)
    if prepare:
        prepare()
    rows = in_order(row for row in ROWS if row[0] == api)
    assert rows
    for port in ports_of(scene.daemon, api):
        nowhere = request(port, "GET", NO_ROUTES[api])
        for row in rows:
            answer = scene.send(port, *row)
            assert answer[0] not in (405, 501), (row, answer[0])
            assert answer[0] != 404 or row[1] != "HEAD" and answer[2] != nowhere[2], (row, answer)
            check_answer(row, answer)


@pytest.mark.parametrize("api", APIS)
def test_what_is_no_route_is_not_found(scene, api):
    for port in ports_of(scene.daemon, api):
        for method in OTHER_METHODS:
            for path in (NO_ROUTES[api], NO_ROUTES[api] + "/more"):
                assert request(port, method, path)[0] == 404, (port, method, path)


@pytest.mark.parametrize("api", APIS)
def test_other_methods_of_a_route_are_refused(scene, api):
    methods = {}
    for _, method, path in (row for row in ROWS if row[0] == api):
        methods.setdefault(path, set()).add(method)
    tolerant = {"/health", "/subscription", "/event"} if api == "PEER" else set()
    for port in ports_of(scene.daemon, api):
        for path in set(methods) - tolerant:
            for method in set(OTHER_METHODS) - methods[path]:
                answer = scene.send(port, api, method, path)
                assert answer[0] == 405, (method, path, answer)


def test_routes_of_one_port_are_not_on_another(scene):
    daemon = scene.daemon
    for _, method, path in (row for row in ROWS if row[0] in ("ADMIN", "METRICS")):
        assert scene.send(daemon.api, "", method, path)[0] == 404, (method, path)
    for _, method, path in (row for row in ROWS if row[0] in ("V1", "V2", "NATIVE")):
        assert scene.send(daemon.admin, "", method, path)[0] == 404, (method, path)
    assert NODE in SYSTEMS and request(daemon.webhook, "GET", "/openapi.json")[0] == 404
