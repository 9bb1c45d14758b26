#!/usr/bin/python3
"""XEP-0054: vcard-temp; XEP-0153: vCard-Based Avatars, as far as they concern the server."""
from harness import *

NS_VCARD = "vcard-temp"
EMPTY = f"<vCard xmlns='{NS_VCARD}'/>"
CARD = (f"<vCard xmlns='{NS_VCARD}'><FN>Juliet Capulet \u6731\u4e3d\u53f6</FN>"
        "<PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>")


@test("XEP-0054 3.1: one's own, when there is none and when there is")
def _(server, juliet):
    j = juliet.login()
    for to in (None, juliet.jid):
        j.iq_error("get", EMPTY, "item-not-found", to=to)
    j.set(CARD)
    for to in (None, juliet.jid):
        answer = j.get(EMPTY, to=to)
        if not matches(answer, f"<iq>{CARD}</iq>"):
            raise Failure(show(answer))
    server.restart()
    if not matches(juliet.login().get(EMPTY), f"<iq>{CARD}</iq>"):
        raise Failure("lost at a restart")


@test("XEP-0054 3.2: a set replaces the whole")
def _(juliet):
    j = juliet.login()
    j.set(CARD)
    j.set(f"<vCard xmlns='{NS_VCARD}'><NICKNAME>Jule</NICKNAME></vCard>")
    card = child(j.get(EMPTY), "{%s}vCard" % NS_VCARD)
    if len(card) != 1 or text(card, "NICKNAME") != "Jule":
        raise Failure(show(card))


@two_users("XEP-0054 3.3: anyone may read it, whether its owner is there or not")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    j.set(CARD)
    if not matches(r.get(EMPTY, to=juliet.jid), f"<iq from='{juliet.jid}'>{CARD}</iq>"):
        raise Failure("not what was stored")
    j.expect_nothing(f"<iq>{EMPTY}</iq>", after=r)
    j.end()
    if not matches(r.get(EMPTY, to=juliet.jid), f"<iq>{CARD}</iq>"):
        raise Failure("gone with its owner")


@test("XEP-0054 3.2: nobody writes that of another")
def _(romeo, juliet):
    r = romeo.login()
    for to in (juliet.jid, "nobody@example.org"):
        r.iq_error("set", CARD, "service-unavailable", to=to)
    befriend(romeo, juliet)
    r.iq_error("set", CARD, "forbidden", to=juliet.jid)
    juliet.login().iq_error("get", EMPTY, "item-not-found")


@two_users("XEP-0054 3.3: no vCard and no account are the same to others")
def _(romeo, juliet):
    r = romeo.login()
    for to in (juliet.jid, "nobody@example.org"):
        r.iq_error("get", EMPTY, "service-unavailable", to=to)


@test("XEP-0054: something else in its namespace, and the limit")
def _():
    with Server(workers=1, settings="vcard { max_bytes = 200 }") as server:
        j = server.account("juliet").login()
        j.iq_error("set", f"<FN xmlns='{NS_VCARD}'/>", "bad-request")
        frame = f"<vCard xmlns='{NS_VCARD}'><FN></FN></vCard>"
        fill = 200 - len(frame)
        j.set(frame.replace("</FN>", "x" * fill + "</FN>"))
        j.iq_error("set", frame.replace("</FN>", "y" * (fill + 1) + "</FN>"), "policy-violation")
        if text(j.get(EMPTY), "{%s}vCard" % NS_VCARD, "FN") != "x" * fill:
            raise Failure("what was refused was stored")


@two_users("XEP-0153 3: the hash in presence arrives as it was sent")
def _(romeo, juliet):
    befriend(romeo, juliet)
    update = "<x xmlns='vcard-temp:x:update'><photo>sha1-hash-of-image</photo></x>"
    r = romeo.login("orchard", presence=True)
    j = juliet.login("balcony")
    j.available(inside=update)
    r.expect(f"<presence from='{j.jid}'>{update}</presence>")


main()
