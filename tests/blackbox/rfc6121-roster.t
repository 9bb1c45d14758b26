#!/usr/bin/python3
"""RFC 6121 section 2: the roster."""
from harness import *

ROSTER = f"<query xmlns='{NS.roster}'/>"
ITEM = f"<query xmlns='{NS.roster}'><item jid='{{}}'{{}}>{{}}</item></query>"


def items(client):
    """The roster as plain values: {jid: (name, subscription, ask, groups)}."""
    return {jid: (item.get("name"), item.get("subscription"), item.get("ask"),
                  sorted(group.text or "" for group in children(item, "group")))
            for jid, item in client.roster().items()}


def same(found, expected):
    if found != expected:
        raise Failure(f"found {found}, expected {expected}")


def set_ok(client, jid, inside="", **attributes):
    answer = client.roster_set(jid, inside, **attributes)
    if answer.get("type") != "result":
        raise Failure(show(answer))


def version(client, known=None):
    """The roster's answer for a version: (ver, query or None)."""
    attribute = "" if known is None else f" ver='{quote(known)}'"
    answer = client.get(f"<query xmlns='{NS.roster}'{attribute}/>")
    query = child(answer, "{%s}query" % NS.roster)
    return (None if query is None else query.get("ver")), query


@test("RFC 6121 2.1.4: a new account's roster is empty")
def _(romeo):
    r = romeo.login()
    query = r.get(ROSTER)
    same([(part.tag, len(part)) for part in query], [("{%s}query" % NS.roster, 0)])


@test("RFC 6121 2.1.4: the roster can be had before presence and at any time, by bare JID too")
def _(romeo):
    r = romeo.login()
    r.get(ROSTER)
    r.get(ROSTER, to=romeo.jid)
    r.available()
    r.get(ROSTER)


@two_users("RFC 6121 2.1.3: nobody gets or sets the roster of another")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = romeo.login(), juliet.login(presence=True)
    r.iq_error("get", ROSTER, "forbidden", to=juliet.jid)
    r.iq_error("set", ITEM.format("x@example.org", "", ""), "forbidden", to=juliet.jid)
    same(list(items(j)), [romeo.jid])


@two_users("RFC 6121 8.5.1: nor does a stranger learn from it that there is such an account")
def _(romeo, juliet):
    r = romeo.login()
    for kind, payload in (("get", ROSTER), ("set", ITEM.format("x@example.org", "", ""))):
        answers = {show(r.iq_error(kind, payload, "service-unavailable", to=to)[0])
                   for to in (juliet.jid, "nobody@example.org")}
        same(len(answers), 1)


@test("RFC 6121 2.3.1: an added item is there, with name and groups, and outlives the session")
def _(romeo):
    r = romeo.login()
    set_ok(r, "juliet@example.org", "<group>Lovers</group><group>Capulets</group>", name="Juliet")
    wanted = {"juliet@example.org": ("Juliet", "none", None, ["Capulets", "Lovers"])}
    same(items(r), wanted)
    r.end()
    same(items(romeo.login()), wanted)


@test("RFC 6121 2.3.2: the push goes to every interested resource, the result to who asked")
def _(romeo):
    one, two, deaf = (romeo.login(name) for name in ("one", "two", "deaf"))
    one.roster()
    two.roster()
    deaf.available()
    one.drain(), two.drain(), deaf.drain()
    set_ok(one, "nurse@example.org", "<group>Servants</group>", name="Nurse")
    for client in (one, two):
        item = client.expect_push("nurse@example.org", name="Nurse", subscription="none",
                                  inside="<group>Servants</group>")
        same(item.get("ask"), None)
    deaf.expect_nothing()


@test("RFC 6121 2.3.3: an item without an interested resource still succeeds")
def _(romeo):
    r = romeo.login()
    set_ok(r, "nurse@example.org")
    r.expect_nothing()


@test("RFC 6121 2.1.6: a push has an id of its own, and comes from nobody or the account")
def _(romeo):
    r = romeo.login()
    r.roster()
    seen = set()
    for number in range(5):
        set_ok(r, f"c{number}@example.org")
        push = r.expect(f"<iq type='set' id='{ANY}'>{ROSTER}</iq>")
        if push.get("from") not in (None, romeo.jid) or push.get("to") not in (None, r.jid):
            raise Failure(show(push))
        same(len(push[0]), 1)
        seen.add(push.get("id"))
    same(len(seen), 5)


@test("RFC 6121 2.1.6: clients answer pushes in all ways, and none does harm")
def _(romeo):
    r = romeo.login()
    r.answers_pushes = False
    r.roster()
    replies = ("<iq type='result' id='{}'/>", f"<iq type='result' id='{{}}'>{ROSTER}</iq>",
               "<iq type='result' id='{}' to='" + romeo.jid + "'/>", "",
               "<iq type='error' id='{}'><error type='cancel'><service-unavailable "
               f"xmlns='{NS.stanzas}'/></error></iq>", "<iq type='result' id='other{}'/>")
    for number, reply in enumerate(replies):
        set_ok(r, f"c{number}@example.org")
        push = r.expect(f"<iq type='set'>{ROSTER}</iq>")
        r.send(reply.format(push.get("id")))
    r.drain()
    same(len(items(r)), len(replies))


@test("RFC 6121 2.4: an item is changed as a whole: name and groups are replaced")
def _(romeo):
    r = romeo.login()
    jid = "juliet@example.org"
    set_ok(r, jid, "<group>A</group><group>B</group>", name="J")
    set_ok(r, jid, "<group>C</group>", name="Jule")
    same(items(r), {jid: ("Jule", "none", None, ["C"])})
    set_ok(r, jid)
    same(items(r), {jid: (None, "none", None, [])})
    r.end()
    same(items(romeo.login()), {jid: (None, "none", None, [])})


@test("RFC 6121 2.4.2: a change is pushed to every interested resource, as an addition is")
def _(romeo):
    one, two = romeo.login("one"), romeo.login("two")
    one.roster(), two.roster()
    for attributes, inside in (({}, ""), ({"name": "J"}, ""), ({"name": "J"}, "<group>G</group>"), ({}, "")):
        set_ok(one, "juliet@example.org", inside, **attributes)
        for client in (one, two):
            item = client.expect_push("juliet@example.org", subscription="none", inside=inside)
            same((item.get("name"), len(item)), (attributes.get("name"), 1 if inside else 0))


@test("RFC 6121 2.1.2.1: what is in an item keeps its text: other scripts, markup, long names")
def _(romeo):
    r = romeo.login()
    names = ["\u6731\u4e3d\u53f6 \U0001f426", "<b>&amp;\"'", "x" * 200, " a  b "]
    for number, name in enumerate(names):
        set_ok(r, f"c{number}@example.org", f"<group>{quote(name)}</group>", name=name)
    expected = {f"c{number}@example.org": (name, "none", None, [name])
                for number, name in enumerate(names)}
    same(items(r), expected)
    r.end()
    same(items(romeo.login()), expected)


@test("RFC 6121 2.1.2.3: the JID is prepared: one contact, however it is written")
def _(romeo):
    r = romeo.login()
    for jid in ("juliet@example.org", "JULIET@EXAMPLE.ORG", "Juliet@example.org."):
        set_ok(r, jid, name=jid)
    same({jid: item[0] for jid, item in items(r).items()}, {"juliet@example.org": "Juliet@example.org."})
    set_ok(r, "example.net", name="a domain")
    same(items(r)["example.net"][0], "a domain")


@test("RFC 6121 2.1.2.5: a client cannot give itself a subscription, nor ask, nor approved")
def _(romeo):
    r = romeo.login()
    r.roster()
    for number, subscription in enumerate(("both", "to", "from", "none")):
        set_ok(r, f"c{number}@example.org", subscription=subscription, ask="subscribe", approved="true")
        item = r.expect_push(f"c{number}@example.org", subscription="none")
        if item.get("ask") or item.get("approved") not in (None, "false"):
            raise Failure(show(item))
    same({item[1:3] for item in items(r).values()}, {("none", None)})


@test("RFC 6121 2.1.5 and 2.3.3: sets that are wrong are refused, and change nothing")
def _(romeo):
    r = romeo.login()
    set_ok(r, "keep@example.org", name="keep")
    r.roster()
    r.drain()
    wrong = [
        (ROSTER, "bad-request"),
        (f"<query xmlns='{NS.roster}'><item jid='a@example.org'/><item jid='b@example.org'/></query>",
         "bad-request"),
        (f"<query xmlns='{NS.roster}'><item name='no jid'/></query>", "bad-request|jid-malformed"),
        (ITEM.format("@example.org", "", ""), "bad-request|jid-malformed"),
        (ITEM.format("a b@example.org", "", ""), "bad-request|jid-malformed"),
        (ITEM.format("", "", ""), "bad-request|jid-malformed"),
        (ITEM.format("a@example.org", "", "<group>x</group><group>x</group>"), "bad-request"),
        (ITEM.format("a@example.org", "", "<group/>"), "not-acceptable"),
        (ITEM.format("keep@example.org", "", "<group>x</group><group>x</group>"), "bad-request"),
        (ITEM.format("keep@example.org", "", "<group/>"), "not-acceptable"),
        (ITEM.format("a@example.org", "", "<group>" + "g" * 5000 + "</group>"), "not-acceptable"),
        (ITEM.format("a@example.org", " name='" + "n" * 5000 + "'", ""), "not-acceptable"),
        (ITEM.format("nobody@example.org", " subscription='remove'", ""), "item-not-found"),
        (f"<query xmlns='{NS.roster}'><other/></query>", "bad-request"),
    ]
    for payload, conditions in wrong:
        expect_error(r.iq("set", payload), conditions)
    same(list(items(r)), ["keep@example.org"])
    r.expect_nothing(f"<iq type='set'>{ROSTER}</iq>")


@test("RFC 6121 2.5: a removed item is pushed as removed, and gone for good")
def _(romeo):
    r, other = romeo.login("one"), romeo.login("two")
    set_ok(r, "juliet@example.org", "<group>A</group>", name="J")
    r.roster(), other.roster()
    set_ok(r, "juliet@example.org", subscription="remove")
    for client in (r, other):
        client.expect_push("juliet@example.org", subscription="remove")
    same(items(r), {})
    expect_error(r.roster_set("juliet@example.org", subscription="remove"), "item-not-found")
    r.end(), other.end()
    same(items(romeo.login()), {})


@test("RFC 6121 2.5.2: what was removed can be added again, with nothing of before")
def _(romeo):
    r = romeo.login()
    set_ok(r, "juliet@example.org", "<group>A</group>", name="J")
    set_ok(r, "juliet@example.org", subscription="remove")
    set_ok(r, "juliet@example.org")
    same(items(r), {"juliet@example.org": (None, "none", None, [])})


@test("RFC 6121 2.6.1: roster versioning is a stream feature")
def _(romeo):
    r = romeo.login()
    if not r.has_feature("{urn:xmpp:features:rosterver}ver"):
        raise Failure(show(r.features))


@test("RFC 6121 2.6.2: who knows the current version is told nothing more")
def _(romeo):
    r = romeo.login()
    set_ok(r, "a@example.org", name="A")
    known, query = version(r, "")
    if not known or len(query) != 1:
        raise Failure(f"version {known}")
    same(version(r, known), (None, None))
    r.end()
    same(version(romeo.login(), known), (None, None))


@test("RFC 6121 2.6.2: who knows another version gets the whole roster, or the changes as pushes")
def _(romeo):
    r = romeo.login("one")
    set_ok(r, "a@example.org")
    old, _ = version(r, "")
    set_ok(r, "b@example.org")
    late = romeo.login("two")
    new, query = version(late, old)
    if query is None:
        late.expect_push("b@example.org")
    else:
        same(sorted(item.get("jid") for item in query), ["a@example.org", "b@example.org"])
        if not new or new == old:
            raise Failure(f"version {new}, before {old}")
    _, query = version(late, "nonsense \u9d6b")
    same(len(query), 2)


@test("RFC 6121 2.6.3: pushes carry the version that is current after them")
def _(romeo):
    r = romeo.login()
    version(r, "")
    changes = (("a@example.org", {}), ("a@example.org", {"name": "A"}), ("b@example.org", {}),
               ("a@example.org", {"subscription": "remove"}))
    versions = []
    for jid, attributes in changes:
        set_ok(r, jid, **attributes)
        versions.append(r.expect(f"<iq type='set'>{ROSTER}</iq>")[0].get("ver"))
    if None in versions or len(set(versions)) != len(versions):
        raise Failure(f"versions {versions}")
    same(version(r, versions[-1]), (None, None))


@test("RFC 6121 2.6.3: results and pushes carry it for who did not ask, too")
def _(romeo):
    r = romeo.login()
    known, _ = version(r)
    set_ok(r, "a@example.org")
    pushed = r.expect(f"<iq type='set'>{ROSTER}</iq>")[0].get("ver")
    if not known or not pushed or known == pushed:
        raise Failure(f"versions {known}, {pushed}")
    same(version(r)[0], pushed)


@test("RFC 6121 2: many items")
def _(romeo):
    r = romeo.login()
    count = 300
    payloads = [ITEM.format(f"c{i}@example.org", f" name='Contact {i}'", "<group>G</group>")
                for i in range(count)]
    identifiers = [r.send_iq("set", payload) for payload in payloads]
    for identifier in identifiers:
        if r.answer(identifier).get("type") != "result":
            raise Failure("refused")
    same(len(items(r)), count)
    r.end()
    same(len(items(romeo.login())), count)


@test("RFC 6121 2: no more items than the limit; changing and removing still work then")
def _():
    with Server(limits={"roster_items": 5}) as server:
        r = server.account("romeo").login()
        for number in range(5):
            set_ok(r, f"c{number}@example.org")
        answer = r.roster_set("c5@example.org")
        expect_error(answer, "resource-constraint|not-allowed|policy-violation|not-acceptable")
        set_ok(r, "c0@example.org", name="changed")
        set_ok(r, "c0@example.org", subscription="remove")
        set_ok(r, "c5@example.org")
        same(len(items(r)), 5)


@test("RFC 6121 2: what was answered with a result is there after kill -9")
def _():
    with Server() as server:
        romeo = server.account("romeo")
        for number in range(3):
            r = romeo.login()
            set_ok(r, f"c{number}@example.org", "<group>G</group>", name=f"n{number}")
            server.kill()
            server.start()
        same(len(items(romeo.login())), 3)


main()
