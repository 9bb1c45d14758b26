#!/usr/bin/python3
"""Servers that are at several places (RFC 6120 section 3.2, RFC 8305): some of which are of no use."""
import socket
from contextlib import contextmanager

from harness import *
from lib.names import A, AAAA, SRV, Names, address, srv
from lib.ports import black_hole

ONE, TWO = "montague.example", "capulet.example"
HOST = "host." + TWO


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@contextmanager
def silence():
    """Somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@contextmanager
def two_servers(settings):
    """Of which the first finds the second by DNS."""
    with Names() as names, Federation(settings=settings) as federation:
        federation.start(TWO)
        one = federation.start(ONE)
        federation.sections[ONE] = f'dns {{ forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = "" }}'
        federation.write_settings()
        one.reload("reloaded")
        names.records[HOST, A] = [address("127.0.0.1")]
        yield federation, names


def expect_arrival(federation):
    r = federation.account("romeo", ONE).login(presence=True)
    j = federation.account("juliet", TWO).login(presence=True)
    r.send(f"<message to='{j.jid}' id='m'><body>hello</body></message>")
    j.expect("<message id='m'><body>hello</body></message>")


@test("RFC 8305 5: who cannot be reached by IPv6 is reached by IPv4, long before the attempt is given up",
      when=has_ipv6())
def _():
    with two_servers("connect_timeout = 300 link_timeout = 600") as (federation, names):
        port = federation.servers[TWO].ports["s2s"]
        names.records[f"_xmpp-server._tcp.{TWO}", SRV] = [srv(port, HOST)]
        names.records[HOST, AAAA] = [address("::1")]
        with black_hole("::1", port):
            expect_arrival(federation)
        federation.servers[ONE].wait_log(f"link up.*to={TWO}")


@test("RFC 2782: a host that does not answer is left for that of the next priority, long before it is given up")
def _():
    with two_servers("connect_timeout = 300 link_timeout = 600") as (federation, names), \
            black_hole("127.0.0.1") as nowhere:
        names.records[f"_xmpp-server._tcp.{TWO}", SRV] = [
            srv(nowhere, HOST), srv(federation.servers[TWO].ports["s2s"], HOST, priority=1)]
        expect_arrival(federation)


@test("a place that takes the connection and is silent leaves time for the others")
def _():
    with two_servers("link_timeout = 9") as (federation, names), silence() as first, silence() as second:
        ports = first, second, federation.servers[TWO].ports["s2s"]
        names.records[f"_xmpp-server._tcp.{TWO}", SRV] = [
            srv(port, HOST, priority) for priority, port in enumerate(ports)]
        expect_arrival(federation)
        log = federation.servers[ONE].log()
        if log.count("is of no use there") != 2 or "connection-timeout" not in log:
            raise Failure("the silent places were not called, or not left in time")


@test("places that all refuse, or are all silent: an error that says so")
def _():
    with two_servers("link_timeout = 3") as (federation, names), silence() as first, silence() as second:
        names.records[f"_xmpp-server._tcp.{TWO}", SRV] = [srv(first, HOST), srv(second, HOST, priority=1)]
        r = federation.account("romeo", ONE).login(presence=True)
        r.send(f"<message to='x@{TWO}' id='m'><body>hello</body></message>")
        r.expect(f"<message type='error' id='m'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")
        federation.servers[ONE].wait_log(f"link failed.*to={TWO}.*not up in time")


main(server=False)
