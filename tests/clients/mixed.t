#!/usr/bin/python3
"""Real clients of different make with each other: contacts, presence, messages both ways, offline."""
import itertools

from harness import *


def meet(first, second):
    """Registers the test of one pair."""
    title = f"{first.__name__} and {second.__name__}: contacts, messages both ways, one from the night"

    @two_users(title)
    def _(romeo, juliet):
        r, j = first(romeo).online(), second(juliet).online()
        acquaint(r, j)
        r.say(j, CHINESE)
        j.say(r, EMOJI)
        r.quit()
        j.expect("presence", lambda jid: bare(jid) == r.jid, lambda state: state in GONE)
        j.do("message", r.jid, CHINESE)
        wait_stored(romeo)
        r = first(romeo).online()
        r.expect("message", lambda jid: bare(jid) == j.jid, CHINESE)
        r.expect_wire("in", "<message.*<delay ")


# libpurple has a word of its own.
GONE = ("unavailable", "offline")

for pair in itertools.permutations((purple, slixmpp, strophe), 2):
    meet(*pair)

main()
