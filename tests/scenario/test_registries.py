"""Message registries in the running daemon."""
import gzip
import json
import signal

import pytest
from gurnard import ROOT, Daemon, Sink, event, record, value_of, wait_for


def registry(prefix="Acme", version="1.2.0", schema="v1_6_0", **messages):
    return {"@odata.type": f"#MessageRegistry.{schema}.MessageRegistry",
            "Id": f"{prefix}.{version}", "Language": "en", "RegistryPrefix": prefix,
            "RegistryVersion": version, "OwningEntity": "gurnard tests",
            "Messages": {key: {"Message": text, "NumberOfArgs": text.count("%"),
                               "MessageSeverity": "Critical", "Severity": "Critical",
                               "Resolution": "Look at it."}
                         for key, text in messages.items()}}


def ask(daemon, sink, message_id, *args, number=[0]):
    """Sends an event without text and returns the record that arrives."""
    number[0] += 1
    have = len(sink.events)
    daemon.post_event(event(record(number[0], MessageId=message_id, MessageArgs=list(args))))
    sink.wait(have + 1)
    return value_of(json.loads(sink.events[have]))["Events"][0]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "acme.json").write_text(json.dumps(registry(Hot="%1 is at %2 degrees")))
    return tmp_path


@pytest.mark.parametrize("message_id", [
    "Acme.1.2.Hot", "Acme.1.2.0.Hot", "Acme.1.0.Hot", "Acme.1.9.Hot", "Acme.2.0.Hot", "Acme.Hot",
    "Hot", "acme.1.2.hot", "Acme.v1_2_0.Hot",
])
def test_every_form_of_message_id_finds_its_text(folder, sink, message_id):
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        got = ask(daemon, sink, message_id, "Fan 1", "90")
        assert got["Message"] == "Fan 1 is at 90 degrees"
        assert (got["Severity"], got["Resolution"]) == ("Critical", "Look at it.")
        assert got["MessageId"] == message_id


def test_arguments_are_put_in_once(folder, sink):
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        assert ask(daemon, sink, "Acme.1.2.Hot", "%2", "x")["Message"] == "%2 is at x degrees"
        assert "Fan" in ask(daemon, sink, "Acme.1.2.Hot", "Fan")["Message"]


def test_unknown_ids_pass_untouched(folder, sink):
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        got = ask(daemon, sink, "Other.1.0.Thing", "a")
        assert "Message" not in got and got["MessageArgs"] == ["a"]


def test_a_bmcs_own_text_is_kept(folder, sink):
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        daemon.post_event(event(record(1, MessageId="Acme.1.2.Hot", Message="own words")))
        got = value_of(sink.wait(1)[0])["Events"][0]
        assert got["Message"] == "own words"


def test_sighup_reads_the_folder_again(folder, sink):
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        assert "Message" not in ask(daemon, sink, "New.1.0.Thing")
        with gzip.open(folder / "new.json.gz", "wt") as file:
            json.dump(registry("New", "1.0.0", "v1_0_0", Thing="brand new"), file)
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.log().count("registries.loaded") == 2, "the second load")
        assert ask(daemon, sink, "New.1.0.Thing")["Message"] == "brand new"
        (folder / "new.json.gz").unlink()
        daemon.process.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.log().count("registries.loaded") == 3, "the third load")
        assert "Message" not in ask(daemon, sink, "New.1.0.Thing")


def test_bad_files_are_named_and_the_rest_is_loaded(folder, sink):
    (folder / "broken.json").write_text('{"@odata.type": "#MessageRegistry')
    (folder / "cut.json.gz").write_bytes(gzip.compress(b"{}" * 1000)[:20])
    (folder / "attributes.json").write_text(
        '{"@odata.type": "#AttributeRegistry.v1_3_0.AttributeRegistry", "Id": "Bios"}')
    with open(folder / "huge.json", "wb") as file:
        file.write(b'{"Messages": {"K": {"Message": "')
        file.truncate(50 << 20)
    (folder / "bomb.json.gz").write_bytes(gzip.compress(b" " * (60 << 20)))
    with Daemon(registries=folder) as daemon:
        daemon.subscribe(sink.url)
        assert ask(daemon, sink, "Acme.1.2.Hot", "a", "b")["Message"] == "a is at b degrees"
        for name in ("broken.json", "cut.json.gz", "huge.json", "bomb.json.gz"):
            lines = [x for x in daemon.log().splitlines() if "registry.bad" in x and name in x]
            assert len(lines) == 1, (name, lines)
        assert "attributes.json" not in daemon.log()
        assert daemon.metric('gurnard_registry_loads_total{result="failed"}') == 1


def test_a_missing_folder_is_passed_over(sink):
    with Daemon(registries="/nonexistent/registries") as daemon:
        daemon.subscribe(sink.url)
        assert "Message" not in ask(daemon, sink, "Acme.1.2.Hot")


def test_our_own_registries_give_texts(daemon, sink):
    daemon.subscribe(sink.url)
    for file in sorted((ROOT / "registries").glob("*.json")):
        data = json.loads(file.read_text())
        key, message = next(iter(data["Messages"].items()))
        args = [f"arg{n}" for n in range(message["NumberOfArgs"])]
        major, minor = data["RegistryVersion"].split(".")[:2]
        got = ask(daemon, sink, f"{data['RegistryPrefix']}.{major}.{minor}.{key}", *args)
        assert got["Message"] and "%" not in got["Message"], file.name
        assert got["Severity"] == message["MessageSeverity"]
