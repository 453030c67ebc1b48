"""BMCs that answer what nobody should: told as their state, bounded, and no concern of others."""
import pytest
from bmc_daemon import Account, Bmc, BmcDaemon
from gurnard import wait_for

MIB = 1 << 20
# What is said of a BMC, whatever of its service it answers so.
STATES = {
    "endless": ("hostile", "unreachable"), "redirect": ("hostile",), "types": ("hostile", "refused"),
    "half": ("unreachable", "hostile"), "garbage": ("hostile", "refused"),
}
PARTS = ("/redfish/v1/Managers", "/redfish/v1/EventService",
         "/redfish/v1/EventService/Subscriptions")


def memory_of(daemon):
    """Resident bytes of the daemon."""
    with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.fixture
def pair():
    """A bad one and a good one."""
    with Bmc("openbmc", name="bad") as bad, Bmc("openbmc", name="good") as good:
        bad.age()
        good.age()
        yield bad, good


@pytest.mark.parametrize("kind", STATES)
def test_a_hostile_answer_is_the_bmcs_own_trouble(kind, pair):
    bad, good = pair
    with Account() as account, BmcDaemon(bad, good, bmc={"timeout": "2s"}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bad, good)
        daemon.wait_marks(bad)
        before = memory_of(daemon)
        bad.fault(hostile=kind)
        shown = daemon.wait_state(bad, *STATES[kind])
        assert shown["reason"] and len(shown["reason"]) < 300
        daemon.order("POST", "/bmcs/bad/resync")
        good.happen(5)
        account.wait_all(good)
        assert daemon.show(good)["state"] == "proven"
        assert memory_of(daemon) < before + 64 * MIB  # a sanitizer keeps what was freed
        bad.fault(clear=True)
        daemon.wait_proven(bad)
        bad.happen(2)
        account.wait_all(bad, good)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", STATES)
def test_whichever_part_is_hostile_it_is_survived(kind, part, pair):
    """Not all of it is trouble: a manager without a model can be subscribed to all the same."""
    bad, good = pair
    bad.fault(hostile=kind, path=part)
    with Account() as account, BmcDaemon(bad, good, bmc={"timeout": "500ms"}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(good)
        wait_for(lambda: daemon.show(bad)["state"] != "new", "an opinion")
        good.happen(2)
        account.wait_all(good)
        bad.fault(clear=True)
        daemon.order("POST", "/bmcs/bad/resync")
        daemon.wait_proven(bad)
        bad.happen(1)
        account.wait_all(bad, good)
        assert len(bad.pushes()) == 1


@pytest.mark.parametrize("kind", ["loop", "endless", "redirect", "types", "half", "garbage"])
def test_hostile_logs_end_and_keep_nothing_from_coming(kind, pair):
    bad, good = pair
    with Account() as account, BmcDaemon(bad, good, bmc={"timeout": "2s"}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(bad, good)
        daemon.wait_marks(bad, good)
        bad.fault(hostile=kind, path="/redfish/v1/Systems/system/LogServices")
        bad.fault(drop_subscriptions=True)
        bad.happen(2)
        good.happen(2)
        wait_for(lambda: len(bad.pushes()) == 1, "the subscription")
        daemon.wait_proven(bad)
        account.wait_all(good)
        bad.fault(clear=True)
        daemon.order("POST", "/bmcs/bad/resync")
        account.wait_all(bad)  # the gap is there until the logs were read


def test_a_redirect_to_another_host_takes_no_credentials_there(pair):
    bad, good = pair
    with BmcDaemon(bad) as daemon:
        daemon.wait_proven(bad)
        bad.fault(hostile="redirect")
        daemon.wait_state(bad, "hostile", reason="redirect")
        assert good.bmc_state()["requests"] == 0


@pytest.mark.parametrize("profile", ["openbmc", "xcc"])  # gzip and zip
def test_a_registry_that_is_a_bomb_is_not_unpacked(profile):
    with Bmc(profile, name="bad") as bad, Bmc(profile, name="good") as good, Account() as account:
        bad.fault(hostile="bomb", path="/redfish/v1/Registries/")
        with BmcDaemon(bad) as daemon:
            account.subscribe(daemon)
            daemon.wait_proven(bad)
            before = memory_of(daemon)
            bad.happen(3)
            account.wait_all(bad)
            daemon.wait_metric('gurnard_bmc_registries_total{result="failed"}')
            assert memory_of(daemon) < before + 256 * MIB
            kept = {f.name for f in (daemon.store / "registries").rglob("*") if f.is_file()}
            assert kept <= {"index.json"}
            bad.happen(1)
            account.wait_all(bad)
            assert daemon.add(good)[0] == 201
            daemon.wait_proven(good)
            good.happen(1)
            account.wait_all(good)


def test_an_endless_line_ends_the_stream_and_nothing_else(pair):
    bad, good = pair
    bad.fault(hostile="endless", path="/redfish/v1/EventService/SSE")
    with Account() as account, BmcDaemon(bad, good, bmc={"way": "sse"}) as daemon:
        account.subscribe(daemon)
        daemon.wait_proven(good)
        daemon.wait_state(bad, "degraded", reason="stream")
        wait_for(lambda: "bmc.stream_hostile bmc=bad" in daemon.log(), "the end of the stream")
        good.happen(2)
        account.wait_all(good)
        bad.fault(clear=True)
        daemon.wait_proven(bad)
        bad.happen(1)
        account.wait_all(bad, good)
