#!/usr/bin/python3
"""Other servers that cannot be reached, do not answer, or are not who they should be: what comes back,
when, and that nobody else notices."""
import re
import select
import socket
import ssl
from contextlib import contextmanager

from harness import *
from lib.federation import DIALBACK, SERVER, peer, server_open
from lib.names import Names
from lib.ports import black_hole
from lib.server import loopback

ONE, TWO, DEAD = "montague.example", "capulet.example", "dead.example"


def condition(name):
    return f"<error><{name} xmlns='{NS.stanzas}'/></error>"


def write(client, identifier, to=f"x@{DEAD}", kind="chat"):
    client.send(f"<message to='{to}' id='{identifier}' type='{kind}'><body>?</body></message>")


def expect_error(client, identifier, name):
    client.expect_next(f"<message type='error' id='{identifier}'>{condition(name)}</message>")


@contextmanager
def silence(federation):
    """Somebody who takes connections for DEAD and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        federation.route(DEAD, listening.getsockname()[1])
        federation.reload()
        yield listening


class Callee:
    """A server of DEAD that a test plays: takes a link and offers nothing but dialback."""

    def __init__(self, federation):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*federation.authority.issue([f"DNS:{DEAD}"]))
        self.context.set_alpn_protocols(["xmpp-server"])
        self.text = ""
        federation.route(DEAD, self.listening.getsockname()[1], direct=True)
        federation.reload()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()
        self.link.close()

    def accept(self):
        self.listening.settimeout(30)
        self.link = self.context.wrap_socket(self.listening.accept()[0], server_side=True)
        self.link.settimeout(30)
        self.read("<stream:stream[^>]*>")
        self.send(f"<stream:stream xmlns='{SERVER}' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='{DIALBACK}'"
                  f" from='{DEAD}' to='{ONE}' id='played' version='1.0'><stream:features/>")

    def send(self, text):
        self.link.sendall(text.encode())

    def read(self, pattern):
        """Up to that, which it takes away."""
        while not (found := re.search(pattern, self.text)):
            received = self.link.recv(65536)
            if not received:
                raise Failure(f"the link has ended before {pattern}: {self.text}")
            self.text += received.decode()
        self.text = self.text[found.end():]
        return found


@contextmanager
def open_link(federation):
    """A link of ONE to DEAD that has judged one key, and that nothing was sent over yet."""
    with Callee(federation) as callee:
        asker = peer(federation.servers[ONE], sender=DEAD)
        asker.send(f"<db:result from='{DEAD}' to='{ONE}'>00</db:result>")
        callee.accept()
        key = callee.read("<db:verify[^>]* id='([^']*)'")[1]
        callee.send(f"<db:verify from='{DEAD}' to='{ONE}' id='{key}' type='valid'/>")
        asker.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{DEAD}' type='valid'/>")
        callee.read("</db:verify> ")
        yield callee


@test("XEP-0220 2.1.1: a server that does not say whether it believes us: an error in time, also on an old link")
def _():
    with Federation(ONE, settings="dialback = true link_timeout = 2 keepalive = 600") as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        with open_link(federation) as callee:
            write(r, "m")
            callee.read("<db:result")
            expect_error(r, "m", "remote-server-timeout")


@test("XEP-0220 2.1.2: a server that does not say whether a key is its own: an error in time, also on an old link")
def _():
    with Federation(ONE, settings="dialback = true link_timeout = 2 keepalive = 600") as federation:
        with open_link(federation) as callee:
            asker = peer(federation.servers[ONE], sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
            asker.send(f"<db:result from='{TWO}' to='{ONE}'>00</db:result>")
            asker.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' type='valid'/>")
            asker.send(f"<db:result from='{DEAD}' to='{ONE}'>00</db:result>")
            callee.read("<db:verify")
            asker.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{DEAD}' type='error'><error xmlns='{SERVER}'>"
                         f"<remote-server-timeout xmlns='{NS.stanzas}'/></error></result>")


@test("XEP-0220 2.2.1: a key that proves valid while the refusal of a login is held back")
def _():
    with Federation(ONE, settings="dialback = true link_timeout = 30") as federation, Callee(federation) as callee:
        one, source = federation.servers[ONE], loopback()
        identity = federation.authority.issue([f"DNS:{TWO}"])

        def guess(connection):
            mark = one.log_mark()
            connection.auth("EXTERNAL", b"somebody.example")
            one.wait_log("server refused", since=mark)
        for _ in range(5):
            guesser = peer(one, sender=TWO, identity=identity, source=source)
            guess(guesser)
            check_sasl_failure(guesser.outcome(), "invalid-authzid")
            guesser.close()
        asker = peer(one, sender=TWO, identity=identity, source=source)
        asker.send(f"<db:result from='{DEAD}' to='{ONE}'>00</db:result>")
        callee.accept()
        key = callee.read("<db:verify[^>]* id='([^']*)'")[1]
        guess(asker)
        callee.send(f"<db:verify from='{DEAD}' to='{ONE}' id='{key}' type='valid'/>")
        asker.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{DEAD}' type='valid'/>")
        check_sasl_failure(asker.outcome(), "invalid-authzid")
        asker.send(f"<iq from='{DEAD}' to='{ONE}' type='get' id='p'><ping xmlns='{NS.ping}'/></iq>")
        callee.read("<db:result")


@test("XEP-0220 2.2.1: a key that proves valid between a login and its stream header")
def _():
    with Federation(ONE, settings="dialback = true") as federation, Callee(federation) as callee:
        one = federation.servers[ONE]
        asker = peer(one, sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        asker.send(f"<db:result from='{DEAD}' to='{ONE}'>00</db:result>")
        callee.accept()
        key = callee.read("<db:verify[^>]* id='([^']*)'")[1]
        asker.auth("EXTERNAL", b"")
        if asker.outcome().tag != "{%s}success" % NS.sasl:
            raise Failure("no success")
        one.wait_log(f"server proved.*from={TWO}")
        callee.send(f"<db:verify from='{DEAD}' to='{ONE}' id='{key}' type='valid'/>")
        one.wait_log(f"server proved.*from={DEAD}")
        server_open(asker, TWO)
        asker.send(f"<db:result from='{DEAD}' to='{ONE}'>00</db:result>")
        asker.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{DEAD}' type='valid'/>")


@test("RFC 6120 10.4.3: nobody listens: an error at once, and no further attempt while the domain rests")
def _():
    with Federation(ONE, settings="retry_max = 300") as federation:
        federation.refuse(DEAD)
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        for number in range(3):
            write(r, number)
            expect_error(r, number, "remote-server-timeout")
        write(r, "e", kind="error")
        r.expect_nothing("<message/>")
        one.wait_log("link failed")
        if one.log().count("link failed") != 1 or "Connection refused" not in one.log():
            raise Failure("it was tried more than once:\n" + one.log_tail())


@test("RFC 6120 3.3: the rest of a domain that fails again and again grows, and it is tried again after it")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        federation.refuse(DEAD)
        r = federation.account("romeo", ONE).login(presence=True)
        for failures in (1, 2):
            def tried():
                write(r, "m")
                r.expect(f"<message type='error' id='m'/>")
                return one.log().count("link failed") >= failures
            wait_until(tried, "another attempt")


@test("a black hole: an error in time, and nobody else waits for it")
def _():
    with Federation(ONE, TWO, settings="link_timeout = 3") as federation, silence(federation):
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        for number in range(50):
            write(r, number)
            r.send_iq("get", f"<ping xmlns='{NS.ping}'/>", to=DEAD, id=f"i{number}")
        write(r, "alive", to=j.jid)
        j.expect("<message id='alive'/>")
        r.get(f"<ping xmlns='{NS.ping}'/>", to=ONE)
        for number in range(50):
            r.expect_next(f"<message type='error' id='{number}'>{condition('remote-server-timeout')}</message>")
            r.expect_next(f"<iq type='error' id='i{number}'>{condition('remote-server-timeout')}</iq>")


@test("a domain that is denied while it is called: what waits comes back at once")
def _():
    with Federation(ONE, workers=1, settings="connect_timeout = 60 link_timeout = 60") as federation, \
            black_hole("127.0.0.1") as port:
        federation.route(DEAD, port)
        federation.reload()
        one, r = federation.servers[ONE], federation.account("romeo", ONE).login(presence=True)
        write(r, 1)
        r.sync()
        one.settings = one.settings.replace("s2s {", f's2s {{ deny = {{ "{DEAD}" }}')
        one.reload("reloaded")
        expect_error(r, 1, "not-allowed")


@test("a domain that is denied while DNS says nothing: what waits comes back at once")
def _():
    with Federation() as federation, socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        one = federation.start(ONE)
        one.settings += f'\ndns {{ forward = {{ "127.0.0.1@{silent.getsockname()[1]}" }} trust_anchor_file = "" }}'
        one.reload("reloaded")
        r = federation.account("romeo", ONE).login(presence=True)
        write(r, 1)
        silent.recv(1000)
        one.settings = one.settings.replace("s2s {", f's2s {{ deny = {{ "{DEAD}" }}')
        one.reload("reloaded")
        expect_error(r, 1, "not-allowed")


@test("what waits for a link is bounded in number and bytes; the rest comes back at once, in order")
def _():
    with Federation(ONE, settings="link_timeout = 3 queue_stanzas = 3") as federation, silence(federation):
        r = federation.account("romeo", ONE).login(presence=True)
        for number in range(5):
            write(r, number)
        for number, name in ((3, "resource-constraint"), (4, "resource-constraint"),
                             (0, "remote-server-timeout"), (1, "remote-server-timeout"),
                             (2, "remote-server-timeout")):
            expect_error(r, number, name)


@test("RFC 6120 13.7.2: a server whose certificate does not prove its domain gets nothing")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        for number, (names, options, why) in enumerate((
                ([f"DNS:{TWO}"], {"days": -1}, "expired"),
                (["DNS:other.example"], {}, "names other domains"),
                ([f"DNS:{TWO}"], {"signed": False}, "self"))):
            federation.certify(two, TWO, names, **options)
            two.reload("reloaded")
            one.restart()
            r = r.account.login(presence=True)
            write(r, number, to=j.jid)
            expect_error(r, number, "remote-server-not-found")
            one.wait_log(f"link failed.*to={TWO}.*{why}")
        j.expect_nothing("<message/>")


@test("RFC 6120 10.4.2: DNS knows no such domain, or no server there")
def _():
    with Names() as names, Federation() as federation:
        server = federation.start(ONE)
        server.settings += f'\ndns {{ forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = "" }}'
        server.reload("reloaded")
        r = federation.account("romeo", ONE).login(presence=True)
        write(r, "m", to="x@nowhere.example")
        expect_error(r, "m", "remote-server-not-found")
        server.wait_log("link failed.*to=nowhere.example")


@test("a server that stops calls no further place of a domain")
def _():
    with Names() as names, Federation() as federation, socket.create_server(("127.0.0.1", 0)) as first, \
            socket.create_server(("127.0.0.1", 0)) as second:
        server = federation.start(ONE)
        server.settings += f'\ndns {{ forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = "" }}'
        server.reload("reloaded")
        names.places[DEAD] = [first.getsockname()[1], second.getsockname()[1]]
        write(federation.account("romeo", ONE).login(presence=True), "m")
        called, _, _ = select.select([first, second], [], [], 30)
        with called[0].accept()[0] as silent:
            silent.settimeout(30)
            if not silent.recv(1000):
                raise Failure("there is no header")
            server.stop()
        if select.select([first, second], [], [], 0)[0]:
            raise Failure("another place was called")
        if "link failed" not in server.log():
            raise Failure("the message was forgotten")


@test("a server that was killed and comes again is found again; its users are written to")
def _():
    with Federation(ONE, TWO, settings="retry_max = 1") as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        juliet = federation.account("juliet", TWO)
        j = juliet.login(presence=True)
        write(r, "before", to=j.jid)
        j.expect("<message id='before'/>")
        two.kill()
        one.wait_log(f"link ended.*to={TWO}")
        write(r, "lost", to=j.jid)
        expect_error(r, "lost", "remote-server-timeout")
        two.start()
        again = juliet.login(presence=True)

        def arrives():
            return r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=TWO).get("type") == "result"
        wait_until(arrives, "an answer of the new server")
        write(r, "after", to=again.jid)
        again.expect("<message id='after'/>")
        two.wait_log("server proved")


@test("RFC 6121 4.5: contacts on a server that is lost without a word are gone; when it is back, they are")
def _():
    with Federation(ONE, TWO, settings="retry_max = 1") as federation:
        two = federation.servers[TWO]
        romeo, juliet = federation.account("romeo", ONE), federation.account("juliet", TWO)
        r, j = romeo.login(presence=True), juliet.login(presence=True)
        for one, other in ((r, j), (j, r)):
            one.get(f"<query xmlns='{NS.roster}'/>")
            one.send(f"<presence type='subscribe' to='{other.bare}'/>")
            other.expect(f"<presence type='subscribe' from='{one.bare}'/>")
            other.send(f"<presence type='subscribed' to='{one.bare}'/>")
            one.expect(f"<presence type='subscribed' from='{other.bare}'/>")
            one.expect(f"<presence from='{other.jid}' type='{ABSENT}'/>")
        two.kill()
        r.expect(f"<presence from='{j.bare}' to='{ANY}' type='unavailable'/>")
        two.start()
        federation.servers[ONE].wait_log(f"connected|link up.*to={TWO}", since=0)
        again = juliet.login("again", presence=True)
        r.expect(f"<presence from='{again.jid}' type='{ABSENT}'/>")
        again.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")


@test("RFC 6121 4.5.2: a server that stops tells other servers that its users have gone")
def _():
    with Federation(ONE, TWO) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        for one, other in ((r, j), (j, r)):
            one.get(f"<query xmlns='{NS.roster}'/>")
            one.send(f"<presence type='subscribe' to='{other.bare}'/>")
            other.expect(f"<presence type='subscribe' from='{one.bare}'/>")
            other.send(f"<presence type='subscribed' to='{one.bare}'/>")
            one.expect(f"<presence from='{other.jid}' type='{ABSENT}'/>")
        federation.servers[TWO].stop()
        r.expect(f"<presence from='{j.jid}' type='unavailable'/>")


@test("XEP-0198: a message is acknowledged when it has left or come back, not before")
def _():
    with Federation(ONE, settings="link_timeout = 3") as federation, silence(federation):
        r = federation.account("romeo", ONE).login(presence=True)
        r.send("<enable xmlns='urn:xmpp:sm:3'/>")
        r.expect("<enabled xmlns='urn:xmpp:sm:3'/>")
        write(r, "m")
        r.send("<r xmlns='urn:xmpp:sm:3'/>")
        r.wait(lambda: r.acks, "an answer")
        if r.acks != [0]:
            raise Failure(f"acknowledged what has not left: {r.acks}")
        expect_error(r, "m", "remote-server-timeout")
        r.wait(lambda: r.acks[-1] == 1, "an acknowledgement without asking again")


main(server=False)
