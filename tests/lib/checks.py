"""checks.py - for scripts that look at the sources: a check is a function that yields each place where
something is wrong. Prints TAP."""
import os
import sys

from .tap import Skip

TOP = os.environ.get("top_srcdir") or os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir,
                                                   os.pardir)


def text_of(path):
    """The text of a file of the tree."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def run_checks(checks):
    """Runs (name, function) pairs, one point each; the script's exit status says how it went."""
    failures = 0
    print(f"1..{len(checks)}")
    for number, (name, check) in enumerate(checks, 1):
        try:
            places = list(check())
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}")
            continue
        failures += bool(places)
        print(f"{'not ok' if places else 'ok'} {number} - {name}")
        for place in places:
            print("# " + place.replace("\n", "\n# "))
    sys.exit(1 if failures else 0)
