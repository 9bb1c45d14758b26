#!/usr/bin/python3
"""layers.t - the map of the house holds: who includes whom, which library has which door, and that
each file says what it is.

The floors are those of doc/architecture.md. Prints TAP; a failed check names every place."""

import os
import re

from lib.checks import TOP, run_checks, text_of

# The higher floor includes the lower ones; two folders of one floor do not include each other.
FLOORS = {
    "base": 1,
    "xml": 2, "loop": 2,
    "xmpp": 3, "net": 3, "store": 3,
    "core": 4, "stream": 4,
    "c2s": 5, "s2s": 5, "component": 5, "admin": 5, "http": 5, "cluster": 5,
    "process": 6,
}

# The header of a library, and the folders that are its door.
DOORS = [
    (r"event2?(/|\.h)", {"loop"}),
    (r"expat", {"xml"}),
    (r"openssl/", {"base", "net"}),
    (r"unicode/", {"xmpp"}),
    (r"(libpq|postgres|sqlite3)", {"store"}),
    (r"unbound", {"net"}),
    (r"confuse", {"core"}),
    (r"jansson", {"admin", "process", None}),
]

# What configure makes; it stands in no folder.
MADE = "build-config.h"

# A private header that a folder shares with one other.
SHARED = {("xmpp", "xml/element-private.h")}

# Folders whose every source file has unit tests of its own.
TESTED = ("base", "xml", "xmpp", "stream", "store")

CODE = ("server", "modules", "tools")
LANGUAGES = (".c", ".h", ".py", ".sh", ".t", ".sql", ".am", ".ac", ".in", ".md", ".conf", ".l")
COMMENT = re.compile(r"\s*(/\*|//|#|--|\"\"\")")
# Spelt so that this file does not hold them.
UNFINISHED = re.compile(r"\b(%s)\b" % "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)))


def source_files(*folders):
    """The files under these folders of the tree, without what a build leaves there."""
    for folder in folders:
        for place, below, names in os.walk(os.path.join(TOP, folder)):
            below[:] = sorted(n for n in below if n[0] != "." and not n.startswith("build"))
            for name in sorted(names):
                path = os.path.join(place, name)
                is_made = name.endswith(".in") and os.path.exists(path[:-3] + ".am")
                if not is_made and name != "Makefile":
                    yield os.path.relpath(path, TOP)


def code_files():
    return [path for path in source_files(*CODE) if path.endswith((".c", ".h"))]


def includes(path, marks):
    """Line numbers and names of what a file includes: marks are '""' or '<>'."""
    pattern = r"^[ \t]*#[ \t]*include[ \t]*%s([^%s]*)%s" % (marks[0], marks[1], marks[1])
    text = text_of(path)
    for found in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, found.start()) + 1, found.group(1)


def folder_of(path):
    """server/xml/parser.c is of "xml"; what lies in server/ itself, a module or a tool of none."""
    parts = path.split("/")
    return parts[1] if parts[0] == "server" and len(parts) == 3 else None


def is_arrow_right(path, name):
    if name == MADE:
        return True
    if path.startswith("modules/"):
        return name == "core/module.h"
    if path.startswith("tools/") and name.startswith("tools/"):
        return True
    own, target = folder_of(path), name.split("/")[0]
    if target not in FLOORS or "/" not in name:
        return False
    return own is None or own == target or FLOORS[target] < FLOORS.get(own, 0)


def wrong_arrows():
    for path in code_files():
        for line, name in includes(path, '""'):
            if not is_arrow_right(path, name):
                yield "%s:%d: includes \"%s\"" % (path, line, name)


def wrong_private():
    for path in code_files():
        for line, name in includes(path, '""'):
            own = folder_of(path)
            if not name.endswith("-private.h") or (own, name) in SHARED:
                continue
            if name.split("/")[0] != own:
                yield "%s:%d: includes \"%s\" of another folder" % (path, line, name)


def missing_headers():
    for path in code_files():
        for line, name in includes(path, '""'):
            place = name if name.startswith("tools/") else os.path.join("server", name)
            if name != MADE and not os.path.exists(os.path.join(TOP, place)):
                yield "%s:%d: there is no \"%s\"" % (path, line, name)


def unknown_folders():
    for path in code_files():
        if path.startswith("server/") and path.count("/") > 1 and folder_of(path) not in FLOORS:
            yield "%s: stands on no floor" % path


def wrong_doors():
    for path in code_files():
        for line, name in includes(path, "<>"):
            for pattern, doors in DOORS:
                if re.match(pattern, name) and folder_of(path) not in doors:
                    yield "%s:%d: includes <%s>" % (path, line, name)


def module_closure():
    """The headers of ours that a module sees."""
    seen, waiting = set(), ["core/module.h"]
    while waiting:
        name = waiting.pop()
        path = "server/" + name
        if name in seen or not os.path.exists(os.path.join(TOP, path)):
            continue
        seen.add(name)
        waiting += [inner for _, inner in includes(path, '""')]
    return sorted("server/" + name for name in seen)


def leaks_to_modules():
    for path in module_closure():
        if path.endswith("-private.h"):
            yield "%s: seen by modules" % path
        for line, name in includes(path, "<>"):
            if any(re.match(pattern, name) for pattern, _ in DOORS):
                yield "%s:%d: shows <%s> to modules" % (path, line, name)


def without_opening():
    for path in source_files(*CODE):
        text = re.sub(r"\A#!.*\n", "", text_of(path))
        if path.endswith(LANGUAGES) and not COMMENT.match(text):
            yield "%s: does not open with a comment" % path


def without_unit_tests():
    for folder in TESTED:
        for path in source_files("server/" + folder):
            test = "tests/unit/%s/test_%s" % (folder, os.path.basename(path))
            if path.endswith(".c") and not os.path.exists(os.path.join(TOP, test)):
                yield "%s: there is no %s" % (path, test)


def unfinished():
    places = sorted(n for n in os.listdir(TOP) if n[0] != "." and not n.startswith("build"))
    folders = [n for n in places if os.path.isdir(os.path.join(TOP, n))
               and n not in ("m4", "autom4te.cache")]
    top_files = ["Makefile.am", "configure.ac", "README.md", "ChangeLog"]
    for path in list(source_files(*folders)) + [n for n in top_files if n in places]:
        if not path.endswith(LANGUAGES) and path != "ChangeLog":
            continue
        for line, text in enumerate(text_of(path).split("\n"), 1):
            if UNFINISHED.search(text):
                yield "%s:%d: %s" % (path, line, text.strip())


CHECKS = [
    ("there is code to look at", lambda: [] if len(code_files()) > 20 else ["hardly a file found"]),
    ("each folder stands on a floor", unknown_folders),
    ("arrows point down, modules see module.h alone", wrong_arrows),
    ("private headers stay in their folder", wrong_private),
    ("what is included exists", missing_headers),
    ("each library is used behind its door", wrong_doors),
    ("modules see no library and no private header", leaks_to_modules),
    ("each file opens with a comment", without_opening),
    ("each file of the lower floors has its unit tests", without_unit_tests),
    ("nothing is left for later", unfinished),
]

run_checks(CHECKS)
