#!/usr/bin/python3
"""Checks of the source tree that no compiler makes.

Fails: a layer crossed, a public declaration without a comment, a setting, metric or route without
documentation, generated documents out of date, a tracked file that does not belong.
Prints: functions and files outside the measures of docs/CONTRIBUTING.md.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {p.name for p in (ROOT / "include/gurnard").iterdir() if p.is_dir()}
problems = []
notes = []
checks = 0


def problem(path, line, text):
    where = f"{Path(path).relative_to(ROOT)}:{line}" if line else f"{Path(path).relative_to(ROOT)}"
    problems.append(f"{where}: {text}")


def check(name):
    """Registers a check; each counts as one test."""
    def wrap(fn):
        CHECKS.append((name, fn))
        return fn
    return wrap


CHECKS = []


def layer_table():
    text = (ROOT / "docs/architecture.md").read_text()
    body = text.split("<!-- layers: begin -->")[1].split("<!-- layers: end -->")[0]
    table = {}
    for row in body.splitlines():
        cells = [c.strip() for c in row.strip().strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            table[cells[0].strip("`")] = set(re.findall(r"`([^`]+)`", cells[2]))
    return table


def sources(*patterns):
    for pattern in patterns:
        yield from sorted(ROOT.glob(pattern))


def folder_of(path):
    parts = path.relative_to(ROOT).parts
    if parts[0] == "src":
        return parts[1]
    if parts[0] == "include":
        return parts[2]
    module = path.stem.removeprefix("test_")
    owners = list((ROOT / "include/gurnard").glob(f"*/{module}.h"))
    return owners[0].parent.name if len(owners) == 1 else None


@check("layers")
def layers():
    table = layer_table()
    for folder in FOLDERS - set(table):
        problem(ROOT / "docs/architecture.md", 0, f"no row for folder {folder}")
    files = sources("src/*/*.[ch]", "include/gurnard/*/*.h", "tests/unit/test_*.c")
    for path in files:
        folder = folder_of(path)
        if folder is None:
            problem(path, 0, "belongs to no single module")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            target = found.group(1)
            if not target.startswith("gurnard/"):
                if "/" in target or not (path.parent / target).exists() and \
                        not (ROOT / "src" / folder / target).exists() and \
                        not (ROOT / "tests/unit" / target).exists():
                    problem(path, number, f"include {target}: private headers stay in their folder")
                continue
            other = target.split("/")[1]
            allowed = table.get(folder, set())
            inside = target.removeprefix("gurnard/")
            if other != folder and other not in allowed and inside not in allowed:
                problem(path, number, f"folder {folder} may not include {target}")


@check("no pair of folders includes each other")
def no_pairs():
    edges = set()
    for path in sources("src/*/*.[ch]", "include/gurnard/*/*.h"):
        for target in re.findall(r'#include "gurnard/(\w+)/', path.read_text()):
            if target != folder_of(path):
                edges.add((folder_of(path), target))
    for a, b in sorted(edges):
        if a < b and (b, a) in edges:
            problems.append(f"folders {a} and {b} include each other")


@check("library types stay in their folder")
def library_types():
    homes = {"microhttpd.h": "net", "curl/curl.h": "net", "yaml.h": "app", "zlib.h": "redfish",
             "uuid/uuid.h": "base", "proton/": "net", "openssl/": "net"}
    for path in sources("src/*/*.[ch]", "include/gurnard/*/*.h"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for header, home in homes.items():
                if line.startswith(f"#include <{header}"):
                    if folder_of(path) != home or path.suffix == ".h" and "include" in path.parts[-4:]:
                        problem(path, number, f"{header} belongs inside src/{home}")


DECLARATION = re.compile(r"^(?!static |#|typedef struct|extern \"C\"|return|else|if|for|while)"
                         r"[A-Za-z_].*\(.*$")


def declared_without_comment(text):
    """Yields (line number, name) of function declarations that no comment explains: neither their own
    block nor, for a run of declarations without blank line, the block above the run."""
    lines = text.splitlines()
    covered = False
    depth = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            covered = False
            continue
        if depth == 0 and (line.startswith(("/*", " *", "*/")) or line.rstrip().endswith("*/")):
            covered = True
            if line.startswith(("/*", " *")):
                continue
        starts = depth == 0 and DECLARATION.match(line)
        depth += line.count("{") - line.count("}")
        if starts and "GN_" not in line.split("(")[0] or starts and "GN_MUST_CHECK" in line:
            name = re.search(r"(\w+)\)?\(", line)
            if not covered and name and name.group(1).startswith("gn_"):
                yield number, name.group(1)


@check("public declarations are documented")
def documented():
    for path in sources("include/gurnard/*/*.h"):
        text = path.read_text()
        if not text.startswith("/*"):
            problem(path, 1, "a header opens with what it is for")
        for number, name in declared_without_comment(text):
            problem(path, number, f"{name}: no comment")


@check("every public header has its unit test or a reason")
def tested():
    exempt = {"base/defs", "base/assert", "app/settings_table", "app/daemon", "app/registry_loader",
              "transport/transport", "net/tls", "api/reply", "cli/cli", "api/rest",
              "api/routes", "relay/record", "api/remote"}
    for path in sources("include/gurnard/*/*.h"):
        key = f"{path.parent.name}/{path.stem}"
        if key not in exempt and not (ROOT / f"tests/unit/test_{path.stem}.c").exists():
            problem(path, 0, f"tests/unit/test_{path.stem}.c is missing")


@check("metrics are documented")
def metrics():
    named = set()
    for path in sources("src/*/*.c"):
        named |= set(re.findall(r'"((?:gurnard|process)_[a-z0-9_]+)"', path.read_text()))
    rows = set(re.findall(r"^\| `((?:gurnard|process)_[a-z0-9_]+)`",
                          (ROOT / "docs/metrics.md").read_text(), re.M))
    for name in sorted(named - rows):
        problem(ROOT / "docs/metrics.md", 0, f"no row for {name}")
    for name in sorted(rows - named):
        problem(ROOT / "docs/metrics.md", 0, f"row {name}: no such metric in the code")


@check("routes are documented")
def routes():
    doc = (ROOT / "docs/api.md").read_text()
    for path in sources("src/api/*.c"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for route in re.findall(r'"(/[A-Za-z/*{}]+[A-Za-z*}])/?"', line):
                if route not in doc:
                    problem(path, number, f"route {route} is not in docs/api.md")


ROUTE_SOURCES = {  # of each API in include/gurnard/api/routes.h: what serves it, and its path's head
    "V1": ("src/api/v1*.c", "/api/ocloudNotifications/v1"),
    "V2": ("src/api/v2*.c", "/api/ocloudNotifications/v2"),
    "NATIVE": ("src/api/native_*.c", "/api/gurnard/v1"),
    "COMMON": ("src/api/o*.c", ""),
    "METRICS": ("src/api/o*.c", ""),
    "ADMIN": ("src/api/admin.c", "/admin/v1"),
    "PEER": ("src/api/peer*.c", ""),
}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def table_of_routes():
    """(api, METHOD, path) of each row."""
    text = (ROOT / "include/gurnard/api/routes.h").read_text()
    return re.findall(r'^ +ROW\((\w+), (\w+), "([^"]+)"\)', text, re.M)


@check("the table of routes and their description agree")
def described_routes():
    path = ROOT / "docs/openapi.json"
    table = ROOT / "include/gurnard/api/routes.h"
    document = json.loads(path.read_text())
    if path.read_text() != json.dumps(document, indent=2, ensure_ascii=False) + "\n":
        problem(path, 0, "not in the form of json.dumps(indent=2)")
    rows = [(method, route) for _, method, route in table_of_routes()]
    told = {(key.upper(), route) for route, item in document["paths"].items()
            for key in item if key in METHODS}
    for method, route in sorted(set(rows) - told):
        problem(path, 0, f"{method} {route} is not described")
    for method, route in sorted(told - set(rows)):
        problem(table, 0, f"no row for {method} {route}")
    for method, route in sorted({row for row in rows if rows.count(row) > 1}):
        problem(table, 0, f"{method} {route} is there twice")
    version = re.search(r"project\(gurnard VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    if document["info"]["version"] != version:
        problem(path, 0, f"describes version {document['info']['version']}, this is {version}")


def path_literals(pattern):
    """(file, line number, text) of each string in these sources that is a path or a part of one."""
    for path in sources(pattern):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for text in re.findall(r'"(/[\w./-]*)"', line):
                if "otifications" not in text:  # one of the prefixes of v1 and v2
                    yield path, number, text


@check("the table of routes and the sources agree")
def served_routes():
    """Every fixed segment of a route stands in a string of its sources, and every path in a string
    of them is made of segments of routes. The admin API has a table of its own: the same rows."""
    table = ROOT / "include/gurnard/api/routes.h"
    wanted, own = {}, set()
    for api, method, route in table_of_routes():
        pattern, head = ROUTE_SOURCES[api]
        if api == "ADMIN":
            own.add((method, route.removeprefix(head + "/")))
        else:
            wanted.setdefault(pattern, set()).update(route.removeprefix(head).split("/"))
    for pattern, segments in wanted.items():
        found = set()
        for path, number, text in path_literals(pattern):
            found |= set(text.split("/"))
            if not set(text.split("/")) <= segments:
                problem(path, number, f"{text} is no part of a route in {table.name}")
        for segment in sorted(segments - found):
            if "{" not in segment:
                problem(table, 0, f"/{segment}: not served by {pattern}")
    rows = re.findall(r'{"(\w+)", PATH\("([^"]+)"\)', (ROOT / "src/api/admin.c").read_text())
    for method, route in sorted(own ^ set(rows)):
        problem(table, 0, f"{method} /admin/v1/{route} is not in both this and src/api/admin.c")


@check("generated documents are up to date")
def generated():
    binary = next((ROOT / d / "bin/gurnardd" for d in ("build", "build/debug")
                   if (ROOT / d / "bin/gurnardd").exists()), None)
    if binary is None:
        problems.append("no gurnardd built: the generated documents cannot be compared")
        return
    for flag, name in (("--print-reference", "docs/configuration.md"),
                       ("--print-sample", "config/gurnard-full.yaml")):
        made = subprocess.run([binary, flag], capture_output=True, text=True, check=True).stdout
        path = ROOT / name
        if not path.exists() or path.read_text() != made:
            problem(path, 0, f"differs from gurnardd {flag}")


@check("every setting is in the manual page")
def manual():
    page = (ROOT / "docs/man/gurnard.yaml.5").read_text()
    table = (ROOT / "include/gurnard/app/settings_table.h").read_text()
    for path, default in re.findall(r'^ROW\(\w+, \w+, "([a-z_.]+)", "?([^",]*)', table, re.M):
        found = re.search(rf"^\.It Cm {re.escape(path)} Pq (.*)$", page, re.M)
        if not found:
            problem(ROOT / "docs/man/gurnard.yaml.5", 0, f"no entry for {path}")
        elif default not in found.group(1) and "GN_" not in default:
            problem(ROOT / "docs/man/gurnard.yaml.5", 0, f"{path}: default is {default}")


@check("documents' links lead somewhere")
def links():
    for path in sources("*.md", "docs/*.md", "docs/decisions/*.md"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", line):
                if not (path.parent / target).exists():
                    problem(path, number, f"link to {target} leads nowhere")


@check("what is tracked belongs")
def tracked():
    top = set("CMakeLists.txt src include registries config tests deploy docs README.md LICENSE".split())
    run = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    for name in run.stdout.splitlines():
        head = name.split("/")[0]
        if head not in top and not head.startswith("."):
            problems.append(f"{name}: the top level has no place for it")
        if re.search(r"\.(o|a|so|gcda|gcno|pyc|log|pem|key)$|(^|/)(build|node_modules)/", name):
            problems.append(f"{name}: made or secret")
        path = ROOT / name
        if path.suffix in {".sh", ".py"} and path.exists():
            first = path.read_bytes()[:2]
            if first == b"#!" and not path.stat().st_mode & 0o100:
                problems.append(f"{name}: no run bit")


@check("no loose ends")
def loose_ends():
    mark = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
    for path in sources("src/**/*.[ch]", "include/**/*.h", "tests/unit/*.c", "tests/**/*.py",
                        "deploy/*"):
        if path.name == "lint.py" or not path.is_file():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if mark.search(line):
                problem(path, number, "a loose end without an issue number")


@check("lines are at most 100 columns")
def columns():
    for path in sources("src/*/*.[ch]", "include/gurnard/*/*.h"):
        if path.name == "settings_table.h":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > 100:
                problem(path, number, f"{len(line)} columns")


@check("clang-format has nothing to change")
def formatted():
    files = [str(p) for p in sources("src/*/*.[ch]", "include/gurnard/*/*.h", "tests/*/*.[ch]")]
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], capture_output=True,
                         text=True)
    for line in run.stderr.splitlines():
        if "error:" in line:
            problems.append(line.replace(str(ROOT) + "/", ""))


def measures():
    """Prints what lies outside the measures; never fails."""
    lengths = []
    statics = total = 0
    for path in sources("src/*/*.c"):
        lines = path.read_text().splitlines()
        if len(lines) > 500:
            notes.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")
        start, head = None, ""
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
                total += 1
                statics += head.startswith("static")
            elif line == "}" and start:
                lengths.append(number - start - 1)
                if number - start - 1 > 80:
                    notes.append(f"{path.relative_to(ROOT)}:{start}: {number - start - 1} lines")
                start = None
            elif re.match(r"[A-Za-z_]", line) and "(" in line:
                head = line
    lengths.sort()
    if lengths:
        def at(q):
            return lengths[min(len(lengths) - 1, int(len(lengths) * q))]
        notes.append(f"functions {len(lengths)}: lines median {at(.5)}, 90 % {at(.9)}, 99 % "
                     f"{at(.99)}, longest {lengths[-1]}; static {100 * statics // total} %")


def main():
    failed = 0
    for name, fn in CHECKS:
        before = len(problems)
        fn()
        if len(problems) > before:
            failed += 1
            print(f"lint: {name}: FAILED")
            for text in problems[before:]:
                print(f"  {text}")
        else:
            print(f"lint: {name}: ok")
    measures()
    for text in notes:
        print(f"note: {text}")
    print(f"lint: {len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
