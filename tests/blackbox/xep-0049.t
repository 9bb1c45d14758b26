#!/usr/bin/python3
"""XEP-0049: Private XML Storage."""
from harness import *

NS_PRIVATE = "jabber:iq:private"
BOOKMARKS = "<storage xmlns='storage:bookmarks'/>"


def query(inside):
    return f"<query xmlns='{NS_PRIVATE}'>{inside}</query>"


def stored(client, wanted):
    answer = client.get(query(wanted))
    (element,) = child(answer, "{%s}query" % NS_PRIVATE)
    return element


def expect_stored(client, wanted, template):
    why = mismatch(stored(client, wanted), template)
    if why:
        raise Failure(f"{show(stored(client, wanted))}: {why}")


@test("XEP-0049 2: what was never stored is the same element, empty")
def _(romeo):
    r = romeo.login()
    for wanted in (BOOKMARKS, "<roster xmlns='roster:delimiter'/>", "<x xmlns='urn:x'>y</x>"):
        element = stored(r, wanted)
        if element.tag != parse(wanted).tag or len(element) or element.text:
            raise Failure(show(element))


@test("XEP-0049 2: what was stored comes back, to every session, and after a restart")
def _(server, romeo):
    storage = ("<storage xmlns='storage:bookmarks'><conference jid='a@b.example' autojoin='1'>"
               "<nick>\u7f57\u5bc6\u6b27 \U0001f426</nick></conference></storage>")
    r = romeo.login()
    r.set(query(storage))
    expect_stored(r, BOOKMARKS, storage)
    expect_stored(romeo.login(), BOOKMARKS, storage)
    server.restart()
    expect_stored(romeo.login(), BOOKMARKS, storage)


@test("XEP-0049 2: a set replaces what was there")
def _(romeo):
    r = romeo.login()
    r.set(query("<a xmlns='urn:x'><old/></a>"))
    r.set(query("<a xmlns='urn:x'><new/></a>"))
    expect_stored(r, "<a xmlns='urn:x'/>", "<a xmlns='urn:x'><new/></a>")
    if len(stored(r, "<a xmlns='urn:x'/>")) != 1:
        raise Failure("both are there")


@test("XEP-0049 2: several elements in one set; names and namespaces are kept apart")
def _(romeo):
    r = romeo.login()
    r.set(query("<a xmlns='urn:x'>1</a><b xmlns='urn:x'>2</b><a xmlns='urn:y'>3</a>"))
    for wanted, value in (("<a xmlns='urn:x'/>", 1), ("<b xmlns='urn:x'/>", 2),
                          ("<a xmlns='urn:y'/>", 3)):
        expect_stored(r, wanted, wanted.replace("/>", f">{value}</{wanted[1]}>"))


@test("XEP-0049 2: nobody reads or writes what is another's")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login()
    j.set(query("<a xmlns='urn:x'>secret</a>"))
    r.iq_error("get", query("<a xmlns='urn:x'/>"), "service-unavailable", to=juliet.jid)
    r.iq_error("set", query("<a xmlns='urn:x'>mine</a>"), "service-unavailable", to=juliet.jid)
    r.iq_error("get", query("<a xmlns='urn:x'/>"), "service-unavailable", to="nobody@example.org")
    expect_stored(j, "<a xmlns='urn:x'/>", "<a xmlns='urn:x'>secret</a>")


@test("XEP-0049 2: without an element of a namespace of its own")
def _(romeo):
    r = romeo.login()
    for kind in ("get", "set"):
        for inside in ("", "text", "<a/>", "<a xmlns=''/>", "<a xmlns='urn:x'/><b/>"):
            r.iq_error(kind, query(inside), "not-acceptable")
    r.iq_error("get", query("<a xmlns='urn:x'/><a xmlns='urn:y'/>"), "not-acceptable")


@test("XEP-0049: limits, at the edge and one beyond")
def _():
    with Server(workers=1, settings="private { max_bytes = 100 max_elements = 2 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = romeo.login()
        frame = "<a xmlns='urn:x'></a>"
        for excess in (0, 1):
            inside = frame.replace("></a>", ">" + "x" * (100 - len(frame) + excess) + "</a>")
            if excess:
                r.iq_error("set", query(inside), "policy-violation")
            else:
                r.set(query(inside))
        r.set(query("<b xmlns='urn:x'/>"))
        r.iq_error("set", query("<c xmlns='urn:x'/>"), "policy-violation")
        r.set(query("<b xmlns='urn:x'>again</b>"))
        expect_stored(r, "<c xmlns='urn:x'/>", "<c xmlns='urn:x'/>")
        juliet.login().set(query("<c xmlns='urn:x'/>"))


main()
