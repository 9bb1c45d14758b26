#!/usr/bin/python3
"""RFC 6121 section 3 and Appendix A: presence subscriptions."""
from harness import *

ROSTER = f"<query xmlns='{NS.roster}'/>"

# The nine states of Appendix A.1: subscription, whether we have asked, whether they have asked.
STATES = {
    "None": ("none", False, False),
    "None + Pending Out": ("none", True, False),
    "None + Pending In": ("none", False, True),
    "None + Pending Out+In": ("none", True, True),
    "To": ("to", False, False),
    "To + Pending In": ("to", False, True),
    "From": ("from", False, False),
    "From + Pending Out": ("from", True, False),
    "Both": ("both", False, False),
}

# Appendix A.2: what a user sends. State: (is it routed, the new state); others: not, no change.
OUTBOUND = {
    "subscribe": {
        "None": (True, "None + Pending Out"),
        "None + Pending Out": (True, "None + Pending Out"),
        "None + Pending In": (True, "None + Pending Out+In"),
        "None + Pending Out+In": (True, "None + Pending Out+In"),
        "To": (True, "To"),
        "To + Pending In": (True, "To + Pending In"),
        "From": (True, "From + Pending Out"),
        "From + Pending Out": (True, "From + Pending Out"),
        "Both": (True, "Both"),
    },
    "unsubscribe": {
        "None": (True, "None"),
        "None + Pending Out": (True, "None"),
        "None + Pending In": (True, "None + Pending In"),
        "None + Pending Out+In": (True, "None + Pending In"),
        "To": (True, "None"),
        "To + Pending In": (True, "None + Pending In"),
        "From": (True, "From"),
        "From + Pending Out": (True, "From"),
        "Both": (True, "From"),
    },
    "subscribed": {
        "None + Pending In": (True, "From"),
        "None + Pending Out+In": (True, "From + Pending Out"),
        "To + Pending In": (True, "Both"),
    },
    "unsubscribed": {
        "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"),
        "To + Pending In": (True, "To"),
        "From": (True, "None"),
        "From + Pending Out": (True, "None + Pending Out"),
        "Both": (True, "To"),
    },
}

# Appendix A.3: what arrives for a contact. State: (is it delivered, the new state).
INBOUND = {
    "subscribe": {
        "None": (True, "None + Pending In"),
        "None + Pending Out": (True, "None + Pending Out+In"),
        "To": (True, "To + Pending In"),
    },
    "unsubscribe": {
        "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"),
        "To + Pending In": (True, "To"),
        "From": (True, "None"),
        "From + Pending Out": (True, "None + Pending Out"),
        "Both": (True, "To"),
    },
    "subscribed": {
        "None + Pending Out": (True, "To"),
        "None + Pending Out+In": (True, "To + Pending In"),
        "From + Pending Out": (True, "Both"),
    },
    "unsubscribed": {
        "None + Pending Out": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending In"),
        "To": (True, "None"),
        "To + Pending In": (True, "None + Pending In"),
        "From + Pending Out": (True, "From"),
        "Both": (True, "From"),
    },
}


def hears(kind, before):
    """A state in which the other one would be told, and which agrees with a subscription we have:
    what does not agree is healed by the first probe (section 4.3.2)."""
    if STATES[before][0] in ("to", "both"):
        return "From" if kind in ("subscribe", "unsubscribe") else "From + Pending Out"
    return {"subscribe": "None", "unsubscribe": "None + Pending In"}.get(kind, "None + Pending Out")


def sends(kind, before):
    """A state in which the other one may send it, as far as possible in agreement with ours."""
    if STATES[before][0] in ("to", "both") and kind != "subscribed":
        return "From"
    return "None" if kind in ("subscribe", "unsubscribe") else "None + Pending In"


def same(found, expected, what=""):
    if found != expected:
        raise Failure(f"{what} is {found!r}, expected {expected!r}")


def set_state(account, contact, name, approved=False):
    """Puts an account that has never been loaded into a state, by SQL."""
    subscription, ask, request = STATES[name]
    key = f"'{account.domain}', '{account.username}', '{contact.jid}'"
    if name not in ("None", "None + Pending In") or approved:
        account.server.sql("INSERT INTO roster_items (domain, username, contact, subscription, ask, "
                           f"approved) VALUES ({key}, '{subscription}', {str(ask).lower()}, "
                           f"{str(approved).lower()})")
    if request:
        stanza = (f"<presence xmlns=\"jabber:client\" type=\"subscribe\" from=\"{contact.jid}\" "
                  f"to=\"{account.jid}\"/>")
        account.server.sql("INSERT INTO subscription_requests (domain, username, contact, stanza, "
                           f"requested_at) VALUES ({key}, '{stanza}', 1)")


def state(client, contact):
    """The state of a contact as the database has it, after all that was sent before."""
    client.roster_set("fence@example.org")
    where = (f"WHERE domain = '{client.account.domain}' AND username = '{client.account.username}' "
             f"AND contact = '{contact.jid}'")
    sql = client.account.server.sql
    rows = sql(f"SELECT subscription, CASE WHEN ask THEN 1 ELSE 0 END FROM roster_items {where}")
    request = bool(sql(f"SELECT 1 FROM subscription_requests {where}"))
    subscription, ask = rows[0] if rows else ("none", "0")
    for name, value in STATES.items():
        if value == (subscription, ask == "1", request):
            return name
    return f"{subscription}, ask={ask}, request={request}"


def watch(account, name="None", presence=True):
    """A client that hears of everything: interested and available, nothing left to read; `name` is
    the state it is in, since a request that waits is offered after login."""
    client = account.login("watch", presence=presence)
    client.roster()
    if STATES[name][2] and presence:
        client.expect("<presence type='subscribe'/>")
    client.drain()
    return client


def check_roster(client, contact, name):
    """What clients are shown must fit the state."""
    subscription, ask, _ = STATES[name]
    item = client.roster().get(contact.jid)
    if item is None:
        same(("none", False), (subscription, ask), "an item that is missing")
        return
    same(item.get("subscription"), subscription, "subscription")
    same(item.get("ask"), "subscribe" if ask else None, "ask")


def outbound(kind, before):
    routed, after = OUTBOUND[kind].get(before, (False, before))

    @two_users(f"RFC 6121 A.2: {kind} sent in state {before}")
    def _(romeo, juliet):
        set_state(romeo, juliet, before)
        set_state(juliet, romeo, hears(kind, before))
        r, j = watch(romeo, before), watch(juliet, hears(kind, before))
        r.presence(kind, juliet.jid)
        if not routed:
            j.expect_nothing(f"<presence type='{kind}'/>", after=r)
        elif hears(kind, before) != "From" or kind != "subscribe":
            j.expect(f"<presence type='{kind}' from='{romeo.jid}' to='{juliet.jid}'/>")
        same(state(r, juliet), after, "the new state")
        check_roster(r, juliet, after)


def inbound(kind, before):
    delivered, after = INBOUND[kind].get(before, (False, before))

    @two_users(f"RFC 6121 A.3: {kind} received in state {before}")
    def _(romeo, juliet):
        set_state(romeo, juliet, sends(kind, before))
        set_state(juliet, romeo, before)
        # Without presence no probe is sent that would heal a state which does not agree.
        agrees = kind != "subscribed" or STATES[before][0] in ("none", "from")
        r = watch(romeo, sends(kind, before))
        j = watch(juliet, before, True if agrees else None)
        r.presence(kind, juliet.jid)
        if delivered:
            j.expect(f"<presence type='{kind}' from='{romeo.jid}' to='{juliet.jid}'/>")
            j.sync(r)
        else:
            j.expect_nothing(f"<presence type='{kind}'/>", after=r)
        same(state(j, romeo), after, "the new state")
        check_roster(j, romeo, after)


for one_kind in OUTBOUND:
    for one_state in STATES:
        outbound(one_kind, one_state)
        inbound(one_kind, one_state)


# -- section 3.1: subscribing --

@two_users("RFC 6121 3.1: from the request to the presence, with every push")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.presence("subscribe", juliet.jid, "<status>Juliet?</status><nick xmlns='urn:x'>R</nick>")
    r.expect_push(juliet.jid, subscription="none", ask="subscribe")
    j.expect(f"<presence type='subscribe' from='{romeo.jid}' to='{juliet.jid}'>"
             "<status>Juliet?</status><nick xmlns='urn:x'>R</nick></presence>")
    same(j.roster().get(romeo.jid), None, "an item for the request")
    j.presence("subscribed", romeo.jid)
    j.expect_push(romeo.jid, subscription="from", ask=ABSENT)
    r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")
    r.expect_push(juliet.jid, subscription="to", ask=ABSENT)
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
    j.expect_nothing(f"<presence from='{r.jid}'/>", after=r)


def in_order(client, *templates):
    """These come in that order, whatever comes between."""
    client.wait(lambda: any(matches(element, templates[-1]) for element in client.queue), templates[-1])
    seen = [template for element in client.queue for template in templates if matches(element, template)]
    same(seen, list(templates), "the order")


def push(contact, subscription):
    return (f"<iq type='set'><query xmlns='{NS.roster}'><item jid='{contact.jid}' "
            f"subscription='{subscription}'/></query></iq>")


@two_users("RFC 6121 3.1.6: an approval comes before its push, and the presence behind it")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.presence("subscribe", juliet.jid)
    j.expect("<presence type='subscribe'/>")
    r.expect_push(juliet.jid, ask="subscribe")
    j.presence("subscribed", romeo.jid)
    in_order(r, f"<presence type='subscribed' from='{juliet.jid}'/>", push(juliet, "to"),
             f"<presence from='{j.jid}' type='{ABSENT}'/>")


@two_users("RFC 6121 3.2.2, 3.2.3: who is cut off sees the other go, then learns of it, then the push")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = watch(romeo), watch(juliet)
    r.drain(j), j.drain(r)
    j.presence("unsubscribed", romeo.jid)
    in_order(r, f"<presence type='unavailable' from='{j.jid}'/>",
             f"<presence type='unsubscribed' from='{juliet.jid}'/>", push(juliet, "from"))


@two_users("RFC 6121 3.3.3: who is left learns of it before the push")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = watch(romeo), watch(juliet)
    r.drain(j), j.drain(r)
    r.presence("unsubscribe", juliet.jid)
    in_order(j, f"<presence type='unsubscribe' from='{romeo.jid}'/>", push(romeo, "to"))
    r.expect(f"<presence type='unavailable' from='{j.jid}'/>")


@two_users("RFC 6121 3.1.1: a roster set may come before the request or after it")
def _(romeo, juliet):
    r = watch(romeo)
    r.presence("subscribe", juliet.jid)
    r.roster_set(juliet.jid, "<group>G</group>", name="Jule")
    r.expect_push(juliet.jid, name="Jule", ask="subscribe", inside="<group>G</group>")
    juliet.login(presence=True).expect(f"<presence type='subscribe' from='{romeo.jid}'/>")


@test("RFC 6121 3.1.2: a request that cannot be delivered is answered with the reason")
def _(romeo):
    r = watch(romeo)
    r.presence("subscribe", "juliet@nowhere.invalid")
    expect_error(r.expect("<presence type='error' from='juliet@nowhere.invalid'/>"),
                 "remote-server-not-found")
    r.expect_push("juliet@nowhere.invalid", subscription="none", ask="subscribe")


@two_users("RFC 6121 3.1.2: a request is made in the name of the bare JID, whatever its to was")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.presence("subscribe", j.jid)
    j.expect(f"<presence type='subscribe' from='{romeo.jid}' to='{juliet.jid}'/>")
    j.presence("subscribed", r.jid)
    r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")


@two_users("RFC 6121 3.1.3: every resource that is available gets the request, another does not")
def _(romeo, juliet):
    r = watch(romeo)
    one, two, silent = juliet.login("one", presence=True), juliet.login("two", presence=-1), \
        juliet.login("silent")
    r.presence("subscribe", juliet.jid)
    for client in (one, two):
        client.expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
    silent.expect_nothing()


@two_users("RFC 6121 3.1.3: a request waits for who is away, and comes at every login until answered")
def _(romeo, juliet):
    r = watch(romeo)
    inside = "<status>please</status><nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick>"
    r.send(f"<presence type='subscribe' to='{juliet.jid}' id='s' xml:lang='en-GB'>{inside}</presence>")
    r.expect_push(juliet.jid, ask="subscribe")
    request = f"<presence type='subscribe' from='{romeo.jid}' id='s' xml:lang='en-GB'>{inside}</presence>"
    for _ in range(3):
        j = juliet.login(presence=True)
        j.expect(request)
        j.end()
    j = juliet.login(presence=True)
    j.expect(request)
    j.presence("unsubscribed", romeo.jid)
    r.expect(f"<presence type='unsubscribed' from='{juliet.jid}'/>")
    j.end()
    j = juliet.login(presence=True)
    j.expect_nothing("<presence type='subscribe'/>")


@test("RFC 6121 3.1.3: a request that waits outlives a restart of the server")
def _():
    with Server() as server:
        romeo, juliet = server.two_accounts(same_worker=False)
        r = watch(romeo)
        r.presence("subscribe", juliet.jid)
        r.expect_push(juliet.jid, ask="subscribe")
        server.restart()
        juliet.login(presence=True).expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
        same(romeo.login().roster()[juliet.jid].get("ask"), "subscribe", "ask")


@two_users("RFC 6121 3.1.3: a repeated request is one request")
def _(romeo, juliet):
    r = watch(romeo)
    for _ in range(3):
        r.presence("subscribe", juliet.jid)
    j = juliet.login(presence=True)
    j.expect("<presence type='subscribe'/>")
    j.expect_nothing("<presence type='subscribe'/>", after=r)


@two_users("RFC 6121 3.1.3: who is subscribed already is told so again, without asking the contact")
def _(romeo, juliet):
    set_state(juliet, romeo, "From")
    r, j = watch(romeo), watch(juliet)
    r.presence("subscribe", juliet.jid)
    r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")
    r.expect_push(juliet.jid, subscription="to")
    j.expect_nothing("<presence type='subscribe'/>", after=r)


@test("RFC 6121 3.1.3: a request to nobody is refused or dropped, and no error of another kind")
def _(romeo):
    r = watch(romeo)
    r.presence("subscribe", "nobody@example.org")
    r.expect_push("nobody@example.org", subscription="none", ask="subscribe")
    r.sync()
    for element in r.queue:
        if element.tag.endswith("presence") and element.get("type") not in ("unsubscribed", "error"):
            raise Failure(show(element))


@test("RFC 6121 3.1.2: a request to oneself, or to something that is no address")
def _(romeo):
    r = watch(romeo)
    for to in (romeo.jid, r.jid):
        r.presence("subscribe", to)
    r.expect_nothing(f"<iq type='set'>{ROSTER}</iq>")
    r.send("<presence type='subscribe' to='@@' id='bad'/>")
    expect_error(r.expect("<presence type='error' id='bad'/>"), "jid-malformed")
    same(r.roster(), {}, "the roster")


@two_users("RFC 6121 3.1.5: approving makes an item, and presence of every resource is shown")
def _(romeo, juliet):
    r = watch(romeo)
    one = juliet.login("one", presence=3)
    two = juliet.login("two")
    two.available(inside="<show>away</show><status>\u5728\u7761\u89c9</status>")
    r.presence("subscribe", juliet.jid)
    one.expect("<presence type='subscribe'/>")
    one.presence("subscribed", romeo.jid)
    r.expect(f"<presence from='{one.jid}'><priority>3</priority></presence>")
    r.expect(f"<presence from='{two.jid}'><show>away</show><status>\u5728\u7761\u89c9</status>"
             "</presence>")


@two_users("RFC 6121 3.1: a roster item with name and groups keeps them through a subscription")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.roster_set(juliet.jid, "<group>Lovers</group>", name="Jule")
    r.expect_push(juliet.jid)
    r.presence("subscribe", juliet.jid)
    r.expect_push(juliet.jid, name="Jule", ask="subscribe", inside="<group>Lovers</group>")
    j.expect("<presence type='subscribe'/>")
    j.presence("subscribed", romeo.jid)
    r.expect_push(juliet.jid, name="Jule", subscription="to", inside="<group>Lovers</group>")


@two_users("RFC 6121 3.1.6: what arrives as an approval that was not asked for is dropped")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.presence("subscribed", juliet.jid)
    j.expect_nothing("<presence/>", after=r)
    same(j.roster(), {}, "the roster")


# -- section 3.2 and 3.3: ending --

@two_users("RFC 6121 3.2: taking back who may see us")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = watch(romeo), watch(juliet)
    r.drain(j), j.drain(r)
    j.presence("unsubscribed", romeo.jid)
    j.expect_push(romeo.jid, subscription="to")
    r.expect(f"<presence type='unsubscribed' from='{juliet.jid}'/>")
    r.expect_push(juliet.jid, subscription="from")
    r.expect(f"<presence type='unavailable' from='{j.jid}'/>")
    j.available(inside="<show>dnd</show>")
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)
    r.available(inside="<show>away</show>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")


@two_users("RFC 6121 3.3: not wanting to see any more")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = watch(romeo), watch(juliet)
    r.drain(j), j.drain(r)
    r.presence("unsubscribe", juliet.jid)
    r.expect_push(juliet.jid, subscription="from")
    j.expect(f"<presence type='unsubscribe' from='{romeo.jid}'/>")
    j.expect_push(romeo.jid, subscription="to")
    r.expect(f"<presence type='unavailable' from='{j.jid}'/>")
    j.available(inside="<show>dnd</show>")
    r.expect_nothing(f"<presence from='{j.jid}' type='{ABSENT}'/>", after=j)


@two_users("RFC 6121 3.2.3: the end of a subscription reaches who was away by the roster")
def _(romeo, juliet):
    befriend(romeo, juliet)
    j = watch(juliet)
    j.presence("unsubscribed", romeo.jid)
    j.expect_push(romeo.jid, subscription="to")
    j.sync()
    r = romeo.login()
    r.wait(lambda: r.roster()[juliet.jid].get("subscription") == "from", "subscription from", 5)


@two_users("RFC 6121 2.5.2: removing an item ends the subscription in both directions")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = watch(romeo), watch(juliet)
    r.drain(j), j.drain(r)
    r.roster_set(juliet.jid, subscription="remove")
    r.expect_push(juliet.jid, subscription="remove")
    for kind in ("unsubscribe", "unsubscribed"):
        j.expect(f"<presence type='{kind}' from='{romeo.jid}'/>")
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    r.expect(f"<presence type='unavailable' from='{j.jid}'/>")
    j.sync(r)
    item = j.roster().get(romeo.jid)
    if item is not None:
        same(item.get("subscription"), "none", "subscription")
    same(r.roster(), {}, "the roster")


@two_users("RFC 6121 2.5.2: and what there is, where there is only one")
def _(romeo, juliet):
    for mine, theirs, kind, other in (("To", "From", "unsubscribe", "unsubscribed"),
                                      ("From", "To", "unsubscribed", "unsubscribe")):
        one, two = romeo.server.two_accounts(same_worker=romeo.worker == juliet.worker)
        set_state(one, two, mine)
        set_state(two, one, theirs)
        r, j = watch(one), watch(two)
        r.roster_set(two.jid, subscription="remove")
        j.expect(f"<presence type='{kind}' from='{one.jid}'/>")
        j.expect_nothing(f"<presence type='{other}'/>", after=r)


@two_users("RFC 6121 2.5.2: removing an item whose request is pending takes the request back")
def _(romeo, juliet):
    r = watch(romeo)
    r.presence("subscribe", juliet.jid)
    r.expect_push(juliet.jid, ask="subscribe")
    r.roster_set(juliet.jid, subscription="remove")
    j = juliet.login(presence=True)
    j.expect_nothing("<presence type='subscribe'/>", after=r)


# -- section 3.4: pre-approval --

@test("RFC 6121 3.4.1: pre-approval is a stream feature")
def _(romeo):
    r = romeo.login()
    if not r.has_feature("{urn:xmpp:features:pre-approval}sub"):
        raise Failure(show(r.features))


@two_users("RFC 6121 3.4.2: an approval before the request is kept, pushed, and not routed")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    j.presence("subscribed", romeo.jid)
    j.expect_push(romeo.jid, subscription="none", approved="true")
    r.expect_nothing("<presence/>", after=j)
    j.end()
    j = watch(juliet)
    same(j.roster()[romeo.jid].get("approved"), "true", "approved")
    r.presence("subscribe", juliet.jid)
    r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")
    r.expect_push(juliet.jid, subscription="to")
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
    j.expect_push(romeo.jid, subscription="from")
    j.expect_nothing("<presence type='subscribe'/>", after=r)


@two_users("RFC 6121 3.4.2: the same while the one who approved is away")
def _(romeo, juliet):
    set_state(juliet, romeo, "None", approved=True)
    r = watch(romeo)
    r.presence("subscribe", juliet.jid)
    r.expect(f"<presence type='subscribed' from='{juliet.jid}'/>")
    r.sync()
    j = juliet.login(presence=True)
    j.expect_nothing("<presence type='subscribe'/>", after=r)
    same(j.roster()[romeo.jid].get("subscription"), "from", "subscription")


@two_users("RFC 6121 3.4.3: an approval can be taken back before it was used")
def _(romeo, juliet):
    set_state(juliet, romeo, "None", approved=True)
    r, j = watch(romeo), watch(juliet)
    j.presence("unsubscribed", romeo.jid)
    push = j.expect(f"<iq type='set'><query xmlns='{NS.roster}'><item jid='{romeo.jid}'/></query></iq>")
    if push[0][0].get("approved") not in (None, "false"):
        raise Failure(show(push))
    r.expect_nothing("<presence/>", after=j)
    r.presence("subscribe", juliet.jid)
    j.expect("<presence type='subscribe'/>")


@two_users("RFC 6121 3: a stranger's request with everything in it arrives without what is not his")
def _(romeo, juliet):
    r, j = watch(romeo), watch(juliet)
    r.send(f"<presence type='subscribe' to='{juliet.jid}' id='s1' xml:lang='de'>"
           "<status>hallo</status><priority>5</priority></presence>")
    request = j.expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
    same(text(request, "status"), "hallo", "status")


main()
