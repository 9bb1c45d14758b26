#!/usr/bin/python3
"""RFC 6120 section 7: resource binding; RFC 3921's session, which old clients still ask for."""
from harness import *

BIND = f"<bind xmlns='{NS.bind}'/>"
SESSION = f"<session xmlns='{NS.session}'/>"


def ready(account):
    """A client that is logged in but not bound."""
    client = account.connect(kind=Client)
    client.account = account
    client.log_in()
    return client


def bind_error(client, resource, conditions):
    answer = client.iq("set", f"<bind xmlns='{NS.bind}'><resource>{resource}</resource></bind>")
    expect_error(answer, conditions)


@test("RFC 6120 7.4: bind is a feature after login")
def _(romeo):
    client = ready(romeo)
    if not matches(client.features, "<stream:features><bind xmlns='%s'><required/></bind>"
                                    "</stream:features>" % NS.bind):
        raise Failure(show(client.features))


@test("RFC 6120 7.6: the server makes a resource, another one each time, not to be guessed")
def _(romeo):
    resources = {romeo.login().resource for _ in range(10)}
    if len(resources) != 10 or min(map(len, resources)) < 8:
        raise Failure(f"resources: {resources}")


@test("RFC 6120 7.6: an empty resource element is like none")
def _(romeo):
    client = ready(romeo)
    if not client.bind("").startswith(romeo.jid + "/"):
        raise Failure(client.jid)


@test("RFC 6120 7.7: the client's resource is taken as it is")
def _(romeo):
    for resource in ("orchard", "a b", "\u9d6b\U0001f426", "x/y@z", "A-Za-z", "x" * 1023, "&<>'\""):
        client = romeo.login(resource)
        if client.jid != f"{romeo.jid}/{resource}":
            raise Failure(client.jid)
        client.end()


@test("RFC 7622 3.4: a resource is prepared")
def _(romeo):
    # U+2168 (Roman numeral nine) is compatibility-mapped by resourceprep.
    client = romeo.login("\u2168")
    if client.resource not in ("IX", "\u2168"):
        raise Failure(client.resource)


@test("RFC 6120 7.7.2.1: a resource that is none is a bad-request; then another try")
def _(romeo):
    client = ready(romeo)
    for resource in ("x" * 1024, "\ue000", "\u206a", "a\u202eb", "\ufff9"):
        bind_error(client, resource, "bad-request")
    client.bind("orchard")


@test("RFC 6120 7.7.3: not for ever")
def _():
    with Server(limits={"bind_failures": 6}) as server:
        client = ready(server.account("romeo"))
        for _ in range(6):
            bind_error(client, "\ue000", "bad-request")
        client.expect_stream_error("policy-violation")


@test("RFC 6120 7.7.2.2: of two sessions with one resource the older one ends")
def _(romeo):
    first = romeo.login("orchard", presence=True)
    second = romeo.login("orchard", presence=True)
    first.expect_stream_error("conflict")
    second.message(second.jid, id="still-here")
    second.expect("<message id='still-here'/>")


@test("RFC 6120 7.7.2.2: the same many times over")
def _(romeo):
    clients = [romeo.login("orchard") for _ in range(10)]
    for client in clients[:-1]:
        client.expect_stream_error("conflict")
    clients[-1].expect_nothing()


@test("RFC 6120 7.1: a stanza before binding is a not-authorized stream error")
def _(romeo):
    for stanza in (f"<message to='{romeo.jid}'><body>x</body></message>", "<presence/>",
                   "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"):
        client = ready(romeo)
        client.send(stanza)
        client.expect_stream_error("not-authorized")


@test("RFC 6120 7.1: what is no bind at all before binding")
def _(romeo):
    client = ready(romeo)
    client.send(f"<iq type='get' id='1'>{BIND}</iq>")
    client.wait(lambda: client.queue, "a refusal")
    if client.queue[0].get("type") == "result":
        raise Failure(show(client.queue[0]))


@test("RFC 6120 7.6.2.1: more sessions than allowed are refused; one gone makes room")
def _():
    with Server(limits={"sessions_per_account": 3}) as server:
        romeo = server.account("romeo")
        clients = [romeo.login(f"r{number}") for number in range(3)]
        late = ready(romeo)
        expect_error(late.iq("set", BIND), "resource-constraint")
        clients[0].end()
        late.bind("late")
        for client in clients[1:]:
            client.expect_nothing()


@test("RFC 6120 7: a second bind on one stream is refused")
def _(romeo):
    client = romeo.login("orchard")
    bind_error(client, "b", "not-allowed")
    client.expect_nothing()


@test("RFC 6120 7.3.2: the stream goes on after binding, without new features")
def _(romeo):
    client = romeo.login("orchard")
    header = client.header
    client.expect_nothing()
    if client.header is not header:
        raise Failure("another stream header")


@test("RFC 6120 7.1: sessions of one account on several connections")
def _(romeo):
    clients = [romeo.login(f"r{number}", presence=True) for number in range(5)]
    for one in clients:
        one.drain()
    clients[0].message(clients[4].jid, id="across")
    clients[4].expect(f"<message id='across' from='{clients[0].jid}'/>")


@test("RFC 3921 3: the session is still offered, as optional, and granted")
def _(romeo):
    client = ready(romeo)
    session = child(client.features, "{%s}session" % NS.session)
    if session is None or child(session, "optional") is None:
        raise Failure(show(client.features))
    client.bind("orchard")
    client.set(SESSION)
    client.set(SESSION, to="example.org")


@test("RFC 3921 3: bind and session sent without waiting")
def _(romeo):
    client = ready(romeo)
    bind, session = client.send_iq("set", BIND), client.send_iq("set", SESSION)
    presence = client.send_iq("get", f"<query xmlns='{NS.roster}'/>")
    for identifier in (bind, session, presence):
        if client.answer(identifier).get("type") != "result":
            raise Failure("refused")


@test("RFC 6120 7: a resource bound again after its owner left is free of the old session's state")
def _(romeo, juliet):
    r = romeo.login("orchard", presence=5)
    r.end()
    r = romeo.login("orchard")
    j = juliet.login("balcony")
    # No presence yet: a message to the bare JID is not for it.
    j.message(romeo.jid, id="early", kind="headline")
    r.expect_nothing("<message/>", after=j)


main()
