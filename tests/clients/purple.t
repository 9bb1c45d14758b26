#!/usr/bin/python3
"""Pidgin's core: libpurple with its XMPP plugin, as tests/clients/purple.c leads it."""
import re

from harness import *
from lib.database import literal


def make_older(server):
    """Moves what waits in the offline store into 2020, a year that has all dates."""
    for identifier, stanza in server.sql("SELECT id, stanza FROM offline_messages"):
        stanza = re.sub(r"stamp='\d{4}", "stamp='2020", stanza)
        server.sql(f"UPDATE offline_messages SET stanza = {literal(stanza)} WHERE id = {identifier}")


@two_users("Pidgin: two log in, become contacts, see each other come and go")
def _(romeo, juliet):
    r, j = purple(romeo).online(), purple(juliet).online()
    acquaint(r, j)
    r.do("presence", "away")
    j.sees(r, "away")
    r.quit()
    j.sees(r, "offline")
    purple(romeo).online().sees(j, "available")


@two_users("Pidgin: messages in Chinese and emoji both ways")
def _(romeo, juliet):
    r, j = purple(romeo).online(), purple(juliet).online()
    r.say(j, CHINESE)
    j.say(r, EMOJI)
    r.say(j, EMOJI)


@two_users("Pidgin: what was said in the night is found at the next login, once")
def _(server, romeo, juliet):
    r = purple(romeo).online()
    r.do("message", juliet.jid, CHINESE)
    r.do("message", juliet.jid, EMOJI)
    r.expect_wire("out", EMOJI)
    # Pidgin asks for an acknowledgement after each stanza; what has got it is stored.
    r.expect_acks()
    make_older(server)
    j = purple(juliet).online()
    j.hear(r, CHINESE, "delayed")
    j.hear(r, EMOJI, "delayed")
    j.quit()
    j = purple(juliet).online()
    r.say(j, "早上好")
    j.expect_none("message")


main()
