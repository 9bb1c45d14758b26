#!/usr/bin/python3
"""Federation with a real ejabberd, found by DNS: certificates and dialback, both ways; and what goes wrong."""
import harness  # noqa: F401
from lib import peer_tests
from lib.ejabberd import Ejabberd

peer_tests.main(Ejabberd)
