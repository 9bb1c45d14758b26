#!/usr/bin/python3
"""Federation with a real Prosody, found by DNS: certificates and dialback, both ways; and what goes wrong."""
import harness  # noqa: F401
from lib import peer_tests
from lib.prosody import Prosody

peer_tests.main(Prosody)
