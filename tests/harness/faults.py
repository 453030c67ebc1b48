"""Says which calls of a running gurnardd fail: the other side of fault.c."""
import errno
import mmap
import struct

from gurnard import BUILD, RELEASE, Daemon

LIBRARY = BUILD / "bin/libfault.so"
STORE, MEMORY = 0, 1
ONE = struct.Struct("=QQQqQ")  # struct fault: calls, from, upto, how, hits
KILL_BEFORE, KILL_AFTER, SHORT_WRITE = -1, -2, -3


class FaultyDaemon(Daemon):
    """gurnardd, Release build, whose calls fail when it is told so."""

    def __init__(self, *flags, **options):
        super().__init__(*flags, build=RELEASE, **options)
        control = self.dir / "control"
        control.write_bytes(bytes(2 * ONE.size))
        with open(control, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 2 * ONE.size)
        self.env.update(LD_PRELOAD=str(LIBRARY), FAULT_CONTROL=str(control),
                        FAULT_DIR=str(self.store))

    def fail(self, kind, first, how=errno.EIO, count=1):
        """The first-th call from here on fails, and so do the next ones, count in all."""
        ONE.pack_into(self.shared, kind * ONE.size, 0, first, first + count, how, 0)

    def heal(self):
        """Nothing fails any more."""
        for kind in (STORE, MEMORY):
            self.shared[kind * ONE.size:(kind + 1) * ONE.size] = bytes(ONE.size)

    def calls(self, kind):
        """Calls since fail() or heal()."""
        return ONE.unpack_from(self.shared, kind * ONE.size)[0]

    def hits(self, kind):
        return ONE.unpack_from(self.shared, kind * ONE.size)[4]
