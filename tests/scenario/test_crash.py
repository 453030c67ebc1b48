"""Kills and power failures under load: what was acknowledged comes out, in order, with one id.

The rig is tests/harness/crash.py; here are its short forms, and with GURNARD_LONG=1 long ones. It
uses the Release build: preloading and AddressSanitizer do not mix."""
import os
import random
import signal
import subprocess
import sys

import pytest
from crash import crash, table
from gurnard import RELEASE
from powerfail import Disk, Failure

LONG = bool(os.environ.get("GURNARD_LONG"))
LIBRARY = RELEASE / "bin/libpowerfail.so"


def must_be_clean(report):
    assert report["clean"], table(report)
    assert report["acknowledged"] > 0 and report["deliveries"] > report["acknowledged"]


def test_nothing_is_lost_by_kills():
    must_be_clean(crash(2000 if LONG else 50, mode="kill", seed=1))


@pytest.mark.parametrize("mode", ["strict", "garbage"])
def test_nothing_is_lost_by_power_failures(mode):
    must_be_clean(crash(500 if LONG else 20, mode=mode, seed=2))


@pytest.mark.parametrize("mode", ["kill", "strict", "garbage"])
def test_nothing_is_lost_wherever_a_start_is_cut_off(mode):
    must_be_clean(crash(1000 if LONG else 60, mode=mode, seed=4, sweep=True))


@pytest.mark.parametrize("lie", ["1", "data"])
@pytest.mark.parametrize("mode", ["strict", "garbage"])
def test_a_disk_that_ignores_syncs_is_noticed(mode, lie):
    report = crash(8, mode=mode, seed=4, lie=lie, patience=1)
    assert report["lost"] > 0, table(report)


# -- the disk itself --

PROGRAM = """
import os, signal
def make(name, data=b"", sync=True):
    fd = os.open(name, os.O_CREAT | os.O_RDWR, 0o600)
    os.write(fd, data)
    if sync:
        os.fsync(fd)
    return fd
def sync_folder(name):
    os.fsync(os.open(name, os.O_RDONLY | os.O_DIRECTORY))
make("kept", b"old"); make("gone", b"gone"); make("replaced", b"old"); os.mkdir("in")
sync_folder("."); make("in/unnamed", b"x"); make("unsynced", b"x" * 9000, sync=False)
sync_folder(".")
make("new", b"new"); os.rename("new", "replaced"); os.unlink("gone")
fd = make("kept"); os.posix_fallocate(fd, 0, 20000); os.fdatasync(fd)
os.pwrite(fd, b"synced", 5000); os.fdatasync(fd); os.pwrite(fd, b"lost" * 3000, 5006)
open("in/foreign", "w").close()
"""


def run(disk, program):
    return subprocess.run([sys.executable, "-c", program], cwd=disk.folder,
                          env={**os.environ, **disk.env()}).returncode


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_strict_leaves_what_was_synced(tmp_path):
    disk = Disk(LIBRARY, tmp_path / "disk", tmp_path / "shadow", random.Random(1))
    assert run(disk, PROGRAM) == 0
    disk.fail("strict")
    assert content(disk.folder) == {
        "kept": b"old" + bytes(4997) + b"synced" + bytes(14994), "gone": b"gone",
        "replaced": b"old", "unsynced": b""}
    assert run(disk, "import os; os.rename('gone', 'kept')") == 0
    disk.fail("strict")
    assert content(disk.folder)["gone"] == b"gone"


def test_garbage_leaves_what_was_synced_and_anything_of_the_rest(tmp_path):
    seen = set()
    for seed in range(20):
        disk = Disk(LIBRARY, tmp_path / f"disk{seed}", tmp_path / "shadow", random.Random(seed))
        assert run(disk, PROGRAM) == 0
        disk.fail("garbage")
        left = content(disk.folder)
        assert left["kept"][:5006] == b"old" + bytes(4997) + b"synced"
        assert len(left["kept"]) == 20000
        assert left["replaced"] in (b"old", b"new")
        seen.add((left["replaced"], "gone" in left, "in/unnamed" in left))
        seen.add(left["kept"][5006:])
    assert len(seen) > 15


def test_what_the_notes_cannot_follow_is_said(tmp_path):
    disk = Disk(LIBRARY, tmp_path / "disk", tmp_path / "shadow", random.Random(1))
    assert run(disk, "import os; open('a', 'w').close(); os.link('a', 'b')") == 0
    with pytest.raises(Failure, match="link"):
        disk.fail("strict")


def test_the_program_is_killed_at_the_call_that_was_asked_for(tmp_path):
    disk = Disk(LIBRARY, tmp_path / "disk", tmp_path / "shadow", random.Random(1))
    env = {**os.environ, **disk.env(kill_at=3)}
    program = "import os; [os.mkdir(str(n)) for n in range(9)]"
    died = subprocess.run([sys.executable, "-c", program], cwd=disk.folder, env=env)
    assert died.returncode == -signal.SIGKILL
    assert sorted(os.listdir(disk.folder)) == ["0", "1", "2"]
