"""lib - the black-box harness: starts a godwit of its own and speaks to it as clients do.

A test file begins with `from harness import *` (tests/blackbox/harness.py), which brings all of the
names below. tests/README.md shows how to write a test.
"""
from .element import (ABSENT, ANY, NS, attribute, child, children, matches, mismatch, parse, quote, show,
                      text)
from .client import Account, Client, befriend, can_login, expect_error, online
from .connection import Closed, Connection, Failure, Timeout, check_sasl_failure
from .federation import Federation, peer
from .home import home
from .scram import Scram, scram_key
from .server import Server, SANITIZED
from .tap import FACTOR, Skip, main, note, test, two_users
from .wait import wait_until

__all__ = [
    "ABSENT", "ANY", "NS", "attribute", "child", "children", "matches", "mismatch", "parse", "quote", "show",
    "text", "Account", "Client", "befriend", "can_login", "expect_error", "online", "Closed", "Connection",
    "Failure", "Timeout", "check_sasl_failure", "Federation", "home", "peer", "Scram", "scram_key", "Server",
    "SANITIZED", "FACTOR", "Skip", "main", "note", "test", "two_users", "wait_until",
]
