#!/usr/bin/python3
"""XEP-0220, with keys by XEP-0185: servers that prove who they are by dialback."""
from harness import *
from lib.federation import DIALBACK, peer

ONE, TWO, THREE = "montague.example", "capulet.example", "verona.example"
ERROR = "<error xmlns='jabber:server'><{} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


def pair(**options):
    """Two servers that no authority vouches for, and who are content with that."""
    federation = Federation(settings="dialback = true", **options)
    federation.__enter__()
    for domain in (ONE, TWO):
        server = federation.start(domain)
        federation.certify(server, domain, [f"DNS:{domain}"], signed=False)
    federation.connect()
    return federation


def result(connection, sender, to, key="0123456789abcdef"):
    connection.send(f"<db:result from='{sender}' to='{to}'>{key}</db:result>")


def answer(connection, sender, to, kind, error=""):
    return connection.expect(f"<result xmlns='{DIALBACK}' from='{sender}' to='{to}' type='{kind}'>"
                             f"{ERROR.format(error) if error else ''}</result>")


@test("XEP-0220 2: two servers without verified certificates prove themselves, both ways")
def _():
    with pair() as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.send(f"<message to='{j.jid}'><body>hello</body></message>")
        j.expect(f"<message from='{r.jid}'><body>hello</body></message>")
        j.send(f"<message to='{r.jid}'><body>back</body></message>")
        r.expect(f"<message from='{j.jid}'><body>back</body></message>")
        for server, other in ((ONE, TWO), (TWO, ONE)):
            federation.servers[server].wait_log(f"link up.*from={server} to={other}.*by=dialback.*TLSv1.3")
            federation.servers[server].wait_log(f"server proved.*from={other} to={server}.*by=dialback")


@test("XEP-0220 2.2.1: a key that the domain's server has not made is invalid, and ends the stream")
def _():
    with pair() as federation:
        thief = peer(federation.servers[ONE], sender=TWO)
        result(thief, TWO, ONE)
        answer(thief, ONE, TWO, "invalid")
        thief.expect_close()
        federation.servers[ONE].wait_log(f"server is not who it says.*from={TWO}")


@test("XEP-0220 2.2.1: errors of dialback leave the stream alone")
def _():
    with pair() as federation:
        one = federation.servers[ONE]
        one.settings = one.settings.replace("dialback = true", f'dialback = true deny = {{"{THREE}"}}')
        one.reload("reloaded")
        stranger = peer(one, sender=TWO)
        result(stranger, TWO, "elsewhere.example")
        answer(stranger, "elsewhere.example", TWO, "error", "item-not-found")
        result(stranger, ONE, ONE)
        answer(stranger, ONE, ONE, "error", "not-acceptable")
        result(stranger, THREE, ONE)
        answer(stranger, ONE, THREE, "error", "policy-violation")
        result(stranger, "nowhere.invalid", ONE)
        answer(stranger, ONE, "nowhere.invalid", "error")
        result(stranger, TWO, ONE)
        answer(stranger, ONE, TWO, "invalid")


@test("XEP-0220 2.2.2: keys that were made here are valid, any others are not")
def _():
    with pair() as federation:
        one = federation.servers[ONE]
        asker = peer(one, sender=TWO)
        asker.send(f"<db:verify from='{TWO}' to='{ONE}' id='x'>0123</db:verify>")
        asker.expect(f"<verify xmlns='{DIALBACK}' from='{ONE}' to='{TWO}' id='x' type='invalid'/>")
        asker.send(f"<db:verify from='{TWO}' to='{THREE}' id='x'>0123</db:verify>")
        asker.expect(f"<verify xmlns='{DIALBACK}' from='{THREE}' to='{TWO}' id='x' type='error'>"
                     f"{ERROR.format('item-not-found')}</verify>")


@test("RFC 7590: where certificates are wanted, dialback is refused to who has none")
def _():
    with Federation(ONE, TWO) as federation:
        stranger = peer(federation.servers[ONE], sender=TWO)
        if stranger.mechanisms():
            raise Failure("EXTERNAL is offered to who has shown no certificate")
        result(stranger, TWO, ONE)
        answer(stranger, ONE, TWO, "error", "not-authorized")


@test("XEP-0220 1: a certificate that proves the domain does for any pair of domains")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        juliet = peer(one, sender=TWO, identity=two.certificate(TWO))
        result(juliet, TWO, ONE)
        answer(juliet, ONE, TWO, "valid")
        result(juliet, THREE, ONE)
        answer(juliet, ONE, THREE, "error", "not-authorized")
        r = federation.account("romeo", ONE).login(presence=True)
        juliet.send(f"<message from='nurse@{TWO}' to='{r.jid}'><body>in</body></message>")
        r.expect(f"<message from='nurse@{TWO}'><body>in</body></message>")


main(server=False)
