#!/usr/bin/python3
"""What another server can make this one do: call others, look at certificates, hold things up."""
import re
import select
import socket
import ssl
from contextlib import contextmanager

from harness import *
from lib.federation import DIALBACK, Federation, peer, server_open

ONE, TWO, LAST = "montague.example", "capulet.example", "last.example"
NAMES = [f"d{number}.example" for number in range(12)]


@contextmanager
def silence(federation, *domains):
    """Somebody who takes the connections for all these domains, and answers none."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        for domain in domains:
            federation.route(domain, listening.getsockname()[1])
        federation.reload()
        yield listening


def called(listening):
    """The next domain that is called there, and its connection."""
    listening.settimeout(30)
    connection = listening.accept()[0]
    connection.settimeout(30)
    text = b""
    while b">" not in text.partition(b"<stream:stream")[2]:
        text += connection.recv(4096)
    return re.search(rb" to=['\"]([^'\"]*)", text)[1].decode(), connection


def calls(listening, client):
    """All domains that were called by now. Who is called last is written to by a user."""
    client.sync()
    client.send(f"<message to='x@{LAST}'><body>?</body></message>")
    found = {}
    while LAST not in found:
        domain, connection = called(listening)
        found[domain] = connection
    return found


def prove(connection, domain, kind):
    connection.send(f"<db:result from='{domain}' to='{ONE}'>00</db:result>")
    if kind:
        connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{domain}' type='{kind}'/>")


def proved(federation, sender=TWO):
    """A connection that has proved that domain by its certificate."""
    connection = peer(federation.servers[ONE], sender=sender,
                      identity=federation.authority.issue([f"DNS:{sender}"]))
    prove(connection, sender, "valid")
    return connection


@test("a connection that shows keys of many domains has five of them called at a time")
def _():
    with Federation(ONE, workers=1, settings="dialback = true link_timeout = 600") as federation, \
            silence(federation, LAST, *NAMES) as listening:
        r = federation.account("romeo", ONE).login(presence=True)
        stranger = proved(federation)
        for name in NAMES:
            prove(stranger, name, None)
        stranger.send(f"<db:verify from='{TWO}' to='{ONE}' id='x'>0123</db:verify>")
        stranger.expect(f"<verify xmlns='{DIALBACK}' id='x' type='invalid'/>")
        # Their turns come one after the other; nobody else's follows.
        found = dict(called(listening) for _ in range(5))
        more = calls(listening, r)
        if sorted(found) != NAMES[:5] or list(more) != [LAST]:
            raise Failure(f"called: {sorted(found)}, {sorted(more)}")
        found[NAMES[2]].close()
        stranger.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{NAMES[2]}' type='error'/>")
        if called(listening)[0] != NAMES[5]:
            raise Failure("it is not the next one's turn")


@test("keys of many domains that one certificate proves: all are answered, in order")
def _():
    with Federation(ONE, settings="dialback = true") as federation:
        stranger = peer(federation.servers[ONE],
                        identity=federation.authority.issue([f"DNS:{name}" for name in NAMES]))
        stranger.send("".join(f"<db:result from='{name}' to='{ONE}'>00</db:result>" for name in NAMES))
        for name in NAMES:
            stranger.expect_next(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{name}' type='valid'/>")


@test("a connection that ends without a word has nobody called whom nobody here knows")
def _():
    with Federation(ONE, workers=1, settings="dialback = true") as federation, \
            silence(federation, LAST, *NAMES) as listening:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        stranger = peer(one, identity=federation.authority.issue([f"DNS:{name}" for name in NAMES]))
        for name in NAMES:
            prove(stranger, name, "valid")
        stranger.abort()
        one.wait_log(f"connection of a server ended.*from={NAMES[0]}")
        found = calls(listening, r)
        if list(found) != [LAST]:
            raise Failure(f"called: {sorted(found)}")


@test("RFC 6121 4.5: a server that is lost is called where users here know it, though nothing goes there")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        romeo, juliet = federation.account("romeo", ONE), federation.account("juliet", TWO)
        befriend(romeo, juliet)
        r, j = online(romeo), online(juliet)
        r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
        mark = one.log_mark()
        one.ctl("link", "close", TWO)
        one.wait_log(f"link ended.*to={TWO}", since=mark)
        j.send(f"<message to='{r.jid}' id='m'/>")
        r.expect("<message id='m'/>")
        two.kill()
        r.expect(f"<presence from='{j.bare}' to='{r.jid}' type='unavailable'/>")


@test("who reads slowly does not hold up the others that a server writes to")
def _():
    with Federation(ONE, limits={"write_timeout": 600}, settings="bytes_per_second = 0") as federation:
        romeo = federation.account("romeo", ONE)
        slow = romeo.login("slow", presence=True)
        j = federation.account("juliet", ONE).login(presence=True)
        connection = proved(federation)
        body = "x" * 1000
        for _ in range(12):
            connection.send("".join(f"<message from='x@{TWO}' to='{slow.jid}' type='chat'><body>{body}</body></message>"
                                    for _ in range(1000)))
            connection.send(f"<message from='x@{TWO}' to='{j.jid}' id='on'/>")
            j.expect("<message id='on'/>")


main(server=False)
