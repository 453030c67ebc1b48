"""Peers of gurnardd in proxy-to-proxy tests: a recording HTTP server that answers as the test says,
and what cloud-event-proxy and its clients send, as captured bytes have it."""
import contextlib
import http.server
import json
import socketserver
import threading
import uuid

from gurnard import PATIENCE, request, wait_for


class Recorder:
    """Records every request and answers by rules: {path: (status, body)}; what no rule is for is
    answered 200 without a body. A rule, or its body, may be a function of the request. Each answer
    carries headers, and those of its path in headers_to."""

    def __init__(self, port=0):
        recorder = self
        self.requests, self.rules, self.lock = [], {}, threading.Lock()
        self.headers, self.headers_to = {}, {}
        self.hold = threading.Event()  # cleared: answers wait
        self.hold.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                one = Request(self.command, self.path, list(self.headers.items()), body)
                with recorder.lock:
                    recorder.requests.append(one)
                recorder.hold.wait(PATIENCE)
                status, text = recorder.rule(one)
                self.send_response(status)
                more = recorder.headers_to.get(one.path, {})
                for key, value in {**recorder.headers, **more}.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(text)))
                with contextlib.suppress(ConnectionError):  # who asked may be gone
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def rule(self, one):
        found = self.rules.get(one.path, (200, b""))
        status, text = found(one) if callable(found) else found
        return status, text(one) if callable(text) else text

    def to(self, path):
        """The requests to one path."""
        with self.lock:
            return [one for one in self.requests if one.path == path]

    def wait(self, path, count=1):
        wait_for(lambda: len(self.to(path)) >= count, f"{count} requests to {path}, have "
                 f"{[one.path for one in self.requests]}")
        return self.to(path)

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def ce(self):
        """The ce- headers, names as sent, in the order sent."""
        return [(k, v) for k, v in self.headers if k.lower().startswith("ce-")]

    def json(self):
        return json.loads(self.body)


def client_id(url):
    """What cloud-event-proxy calls the proxy with this URL."""
    return str(uuid.uuid3(uuid.NAMESPACE_URL, url))


def registration(url, resource, sub_id="11111111-1111-4111-8111-111111111111", action=0,
                 client=None):
    """The body of a registration, byte for byte as cloud-event-proxy sends it."""
    return (f'{{"clientID":"{client or client_id(url)}","subStore":{{"store":{{"{sub_id}":{{"id":'
            f'"{sub_id}","endpointUri":null,"uriLocation":null,"resource":"{resource}"}}}}}},'
            f'"endPointURI":"{url}","status":0,"action":{action}}}')


def register(port, url, resource, subject="NEW", headers=None, **about):
    """Registers url with the daemon whose transport listens on port; the answer's status."""
    status, _, _ = request(port, "POST", "/subscription", registration(url, resource, **about), {
        "Ce-Id": str(uuid.uuid4()), "Ce-Source": resource, "Ce-Specversion": "0.3",
        "Ce-Subject": subject, "Ce-Time": "2026-11-21T12:00:00.5Z", "Ce-Type": "SUBSCRIBER",
        "Content-Type": "application/json", **(headers or {})})
    return status


def cne_data(number=1, resource="/redfish/v1/Systems"):
    return {"version": "v1", "values": [{"resource": resource, "dataType": "notification",
                                         "valueType": "enumeration", "value": f"S{number}"}]}


def send_event(port, resource, number=1, event_id=None, headers=None):
    """An event as cloud-event-proxy posts it to another's transport; the answer."""
    return request(port, "POST", "/event", json.dumps(cne_data(number)), {
        "Ce-Id": event_id or str(uuid.uuid4()), "Ce-Source": resource, "Ce-Specversion": "0.3",
        "Ce-Subject": resource, "Ce-Time": "2026-11-21T12:00:00.5Z", "Ce-Type": "event.test",
        "Content-Type": "application/json", **(headers or {})})
