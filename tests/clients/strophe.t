#!/usr/bin/python3
"""libstrophe, as tests/clients/strophe.c leads it."""
from harness import *


@two_users("libstrophe: presence of two who have become contacts")
def _(romeo, juliet):
    r, j = strophe(romeo).online(), strophe(juliet).online()
    acquaint(r, j)
    j.do("presence", "away")
    r.sees(j, "away")
    j.quit()
    r.sees(j, "unavailable")


@two_users("libstrophe: messages in Chinese and emoji, live and from the night")
def _(romeo, juliet):
    r, j = strophe(romeo).online(), strophe(juliet).online()
    r.say(j, CHINESE)
    j.say(r, EMOJI)
    j.quit()
    r.do("message", juliet.jid, EMOJI)
    wait_stored(juliet)
    strophe(juliet).online().hear(r, EMOJI, "delayed")


@test("libstrophe: stream management is enabled and acknowledges")
def _(romeo):
    r = strophe(romeo).online()
    r.expect_wire("in", "^<enabled ")
    r.do("message", romeo.jid, CHINESE)
    r.hear(r, CHINESE)
    r.expect_wire("in", "^<r ")
    r.expect_wire("out", "^<a ")


main()
