#!/usr/bin/python3
"""XEP-0220 2.6.2: several domains of ours on one connection to another server."""
from contextlib import contextmanager

from harness import *
from lib.federation import DIALBACK, SERVER, Called

ONE, OTHER, TWO = "montague.example", "gateway.example", "capulet.example"
ERRORS = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
BIDI = "<bidi xmlns='urn:xmpp:features:bidi'/>"


def write(client, identifier):
    client.send(f"<message to='x@{TWO}' id='{identifier}' type='chat'><body>?</body></message>")


def gets(connection, identifier):
    return connection.expect(f"<message xmlns='{SERVER}' id='{identifier}'/>")


def asked(connection):
    return connection.expect(f"<result xmlns='{DIALBACK}' from='{OTHER}' to='{TWO}'/>")


def answer(connection, kind, inside=""):
    connection.send(f"<db:result from='{TWO}' to='{OTHER}' type='{kind}'>{inside}</db:result>")


def answer_error(connection):
    answer(connection, "error", f"<error type='cancel'><not-allowed xmlns='{NS.stanzas}'/></error>")


@contextmanager
def shared(settings="dialback = true", features="", after=ERRORS):
    """A server of two domains, the server that it has called, a user of each domain, and a link of the first."""
    with Federation(settings=settings) as federation:
        server = federation.start(ONE, OTHER)
        with Called(federation, TWO) as called:
            r, o = (server.account(name, domain=domain).login(presence=True)
                    for name, domain in (("romeo", ONE), ("odin", OTHER)))
            write(r, "first")
            link = called.accept()
            called.admit(link, features, after)
            gets(link, "first")
            yield server, called, link, r, o


def calls(called, client, identifier):
    """The link of the other domain, which has called."""
    link = called.accept()
    called.admit(link)
    if link.header.get("from") != OTHER:
        raise Failure(f"another has called: {link.header.get('from')}")
    gets(link, identifier)
    return link


@test("XEP-0220 2.6.2: another domain proves itself on the connection that is there, and goes by it")
def _():
    with shared() as (server, _, link, r, o):
        for number in range(20):
            write(o, number)
        asked(link)
        answer(link, "valid")
        for number in range(20):
            link.expect_next(f"<message xmlns='{SERVER}' from='{o.jid}' id='{number}'/>")
        write(r, "r")
        gets(link, "r")
        server.wait_log(f"link up.*from={OTHER} to={TWO} stream=s2s-out-[0-9]+ by=dialback")
        listed = {(entry["from"], entry["state"], entry["by"]) for entry in server.ctl_json("link", "list")["links"]}
        if listed != {(ONE, "up", "EXTERNAL"), (OTHER, "up", "dialback")}:
            raise Failure(f"listed: {listed}")
        server.ctl("link", "close", TWO)
        link.expect_end()


@test("XEP-0220 2.6.2: a domain that is refused there calls")
def _():
    for refuse in (answer_error, lambda link: answer(link, "invalid")):
        with shared() as (_, called, link, r, o):
            write(o, "m")
            asked(link)
            refuse(link)
            own = calls(called, o, "m")
            write(o, "again")
            gets(own, "again")
            write(r, "r")
            link.expect_next(f"<message xmlns='{SERVER}' id='r'/>")


@test("XEP-0220 2.6.2: nobody asks where the policy wants certificates, or errors of dialback are not understood")
def _():
    for options in ({"settings": ""}, {"after": ""}, {"after": ERRORS.replace("<errors/>", "")}):
        with shared(**options) as (_, called, link, r, o):
            write(o, "m")
            calls(called, o, "m")
            write(r, "r")
            link.expect_next(f"<message xmlns='{SERVER}' id='r'/>")


@test("XEP-0220 2.6.2: who gets no answer in time calls")
def _():
    with shared("dialback = true link_timeout = 2") as (_, called, link, _, o):
        write(o, "m")
        asked(link)
        calls(called, o, "m")
        answer(link, "valid")
        write(o, "n")
        if link.take(f"<message xmlns='{SERVER}'/>"):
            raise Failure("it goes where it was not proved in time")


@test("XEP-0220 2.4: answers for others, of others, or to nothing count for nothing")
def _():
    with shared() as (_, _, link, r, o):
        answer(link, "valid")
        write(o, "m")
        asked(link)
        for sender, to in ((ONE, OTHER), ("verona.example", OTHER), (TWO, "verona.example"), (TWO, ONE)):
            link.send(f"<db:result from='{sender}' to='{to}' type='valid'/>")
        write(r, "r")
        link.expect_next(f"<message xmlns='{SERVER}' id='r'/>")
        answer(link, "valid")
        link.expect_next(f"<message xmlns='{SERVER}' id='m'/>")


@test("the connection ends that several domains share, while one proves itself, and later: each calls")
def _():
    with shared() as (_, called, link, _, o):
        write(o, "m")
        asked(link)
        link.abort()
        own = calls(called, o, "m")
        own.send("</stream:stream>")
        own.expect_end()
    with shared() as (_, called, link, _, o):
        write(o, "m")
        asked(link)
        answer(link, "valid")
        gets(link, "m")
        link.send("</stream:stream>")
        link.expect_end()
        link.close()
        write(o, "n")
        calls(called, o, "n")


@test("XEP-0288 2.2: on a connection that is shared stanzas come for each domain, once it is proved")
def _():
    for proof in ("none", "asked for", "given"):
        with shared(features=BIDI) as (_, _, link, _, o):
            if proof != "none":
                write(o, "m")
                asked(link)
            if proof == "given":
                answer(link, "valid")
                gets(link, "m")
            link.send(f"<message from='x@{TWO}' to='{o.jid}' id='back'/>")
            if proof == "given":
                o.expect("<message id='back'/>")
            else:
                link.expect_stream_error("invalid-from")


@test("XEP-0220 2.6.2: two servers, one of two domains, whether they share a connection or not")
def _():
    with Federation(settings="dialback = true bidi = false") as federation:
        one, two = federation.start(ONE, OTHER), federation.start(TWO)
        federation.connect()
        r, o = (one.account(name, domain=domain).login(presence=True)
                for name, domain in (("romeo", ONE), ("odin", OTHER)))
        j = two.account("juliet").login(presence=True)
        for client in (r, o):
            for receiver, sender in ((j, client), (client, j)):
                sender.send(f"<message to='{receiver.jid}' id='m'/>")
                receiver.expect(f"<message from='{sender.jid}' id='m'/>")


main(server=False)
