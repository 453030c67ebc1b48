"""What a power failure leaves of a folder, built from the notes of powerfail.c.

A file or folder has a durable state and changes that nobody has synced yet. A failure

strict   leaves the durable state and nothing else;
garbage  leaves the durable state and, by chance, parts of the rest: of each page that was written
         and not synced the old bytes, the new ones, zeros, random ones or a torn mixture; files
         cut anywhere in what grew; names that were made, changed or removed, or not.

Bytes that no unsynced write touched stay what they were, also within a page: no disk damages the
neighbours of what it writes. Without a sync of its folder a file has no name, even if it is synced.
"""
import os
import shutil
import struct
from collections import Counter
from pathlib import Path

PAGE = 4096
NOTE = struct.Struct("=IIQQ")  # struct note of powerfail.c


class Failure(Exception):
    """The notes cannot be followed: the result would prove nothing."""


class File:
    def __init__(self, data=b""):
        self.durable = bytearray(data)
        self.pending = []  # (place in the trace, kind, at, bytes), oldest first

    def sync(self, mark):
        while self.pending and self.pending[0][0] < mark:
            change(self.durable, *self.pending.pop(0)[1:])

    def newest(self):
        data = bytearray(self.durable)
        for _, *op in self.pending:
            change(data, *op)
        return data

    def spans(self):
        """Yields (page, from, to) of what was written and not synced; later ones overlap."""
        for _, kind, at, data in self.pending:
            end = at + len(data)
            while kind == "W" and at < end:
                upto = min(end, (at // PAGE + 1) * PAGE)
                yield at // PAGE, at, upto
                at = upto


class Folder:
    def __init__(self):
        self.durable, self.now = {}, {}
        self.pending = []  # (place in the trace, {name: node or None})

    def set(self, place, names):
        self.pending.append((place, names))
        put(self.now, names)

    def sync(self, mark):
        while self.pending and self.pending[0][0] < mark:
            put(self.durable, self.pending.pop(0)[1])


def put(entries, names):
    for name, node in names.items():
        if node is None:
            entries.pop(name, None)
        else:
            entries[name] = node


def change(data, kind, at, new):
    """Applies a write, a truncation or an allocation."""
    end = at + len(new)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if kind == "W":
        data[at:end] = new
    elif kind == "T":
        del data[at:]


class Disk:
    """A folder that can suffer power failures; between two of them one program may run, with env().
    """

    def __init__(self, library, folder, shadow, rng, lie=None):
        if not Path(library).exists():
            raise Failure(f"no {library}: configure with -DGN_BUILD_BENCH=ON")
        self.library, self.folder, self.rng, self.lie = library, Path(folder), rng, lie
        self.shadow = Path(shadow)
        self.trace = self.shadow / "trace"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.shadow.mkdir(parents=True, exist_ok=True)
        self.written = {}  # path: the file that was written there, and its state then
        self.root = self._read(self.folder)
        self.counts = Counter()  # what failures took, for the report
        self.trace.write_bytes(b"")

    def env(self, kill_at=0):
        """For the program. kill_at: behind this many calls that change the folder it is killed."""
        return {"LD_PRELOAD": str(self.library), "POWERFAIL_DIR": str(self.folder),
                "POWERFAIL_SHADOW": str(self.shadow), "POWERFAIL_KILL": str(kill_at),
                **({"POWERFAIL_LIE": self.lie} if self.lie else {})}

    def fail(self, mode):
        """The program is dead: makes the folder what the failure left. Mode kill: all of it."""
        if mode == "kill":
            self.trace.write_bytes(b"")
            return
        self._follow()
        self.root = self._after(self.root, getattr(self, "_names_" + mode),
                                getattr(self, "_bytes_" + mode), {})
        self._write(self.root, self.folder)
        self.trace.write_bytes(b"")

    # -- the trace --

    def _follow(self):
        text = memoryview(self.trace.read_bytes())
        nodes, place = {}, 0
        while place + NOTE.size <= len(text):
            size, kind, number, at = NOTE.unpack_from(text, place)
            if place + size > len(text):
                break  # torn by the kill
            data = bytes(text[place + NOTE.size:place + size])
            self._take(nodes, place, chr(kind), number, at, data)
            place += size

    def _take(self, nodes, place, kind, number, at, data):
        if kind in "WTA":
            nodes[number].pending.append((place, kind, at, data))
            self.counts["changes"] += 1
        elif kind == "S":
            nodes[number].sync(at)
            self.counts["syncs"] += 1
        elif kind == "F":
            nodes[number] = self._find(data.decode())
        elif kind in "CD":
            folder, name = self._parent(data.decode())
            node = File() if kind == "C" else Folder()
            if kind == "C":
                nodes[number] = node
            folder.set(place, {name: node})
        elif kind == "U":
            folder, name = self._parent(data.decode())
            folder.set(place, {name: None})
        elif kind == "M":
            (old, was), (new, name) = map(self._parent, data.decode().split("\0"))
            node = old.now[was]
            if old is new:
                old.set(place, {was: None, name: node})
            else:
                old.set(place, {was: None})
                new.set(place, {name: node})
        else:
            raise Failure(f"the program uses {data.decode()}, which cannot be followed")

    def _find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            node = node.now[name]
        return node

    def _parent(self, path):
        folder, _, name = path.rpartition("/")
        return self._find(folder), name

    # -- the failure --

    def _after(self, node, names_of, bytes_of, done):
        """The node after the failure, all of it durable. done: a file may have two names."""
        if id(node) in done:
            return done[id(node)]
        if isinstance(node, File):
            after = File(bytes_of(node)) if node.pending else node
        else:
            after = Folder()
            after.durable = {name: self._after(child, names_of, bytes_of, done)
                             for name, child in names_of(node).items()}
            after.now = dict(after.durable)
        done[id(node)] = after
        return after

    def _names_strict(self, folder):
        self.counts["names undone"] += len(folder.pending)
        return folder.durable

    def _bytes_strict(self, file):
        self.counts["bytes undone"] += sum(len(op[3]) for op in file.pending)
        return file.durable

    def _names_garbage(self, folder):
        entries = dict(folder.durable)
        in_order = self.rng.random() < 0.5  # a prefix, as journalling file systems do, or any
        kept = self.rng.randint(0, len(folder.pending))
        for number, (_, names) in enumerate(folder.pending):
            if number < kept if in_order else self.rng.random() < 0.5:
                put(entries, names)
                self.counts["names kept"] += 1
            else:
                self.counts["names undone"] += 1
        return entries

    def _bytes_garbage(self, file):
        new = file.newest()
        sizes = len(file.durable), len(new)
        data = bytearray(file.durable) + bytes(max(0, sizes[1] - sizes[0]))
        plans = {}
        for page, begin, end in file.spans():
            end = min(end, len(data))
            if begin >= end:
                continue
            if page not in plans:
                plans[page] = (self.rng.choice(("old", "new", "zero", "random", "torn")),
                               self.rng.randint(0, PAGE))
                self.counts["pages " + plans[page][0]] += 1
            plan, cut = plans[page]
            cut = min(max(page * PAGE + cut, begin), end)
            if plan == "new":
                data[begin:end] = fit(new, begin, end)
            elif plan == "zero":
                data[begin:end] = bytes(end - begin)
            elif plan == "random":
                data[begin:end] = self.rng.randbytes(end - begin)
            elif plan == "torn":
                data[begin:cut] = fit(new, begin, cut)
        size = self.rng.choice((*sizes, self.rng.randint(min(sizes), max(sizes))))
        del data[size:]
        return data

    # -- the real folder --

    def _read(self, path):
        folder = Folder()
        for entry in os.scandir(path):
            if entry.is_dir():
                folder.durable[entry.name] = self._read(entry.path)
            else:
                folder.durable[entry.name] = node = File(Path(entry.path).read_bytes())
                self.written[entry.path] = node, state(entry.path)
        folder.now = dict(folder.durable)
        return folder

    def _write(self, folder, path):
        there = {entry.name: entry for entry in os.scandir(path)}
        for name in there.keys() - folder.now.keys():
            if there[name].is_dir():
                shutil.rmtree(path / name)
            else:
                os.unlink(path / name)
        for name, node in folder.now.items():
            where = str(path / name)
            if isinstance(node, Folder):
                (path / name).mkdir(mode=0o700, exist_ok=True)
                self._write(node, path / name)
            elif name not in there or self.written.get(where) != (node, state(where)):
                replace(path / name, node.durable)
                self.written[where] = node, state(where)


def state(path):
    """What changes with each change of a file."""
    st = os.stat(path)
    return st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns


def fit(data, begin, end):
    """data[begin:end], with zeros behind its end."""
    part = data[begin:end]
    return part + bytes(end - begin - len(part))


def replace(path, data):
    """Writes a fresh file: what stands there may be another one under an old name."""
    if path.exists():
        os.unlink(path)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(data)
