#!/usr/bin/python3
"""RFC 6121 section 5 and section 8: messages, and who gets them."""
from harness import *

TYPES = (None, "normal", "chat", "headline", "groupchat", "error", "nonsense")
REFUSED = "service-unavailable"
QUERY = "<query xmlns='urn:godwit:unknown'/>"


def send(client, to, kind, identifier):
    """A message of a type, with a body; type error with an error in it."""
    inside = f"<error type='cancel'><gone xmlns='{NS.stanzas}'/></error>" if kind == "error" else ""
    client.message(to, "hello", kind=kind, id=identifier, inside=inside)


def expect_refused(client, identifier):
    expect_error(client.expect(f"<message type='error' id='{identifier}'/>"), REFUSED)


def kinds(*wanted):
    """Types with an id for each."""
    return [(kind, f"m-{kind}") for kind in wanted]


# -- section 8.5.2: to a bare JID --

@two_users("RFC 6121 8.5.2.1.1: normal and chat go to the resource with the highest priority")
def _(romeo, juliet):
    r = romeo.login("orchard")
    low, high, negative = (juliet.login(name, presence=priority) for name, priority in
                           (("low", 1), ("high", 7), ("negative", -1)))
    silent = juliet.login("silent")
    for client in (low, high, negative):
        client.drain()
    for kind, identifier in kinds(None, "normal", "chat", "nonsense"):
        send(r, juliet.jid, kind, identifier)
        high.expect(f"<message id='{identifier}' from='{r.jid}' to='{juliet.jid}'/>")
    for client in (low, negative, silent):
        client.expect_nothing("<message/>", after=r)


@two_users("RFC 6121 8.5.2.1.1: of two with the same priority, at least one gets it")
def _(romeo, juliet):
    r = romeo.login("orchard")
    clients = [juliet.login(name, presence=3) for name in ("one", "two")]
    r.message(juliet.jid, id="both")
    for client in clients:
        client.sync(r)
    found = [client.take("<message id='both'/>") is not None for client in clients]
    if not any(found):
        raise Failure("nobody got it")


@two_users("RFC 6121 8.5.2.1.1: it follows a change of priority, and a resource that leaves")
def _(romeo, juliet):
    r = romeo.login("orchard")
    one, two = juliet.login("one", presence=5), juliet.login("two", presence=4)
    r.message(juliet.jid, id="1")
    one.expect("<message id='1'/>")
    two.available(6)
    r.message(juliet.jid, id="2")
    two.expect("<message id='2'/>")
    two.available(-1)
    r.message(juliet.jid, id="3")
    one.expect("<message id='3'/>")
    two.available(0)
    one.end()
    r.message(juliet.jid, id="4")
    two.expect("<message id='4'/>")
    two.expect_nothing("<message/>", after=r)


@two_users("RFC 6121 8.5.2.1.1: headline goes to all with a priority of 0 or more")
def _(romeo, juliet):
    r = romeo.login("orchard")
    low, high, negative = (juliet.login(name, presence=priority) for name, priority in
                           (("low", 0), ("high", 7), ("negative", -1)))
    send(r, juliet.jid, "headline", "news")
    for client in (low, high):
        client.expect("<message id='news' type='headline'/>")
    negative.expect_nothing("<message/>", after=r)


@two_users("RFC 6121 8.5.2.1.1: groupchat is refused, error is dropped")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    send(r, juliet.jid, "groupchat", "g")
    expect_refused(r, "g")
    send(r, juliet.jid, "error", "e")
    j.expect_nothing("<message/>", after=r)
    r.expect_nothing()


@two_users("RFC 6121 8.5.2.1.3: an iq to the bare JID is answered by the server, not by a resource")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    for kind in ("get", "set"):
        r.iq_error(kind, "<query xmlns='urn:godwit:unknown'/>", REFUSED, to=juliet.jid)
    r.send(f"<iq type='result' id='1' to='{juliet.jid}'/>")
    j.expect_nothing("<iq/>", after=r)


@two_users("RFC 6121 8.5.2.2.1: without a resource normal and chat wait, headline and error are dropped")
def _(romeo, juliet):
    r = romeo.login("orchard")
    for kind, identifier in kinds(*TYPES):
        send(r, juliet.jid, kind, identifier)
    expect_refused(r, "m-groupchat")
    r.sync()
    j = juliet.login("balcony", presence=True)
    for kind in (None, "normal", "chat", "nonsense"):
        j.expect(f"<message id='m-{kind}' from='{r.jid}'/>")
    j.expect_nothing("<message/>", after=r)
    r.expect_nothing()


@two_users("RFC 6121 8.5.2.2: resources that are silent or negative do not count")
def _(romeo, juliet):
    r = romeo.login("orchard")
    negative, silent = juliet.login("negative", presence=-1), juliet.login("silent")
    for kind, identifier in kinds("chat", "headline"):
        send(r, juliet.jid, kind, identifier)
    for client in (negative, silent):
        client.expect_nothing("<message/>", after=r)
    negative.available(1)
    negative.expect("<message id='m-chat'/>")
    silent.expect_nothing("<message/>", after=r)


# -- section 8.5.1: nobody --

@test("RFC 6121 8.5.1: to an account that does not exist")
def _(romeo):
    r = romeo.login("orchard", presence=True)
    for to in ("nobody@example.org", "nobody@example.org/x"):
        for kind, identifier in kinds("normal", "chat", "groupchat", "headline"):
            send(r, to, kind, identifier)
        send(r, to, "error", "e")
        r.iq_error("get", "<query xmlns='urn:godwit:unknown'/>", REFUSED, to=to)
        r.presence(to=to)
        r.presence("probe", to=to)
        r.sync()
        for element in r.queue:
            if element.get("type") == "error":
                expect_error(element, REFUSED)
            elif element.get("type") not in ("unsubscribed", "unavailable"):
                raise Failure(show(element))
        if r.take("<message id='e'/>") is not None:
            raise Failure("an error was answered")
        r.queue.clear()


@two_users("RFC 6121 8.5.1: who writes to nobody cannot tell it from one who stores nothing")
def _(romeo, juliet):
    r = romeo.login("orchard")
    answers = {}
    for to in ("nobody@example.org", juliet.jid):
        send(r, to, "groupchat", "g")
        error = r.expect("<message type='error' id='g'/>")
        answers[to] = show(child(error, "error"))
    if len(set(answers.values())) != 1:
        raise Failure(f"{answers}")


# -- section 8.5.3: to a full JID --

@two_users("RFC 6121 8.5.3.1: a full JID that is connected gets every type, whatever its priority")
def _(romeo, juliet):
    r = romeo.login("orchard")
    clients = [juliet.login("available", presence=5), juliet.login("negative", presence=-5),
               juliet.login("silent")]
    for j in clients:
        for kind, identifier in kinds(*TYPES):
            send(r, j.jid, kind, identifier)
            message = j.expect(f"<message id='{identifier}' from='{r.jid}' to='{j.jid}'/>")
            # "normal" may be written or left out; what is unknown may be passed on or left out.
            if kind not in (None, "normal", "nonsense") and message.get("type") != kind:
                raise Failure(show(message))
        for other in clients:
            other.expect_nothing("<message/>", after=r)


@two_users("RFC 6121 8.5.3.1: an iq request is only for who shares its presence with the sender")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    errors = {show(r.iq("get", QUERY, to=juliet.jid + resource)[0]) for resource in
              ("/balcony", "/gone", "")}
    if len(errors) != 1:
        raise Failure(f"tells who is there: {errors}")
    for kind in ("get", "set"):
        check_request(r, j, kind, False)
    befriend(romeo, juliet)
    for kind in ("get", "set"):
        check_request(r, j, kind, True)
    # She goes on to see him, but not he her.
    j.presence("unsubscribed", romeo.jid)
    j.sync()
    check_request(r, j, "get", False)
    check_request(j, r, "get", True)


def check_request(r, j, kind, shared):
    """Whether an iq of r reaches j, whose answers reach r in any case."""
    identifier = r.send_iq(kind, QUERY, to=j.jid)
    if shared:
        j.expect(f"<iq type='{kind}' id='{identifier}' from='{r.jid}'/>")
    else:
        expect_error(r.answer(identifier), REFUSED)
        j.expect_nothing("<iq/>", after=r)
    for outcome in ("result", "error"):
        j.send(f"<iq type='{outcome}' id='{outcome}-{identifier}' to='{r.jid}'/>")
        r.expect(f"<iq type='{outcome}' id='{outcome}-{identifier}' from='{j.jid}'/>")


@two_users("RFC 6121 8.5.3.1: directed presence shares it, too, for as long as it lasts")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    for to in (r.jid, romeo.jid):
        check_request(r, j, "get", False)
        j.presence(to=to)
        j.sync()
        check_request(r, j, "get", True)
        j.presence("unavailable", to=to)
        j.sync()
    check_request(r, j, "get", False)


@test("RFC 6121 8.5.3.1: one's own clients always do")
def _(romeo):
    check_request(romeo.login("one"), romeo.login("two"), "get", True)


@two_users("RFC 6121 8.5.3.2.1: chat to a resource that is gone goes to the others, as to the bare JID")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    send(r, f"{juliet.jid}/gone", "chat", "c")
    j.expect("<message id='c' type='chat'/>")
    r.expect_nothing()


@two_users("RFC 6121 8.5.3.2.1: and waits when there are none")
def _(romeo, juliet):
    r = romeo.login("orchard")
    send(r, f"{juliet.jid}/gone", "chat", "c")
    r.sync()
    j = juliet.login("balcony", presence=True)
    j.expect("<message id='c' type='chat'/>")


@two_users("RFC 6121 8.5.3.2.1: other types to a resource that is gone: refused or dropped, error dropped")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    for kind, identifier in kinds("normal", "groupchat", "headline", "error"):
        send(r, f"{juliet.jid}/gone", kind, identifier)
    j.expect_nothing("<message/>", after=r)
    r.sync()
    for element in r.queue:
        if element.get("id") == "m-error":
            raise Failure("an error was answered")
        expect_error(element, REFUSED)


@two_users("RFC 6121 8.5.3.2.3: an iq to a resource that is gone")
def _(romeo, juliet):
    r = romeo.login("orchard")
    juliet.login("balcony", presence=True)
    r.iq_error("get", "<query xmlns='urn:godwit:unknown'/>", REFUSED, to=f"{juliet.jid}/gone")


# -- section 5 --

@two_users("RFC 6121 5.2: bodies, subjects and threads of any language arrive as they are")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    inside = ("<subject>\u4e3b\u9898</subject><subject xml:lang='cs'>T\u00e9ma</subject>"
              "<body>\u4f60\u597d\uff0c\u4e16\u754c \U0001f468\u200d\U0001f469\u200d\U0001f467</body>"
              "<body xml:lang='he'>\u05e9\u05dc\u05d5\u05dd</body><thread parent='p'>t-1</thread>"
              "<active xmlns='http://jabber.org/protocol/chatstates'/>")
    r.send(f"<message to='{j.jid}' type='chat' id='1'>{inside}</message>")
    j.expect(f"<message from='{r.jid}' type='chat' id='1'>{inside}</message>")


@two_users("RFC 6121 5.1: a conversation, there and back, stays in order")
def _(romeo, juliet):
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.drain(j), j.drain(r)
    for number in range(50):
        r.message(juliet.jid, f"question {number}", id=f"q{number}")
        j.expect_next(f"<message from='{r.jid}' id='q{number}'><body>question {number}</body></message>")
        j.message(r.jid, f"answer {number}", id=f"a{number}")
        r.expect_next(f"<message from='{j.jid}' id='a{number}'><body>answer {number}</body></message>")


@test("RFC 6121 5.1: a message to oneself, by bare and by full JID")
def _(romeo):
    one, two = romeo.login("one", presence=1), romeo.login("two", presence=2)
    one.message(romeo.jid, id="bare")
    two.expect(f"<message from='{one.jid}' id='bare'/>")
    one.message(one.jid, id="self")
    one.expect(f"<message from='{one.jid}' id='self'/>")
    two.message(one.jid, id="across")
    one.expect("<message id='across'/>")


@two_users("RFC 6121 8: many senders to one receiver lose nothing, and each stays in order")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    senders = [account.login("x") for account in server.accounts([(f"s{n}x", None) for n in range(8)])]
    count = 50
    for sender in senders:
        sender.send("".join(f"<message to='{(juliet.jid, j.jid)[i % 2]}' type='chat' id='{i}'>"
                            f"<body>{i}</body></message>" for i in range(count)))
    seen = {sender.jid: [] for sender in senders}
    for _ in range(count * len(senders)):
        message = j.expect("<message/>")
        seen[message.get("from")].append(int(message.get("id")))
    for jid, numbers in seen.items():
        if numbers != list(range(count)):
            raise Failure(f"from {jid}: {numbers}")


main()
