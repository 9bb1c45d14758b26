#!/usr/bin/python3
"""Federation with a real Prosody, found by DNS: certificates and dialback, both ways; and what goes wrong."""
import harness  # noqa: F401
from lib import peer_tests
from lib.connection import Failure
from lib.peer_tests import MORE
from lib.peering import chat, test
from lib.prosody import Prosody


class BothWays(Prosody):
    modules = {MORE: ["s2s_bidi"]}


@test("XEP-0288: one connection for both ways, whoever calls")
def _(world):
    r, j = world.ours(), world.theirs(MORE)
    for caller, other, ways in ((r, j, ("EXTERNAL", "bidi")), (j, r, ("bidi", "EXTERNAL"))):
        chat(caller, other, "there")
        chat(other, caller, "and back")
        out, back = (world.links(MORE)[direction] for direction in ("out", "in"))
        if out["stream"] != back["stream"] or (out["by"], back["by"]) != ways:
            raise Failure(f"the links: {out}\nand {back}")
        world.hang_up(MORE)


peer_tests.main(BothWays)
