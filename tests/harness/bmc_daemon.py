"""gurnardd with an inventory of simulated BMCs, and a consumer that keeps account of their events.

Each event that a test raises has a text of its own, `Fan NAME-NUMBER does not turn.`, so that it is
known whichever way it came: by push, by a stream or from a log, and whatever the profile leaves out.
"""
import contextlib
import json
import re
import ssl
import urllib.request
from collections import defaultdict

from bmcs import LOGIN, PASSWORD, PROFILES, USER, SimBmc
from gurnard import NODE, PATIENCE, SYSTEMS, Daemon, Sink, request, value_of, wait_for

OWN = f"/cluster/node/{NODE}/gurnard"
TRUSTING = ssl._create_unverified_context()
TEXT = re.compile(r"Fan ([\w.-]+)-(\d+)\b")


class Bmc(SimBmc):
    """A simulated BMC with a name, which raises numbered events."""

    def __init__(self, profile="openbmc", *flags, name=None, **more):
        if "--allow-http" not in flags:
            flags = (*flags, "--allow-http")
        super().__init__(profile, *flags, **more)
        self.name = name or profile
        self.raised = 0

    def ask(self, method, path, body=None, headers=LOGIN, host=None):
        """As SimBmc's, also over https, where the test itself trusts whatever it is shown."""
        if self.scheme == "http":
            return super().ask(method, path, body, headers, host)
        ask = urllib.request.Request(
            self.url + path, None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", **(headers or {})}, method=method)
        with urllib.request.urlopen(ask, timeout=PATIENCE, context=TRUSTING) as answer:
            return answer.status, answer.headers, json.load(answer)

    def happen(self, count=1):
        """Raises count events."""
        for _ in range(count):
            self.raised += 1
            self.raise_events(1, message_id="FanFailed", args=[f"Fan {self.name}-{self.raised}"])

    def age(self):
        """Gives it a past: an entry in each of its logs, which nobody is to hear of."""
        self.raise_events(1, message_id="FanFailed", args=["Fan of old"])
        self.raise_events(1, message_id="FirmwareUpdated", args=["Component of old"])

    def count_seen(self, method, path):
        """How often a request of this method whose path begins so has come."""
        seen = self.bmc_state()["seen"] or {}
        return sum(n for key, n in seen.items() if key.startswith(f"{method} {path}"))

    def pushes(self):
        """Subscriptions that are pushed to, as the BMC has them."""
        return [s for s in self.bmc_state()["subscriptions"] if not s["sse"]]


@contextlib.contextmanager
def all_profiles(*profiles, **more):
    """One BMC with a past of each profile (of all)."""
    with contextlib.ExitStack() as stack:
        bmcs = [stack.enter_context(Bmc(p, **more)) for p in profiles or PROFILES]
        for bmc in bmcs:
            bmc.age()
        yield bmcs


def entry_of(bmc, **members):
    """What the inventory says of a simulated BMC."""
    return {"name": bmc.name, "address": bmc.url, **members}


class BmcDaemon(Daemon):
    """gurnardd with these BMCs (simulated ones, or whole entries) in its settings file.

    bmc: settings of that section, over ones that make waits short; more: other sections.
    """

    def __init__(self, *bmcs, bmc=None, more=None, password=PASSWORD, flags=(), **others):
        super().__init__(*flags, **others)
        self.credentials = self.dir / "credentials"
        self.write_credentials(self.credentials, password=password)
        self.section = {"resync": "1s", "spread": "0ms", "proof_timeout": "2s",
                        "username_file": str(self.credentials / "username"),
                        "password_file": str(self.credentials / "password"), **(bmc or {})}
        self.more = more or {}
        self.settings_path = self.dir / "gurnard.yaml"
        self.write_settings(*bmcs)
        self.flags.append(f"--config={self.settings_path}")

    @staticmethod
    def write_credentials(folder, user=USER, password=PASSWORD):
        folder.mkdir(exist_ok=True)
        for name, text in (("username", user), ("password", password)):
            (folder / name).write_text(text + "\n")

    def write_settings(self, *bmcs):
        entries = [b if isinstance(b, dict) else entry_of(b) for b in bmcs]
        self.settings_path.write_text(json.dumps(
            {"bmcs": entries, "bmc": self.section, **self.more}))

    # -- the admin API --

    def show(self, bmc):
        """All that is known of one BMC; {} before it is in the inventory."""
        name = bmc if isinstance(bmc, str) else bmc.name
        status, _, body = request(self.admin, "GET", f"/admin/v1/bmcs/{name}")
        return json.loads(body) if status == 200 else {}

    def order(self, method, path, body=None):
        """(status, decoded answer) of a request to the admin API."""
        status, _, text = request(self.admin, method, "/admin/v1" + path, body,
                                  {"Content-Type": "application/json"})
        return status, json.loads(text or b"null")

    def add(self, bmc, **members):
        """Adds a simulated BMC by the admin API; its answer."""
        return self.order("POST", "/bmcs", entry_of(bmc, **members))

    def wait_state(self, bmc, *states, reason="", patience=PATIENCE):
        """Waits for one of the states with a reason that holds the words; what is shown then."""
        def there():
            shown = self.show(bmc)
            self._last = shown.get("state"), shown.get("reason")
            return shown.get("state") in states and reason in shown.get("reason", "") and shown
        try:
            return wait_for(there, "state", patience)
        except AssertionError:
            raise AssertionError(f"{bmc if isinstance(bmc, str) else bmc.name} is {self._last}, "
                                 f"not {states} {reason!r}:\n{self.log()[-6000:]}") from None

    def wait_proven(self, *bmcs):
        for bmc in bmcs:
            self.wait_state(bmc, "proven")

    def wait_marks(self, *bmcs, on_disk=False):
        """Waits until it is known (on disk: for the next start) how far each log has been read.
        The BMCs have a past (age()), so that their logs are not empty."""
        def kept(bmc):
            file = self.store / "bmcs" / f"b-{bmc.name}.json"
            try:
                return [log.get("id") for log in json.loads(file.read_text()).get("logs", [])]
            except (OSError, ValueError):
                return []

        def known(bmc):
            return [log.get("read_to") for log in self.show(bmc).get("logs", [])]

        for bmc in bmcs:
            marks = kept if on_disk else known
            wait_for(lambda: marks(bmc) and all(marks(bmc)), f"marks of {bmc.name}'s logs")

    def look(self, *bmcs, times=2):
        """Has the BMCs looked at so many times, and waits until they were."""
        name = 'gurnard_bmc_rounds_total{result="ok"}'
        for _ in range(times):
            for bmc in bmcs:
                goal = self.metric(name) + 1
                status, answer = self.order("POST", f"/bmcs/{bmc.name}/resync")
                assert status < 300, answer
                wait_for(lambda: self.metric(name) >= goal, f"a look at {bmc.name}")

    def wait_metric(self, name, value=1):
        wait_for(lambda: self.metric(name) >= value, f"{name} of {value}")


class Account(Sink):
    """A consumer that knows by BMC and number what came, how often, and which way.

    forgives: what was delivered in the last moment before a kill comes again as it was; that is
    what at least once means, and not counted.
    """

    def __init__(self, forgives=False, **more):
        super().__init__(**more)
        self.forgives = forgives

    def subscribe(self, daemon, resource=SYSTEMS):
        daemon.subscribe(self.url, resource)
        return self

    def bodies(self):
        with self.lock:
            bodies = [json.loads(body) for body in self.events]
        if self.forgives:
            bodies = list({json.dumps(body["data"]): body for body in reversed(bodies)}.values())
            bodies.reverse()
        return bodies

    def records(self):
        """(id of the event, record) of all that came; metric reports have none."""
        return [(body["id"], record) for body in self.bodies()
                for record in value_of(body).get("Events", [])]

    def reports(self):
        """How many metric reports came."""
        return sum("MetricReport" in value_of(body)["@odata.type"] for body in self.bodies()
                   if "@odata.type" in value_of(body))

    def numbered(self):
        """{BMC: [(number, whether it was recovered)]} in order of arrival."""
        lanes = defaultdict(list)
        for _, record in self.records():
            found = TEXT.search(record.get("Message", "") + " ".join(
                a for a in record.get("MessageArgs") or [] if isinstance(a, str)))
            if found:
                lanes[found[1]].append((int(found[2]), is_recovered(record)))
        return lanes

    def has_all(self, *bmcs):
        lanes = self.numbered()
        return all({n for n, _ in lanes[b.name]} >= set(range(1, b.raised + 1)) for b in bmcs)

    def wait_all(self, *bmcs):
        """Waits for everything that the BMCs have raised, and checks that it came as it should."""
        try:
            wait_for(lambda: self.has_all(*bmcs), "events")
        except AssertionError:
            raise AssertionError(f"not all came: {dict(self.numbered())}") from None
        self.check(*bmcs)

    def check(self, *bmcs):
        """Nothing missing, nothing twice; live and recovered ones each in order."""
        lanes = self.numbered()
        for bmc in bmcs:
            numbers = [n for n, _ in lanes[bmc.name]]
            assert sorted(numbers) == list(range(1, bmc.raised + 1)), (bmc.name, lanes[bmc.name])
            for way in (False, True):
                part = [n for n, recovered in lanes[bmc.name] if recovered is way]
                assert part == sorted(part), (bmc.name, lanes[bmc.name])

    def recovered(self, bmc):
        return [n for n, recovered in self.numbered()[bmc.name] if recovered]

    def own_keys(self, bmc=None):
        """Keys of gurnard's own events, of one BMC where it is named."""
        return [record["MessageId"].rsplit(".", 1)[-1] for _, record in self.records()
                if record.get("MessageId", "").startswith("Gurnard.")
                and (bmc is None or record["MessageArgs"][0] == bmc.name)]


def is_recovered(record):
    return bool(((record.get("Oem") or {}).get("Gurnard") or {}).get("Recovered"))
