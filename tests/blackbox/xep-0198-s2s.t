#!/usr/bin/python3
"""XEP-0198 between servers: acknowledgements, and resumption of what was cut, with peers that a test plays on
either side, and with two servers whose connections are cut in the midst of traffic."""
import random
import re
import socket
import ssl
import threading

from harness import *
from lib.federation import BOTH_WAYS, DIALBACK, SERVER, Called, log_in, peer, proved
from lib.ports import keep_port
from lib.relay import Relay

ONE, TWO, THREE = "montague.example", "capulet.example", "verona.example"
STREAM = "http://etherx.jabber.org/streams"
SEED = random.randrange(1000000)


# -- a server that calls us --

def enable(connection, inside=" resume='true'"):
    connection.send(f"<enable xmlns='{NS.sm}'{inside}/>")
    return connection.expect(f"<enabled xmlns='{NS.sm}'/>")


def managed(federation, sender=TWO):
    """A connection that may be resumed, and its id."""
    connection = proved(federation, sender)
    return connection, enable(connection).get("id")


def resume(connection, previd, h=0):
    connection.send(f"<resume xmlns='{NS.sm}' previd='{previd}' h='{h}'/>")


def expect_resumed(connection, previd, h):
    connection.expect(f"<resumed xmlns='{NS.sm}' previd='{previd}' h='{h}'/>")


def expect_failed(connection, condition):
    connection.expect(f"<failed xmlns='{NS.sm}'><{condition} xmlns='{NS.stanzas}'/></failed>")


def expect_ack(connection, h):
    connection.send(f"<r xmlns='{NS.sm}'/>")
    connection.wait(lambda: connection.acks and connection.acks[-1] >= h, f"an acknowledgement of {h}")
    if connection.acks[-1] != h:
        raise Failure(f"acknowledged {connection.acks[-1]}, not {h}")


def message(connection, to, identifier):
    connection.send(f"<message from='x@{TWO}' to='{to}' id='{identifier}' type='chat'><body>{identifier}</body></message>")


@test("XEP-0198 2, 3: offered to a server that has logged in, not before; counts its stanzas")
def _():
    with Federation(ONE) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        connection = peer(federation.servers[ONE], sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        if connection.has_feature("{%s}sm" % NS.sm):
            raise Failure("offered before login")
        for early in ("enable", "resume previd='x' h='0'", "r"):
            connection.send(f"<{early.split()[0]} xmlns='{NS.sm}'{early[len(early.split()[0]):]}/>")
            expect_failed(connection, "unexpected-request")
        connection = proved(federation)
        if not connection.has_feature("{%s}sm" % NS.sm):
            raise Failure("not offered after login")
        answer = enable(connection, "")
        if answer.attrib:
            raise Failure(f"resumption was not asked for: {show(answer)}")
        for number in range(3):
            message(connection, r.jid, number)
        connection.send(f"<message from='x@{TWO}' to='nobody@{ONE}' id='n'/>")
        connection.send(f"<iq from='x@{TWO}' to='{ONE}' id='i'/>")
        expect_ack(connection, 5)


@test("XEP-0198 4: what is acknowledged to a server is with the client, or stored")
def _():
    with Federation(ONE, limits={"unacked_seconds": 60}) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        r.enable_sm()
        r.answers_requests = False
        connection = proved(federation)
        enable(connection)
        message(connection, r.jid, "m")
        r.expect("<message id='m'/>")
        expect_ack(connection, 0)
        r.send(f"<a xmlns='{NS.sm}' h='1'/>")
        connection.wait(lambda: connection.acks[-1] == 1, "an acknowledgement")


@test("XEP-0198 5: what was cut goes on on another connection, with all that was read")
def _():
    with Federation(ONE) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        connection = proved(federation)
        answer = enable(connection, " resume='1' max='20'")
        if answer.get("resume") != "true" or answer.get("max") != "20" or not re.fullmatch("[0-9a-f]{32}", answer.get("id")):
            raise Failure(show(answer))
        for number in range(3):
            message(connection, r.jid, number)
            r.expect_next(f"<message id='{number}'/>")
        connection.send("<message from='x@capu")
        for round_ in range(3):
            connection.abort()
            connection = proved(federation)
            resume(connection, answer.get("id"))
            expect_resumed(connection, answer.get("id"), 3 + round_)
            message(connection, r.jid, 3 + round_)
            r.expect_next(f"<message id='{3 + round_}'/>")
            expect_ack(connection, 4 + round_)
        for again in (f"<enable xmlns='{NS.sm}'/>", f"<resume xmlns='{NS.sm}' previd='{answer.get('id')}' h='0'/>"):
            connection.send(again)
            expect_failed(connection, "unexpected-request")


@test("XEP-0198 5: a connection that has not noticed that it was cut ends in favour of the next")
def _():
    with Federation(ONE) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        connection, previd = managed(federation)
        message(connection, r.jid, "m")
        r.expect("<message id='m'/>")
        other = proved(federation)
        resume(other, previd)
        connection.expect_stream_error("conflict")
        expect_resumed(other, previd, 1)
        third = proved(federation)
        resume(third, previd)
        other.expect_stream_error("conflict")
        expect_resumed(third, previd, 1)


@test("XEP-0198 5: goes on only when all that was read is dealt with")
def _():
    with Federation(ONE, limits={"unacked_seconds": 60}) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        r.enable_sm()
        r.answers_requests = False
        connection, previd = managed(federation)
        message(connection, r.jid, "m")
        r.expect("<message id='m'/>")
        connection.abort()
        both = [proved(federation), proved(federation)]

        def refused():
            for other in both:
                other.poll()
            return any(other.queue for other in both)
        for other in both:
            resume(other, previd)
        wait_until(refused, "a conflict")
        early, late = sorted(both, key=lambda other: not other.queue)
        early.expect_stream_error("conflict")
        late.send(f"<iq from='x@{TWO}' to='{ONE}' type='get' id='i'><ping xmlns='{NS.ping}'/></iq>")
        late.poll()
        if late.queue:
            raise Failure(f"too early: {show(late.queue[0])}")
        r.send(f"<a xmlns='{NS.sm}' h='1'/>")
        expect_resumed(late, previd, 1)
        expect_ack(late, 2)


@test("XEP-0198 5: nobody goes on with what is another's, what is not there, or what has ended")
def _():
    with Federation(ONE, workers=1) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        connection, previd = managed(federation)
        message(connection, r.jid, "m")
        r.expect("<message id='m'/>")
        thief = proved(federation, THREE)
        resume(thief, previd)
        expect_failed(thief, "item-not-found")
        for wrong in ("", f"previd='{previd}'", "h='0'", f"previd='{previd}' h='-1'", f"previd='{previd}' h='4294967296'",
                      f"previd='{previd}' h='x'"):
            thief.send(f"<resume xmlns='{NS.sm}' {wrong}/>")
            expect_failed(thief, "bad-request")
        for unknown in (previd[:-1], previd.upper() + "0", "", "x" * 5000):
            resume(thief, unknown)
            expect_failed(thief, "item-not-found")
        enable(thief)
        connection.abort()
        other = proved(federation)
        resume(other, previd, 1)
        other.expect_stream_error("undefined-condition")
        other = proved(federation)
        resume(other, previd)
        expect_failed(other, "item-not-found")
        for end in (lambda: other.end(), lambda: other.send("<message/>") or other.expect_stream_error("improper-addressing")):
            previd = enable(other).get("id")
            end()
            other = proved(federation)
            resume(other, previd)
            expect_failed(other, "item-not-found")


@test("XEP-0198 6: a server that acknowledges what it was not sent")
def _():
    with Federation(ONE) as federation:
        connection, _ = managed(federation)
        connection.send(f"<a xmlns='{NS.sm}' h='1'/>")
        connection.expect_stream_error("undefined-condition")


@test("XEP-0198 5: no longer than the time that was agreed, no more than so many, and not at all if so configured")
def _():
    with Federation(ONE, settings="resumable = 1", workers=1) as federation:
        one = federation.servers[ONE]
        connection = proved(federation)
        previd = enable(connection, " resume='true' max='1'").get("id")
        connection.abort()
        one.wait_log("can be resumed no more")
        other = proved(federation)
        resume(other, previd)
        expect_failed(other, "item-not-found")
        ids = []
        for sender in (TWO, THREE):
            connection, previd = managed(federation, sender)
            ids.append(previd)
            mark = one.log_mark()
            connection.abort()
            one.wait_log("connection of a server ended", since=mark)
        for sender, previd, is_kept in ((TWO, ids[0], False), (THREE, ids[1], True)):
            connection = proved(federation, sender)
            resume(connection, previd)
            if is_kept:
                expect_resumed(connection, previd, 0)
            else:
                expect_failed(connection, "item-not-found")
        one.settings = one.settings.replace("resumable = 1", "resume_timeout = 0")
        one.reload("reloaded")
        connection = proved(federation)
        resume(connection, ids[0])
        expect_failed(connection, "feature-not-implemented")
        if enable(connection).attrib:
            raise Failure("it may be resumed")


@test("XEP-0198 5: a domain keeps so many of its connections, and takes no room from others")
def _():
    with Federation(ONE, settings="connections_per_domain = 3 resumable = 4", workers=1) as federation:
        one = federation.servers[ONE]
        ids = []
        for sender in (THREE, TWO, TWO, TWO, TWO):
            connection, previd = managed(federation, sender)
            ids.append(previd)
            mark = one.log_mark()
            connection.abort()
            one.wait_log("connection of a server ended", since=mark)
        for number, previd in enumerate(ids):
            connection = proved(federation, TWO if number else THREE)
            resume(connection, previd)
            if number == 1:
                expect_failed(connection, "item-not-found")
            else:
                expect_resumed(connection, previd, 0)
            connection.end()


@test("XEP-0220, 5: a domain that is just being proved is answered, though the connection before had proved it")
def _():
    with Federation(ONE, settings="dialback = true link_timeout = 2") as federation, \
            socket.create_server(("127.0.0.1", 0)) as silent:
        federation.route(THREE, silent.getsockname()[1])
        federation.reload()
        connection = log_in(peer(federation.servers[ONE], sender=TWO,
                                 identity=federation.authority.issue([f"DNS:{TWO}", f"DNS:{THREE}"])), TWO)
        key = f"<db:result from='{THREE}' to='{ONE}'>00</db:result>"
        connection.send(key)
        connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{THREE}' type='valid'/>")
        previd = enable(connection).get("id")
        connection.abort()
        connection = proved(federation)
        connection.send(key)
        resume(connection, previd)
        expect_resumed(connection, previd, 0)
        connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{THREE}' type='error'/>")


@test("XEP-0198, 3: a server that has proved itself by dialback alone is not told that it may resume")
def _():
    with Federation(ONE, settings="dialback = true") as federation:
        connection = peer(federation.servers[ONE], sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        connection.send(f"<db:result from='{TWO}' to='{ONE}'>00</db:result>")
        connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' type='valid'/>")
        enabled = enable(connection)
        if enabled.get("resume") or enabled.get("id"):
            raise Failure(f"resumption of what is not kept: {enabled.attrib}")


# -- a server that we call --

class Callee:
    """The server of TWO, with a certificate that proves it, which takes us for who we are by dialback."""

    def __init__(self, federation, features=f"<sm xmlns='{NS.sm}'/>"):
        self.features = features
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*federation.authority.issue([f"DNS:{TWO}"]))
        self.context.set_alpn_protocols(["xmpp-server"])
        self.link = None
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        federation.route(TWO, self.port, direct=True)
        federation.reload()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()
        if self.link:
            self.link.close()

    def away(self):
        """Nobody is there for a while: the port refuses."""
        self.listening.close()

    def back(self):
        self.listening = socket.create_server(("127.0.0.1", self.port))

    def accept(self):
        """Another link, proved."""
        self.text = ""
        self.listening.settimeout(60)
        self.link = self.context.wrap_socket(self.listening.accept()[0], server_side=True)
        self.link.settimeout(60)
        self.read("<stream:stream[^>]*>")
        self.send(f"<stream:stream xmlns='{SERVER}' xmlns:stream='{STREAM}' xmlns:db='{DIALBACK}' from='{TWO}' to='{ONE}'"
                  f" id='played' version='1.0'><stream:features>{self.features}</stream:features>")
        self.read("</db:result>")
        self.send(f"<db:result from='{TWO}' to='{ONE}' type='valid'/>")

    def send(self, text):
        self.link.sendall(text.encode())

    def cut(self):
        self.link.close()

    def read(self, pattern):
        """Up to that, which it takes away."""
        while not (found := re.search(pattern, self.text, re.S)):
            received = self.link.recv(65536)
            if not received:
                raise Failure(f"the link has ended before {pattern}: {self.text}")
            self.text += received.decode()
        self.text = self.text[found.end():]
        return found

    def enable(self, attributes="id='a&amp;&lt;b&quot;' resume='true' max='60'"):
        self.read(f"<enable xmlns='{NS.sm}' resume='true'/>")
        self.send(f"<enabled xmlns='{NS.sm}' {attributes}/>")

    def ack(self, h):
        self.send(f"<a xmlns='{NS.sm}' h='{h}'/>")

    def messages(self, *identifiers):
        """These come, and no other before them."""
        for identifier in identifiers:
            found = self.read("<message [^>]*>")[0]
            if f"id='{identifier}'" not in found:
                raise Failure(f"not {identifier}: {found}")

    def resume(self, h):
        self.read(f"<resume xmlns='{NS.sm}' h='{h}' previd='a&amp;&lt;b&quot;'/>")


PLAYED = "dialback = true retry_max = 1"


def write(client, *identifiers):
    for identifier in identifiers:
        client.send(f"<message to='x@{TWO}' id='{identifier}' type='chat'><body>{identifier}</body></message>")


def acknowledging(federation):
    """A user of ours who counts what is acknowledged to him."""
    r = federation.account("romeo", ONE).login(presence=True)
    r.enable_sm()
    return r


def link_with(callee, r, *identifiers):
    """The link is up and has sent these."""
    write(r, *identifiers)
    callee.accept()
    callee.enable()
    callee.messages(*identifiers)
    callee.read(f"<r xmlns='{NS.sm}'/>")


@test("XEP-0198 4: a message to another server is acknowledged when that has acknowledged it")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1, 2)
        r.expect_ack(0)
        callee.ack(1)
        r.wait(lambda: r.acks[-1] == 1, "an acknowledgement")
        callee.ack(2)
        r.wait(lambda: r.acks[-1] == 2, "another")
        callee.ack(3)
        callee.read(f"<undefined-condition [^>]*/><handled-count-too-high xmlns='{NS.sm}' h='3' send-count='2'/>")


@test("XEP-0198 3: a server that does not offer it, or refuses: acknowledged when written")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        write(r, 1)
        callee.accept()
        callee.read("<enable [^>]*>")
        callee.send(f"<failed xmlns='{NS.sm}'><unexpected-request xmlns='{NS.stanzas}'/></failed>")
        callee.messages(1)
        r.expect_ack(1)
        callee.cut()
        callee.features = ""
        write(r, 2)
        callee.accept()
        callee.messages(2)
        r.expect_ack(2)


@test("XEP-0198 5: after a cut the link goes on, and sends again what had not arrived, and only that")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1, 2, 3)
        callee.ack(1)
        r.send(f"<r xmlns='{NS.sm}'/>")
        r.wait(lambda: r.acks and r.acks[-1] == 1, "an acknowledgement")
        callee.cut()
        write(r, 4)
        callee.accept()
        callee.resume(0)
        callee.send(f"<resumed xmlns='{NS.sm}' h='2' previd='a&amp;&lt;b&quot;'/>")
        callee.messages(3, 4)
        r.wait(lambda: r.acks[-1] == 2, "an acknowledgement of what had arrived")
        callee.ack(4)
        r.expect_ack(4)


@test("XEP-0198 5: a stream that cannot be resumed: all is sent again, but what it says it had")
def _():
    for h, again in (("", (1, 2, 3)), (" h='2'", (3,))):
        with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
            r = acknowledging(federation)
            link_with(callee, r, 1, 2, 3)
            callee.cut()
            callee.accept()
            callee.resume(0)
            callee.send(f"<failed xmlns='{NS.sm}'{h}><item-not-found xmlns='{NS.stanzas}'/></failed>")
            callee.enable()
            callee.messages(*again)
            callee.ack(len(again))
            r.expect_ack(3)


@test("XEP-0198 5, 6: answers to a resumption that make no sense end the stream, and what is unsure comes back")
def _():
    for answer, error in (("<resumed xmlns='{0}' h='2' previd='a&amp;&lt;b&quot;'/>", "undefined-condition"),
                          ("<resumed xmlns='{0}' h='1' previd='other'/>", "bad-format"),
                          ("<resumed xmlns='{0}' previd='a&amp;&lt;b&quot;'/>", "bad-format"),
                          ("<failed xmlns='{0}' h='2'/>", "undefined-condition")):
        with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
            r = acknowledging(federation)
            link_with(callee, r, 1)
            callee.cut()
            callee.accept()
            callee.resume(0)
            callee.send(answer.format(NS.sm))
            callee.read(f"<{error} ")
            r.expect("<message type='error' id='1'/>")


@test("XEP-0198 5: what answers no resumption does not stand in for one")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1)
        callee.cut()
        callee.accept()
        callee.resume(0)
        callee.send(f"<enabled xmlns='{NS.sm}'/>")
        callee.read("<unsupported-stanza-type ")
        callee.cut()
        callee.accept()
        callee.resume(0)
        callee.send(f"<a xmlns='{NS.sm}' h='1'/>")
        callee.read(f"<failed xmlns='{NS.sm}'><unexpected-request ")
        r.expect_ack(0)
        callee.send(f"<resumed xmlns='{NS.sm}' h='1' previd='a&amp;&lt;b&quot;'/>")
        r.wait(lambda: r.acks[-1] == 1, "an acknowledgement")


@test("XEP-0198 5: messages that may have arrived wait while the server is away; iqs and what comes then go back")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1, 2)
        ping = r.send_iq("get", f"<ping xmlns='{NS.ping}'/>", to=TWO)
        callee.read("<iq ")
        callee.away()
        callee.cut()
        r.expect(f"<iq type='error' id='{ping}'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></iq>")
        write(r, 3)
        r.expect_next(f"<message type='error' id='3'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")
        callee.back()
        callee.accept()
        callee.resume(0)
        callee.send(f"<resumed xmlns='{NS.sm}' h='1' previd='a&amp;&lt;b&quot;'/>")
        callee.messages(2)
        callee.ack(2)
        r.expect_ack(4)


@test("XEP-0198 5: what may have arrived goes back when it is too late to know")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        write(r, 1)
        callee.accept()
        callee.enable("id='x' resume='true' max='1'")
        callee.messages(1)
        callee.away()
        callee.cut()
        r.expect_next(f"<message type='error' id='1'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")
        r.expect_ack(1)


@test("XEP-0198 5: nobody is called to go on with a link to a domain that was denied meanwhile")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        one, r = federation.servers[ONE], acknowledging(federation)
        link_with(callee, r, 1)
        callee.away()
        callee.cut()
        one.wait_log("link failed")
        callee.back()
        federation.common += f' deny = {{ "{TWO}" }}'
        federation.reload()
        r.expect_next(f"<message type='error' id='1'><error><not-allowed xmlns='{NS.stanzas}'/></error></message>")
        r.expect_ack(1)


@test("so much is under way on a link without an acknowledgement, and no more")
def _():
    with Federation(ONE, settings=PLAYED + " unacked_stanzas = 10") as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, "first")
        callee.ack(1)
        write(r, *range(15))
        callee.messages(*range(10))
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=ONE)
        callee.link.settimeout(0.2)
        try:
            callee.read("<message")
            raise Failure("more is under way")
        except TimeoutError:
            pass
        callee.link.settimeout(60)
        callee.ack(4)
        callee.messages(*range(10, 13))
        callee.ack(14)
        callee.messages(13, 14)
        callee.ack(16)
        r.expect_ack(17)


@test("a server that stops waits for what is not acknowledged, and does not wait for ever")
def _():
    for is_acknowledged in (True, False):
        with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
            one = federation.servers[ONE]
            r = acknowledging(federation)
            link_with(callee, r, 1)
            mark = one.log_mark()
            stopping = threading.Thread(target=one.stop)
            stopping.start()
            r.expect_stream_error("system-shutdown")
            if is_acknowledged:
                callee.ack(1)
            callee.read("</stream:stream>")
            stopping.join()
            if is_acknowledged == ("did not end in time" in one.log(since=mark)):
                raise Failure("it has waited" if is_acknowledged else "it has not waited")


@test("godwitctl link close lets a link hear first what has arrived")
def _():
    with Federation(ONE, settings=PLAYED) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1)
        federation.servers[ONE].ctl("link", "close", TWO)
        write(r, 2)
        callee.ack(1)
        callee.read("</stream:stream>")
        callee.cut()
        callee.accept()
        callee.enable()
        callee.messages(2)


# -- both ways on one connection (XEP-0288) --

def gets(connection, *identifiers):
    for identifier in identifiers:
        element = connection.expect(f"<message xmlns='{SERVER}'/>")
        if element.get("id") != str(identifier):
            raise Failure(f"not {identifier}: {show(element)}")


STILL = PLAYED + " keepalive = 10 link_timeout = 5 resume_timeout = 1"


def expect_given_up(r, identifier):
    r.expect(f"<message type='error' id='{identifier}'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error>"
             "</message>", timeout=30)
    r.expect_ack(1)


@test("a server that says it has got nothing is given up after a while, and nobody waits for it any more")
def _():
    with Federation(ONE, settings=STILL) as federation, Callee(federation) as callee:
        r = acknowledging(federation)
        link_with(callee, r, 1)
        callee.ack(0)
        callee.read("</stream:stream>")
        callee.cut()
        expect_given_up(r, 1)


@test("a server that has called, and says it has got nothing of what goes back, is given up as well")
def _():
    with Federation(ONE, settings=STILL) as federation:
        r = acknowledging(federation)
        connection = proved(federation, asks=BOTH_WAYS)
        enable(connection, "")
        write(r, 1)
        gets(connection, 1)
        connection.send(f"<a xmlns='{NS.sm}' h='0'/>")
        connection.expect_end(timeout=30)
        expect_given_up(r, 1)


@test("XEP-0288, 5: what was sent back on a connection that was cut comes again on the next, as far as it had not arrived")
def _():
    with Federation(ONE) as federation:
        federation.refuse(TWO)
        one, r = federation.servers[ONE], acknowledging(federation)
        connection = proved(federation, asks=BOTH_WAYS)
        previd = enable(connection).get("id")
        write(r, 1, 2, 3)
        gets(connection, 1, 2, 3)
        connection.send(f"<a xmlns='{NS.sm}' h='1'/>")
        r.send(f"<r xmlns='{NS.sm}'/>")
        r.wait(lambda: r.acks and r.acks[-1] == 1, "an acknowledgement")
        mark = one.log_mark()
        connection.abort()
        one.wait_log("connection of a server ended", since=mark)
        write(r, 4)
        connection = proved(federation, asks=BOTH_WAYS)
        resume(connection, previd, 2)
        expect_resumed(connection, previd, 0)
        gets(connection, 3, 4)
        connection.send(f"<a xmlns='{NS.sm}' h='4'/>")
        r.expect_ack(4)


@test("XEP-0288, 3: nothing is sent back until it is known whether the other end acknowledges")
def _():
    with Federation(ONE) as federation:
        federation.refuse(TWO)
        r = acknowledging(federation)
        connection = proved(federation, asks=BOTH_WAYS)
        write(r, 1)
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=ONE)
        connection.send(f"<enable xmlns='{NS.sm}'/>")
        connection.expect_next(f"<enabled xmlns='{NS.sm}'/>")
        gets(connection, 1)
        connection.send(f"<a xmlns='{NS.sm}' h='1'/>")
        r.expect_ack(2)


@test("XEP-0288, 5: what was sent back goes to its sender when nobody has resumed the connection in time")
def _():
    with Federation(ONE) as federation:
        federation.refuse(TWO)
        r = acknowledging(federation)
        connection = proved(federation, asks=BOTH_WAYS)
        enable(connection, " resume='true' max='1'")
        write(r, 1, 2)
        gets(connection, 1, 2)
        connection.abort()
        for identifier in (1, 2):
            r.expect_next(f"<message type='error' id='{identifier}'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")


@test("XEP-0288, 5: a link goes on with its stream when all that came by that is dealt with")
def _():
    def admitted():
        link = called.accept()
        called.answer(link, f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>"
                            "<bidi xmlns='urn:xmpp:features:bidi'/>")
        link.expect("<bidi xmlns='urn:xmpp:bidi'/>")
        link.expect(f"<auth xmlns='{NS.sasl}' mechanism='EXTERNAL'/>")
        link.send(f"<success xmlns='{NS.sasl}'/>")
        link.restart()
        link.expect_header()
        called.answer(link, f"<sm xmlns='{NS.sm}'/>")
        return link

    with Federation(ONE, limits={"unacked_seconds": 60}, settings="retry_max = 1") as federation, \
            Called(federation, TWO) as called:
        r = acknowledging(federation)
        r.answers_requests = False
        write(r, 1)
        link = admitted()
        link.expect(f"<enable xmlns='{NS.sm}'/>")
        link.send(f"<enabled xmlns='{NS.sm}' id='played' resume='true'/>")
        link.expect(f"<message xmlns='{SERVER}' id='1'/>")
        link.send(f"<message from='x@{TWO}' to='{r.jid}' id='in' type='chat'><body>?</body></message>")
        r.expect("<message id='in'/>")
        link.abort()
        link = admitted()
        link.send(f"<iq from='{TWO}' to='{ONE}' type='get' id='p'><ping xmlns='{NS.ping}'/></iq>")
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=ONE)
        link.poll()
        if link.queue:
            raise Failure(f"too early: {show(link.queue[0])}")
        r.send(f"<a xmlns='{NS.sm}' h='1'/>")
        link.expect(f"<resume xmlns='{NS.sm}' previd='played' h='1'/>")
        link.send(f"<resumed xmlns='{NS.sm}' previd='played' h='1'/>")
        link.expect_next(f"<iq xmlns='{SERVER}' id='p' type='result'/>")
        link.send(f"<r xmlns='{NS.sm}'/>")
        link.wait(lambda: link.acks and link.acks[-1] == 1, "an acknowledgement")


@test("XEP-0288: links that share a connection go on when what one of them has sent is acknowledged")
def _():
    with Federation(settings="unacked_stanzas = 10", workers=1) as federation:
        one = federation.start(ONE, "other.example")
        federation.refuse(TWO)
        r, b = (one.account(name, domain=domain).login(presence=True)
                for name, domain in (("romeo", ONE), ("benvolio", "other.example")))
        connection = proved(federation, asks=BOTH_WAYS)
        connection.send(f"<db:result from='{TWO}' to='other.example'>00</db:result>")
        connection.expect(f"<result xmlns='{DIALBACK}' from='other.example' to='{TWO}' type='valid'/>")
        enable(connection)
        write(b, "first")
        gets(connection, "first")
        write(r, *range(9))
        gets(connection, *range(9))
        write(b, "second", "third")
        b.iq("get", f"<ping xmlns='{NS.ping}'/>", to="other.example")
        connection.send(f"<a xmlns='{NS.sm}' h='10'/>")
        gets(connection, "second", "third")


# -- two servers --

def chat(federation, relays, count):
    """Users of both write to each other all the while; each message comes once, and in order."""
    r = federation.account("romeo", ONE).login(presence=True)
    j = federation.account("juliet", TWO).login(presence=True)
    r.send(f"<message to='{j.jid}' id='first'/>")
    j.expect("<message id='first'/>")
    clients = ((r, j), (j, r))
    for number in range(0, count, 10):
        for client, other in clients:
            client.send("".join(f"<message to='{other.jid}' type='chat' id='{at}'><body>{'x' * 200}</body></message>"
                                for at in range(number, number + 10)))
    for client, other in clients:
        for number in range(count):
            client.expect_next(f"<message from='{other.jid}' type='chat' id='{number}'/>", timeout=60)
    for client, other in clients:
        client.expect_nothing("<message/>")
    if any(relay.cuts < 5 for relay in relays):
        raise Failure(f"cut {[relay.cuts for relay in relays]} times")


@test(f"two servers whose connections are cut after any byte: each message comes once, in order (seed {SEED})",
      timeout=120)
def _():
    chance = random.Random(SEED)
    # Who writes is not held up by a link that is away: all may come to wait for it.
    with Federation(ONE, TWO, settings="bidi = false queue_stanzas = 2000") as federation:
        with Relay(federation.servers[ONE].ports["s2s"], lambda: chance.randrange(25000, 80000)) as to_one, \
                Relay(federation.servers[TWO].ports["s2s"], lambda: chance.randrange(25000, 80000)) as to_two:
            federation.route(ONE, to_one.port)
            federation.route(TWO, to_two.port)
            federation.reload()
            chat(federation, (to_one, to_two), 2000)
        for server in federation.servers.values():
            if "stream resumed" not in server.log():
                raise Failure("nothing was resumed")


@test(f"the same where one connection carries both ways, and only one of them can call (seed {SEED})", timeout=120)
def _():
    chance = random.Random(SEED)
    with Federation(ONE, TWO) as federation, \
            Relay(federation.servers[TWO].ports["s2s"], lambda: chance.randrange(40000, 90000)) as relay:
        federation.route(ONE, keep_port())
        federation.route(TWO, relay.port)
        federation.reload()
        chat(federation, (relay,), 1000)


@test("kill -9 of the server that receives: nothing that was acknowledged to the sender is lost", timeout=120)
def _():
    with Federation(ONE, TWO, settings="retry_max = 1") as federation:
        two = federation.servers[TWO]
        r = acknowledging(federation)
        juliet = federation.account("juliet", TWO)
        sent = 0
        for _ in range(3):
            begun = sent
            for _ in range(30):
                r.send("".join(f"<message to='{juliet.username}@{TWO}' type='chat' id='{sent + at}'><body>x</body></message>"
                               for at in range(10)) + f"<r xmlns='{NS.sm}'/>")
                sent += 10
            r.wait(lambda: r.acks and r.acks[-1] > begun, "some that are acknowledged", timeout=60)
            two.kill()
            two.start()
        r.send(f"<r xmlns='{NS.sm}'/>")
        r.wait(lambda: r.acks[-1] == sent, "all acknowledged", timeout=60)
        r.sync()
        returned = {element.get("id") for element in r.queue if element.get("type") == "error"}
        j = juliet.login(presence=True)
        missing = {str(number) for number in range(sent)} - returned

        def arrived():
            missing.difference_update(element.get("id") for element in j.queue)
            return not missing
        j.wait(arrived, "all that did not come back", timeout=60)


main(server=False)
