"""Disks and stores in a bad state: small ones, full ones, and journals with changed bytes."""
import contextlib
import os
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

SEGMENT_HEADER = 64
FRAME_HEADER = 32
CRC_TABLE = []
for _value in range(256):
    for _ in range(8):
        _value = _value >> 1 ^ (0x82F63B78 if _value & 1 else 0)
    CRC_TABLE.append(_value)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


@contextlib.contextmanager
def small_disk(size="4m", inodes=0):
    """A file system of its own: gives its folder. Skips the test where none may be mounted."""
    with tempfile.TemporaryDirectory(prefix="gurnard-disk-") as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}",
                               "gurnard-test", folder], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, leave=0):
    """Uses up the file system but leave bytes; gives the file that does it."""
    path = folder / "filler"
    with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
        chunk = 64 << 10
        while True:
            free = os.statvfs(folder)
            chunk = min(chunk, free.f_bavail * free.f_frsize - leave)
            if chunk <= 0:
                break
            file.write(bytes(chunk))
    return path


def fill_inodes(folder):
    """Uses up all inodes; gives the folder with the files that do it."""
    crowd = folder / "crowd"
    crowd.mkdir()
    with contextlib.suppress(OSError):
        for number in range(1 << 20):
            (crowd / str(number)).touch()
    return crowd


def segments(store, journal="journal"):
    return sorted((store / journal).glob("*.seg"))


def set_version(segment, version):
    """Changes the version in a segment's header, with the checksum that fits."""
    data = bytearray(segment.read_bytes())
    struct.pack_into("<II", data, 8, version, 0)
    struct.pack_into("<I", data, 12, crc32c(data[:SEGMENT_HEADER]))
    segment.write_bytes(data)


def frames(segment):
    """(offset, length with padding, type, number of events) of each record of a segment."""
    data, at, found = segment.read_bytes(), SEGMENT_HEADER, []
    while at + FRAME_HEADER <= len(data):
        _, size, _, _, kind, _, count, _ = struct.unpack_from("<IIQQBBHI", data, at)
        if kind == 0:
            break
        whole = (FRAME_HEADER + size + 7) // 8 * 8
        found.append((at, whole, kind, count))
        at += whole
    return found


def tree_of(folder):
    """Every file below folder with its bytes: equal before and after means untouched."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


def try_start(daemon):
    """Starts the daemon: None when it serves, or the exit code with which it ended."""
    try:
        daemon.start()
    except AssertionError:
        if daemon.process.poll() is None:
            raise
        return daemon.stop(None)
    return None
