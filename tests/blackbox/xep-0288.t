#!/usr/bin/python3
"""XEP-0288: one connection between two servers for both ways."""
import socket

from harness import *
from lib.federation import BOTH_WAYS, DIALBACK, SERVER, Called, log_in, peer, server_open

ONE, TWO, THREE = "montague.example", "capulet.example", "verona.example"
OFFERS = "<bidi xmlns='urn:xmpp:features:bidi'/>"
MUCH = {"settings": "queue_stanzas = 100000 queue_bytes = 100000000", "limits": {"bytes_per_second": 0}}
FEATURE = "{urn:xmpp:features:bidi}bidi"


def calls(federation, sender=TWO, *, asks=BOTH_WAYS):
    """A connection of a server to ONE that has proved its domain, and asked for both ways."""
    connection = peer(federation.servers[ONE], sender=sender, identity=federation.authority.issue([f"DNS:{sender}"]))
    if not connection.has_feature(FEATURE):
        raise Failure("both ways are not offered")
    return log_in(connection, sender, asks)


def write(client, identifier, to=f"x@{TWO}"):
    client.send(f"<message to='{to}' id='{identifier}' type='chat'><body>?</body></message>")


def gets(connection, identifier):
    return connection.expect(f"<message xmlns='{SERVER}' id='{identifier}'/>")


def ping(connection, sender=TWO, to=ONE):
    """Whether stanzas are taken: the answer comes back on the connection itself, if both ways are."""
    connection.send(f"<iq from='{sender}' to='{to}' type='get' id='ping'><ping xmlns='{NS.ping}'/></iq>")
    connection.expect(f"<iq xmlns='{SERVER}' from='{to}' to='{sender}' type='result' id='ping'/>")


def links(server):
    return {(link["direction"], link["from"], link["to"]): link for link in server.ctl_json("link", "list")["links"]}


def rides(federation, remote=TWO):
    link = links(federation.servers[ONE]).get(("out", ONE, remote), {})
    return (link.get("state"), link.get("by")) == ("up", "bidi")


def caller(federation, name="romeo"):
    return federation.account(name, ONE).login(presence=True)


@test("XEP-0288 2.2: two servers need one connection for both ways")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r, j = caller(federation), federation.account("juliet", TWO).login(presence=True)
        for sender, receiver in ((r, j), (j, r)):
            for number in range(50):
                write(sender, number, receiver.jid)
            for number in range(50):
                receiver.expect_next(f"<message from='{sender.jid}' id='{number}'/>")
        one.wait_log(f"link up.*from={ONE} to={TWO} stream=s2s-out.*by=EXTERNAL")
        two.wait_log(f"link up.*from={TWO} to={ONE} stream=s2s-in.*by=bidi")
        if "server proved" in one.log() or "s2s-out" in two.log():
            raise Failure("there is another connection")
        listed = links(two)
        if {key: link["by"] for key, link in listed.items()} != {("out", TWO, ONE): "bidi", ("in", ONE, TWO): "EXTERNAL"}:
            raise Failure(f"listed: {listed}")
        listed = links(one)
        if {key: link["by"] for key, link in listed.items()} != {("out", ONE, TWO): "EXTERNAL", ("in", TWO, ONE): "bidi"}:
            raise Failure(f"listed: {listed}")
        two.ctl("link", "close", ONE)
        wait_until(lambda: not links(two) and not links(one), "an end of all links")
        write(j, "again", r.jid)
        r.expect("<message id='again'/>")
        one.wait_log(f"server proved.*from={TWO}")


@test("XEP-0288 2.1: both ways are offered inside TLS, to who can prove a domain by a certificate")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        clear = Connection(one.ports["s2s"], name="clear", domain=ONE)
        one.connections.append(clear)
        server_open(clear, TWO)
        if clear.has_feature(FEATURE) or peer(one, sender=TWO).has_feature(FEATURE):
            raise Failure("it is offered to everybody")
        connection = calls(federation)
        if connection.has_feature(FEATURE):
            raise Failure("it is offered again")
        ping(connection)
        one.settings = one.settings.replace("s2s {", "s2s { bidi = false ")
        one.reload("reloaded")
        identity = federation.authority.issue([f"DNS:{TWO}"])
        if peer(one, sender=TWO, identity=identity).has_feature(FEATURE):
            raise Failure("it is offered in spite of the configuration")
        ping(connection)


@test("XEP-0288 2.2: what is for a domain that has called goes back on its connection, and nobody is called")
def _():
    with Federation(ONE) as federation:
        federation.refuse(TWO)
        r, connection = caller(federation), calls(federation)
        write(r, "m")
        gets(connection, "m")
        if not rides(federation):
            raise Failure(f"listed: {links(federation.servers[ONE])}")


@test("XEP-0288 2.2: nothing goes back to who has not asked, or has proved another domain, or another way")
def _():
    with Federation(ONE) as federation:
        federation.refuse(TWO, THREE)
        r = caller(federation)
        silent, other = calls(federation, asks=""), calls(federation, THREE)
        certified = peer(federation.servers[ONE], sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        certified.send(f"{BOTH_WAYS}<db:result from='{TWO}' to='{ONE}'>00</db:result>")
        certified.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' type='valid'/>")
        write(r, "m")
        expect_error(r.expect("<message type='error' id='m'/>"), "remote-server-timeout")
        write(r, "n", f"x@{THREE}")
        gets(other, "n")
        for connection in (silent, certified):
            connection.end()
            if connection.take(f"<message xmlns='{SERVER}'/>") is not None:
                raise Failure("something went back")


@test("XEP-0288 2.2: several domains of one connection, each once it is proved, and for the domain it has called")
def _():
    with Federation(workers=1) as federation:
        one = federation.start(ONE, "other.example")
        federation.refuse(TWO, THREE)
        r, other = caller(federation), one.account("benvolio", domain="other.example").login(presence=True)
        connection = peer(one, sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}", f"DNS:{THREE}"]))
        connection.send(BOTH_WAYS)
        connection.auth("EXTERNAL", b"")
        connection.outcome()
        server_open(connection, TWO)
        for client, to in ((r, THREE), (other, TWO)):
            write(client, "m", f"x@{to}")
            expect_error(client.expect("<message type='error' id='m'/>"), "remote-server-timeout")
        connection.send(f"<db:result from='{THREE}' to='{ONE}'>00</db:result>")
        connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{THREE}' type='valid'/>")
        for number in range(20):
            write(r, number, f"x@{(TWO, THREE)[number % 2]}")
            connection.expect_next(f"<message xmlns='{SERVER}' id='{number}'/>")


@test("a link that gets no answer from whom it calls goes by the connection of its domain, in order")
def _():
    with Federation(ONE) as federation, socket.create_server(("127.0.0.1", 0)) as silent:
        federation.route(TWO, silent.getsockname()[1])
        federation.reload()
        r = caller(federation)
        for number in range(20):
            write(r, number)
        called = silent.accept()[0]
        connection = calls(federation)
        called.close()
        for number in range(20):
            connection.expect_next(f"<message xmlns='{SERVER}' id='{number}'/>")


@test("a link that is still looking for its domain goes by the connection of that, in order")
def _():
    with Federation(ONE) as federation, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
        dns.bind(("127.0.0.1", 0))
        one = federation.servers[ONE]
        one.settings += f'\ndns {{ forward = {{ "127.0.0.1@{dns.getsockname()[1]}" }} trust_anchor_file = "" timeout = 30 }}'
        one.reload("reloaded")
        r = caller(federation)
        for number in range(20):
            write(r, number)
        wait_until(lambda: ("out", ONE, TWO) in links(one), "a link")
        connection = calls(federation)
        for number in range(20):
            connection.expect_next(f"<message xmlns='{SERVER}' id='{number}'/>")


@test("a link that is up on a stream of its own stays there")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        r = caller(federation)
        write(r, "first")
        own = called.accept()
        called.admit(own)
        gets(own, "first")
        connection = calls(federation)
        write(r, "second")
        gets(own, "second")
        own.send("</stream:stream>")
        own.expect_end()
        own.close()
        federation.servers[ONE].wait_log(f"link ended.*to={TWO}")
        write(r, "third")
        gets(connection, "third")


@test("the connection that a link goes by ends, before and after it was used: the link calls")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        r = caller(federation)
        one = federation.servers[ONE]

        def is_called(identifier):
            write(r, identifier)
            link = called.accept()
            called.admit(link)
            gets(link, identifier)
            one.ctl("link", "close", TWO)
            link.expect_end()
            wait_until(lambda: not links(one), "no links")
        asked = peer(one, sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        asked.send(BOTH_WAYS)
        asked.end()
        is_called("asked")
        admitted = peer(one, sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        admitted.send(BOTH_WAYS)
        admitted.auth("EXTERNAL", b"")
        admitted.outcome()
        write(r, "admitted")
        link = called.accept()
        admitted.abort()
        called.admit(link)
        gets(link, "admitted")
        one.ctl("link", "close", TWO)
        wait_until(lambda: not links(one), "no links")
        calls(federation).end()
        is_called("idle")
        used = calls(federation)
        write(r, "used")
        gets(used, "used")
        used.end()
        is_called("used")
        failed = calls(federation)
        write(r, "failed")
        gets(failed, "failed")
        failed.send("</not-well-formed>")
        failed.expect_stream_error("not-well-formed")
        is_called("failed")


@test("a connection is reset that does not read: what it has not taken comes by a link, in order, and once")
def _():
    with Federation(ONE, **MUCH) as federation, Called(federation, TWO) as called:
        r, one = caller(federation), federation.servers[ONE]
        connection = calls(federation)
        ping(connection)
        count = fill(r, one)
        connection.abort()
        one.wait_log("link ended")
        link = called.accept()
        called.admit(link)
        first = int(link.expect(f"<message xmlns='{SERVER}'/>").get("id"))
        for number in range(first + 1, count):
            link.expect_next(f"<message xmlns='{SERVER}' id='{number}'/>")
        if first == 0:
            raise Failure("what was written is sent again")


def fill(client, server):
    """Writes to a server that does not read until stanzas wait for it; how many there are."""
    body, count = "x" * 200000, 0
    while not any(link["waiting"] for link in links(server).values() if link["direction"] == "out"):
        for _ in range(5):
            client.send(f"<message to='x@{TWO}' id='{count}'><body>{body}</body></message>")
            count += 1
        client.get(f"<ping xmlns='{NS.ping}'/>", to=ONE)
    return count


@test("who is not reading is read, so that two servers never wait for each other")
def _():
    with Federation(ONE, **MUCH) as federation:
        r = caller(federation)
        connection = calls(federation)
        count = fill(r, federation.servers[ONE])
        connection.send(f"<message from='x@{TWO}' to='{r.jid}' id='back'/>")
        r.expect("<message id='back'/>")
        for number in range(count):
            connection.expect_next(f"<message xmlns='{SERVER}' id='{number}'/>")


@test("XEP-0288 2.2: a link asks for both ways if that is offered, and takes what comes")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        r = caller(federation)
        write(r, "m")
        link = called.accept()
        called.answer(link, f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>{OFFERS}")
        link.expect_next("<bidi xmlns='urn:xmpp:bidi'/>")
        link.expect_next(f"<auth xmlns='{NS.sasl}' mechanism='EXTERNAL'/>")
        link.send(f"<success xmlns='{NS.sasl}'/>")
        link.restart()
        link.expect_header()
        called.answer(link)
        gets(link, "m")
        link.send(f"<message from='x@{TWO}' to='{r.jid}' id='back'><body>?</body></message>")
        r.expect(f"<message from='x@{TWO}' id='back'/>")
        ping(link)
        link.send(f"<iq from='{TWO}' to='{ONE}' type='get' id='bad'/>")
        link.expect(f"<iq xmlns='{SERVER}' from='{ONE}' to='{TWO}' type='error' id='bad'/>")


def goes_up(federation, called, offers=OFFERS):
    """A link of ONE that is up."""
    client = caller(federation)
    write(client, "first", f"x@{called.domain}")
    link = called.accept()
    called.admit(link, offers)
    gets(link, "first")
    return client, link


@test("RFC 6120 4.5: stanzas that come on a link where both ways were not agreed upon end it")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        _, link = goes_up(federation, called, offers="")
        link.send(f"<message from='x@{TWO}' to='x@{ONE}'/>")
        link.expect_stream_error("not-authorized")
        one = federation.servers[ONE]
        one.settings = one.settings.replace("s2s {", "s2s { bidi = false ")
        one.reload("reloaded")
        wait_until(lambda: not links(one), "no links")
        r, link = goes_up(federation, called)
        if link.take("<bidi xmlns='urn:xmpp:bidi'/>") is not None:
            raise Failure("both ways are asked for")
        link.send(f"<message from='x@{TWO}' to='{r.jid}'/>")
        link.expect_stream_error("not-authorized")


@test("RFC 6120 4.9.3: what comes on a link is held against the same rules as what comes from who has called")
def _():
    with Federation() as federation:
        one = federation.start(ONE, "other.example")
        with Called(federation, TWO) as called:
            for attributes, error in ((f"from='x@{THREE}' to='x@{ONE}'", "invalid-from"),
                                      (f"from='x@{ONE}' to='x@{ONE}'", "invalid-from"),
                                      (f"from='x@sub.{TWO}' to='x@{ONE}'", "invalid-from"),
                                      (f"from='x@{TWO}' to='x@other.example'", "invalid-from"),
                                      (f"from='x@{TWO}' to='x@{THREE}'", "host-unknown"),
                                      (f"from='x@{TWO}'", "improper-addressing"),
                                      (f"to='x@{ONE}'", "improper-addressing"),
                                      (f"from='@@' to='x@{ONE}'", "improper-addressing")):
                r, link = goes_up(federation, called)
                link.send(f"<message {attributes}><body>spoofed</body></message>")
                link.expect_stream_error(error)
                r.expect_nothing("<message/>")
                wait_until(lambda: not links(one), "no links")


@test("bans hold for what comes on a link, and for what goes by a connection that carries one")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        one = federation.servers[ONE]
        _, link = goes_up(federation, called)
        one.sql(f"INSERT INTO bans (domain) VALUES ('{TWO}')")
        link.expect_stream_error("policy-violation")
        connection = calls(federation, THREE)
        ping(connection, THREE)
        one.sql(f"INSERT INTO bans (domain) VALUES ('{THREE}')")
        connection.expect_stream_error("policy-violation")
        wait_until(lambda: not links(one), "no links")


@test("RFC 6120 6.4: stanzas of a server that was called, and has not let us in yet, end the link")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        write(caller(federation), "m")
        link = called.accept()
        called.answer(link, f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>{OFFERS}")
        link.send(f"<message from='x@{TWO}' to='x@{ONE}'/>")
        link.expect_stream_error("unsupported-stanza-type")


@test("XEP-0288 2.2: where EXTERNAL is refused, stanzas may come once dialback has been content")
def _():
    with Federation(ONE, settings="dialback = true") as federation, Called(federation, TWO) as called:
        r = caller(federation)
        for early in (True, False):
            write(r, "m")
            link = called.accept()
            called.answer(link, f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>{OFFERS}")
            link.expect(f"<auth xmlns='{NS.sasl}' mechanism='EXTERNAL'/>")
            link.send(f"<failure xmlns='{NS.sasl}'><not-authorized/></failure>")
            link.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{TWO}'/>")
            if early:
                link.send(f"<message from='x@{TWO}' to='x@{ONE}'/>")
                link.expect_stream_error("invalid-from")
                r.expect("<message type='error' id='m'/>")
                federation.servers[ONE].ctl("link", "close", TWO)
            else:
                link.send(f"<db:result from='{TWO}' to='{ONE}' type='valid'/>")
                gets(link, "m")
                ping(link)


@test("XEP-0288 2.2: dialback of a server that was called: keys are judged, more domains are refused")
def _():
    with Federation(ONE) as federation, Called(federation, TWO) as called:
        _, link = goes_up(federation, called)
        link.send(f"<db:verify from='{TWO}' to='{ONE}' id='x'>0123</db:verify>")
        link.expect(f"<verify xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' id='x' type='invalid'/>")
        link.send(f"<db:result from='{THREE}' to='{ONE}'>0123</db:result>")
        link.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{THREE}' type='error'>"
                    f"<error xmlns='{SERVER}'><policy-violation xmlns='{NS.stanzas}'/></error></result>")
        ping(link)


@test("XEP-0288 2.2: a key is not asked about where its domain has called: the link calls for that")
def _():
    with Federation(ONE, settings="dialback = true") as federation, Called(federation, TWO) as called:
        r = caller(federation)
        connection = calls(federation)
        write(r, "there")
        gets(connection, "there")
        stranger = peer(federation.servers[ONE], sender=TWO)
        stranger.send(f"<db:result from='{TWO}' to='{ONE}'>00</db:result>")
        link = called.accept()
        called.admit(link)
        key = link.expect(f"<verify xmlns='{DIALBACK}' from='{ONE}' to='{TWO}'/>").get("id")
        link.send(f"<db:verify from='{TWO}' to='{ONE}' id='{key}' type='valid'/>")
        stranger.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' type='valid'/>")
        write(r, "here")
        gets(link, "here")


@test("XEP-0288: who asks twice, too early, too late, or what is not offered")
def _():
    with Federation(ONE) as federation:
        one, issue = federation.servers[ONE], federation.authority.issue
        ping(calls(federation, asks=BOTH_WAYS + BOTH_WAYS))
        late = calls(federation)
        late.send(BOTH_WAYS)
        late.expect_stream_error("unsupported-stanza-type")
        stranger = peer(one, sender=TWO)
        stranger.send(BOTH_WAYS)
        stranger.expect_stream_error("unsupported-stanza-type")
        clear = Connection(one.ports["s2s"], name="clear", domain=ONE)
        one.connections.append(clear)
        server_open(clear, TWO)
        clear.send(BOTH_WAYS)
        clear.expect_stream_error("policy-violation")
        early = peer(one, sender=TWO, identity=issue([f"DNS:{TWO}"]))
        early.send(f"{BOTH_WAYS}<message from='x@{TWO}' to='x@{ONE}'/>")
        early.expect_stream_error("invalid-from")


@test("RFC 6120 4.9.3: on a connection that carries a link, too, a stanza from elsewhere or for elsewhere ends it")
def _():
    with Federation(ONE) as federation:
        r = caller(federation)
        for attributes, error in ((f"from='x@{THREE}' to='x@{ONE}'", "invalid-from"),
                                  (f"from='x@{TWO}' to='x@{THREE}'", "host-unknown"), ("", "improper-addressing")):
            connection = calls(federation)
            write(r, "m")
            gets(connection, "m")
            connection.send(f"<message {attributes}/>")
            connection.expect_stream_error(error)


@test("a server that was called and floods: everything is answered, in order, and others are not kept waiting")
def _():
    with Federation(ONE, settings="queue_stanzas = 100000") as federation, Called(federation, TWO) as called:
        r, link = goes_up(federation, called)
        count = 5000
        for first in range(0, count, 100):
            link.send("".join(f"<iq from='{TWO}' to='{ONE}' type='get' id='{number}'><ping xmlns='{NS.ping}'/></iq>"
                              for number in range(first, first + 100)))
        r.get(f"<ping xmlns='{NS.ping}'/>", to=ONE)
        for number in range(count):
            link.expect_next(f"<iq xmlns='{SERVER}' type='result' id='{number}'/>")


@test("a server that stops sends back what comes on a link, and ends it last")
def _():
    with Federation(ONE, settings="link_timeout = 3") as federation, Called(federation, TWO) as called, \
            socket.create_server(("127.0.0.1", 0)) as silent:
        federation.route(THREE, silent.getsockname()[1])
        federation.reload()
        one = federation.servers[ONE]
        r, link = goes_up(federation, called)
        idle = calls(federation, "idle.example", asks="")
        carries = calls(federation, "carries.example")
        ping(carries, "carries.example")
        write(r, "waits", f"x@{THREE}")
        silent.accept()[0].recv(1)
        one.process.terminate()
        idle.expect_stream_error("system-shutdown")
        for connection, domain in ((link, TWO), (carries, "carries.example")):
            connection.send(f"<iq from='{domain}' to='{ONE}' type='get' id='late'><ping xmlns='{NS.ping}'/></iq>")
            connection.expect(f"<iq xmlns='{SERVER}' type='error' id='late'><error xmlns='{SERVER}'>"
                              f"<recipient-unavailable xmlns='{NS.stanzas}'/></error></iq>")
        for connection in (link, carries):
            connection.expect_end()
            connection.close()
        one.wait_stopped()


main(server=False)
