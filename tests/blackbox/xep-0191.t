#!/usr/bin/python3
"""XEP-0191: Blocking Command."""
from harness import *

NS_BLOCKING = "urn:xmpp:blocking"
NS_ERRORS = "urn:xmpp:blocking:errors"
PING = f"<ping xmlns='{NS.ping}'/>"
EMPTY_LIST = f"<blocklist xmlns='{NS_BLOCKING}'/>"


def command(name, *jids):
    return f"<{name} xmlns='{NS_BLOCKING}'>" + "".join(f"<item jid='{quote(jid)}'/>" for jid in jids) + \
        f"</{name}>"


def block(client, *jids):
    client.set(command("block", *jids))


def unblock(client, *jids):
    client.set(command("unblock", *jids))


def blocked(client):
    return {item.get("jid")
            for item in child(client.get(EMPTY_LIST), "{%s}blocklist" % NS_BLOCKING)}


def expect_list(client, *jids):
    found = blocked(client)
    if found != set(jids):
        raise Failure(f"the list is {found}, not {jids}")


def expect_refused(client, kind, identifier):
    """Section 3.3: what is sent to a blocked JID."""
    error = client.expect(f"<{kind} type='error' id='{identifier}'/>")
    condition = expect_error(error, "not-acceptable", "cancel")
    if child(condition, "{%s}blocked" % NS_ERRORS) is None:
        raise Failure(show(error))


# -- the list --

@test("XEP-0191 3.2: the list, empty and not; it outlives the session and the server")
def _(server, romeo):
    r = romeo.login()
    expect_list(r)
    block(r, "a@example.org", "b@example.com/r", "spam.example", "c.example/\u8d44\u6e90")
    wanted = ("a@example.org", "b@example.com/r", "spam.example", "c.example/\u8d44\u6e90")
    expect_list(r, *wanted)
    block(r, "a@example.org")
    expect_list(romeo.login(), *wanted)
    server.restart()
    r = romeo.login()
    expect_list(r, *wanted)
    unblock(r, "a@example.org", "spam.example", "never@blocked.example")
    expect_list(r, "b@example.com/r", "c.example/\u8d44\u6e90")
    unblock(r)
    expect_list(r)


@test("XEP-0191 3.3: JIDs are prepared before they are compared")
def _(romeo):
    r = romeo.login()
    block(r, "A@EXAMPLE.com/Res", "\u5341\u5b57.Example.")
    expect_list(r, "a@example.com/Res", "\u5341\u5b57.example")
    unblock(r, "a@Example.Com/Res")
    expect_list(r, "\u5341\u5b57.example")


@test("XEP-0191 3.3: what is no command")
def _(romeo, juliet):
    r = romeo.login()
    r.iq_error("set", command("block"), "bad-request")
    r.iq_error("set", command("nonsense", "a@b.example"), "bad-request")
    r.iq_error("get", command("block", "a@b.example"), "bad-request")
    for name in ("block", "unblock"):
        r.iq_error("set", f"<{name} xmlns='{NS_BLOCKING}'><item/></{name}>", "bad-request")
        r.iq_error("set", command(name, "ok.example", "a b@c"), "jid-malformed")
        r.iq_error("set", command(name, "a@b.example"), "service-unavailable", to=juliet.jid)
    r.iq_error("get", EMPTY_LIST, "service-unavailable", to=juliet.jid)
    expect_list(r)


@test("XEP-0191: the limit, at the edge and one beyond")
def _():
    with Server(workers=1, settings="blocking { max_jids = 3 }") as server:
        r = server.account("romeo").login()
        block(r, "a.example", "b.example", "c.example")
        r.iq_error("set", command("block", "d.example"), "policy-violation")
        expect_list(r, "a.example", "b.example", "c.example")
        unblock(r, "a.example")
        block(r, "d.example")


@test("XEP-0191 3.3, 3.4, 3.5: changes are pushed to who asked for the list, and to nobody else")
def _(romeo):
    one, two, deaf = (romeo.login(name) for name in ("one", "two", "deaf"))
    blocked(one)
    blocked(two)
    for name, jids in (("block", ("a.example", "b@c.example")), ("unblock", ("a.example",)),
                       ("unblock", ())):
        one.set(command(name, *jids))
        for client in (one, two):
            push = client.expect(f"<iq type='set' id='{ANY}'>{command(name, *jids)}</iq>")
            if len(child(push, "{%s}%s" % (NS_BLOCKING, name))) != len(jids):
                raise Failure(show(push))
            client.send(f"<iq type='result' id='{push.get('id')}'/>")
    deaf.expect_nothing("<iq type='set'/>", after=one)


# -- what it does --

@two_users("XEP-0191 3.3: what a blocked account sends is refused, or dropped")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    block(j, romeo.jid)
    for to in (juliet.jid, j.jid):
        r.message(to, id="m")
        expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")
        r.iq_error("get", PING, "service-unavailable", to=to)
        r.send(f"<iq type='result' id='x' to='{to}'/><message type='error' id='x' to='{to}'/>")
        for kind in (None, "unavailable", "probe", "subscribe", "subscribed", "unsubscribe"):
            r.presence(kind, to=to)
    r.expect_nothing("<presence type='error'/>")
    j.expect_nothing(f"<message from='{r.jid}'/>")
    j.expect_nothing(f"<presence from='{r.jid}'/>")
    j.expect_nothing(f"<presence from='{romeo.jid}'/>")
    unblock(j, romeo.jid)
    r.message(j.jid, id="after")
    j.expect("<message id='after'/>")


@two_users("XEP-0191 3.3: while away, too, and nothing is kept for later")
def _(romeo, juliet):
    j = juliet.login("balcony")
    block(j, romeo.jid)
    j.end()
    r = romeo.login("orchard")
    r.message(juliet.jid, id="m")
    expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")
    j = juliet.login("balcony", presence=True)
    j.expect_nothing("<message/>")


@two_users("XEP-0191 3.3: what is sent to a blocked JID does not leave")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    block(j, romeo.jid)
    for to in (romeo.jid, r.jid):
        j.message(to, id="m")
        expect_refused(j, "message", "m")
        j.send_iq("get", PING, to=to, id="i")
        expect_refused(j, "iq", "i")
        j.send(f"<presence to='{to}' id='p'/>")
        expect_refused(j, "presence", "p")
        j.send(f"<iq type='result' id='x' to='{to}'/><message type='error' id='x' to='{to}'/>")
    r.drain()
    unblock(j)
    r.expect_nothing(f"<message from='{j.jid}' id='m'/>", after=j)


@two_users("XEP-0191 3.3: what comes behind a block, or its end, in one write, meets the new list")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    for _ in range(3):
        for jids in ((romeo.jid,), ()):
            j.send(f"<iq type='set' id='b'>{command('block', romeo.jid)}</iq>"
                   f"<message to='{r.jid}' id='m1'/>"
                   f"<iq type='set' id='u'>{command('unblock', *jids)}</iq>"
                   f"<message to='{r.jid}' id='m2'/>")
            expect_refused(j, "message", "m1")
            r.expect("<message id='m2'/>")
            expect_list(j)
    r.expect_nothing("<message id='m1'/>", after=j)


@two_users("XEP-0191 3.3, 3.4: a contact sees the blocker go, and come back")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
    j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
    block(j, romeo.jid)
    r.expect(f"<presence from='{j.jid}' type='unavailable'/>")
    j.available(inside="<status>unseen</status>")
    other = juliet.login("chamber", presence=True)
    other.expect_nothing(f"<presence from='{r.jid}'/>")
    r.presence("probe", to=juliet.jid)
    r.available(inside="<status>are you there?</status>")
    j.expect_nothing(f"<presence from='{r.jid}'/>")
    j.presence("unavailable")
    j.available(inside="<status>back</status>")
    r.expect_nothing(f"<presence from='{j.jid}'/>")
    r.expect_nothing(f"<presence from='{other.jid}'/>")
    unblock(j, romeo.jid)
    for client in (j, other):
        r.expect(f"<presence from='{client.jid}' type='{ABSENT}'/>")
        client.expect(f"<presence from='{r.jid}'><status>are you there?</status></presence>")


@two_users("XEP-0191 3.3: who is not allowed to see presence is not told by a block or its end")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    block(j, romeo.jid)
    unblock(j, romeo.jid)
    block(j, "example.org")
    unblock(j)
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)


@two_users("XEP-0191 3.3: a login behind a block is not announced to whom it concerns")
def _(romeo, juliet):
    befriend(romeo, juliet)
    j = juliet.login("balcony")
    block(j, romeo.jid)
    j.end()
    r = romeo.login("orchard", presence=True)
    j = juliet.login("balcony", presence=True)
    j.expect_nothing(f"<presence from='{r.jid}'/>")
    j.end()
    r.expect_nothing(f"<presence from='{j.jid}'/>")


# -- matching --

@two_users("XEP-0191 5: a full JID, and only that one")
def _(romeo, juliet):
    one, two = romeo.login("one"), romeo.login("two")
    j = juliet.login("balcony", presence=True)
    block(j, one.jid)
    one.message(j.jid, id="1")
    expect_error(one.expect("<message type='error' id='1'/>"), "service-unavailable")
    two.message(j.jid, id="2")
    j.expect("<message id='2'/>")
    j.message(one.jid, id="3")
    expect_refused(j, "message", "3")
    j.message(two.jid, id="4")
    two.expect("<message id='4'/>")


@test("XEP-0191 5: a domain and all who are there; another domain goes on")
def _(server, romeo, juliet):
    paris = server.account("paris", domain="example.net")
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    p = paris.login("troy", presence=True)
    block(j, "example.net")
    p.message(j.jid, id="1")
    expect_error(p.expect("<message type='error' id='1'/>"), "service-unavailable")
    j.send_iq("get", PING, to="example.net", id="2")
    expect_refused(j, "iq", "2")
    r.message(j.jid, id="3")
    j.expect("<message id='3'/>")
    block(j, "ample.net", "x@example.net", "example.net/x")
    unblock(j, "example.net")
    p.message(j.jid, id="4")
    j.expect("<message id='4'/>")


@test("XEP-0191 5: one's own server and oneself cannot be blocked")
def _(romeo, juliet):
    one, two = romeo.login("one", presence=True), romeo.login("two", presence=True)
    other = juliet.login("balcony", presence=True)
    block(one, "example.org", romeo.jid, two.jid)
    one.get(PING, to="example.org")
    one.roster()
    for to in (two.jid, romeo.jid):
        one.message(to, id="m")
        two.expect("<message id='m'/>")
    other.message(one.jid, id="x")
    expect_error(other.expect("<message type='error' id='x'/>"), "service-unavailable")
    one.available(inside="<status>still</status>")
    two.expect(f"<presence from='{one.jid}'><status>still</status></presence>")


main()
