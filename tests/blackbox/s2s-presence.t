#!/usr/bin/python3
"""Presence and subscriptions between servers (RFC 6121) of which one was away: what was said meanwhile
becomes true when it is back."""
from contextlib import contextmanager

from harness import *
from lib.federation import Federation, proved

ONE, TWO = "montague.example", "capulet.example"


def condition(name):
    return f"<error><{name} xmlns='{NS.stanzas}'/></error>"


@contextmanager
def couple():
    """Two servers, and an account of each."""
    with Federation(ONE, TWO, settings="retry_max = 1") as federation:
        yield federation.servers[TWO], federation.account("romeo", ONE), federation.account("juliet", TWO)


def say(client, kind, to):
    """Says it to somebody who cannot be reached."""
    client.presence(kind, to)
    client.expect(f"<presence type='error' from='{to}'>{condition('remote-server-timeout')}</presence>")


def state(account, contact):
    """What its server has of the contact."""
    return account.server.sql("SELECT subscription, CASE WHEN ask THEN 'ask' ELSE '' END FROM roster_items"
                              f" WHERE domain = '{account.domain}' AND username = '{account.username}'"
                              f" AND contact = '{contact}'")


def wait_state(account, contact, subscription, ask=""):
    wait_until(lambda: state(account, contact) == [(subscription, ask)],
               f"{account.jid} to have {subscription} {ask} with {contact.jid}")


@test("RFC 6121 3.1.2: a request to a server that was away is sent again when it is back")
def _():
    with couple() as (two, romeo, juliet):
        r = online(romeo)
        two.kill()
        say(r, "subscribe", juliet.jid)
        two.start()
        j = online(juliet)
        j.expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
        j.presence("subscribed", romeo.jid)
        r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")
        r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
        wait_state(romeo, juliet, "to")
        wait_state(juliet, romeo, "from")


@test("RFC 6121 3.1.2: a request that was lost is sent again when its user logs in")
def _():
    with couple() as (two, romeo, juliet):
        romeo.server.sql("INSERT INTO roster_items (domain, username, contact, subscription, ask) VALUES"
                         f" ('{ONE}', '{romeo.username}', '{juliet.jid}', 'none', TRUE)")
        j = online(juliet)
        r = online(romeo)
        j.expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
        j.presence("subscribed", romeo.jid)
        r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")


@test("RFC 6121 3.2, 3.3: a refusal and an end that were said to a server that was away hold when it is back")
def _():
    for kind, ours, theirs in (("unsubscribe", "from", "to"), ("unsubscribed", "to", "from")):
        with couple() as (two, romeo, juliet):
            befriend(romeo, juliet)
            r = online(romeo)
            two.kill()
            say(r, kind, juliet.jid)
            two.start()
            wait_state(juliet, romeo, theirs)
            wait_state(romeo, juliet, ours)


@test("RFC 6121 3.1.5: an approval that was said to a server that was away holds when it is back")
def _():
    with couple() as (two, romeo, juliet):
        r, j = online(romeo), online(juliet)
        j.presence("subscribe", romeo.jid)
        r.expect(f"<presence type='subscribe' from='{juliet.jid}'/>")
        j.expect_push(romeo.jid, ask="subscribe")
        two.kill()
        say(r, "subscribed", juliet.jid)
        two.start()
        again = online(juliet)
        again.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
        wait_state(juliet, romeo, "to")


@test("RFC 6121 3: of what was said to a server that was away the last counts")
def _():
    with couple() as (two, romeo, juliet):
        befriend(romeo, juliet)
        r = online(romeo)
        two.kill()
        say(r, "unsubscribe", juliet.jid)
        say(r, "unsubscribed", juliet.jid)
        say(r, "subscribe", juliet.jid)
        two.start()
        wait_state(juliet, romeo, "from")
        wait_state(romeo, juliet, "to")


@test("RFC 6121 4.6: who has shown himself to somebody on a server that is lost hears that he has gone")
def _():
    with couple() as (two, romeo, juliet):
        r, j = online(romeo), online(juliet)
        r.presence(to=j.jid)
        j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
        j.presence(to=r.jid)
        r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
        two.kill()
        r.expect(f"<presence from='{j.jid}' to='{r.jid}' type='unavailable'/>")


@test("RFC 6121 4.3.1: who has many contacts on a server asks for all of them, though nothing leads there yet")
def _():
    with couple() as (two, romeo, juliet):
        contacts = [f"c{number}@{TWO}" for number in range(1200)]
        romeo.server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES "
                         + ", ".join(f"('{ONE}', '{romeo.username}', '{contact}', 'both')" for contact in contacts))
        r = online(romeo)
        waiting = set(contacts)
        while waiting:
            presence = r.expect("<presence/>")
            if presence.get("type") == "error":
                raise Failure("nobody was asked")
            waiting.discard(presence.get("from"))


@test("RFC 6121 3.1.3: a request of another server to a full JID counts as one to the bare JID")
def _():
    with Federation(ONE) as federation:
        romeo = federation.account("romeo", ONE)
        desk, phone = online(romeo, "desk"), online(romeo, "phone")
        for number, to in enumerate((desk.jid, f"{romeo.jid}/nobody")):
            contact = f"juliet{number}@{TWO}"
            proved(federation).send(f"<presence type='subscribe' from='{contact}' to='{to}'/>")
            for client in (desk, phone):
                client.expect(f"<presence type='subscribe' from='{contact}' to='{romeo.jid}'/>")


@test("RFC 6121 8.5.3.2.2: what another server says of a subscription to a resource that is not there is ignored")
def _():
    with Federation(ONE) as federation:
        romeo = federation.account("romeo", ONE)
        for contact in ("juliet", "nurse"):
            romeo.server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES"
                             f" ('{ONE}', '{romeo.username}', '{contact}@{TWO}', 'both')")
        r, connection = online(romeo), proved(federation)
        for kind in ("subscribed", "unsubscribe", "unsubscribed"):
            connection.send(f"<presence type='{kind}' from='juliet@{TWO}' to='{romeo.jid}/nobody'/>")
        connection.send(f"<presence type='unsubscribe' from='nurse@{TWO}' to='{romeo.jid}'/>")
        r.expect_push(f"nurse@{TWO}", subscription="to")
        r.expect_nothing(f"<iq type='set'><query xmlns='{NS.roster}'/></iq>")
        if state(romeo, f"juliet@{TWO}") != [("both", "")]:
            raise Failure("the subscription has changed")


main(server=False)
