#!/usr/bin/python3
"""conformance.t - doc/conformance.md names tests that there are: each row has at least one, or a word
from a short list that says why it has none. Prints TAP, and how many rows have which word."""

import ast
import collections
import os
import re

from lib.checks import TOP, run_checks, text_of

DOCUMENT = "doc/conformance.md"

# The words of the document that stand for "has no test".
REASONS = ("later", "declined", "superseded", "unused", "operator")
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "REQUIRED", "SHALL", "SHALL NOT", "RECOMMENDED",
          "NOT RECOMMENDED")
# Functions that register a test by its title: tests/lib, blackbox/peer-network.t.
DECORATORS = ("test", "two_users", "hostile", "each_server")

SECTION = re.compile(r"(App\. )?[0-9A-Z]+(\.\d+)*(, [0-9A-Z]+(\.\d+)*)*$")
NAMED = re.compile(r"`([^`]+)` `([^`]+)`")
REASON = re.compile(r"\*(\w+)\*: \S.*$")

Row = collections.namedtuple("Row", "line section levels what shown")


def rows():
    """The rows of all tables of requirements: their headings have four columns."""
    for number, line in enumerate(text_of(DOCUMENT).splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) != 2 and cells[0] not in ("section", "---"):
            yield Row(number, *(cells if len(cells) == 4 else cells[:1] + ["", "", ""]))


def reason_of(row):
    found = REASON.match(row.shown)
    return found.group(1) if found else None


def place(row):
    return "%s:%d: section %s" % (DOCUMENT, row.line, row.section)


# -- the tests that there are --

def title_of(node):
    """The title that a call registers; parts that vary stand in braces."""
    if isinstance(node, ast.Constant):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(part.value if isinstance(part, ast.Constant) else "{%s}" % ast.unparse(part.value)
                   for part in node.values)


def titles_of_tree(tree):
    return {title_of(node.args[0]) for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            and node.func.id in DECORATORS and node.args}


def titles_of_script(text):
    """With those of tests that it shares with others, which it has from tests/lib."""
    tree = ast.parse(text)
    shared = [name.name for node in ast.walk(tree)
              if isinstance(node, ast.ImportFrom) and node.module == "lib" for name in node.names
              if name.name.endswith("_tests")]
    return titles_of_tree(tree).union(*(titles_of_tree(ast.parse(text_of(f"tests/lib/{name}.py")))
                                        for name in shared))


def titles_of_program(text):
    """Functions that are tests, and are named again where they are run."""
    return {name for name in re.findall(r"(?m)^static void (\w+)\(void \*\*state\)$", text)
            if len(re.findall(r"\b%s\b" % name, text)) > 1}


def path_of(name):
    return "tests/" + (name if "/" in name else "blackbox/" + name)


def titles_of(name, known={}):
    """The titles of a file; None if there is no such file."""
    if name not in known:
        known[name] = None
        if os.path.exists(os.path.join(TOP, path_of(name))):
            read = titles_of_program if name.endswith(".c") else titles_of_script
            known[name] = read(text_of(path_of(name)))
    return known[name]


def is_run(name):
    """Whether the build knows the file as one of its tests."""
    path = path_of(name)
    folder = os.path.dirname(path)
    listed = text_of(os.path.join(folder, "sources.am")).split()
    return (path[:-2] if name.endswith(".c") else path) in listed


# -- checks --

def misshapen():
    if len(list(rows())) < 200:
        yield "%s: hardly a row found" % DOCUMENT
    for row in rows():
        if not SECTION.match(row.section):
            yield "%s: is no section" % place(row)
        for level in row.levels.split(", "):
            if level not in LEVELS:
                yield "%s: %r is no level" % (place(row), level)
        if not row.what:
            yield "%s: says nothing" % place(row)


def unshown():
    for row in rows():
        rest = NAMED.sub("", row.shown).replace(";", "").strip()
        if reason_of(row) is None and (rest or not NAMED.search(row.shown)):
            yield "%s: names neither a test nor a reason: %s" % (place(row), row.shown)


def missing_tests():
    for row in rows():
        for name, title in NAMED.findall("" if reason_of(row) else row.shown):
            titles = titles_of(name)
            if titles is None:
                yield "%s: there is no %s" % (place(row), path_of(name))
            elif title not in titles:
                yield "%s: %s has no test %r" % (place(row), path_of(name), title)


def not_run():
    for name in sorted({name for row in rows() for name, _ in NAMED.findall(row.shown)}):
        if titles_of(name) is not None and not is_run(name):
            yield "%s: sources.am does not name it" % path_of(name)


def wrong_reasons():
    explained = re.findall(r"(?m)^\| \*(\w+)\* \|", text_of(DOCUMENT))
    if sorted(explained) != sorted(REASONS):
        yield "%s: explains %s, not %s" % (DOCUMENT, explained, list(REASONS))
    for row in rows():
        if reason_of(row) not in REASONS + (None,):
            yield "%s: %r is no reason" % (place(row), reason_of(row))


CHECKS = [
    ("the document has rows, and each can be understood", misshapen),
    ("each row names a test or a reason", unshown),
    ("each test that is named exists", missing_tests),
    ("each file that is named is run", not_run),
    ("each reason is one of those that are explained", wrong_reasons),
]

counted = collections.Counter(reason_of(row) or "with a test" for row in rows())
print("# %d rows: %s" % (sum(counted.values()), ", ".join(
    "%d %s" % (counted[word], word) for word in ("with a test",) + REASONS)))
run_checks(CHECKS)
