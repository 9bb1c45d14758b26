#!/usr/bin/python3
"""RFC 6121 section 4: exchanging presence information."""
from harness import *


def here(jid):
    return f"<presence from='{jid}' type='{ABSENT}'/>"


def gone(jid):
    return f"<presence from='{jid}' type='unavailable'/>"


def friends(romeo, juliet):
    """Both see each other, both logged in, nothing left to read."""
    befriend(romeo, juliet)
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.drain(j), j.drain(r)
    return r, j


def link(romeo, juliet, one, two):
    """Puts accounts that were never loaded into states: the subscription each has to the other."""
    for account, contact, subscription in ((romeo, juliet, one), (juliet, romeo, two)):
        account.server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES "
                           f"('{account.domain}', '{account.username}', '{contact.jid}', "
                           f"'{subscription}')")


@test("RFC 6121 4.2.2: initial presence comes back to the resource itself, before any contact exists")
def _(romeo):
    r = romeo.login("orchard")
    r.send("<presence id='first'><show>chat</show><c xmlns='u:caps' ver='1'/></presence>")
    r.expect_next(f"<presence id='first' from='{r.jid}'><show>chat</show>"
                  "<c xmlns='u:caps' ver='1'/></presence>")


@test("RFC 6121 4.2.2: one's own resources see each other, the new one those from before")
def _(romeo):
    one = romeo.login("one")
    one.available(inside="<status>first</status>")
    two = romeo.login("two", presence=7)
    one.expect(f"<presence from='{two.jid}'><priority>7</priority></presence>")
    two.expect(f"<presence from='{one.jid}'><status>first</status></presence>")


@two_users("RFC 6121 4.2.2: initial presence goes to those who may see it: from and both")
def _(romeo, juliet, paris, nurse, tybalt):
    link(romeo, juliet, "both", "both")
    link(romeo, paris, "from", "to")
    link(romeo, nurse, "to", "from")
    link(romeo, tybalt, "none", "none")
    others = [account.login("x", presence=True) for account in (juliet, paris, nurse, tybalt)]
    j, p, n, t = others
    r = romeo.login("orchard")
    r.available(inside="<show>xa</show>")
    for client in (j, p):
        client.expect(f"<presence from='{r.jid}' to='{client.bare}'><show>xa</show></presence>")
    for client in (n, t):
        client.expect_nothing("<presence/>" if client is t else here(r.jid), after=r)


@two_users("RFC 6121 4.3: on initial presence the server asks for that of the contacts: to and both")
def _(romeo, juliet, paris, nurse, tybalt):
    link(romeo, juliet, "both", "both")
    link(romeo, nurse, "to", "from")
    link(romeo, paris, "from", "to")
    link(romeo, tybalt, "none", "none")
    clients = []
    for account in (juliet, nurse, paris, tybalt):
        client = account.login("x")
        client.available(inside=f"<status>{account.username}</status>")
        clients.append(client)
    j, n, p, t = clients
    r = romeo.login("orchard", presence=True)
    for client in (j, n):
        r.expect(f"<presence from='{client.jid}' type='{ABSENT}'><status>{client.account.username}"
                 "</status></presence>")
    for client in (p, t):
        r.expect_nothing(f"<presence from='{client.jid}'/>", after=client)


@two_users("RFC 6121 4.3.2: every available resource of a contact is shown, and no other")
def _(romeo, juliet):
    link(romeo, juliet, "to", "from")
    one, two, silent = juliet.login("one", presence=1), juliet.login("two", presence=-5), \
        juliet.login("silent")
    r = romeo.login("orchard", presence=True)
    r.expect(here(one.jid))
    r.expect(here(two.jid))
    r.expect_nothing(f"<presence from='{silent.jid}'/>", after=silent)


@two_users("RFC 6121 4.3.2: of a contact who is away, unavailable")
def _(romeo, juliet):
    link(romeo, juliet, "to", "from")
    r = romeo.login("orchard", presence=True)
    r.expect(gone(juliet.jid))
    j = juliet.login("silent")
    r.end()
    r = romeo.login("orchard", presence=True)
    r.expect(gone(juliet.jid))
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)


@two_users("RFC 6121 4.3.2: a contact who does not agree, or does not exist, is unsubscribed from")
def _(romeo, juliet):
    link(romeo, juliet, "to", "none")
    romeo.server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES "
                     f"('{romeo.domain}', '{romeo.username}', 'nobody@example.org', 'both')")
    j = juliet.login("balcony", presence=True)
    r = romeo.login("orchard")
    r.roster()
    r.available()
    for contact, subscription in ((juliet.jid, "none"), ("nobody@example.org", "from")):
        r.expect(f"<presence type='unsubscribed' from='{contact}' to='{romeo.jid}'/>")
        r.expect_push(contact, subscription=subscription)
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)


@two_users("RFC 6121 4.3.2: that does not take back an approval in advance")
def _(romeo, juliet):
    link(romeo, juliet, "to", "none")
    romeo.server.sql("UPDATE roster_items SET approved = true WHERE contact = "
                     f"'{romeo.jid}' OR contact = '{juliet.jid}'")
    r = romeo.login("orchard")
    r.roster()
    r.available()
    r.expect_push(juliet.jid, subscription="none", approved="true")
    if juliet.login().roster()[romeo.jid].get("approved") != "true":
        raise Failure("the approval is gone")


@two_users("RFC 6121 4.3.2: a probe for one client tells of that one, and only that it is there")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r = romeo.login("orchard")
    one = juliet.login("one")
    one.available(5, "<show>away</show><status>busy</status>")
    two, silent = juliet.login("two", presence=True), juliet.login("silent")
    r.sync(), r.available(), r.expect(here(one.jid)), r.expect(here(two.jid))
    r.presence("probe", one.jid)
    found = r.expect(here(one.jid))
    if len(found):
        raise Failure(show(found))
    for jid in (silent.jid, f"{juliet.jid}/nowhere"):
        r.send(f"<presence type='probe' to='{jid}' id='p1'/>")
        r.expect(f"<presence type='unavailable' from='{jid}' id='p1'/>")
    r.expect_nothing("<presence/>", after=two)


@two_users("RFC 6121 4.3.2.1: presence keeps its id, any other answer has that of the probe")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r = romeo.login("orchard", presence=True)
    r.expect(gone(juliet.jid))
    r.send(f"<presence type='probe' to='{juliet.jid}' id='mirror'/>")
    r.expect(f"<presence type='unavailable' from='{juliet.jid}' id='mirror'/>")
    j = juliet.login("balcony")
    j.send("<presence id='mine'/>")
    r.expect(f"<presence from='{j.jid}' id='mine'/>")
    r.send(f"<presence type='probe' to='{juliet.jid}' id='other'/>")
    r.expect(f"<presence from='{j.jid}' id='mine'/>")


@test("RFC 6121 4.3: a probe of a client is no error, wherever it goes")
def _(romeo):
    r = romeo.login("orchard", presence=True)
    for to in (None, "example.org", romeo.jid, "nobody@example.org", "nobody@example.org/x"):
        r.presence("probe", to)
    r.expect_nothing("<presence type='error'/>")


@two_users("RFC 6121 4.3.2: a probe by a client tells nothing to who may not know, nor to the contact")
def _(tybalt, juliet):
    j = juliet.login("balcony", presence=True)
    t = tybalt.login("street")
    t.presence("probe", juliet.jid)
    t.expect_nothing(here(j.jid), after=j)
    j.expect_nothing("<presence type='probe'/>", after=t)


@two_users("RFC 6121 4.4.2: a change goes to the same ones, and to one's own resources")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    other = romeo.login("other", presence=True)
    r.drain(other), j.drain(other), other.drain(r)
    for inside in ("<show>away</show>", "<show>dnd</show><status xml:lang='cs'>pracuji</status>",
                   "<priority>1</priority>", ""):
        r.available(inside=inside)
        for client in (j, other):
            client.expect(f"<presence from='{r.jid}'>{inside}</presence>")


@two_users("RFC 6121 4.2.3, 4.4.3, 4.5.3: every available resource of a contact hears of it, no other")
def _(romeo, juliet):
    link(romeo, juliet, "from", "to")
    clients = [juliet.login("one", presence=1), juliet.login("two", presence=-1)]
    silent = juliet.login("silent")
    r = romeo.login("orchard")
    for kind, inside in ((None, ""), (None, "<show>away</show>"), ("unavailable", "<status>bye</status>")):
        r.presence(kind, inside=inside)
        for client in clients:
            client.expect(f"<presence from='{r.jid}' type='{kind or ABSENT}' to='{juliet.jid}'>{inside}"
                          "</presence>")
    silent.expect_nothing("<presence/>", after=r)


@two_users("RFC 6121 8.5.2.1.2: so it is with what is sent to the bare JID")
def _(romeo, juliet):
    clients = [juliet.login("one", presence=1), juliet.login("two", presence=-1)]
    silent = juliet.login("silent")
    r = romeo.login("orchard")
    for kind in (None, "unavailable"):
        r.presence(kind, to=juliet.jid)
        for client in clients:
            client.expect(f"<presence from='{r.jid}' type='{kind or ABSENT}' to='{juliet.jid}'/>")
    silent.expect_nothing("<presence/>", after=r)


@two_users("RFC 6121 4.4.2: a change does not probe again")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    r.available(inside="<show>away</show>")
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)


@two_users("RFC 6121 4.5.2: unavailable goes to all who saw it, with its status")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    other = romeo.login("other", presence=True)
    r.drain(other), j.drain(other), other.drain(r)
    r.presence("unavailable", inside="<status>good night</status>")
    for client in (j, other):
        client.expect(f"<presence from='{r.jid}' type='unavailable'><status>good night</status>"
                      "</presence>")
    r.expect_nothing(f"<presence from='{other.jid}'/>", after=other)
    other.available(inside="<show>away</show>")
    r.expect_nothing(f"<presence from='{other.jid}'/>", after=other)


@two_users("RFC 6121 4.5.2: and to the client that said it")
def _(romeo, juliet):
    r, _ = friends(romeo, juliet)
    r.send("<presence type='unavailable' id='bye'><status>good night</status></presence>")
    r.expect_next(f"<presence type='unavailable' from='{r.jid}' id='bye'><status>good night</status>"
                  "</presence>")
    r.presence("unavailable")
    r.expect_nothing()


@two_users("RFC 6121 4.5.2: after unavailable, initial presence is possible again")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    r.presence("unavailable")
    j.expect(gone(r.jid))
    r.available()
    j.expect(here(r.jid))
    r.expect(here(j.jid))


@two_users("RFC 6121 4.5: unavailable on every kind of loss, and once")
def _(romeo, juliet):
    befriend(romeo, juliet)
    j = juliet.login("balcony", presence=True)
    ways = {"end": lambda r: r.end(), "half": lambda r: r.send("</stream:stream>"),
            "close": lambda r: r.close(), "abort": lambda r: r.abort(),
            "bad": lambda r: r.send("<<"), "replaced": lambda r: romeo.login("orchard"),
            "half-stanza": lambda r: (r.send("<message to='x'><body>"), r.close())}
    for way, leave in ways.items():
        r = romeo.login("orchard", presence=True)
        j.expect(here(r.jid))
        leave(r)
        j.expect(gone(r.jid))
        j.expect_nothing(f"<presence from='{r.jid}' type='unavailable'/>", after=romeo.login("fence"))


@two_users("RFC 6121 4.5: who never was available is not told to be gone")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    silent = romeo.login("silent")
    silent.end()
    j.expect_nothing(after=r)
    r.presence("unavailable")
    j.expect(gone(r.jid))
    r.end()
    j.expect_nothing(after=romeo.login("fence"))


@two_users("RFC 6121 4.6: directed presence to a stranger, and unavailable when the session ends")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony")
    r.presence(to=j.jid, inside="<status>for you</status>")
    j.expect(f"<presence from='{r.jid}' to='{j.jid}'><status>for you</status></presence>")
    r.available(inside="<show>away</show>")
    j.expect_nothing("<presence><show>away</show></presence>", after=r)
    r.close()
    j.expect(gone(r.jid))
    j.expect_nothing(after=romeo.login("fence"))


@two_users("RFC 6121 4.6: directed presence before any other, and to a bare JID")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    r.presence(to=juliet.jid)
    j.expect(f"<presence from='{r.jid}'/>")
    r.end()
    j.expect(gone(r.jid))


@two_users("RFC 6121 4.6.1: who has gone itself is not told of the end")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    for one, other in ((r, j), (j, r)):
        one.presence(to=other.jid)
        other.expect(here(one.jid))
    j.presence("unavailable", to=r.jid)
    r.expect(gone(j.jid))
    r.end()
    j.expect_nothing(after=romeo.login("fence"))


@two_users("RFC 6121 4.6.1: a subscription comes before directed presence, and so does its end")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.presence(to=juliet.jid, inside="<status>directed</status>")
    j.expect(here(r.jid))
    j.presence("subscribe", romeo.jid)
    r.expect("<presence type='subscribe'/>")
    r.presence("subscribed", juliet.jid)
    j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
    r.available(inside="<show>away</show>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")
    r.presence("unsubscribed", juliet.jid)
    j.expect(gone(r.jid))


@two_users("RFC 6121 4.6.6: a probe by who got directed presence is answered with the mere fact")
def _(romeo, juliet):
    r, other = romeo.login("orchard"), romeo.login("other", presence=True)
    r.available(inside="<show>away</show>")
    j = juliet.login("balcony", presence=True)
    r.presence(to=j.jid, inside="<status>for you</status>")
    j.expect(here(r.jid))
    for to in (r.jid, romeo.jid):
        j.presence("probe", to)
        found = j.expect(here(r.jid))
        if len(found):
            raise Failure(show(found))
    j.presence("probe", other.jid)
    j.expect_nothing("<presence/>", after=other)


@two_users("RFC 6121 4.6.3: directed unavailable, then nothing more at the end")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.presence(to=j.jid)
    j.expect(here(r.jid))
    r.presence("unavailable", to=j.jid)
    j.expect(gone(r.jid))
    r.end()
    j.expect_nothing(after=romeo.login("fence"))


@two_users("RFC 6121 4.6.3: an unavailable broadcast also goes to who had directed presence")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.presence(to=j.jid)
    j.expect(here(r.jid))
    r.presence("unavailable", inside="<status>bye</status>")
    j.expect(f"<presence from='{r.jid}' type='unavailable'><status>bye</status></presence>")
    r.end()
    j.expect_nothing(after=romeo.login("fence"))


@two_users("RFC 6121 4.6.3: to a contact, directed presence goes beside the broadcast")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    r.presence(to=juliet.jid, inside="<show>chat</show>")
    j.expect(f"<presence from='{r.jid}'><show>chat</show></presence>")
    r.end()
    j.expect(gone(r.jid))
    j.expect_nothing("<presence/>", after=romeo.login("fence"))


@test("RFC 6121 4.6: directed presence is remembered for a bounded number of addressees")
def _():
    with Server(limits={"directed_presences": 10}) as server:
        r = server.account("romeo").login("orchard", presence=True)
        for number in range(40):
            r.presence(to=f"nobody{number}@example.org")
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to="example.org")


@two_users("RFC 6121 4.7.2.3: priorities at both ends, and beyond")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    for priority in (-128, 127, 0):
        r.available(priority)
        j.expect(f"<presence from='{r.jid}'><priority>{priority}</priority></presence>")
    for priority in ("128", "-129", "x", "", "1.5", "99999999999999999999"):
        r.send(f"<presence id='p'><priority>{priority}</priority></presence>")
        expect_error(r.expect("<presence id='p'/>"), "bad-request")
    j.expect_nothing("<presence id='p'/>", after=r)


@two_users("RFC 6121 4.7.1: presence without anything, with several status texts, with extensions")
def _(romeo, juliet):
    r, j = friends(romeo, juliet)
    for inside in ("", "<status>a</status><status xml:lang='de'>b</status>",
                   "<x xmlns='vcard-temp:x:update'><photo/></x>", "<unknown xmlns='u:u'>t</unknown>"):
        r.available(inside=inside)
        j.expect(f"<presence from='{r.jid}' to='{juliet.jid}'>{inside}</presence>")


@two_users("RFC 6121 4.7.1: a presence of type error is passed on and answered by nobody")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.presence("error", to=j.jid, inside="<error type='cancel'/>")
    j.expect(f"<presence type='error' from='{r.jid}'/>")
    r.expect_nothing(after=j)


@two_users("RFC 6121 8.5.3.2: presence to a resource that is not there, or to nobody, is dropped")
def _(romeo, juliet):
    r = romeo.login("orchard", presence=True)
    for to in (f"{juliet.jid}/x", juliet.jid, "nobody@example.org", "nobody@example.org/x"):
        r.presence(to=to)
        r.presence("unavailable", to=to)
    r.expect_nothing()


@test("RFC 6121 4: a big roster: everybody hears of the coming and going")
def _(server, romeo):
    crowd = server.accounts([(f"crowd{number}x", None) for number in range(40)])
    for account in crowd:
        link(romeo, account, "both", "both")
    clients = [account.login("x", presence=True) for account in crowd]
    r = romeo.login("orchard", presence=True)
    for client in clients:
        client.expect(here(r.jid))
        r.expect(here(client.jid))
    r.abort()
    for client in clients:
        client.expect(gone(r.jid))


main()
