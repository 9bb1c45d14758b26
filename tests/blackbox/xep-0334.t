#!/usr/bin/python3
"""XEP-0334: Message Processing Hints, and XEP-0085: Chat State Notifications, in offline storage."""
from harness import *

STATES = ("active", "composing", "paused", "inactive", "gone")


def state(name):
    return f"<{name} xmlns='http://jabber.org/protocol/chatstates'/>"


def hint(name):
    return f"<{name} xmlns='urn:xmpp:hints'/>"


def stored(account):
    return int(account.server.sql("SELECT count(*) FROM offline_messages"
                                  f" WHERE username = '{account.username}'")[0][0])


@test("XEP-0085 5.6: a chat state alone neither waits nor comes back as an error")
def _(romeo, juliet):
    r = romeo.login()
    for name in STATES:
        for inside in (state(name), state(name) + hint("no-store"),
                       state(name) + "<thread>t</thread>" + hint("no-permanent-store"),
                       state(name) + "<origin-id xmlns='urn:xmpp:sid:0' id='x'/>"):
            r.message(juliet.jid, None, inside=inside)
    r.expect_nothing()
    if stored(juliet):
        raise Failure(f"{stored(juliet)} are stored")
    juliet.login(presence=True).expect_nothing("<message/>", after=r)


@two_users("XEP-0085 5.6: with a body, or with something else, it waits")
def _(romeo, juliet):
    r = romeo.login()
    r.message(juliet.jid, "hello", inside=state("active"), id="1")
    r.message(juliet.jid, None, inside=state("active") + "<x xmlns='urn:x'/>", id="2")
    r.expect_nothing()
    j = juliet.login(presence=True)
    j.expect(f"<message id='1'><body>hello</body>{state('active')}</message>")
    j.expect("<message id='2'><x xmlns='urn:x'/></message>")


@two_users("XEP-0085: to who is there, chat states go as they come")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for name in STATES:
        r.message(juliet.jid, None, inside=state(name), id=name)
        j.expect(f"<message id='{name}'>{state(name)}</message>")


@two_users("XEP-0334 4.2: no-store is not stored, and the sender is told that nobody got it")
def _(romeo, juliet):
    r = romeo.login()
    r.message(juliet.jid, "off the record", inside=hint("no-store"), id="m")
    expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")
    r.message(juliet.jid, "both", inside=hint("no-store") + hint("store"), id="b")
    expect_error(r.expect("<message type='error' id='b'/>"), "service-unavailable")
    if stored(juliet):
        raise Failure("stored")


@test("XEP-0334 4.1: no-permanent-store may wait for its receiver")
def _(romeo, juliet):
    r = romeo.login()
    r.message(juliet.jid, "not for the archive", inside=hint("no-permanent-store"), id="m")
    r.expect_nothing()
    juliet.login(presence=True).expect("<message id='m'><body>not for the archive</body></message>")


@test("XEP-0334 4.4: store makes wait what would not")
def _(romeo, juliet):
    r = romeo.login()
    r.message(juliet.jid, None, inside=state("active") + hint("store"), id="m")
    r.expect_nothing()
    juliet.login(presence=True).expect(f"<message id='m'>{state('active')}</message>")


@test("XEP-0334 5: hints in an error mean nothing")
def _(romeo, juliet):
    r = romeo.login()
    r.message(juliet.jid, kind="error", inside=hint("store") + "<error type='cancel'/>")
    r.expect_nothing()
    if stored(juliet):
        raise Failure("stored")


main()
