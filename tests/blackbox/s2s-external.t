#!/usr/bin/python3
"""RFC 6120 between servers: links with TLS and SASL EXTERNAL (XEP-0178 section 3, RFC 9525, XEP-0368)."""
import hashlib

from harness import *

ONE, TWO = "montague.example", "capulet.example"


def pair(**options):
    return Federation(ONE, TWO, **options)


@test("RFC 6120 10.4: users of two servers chat, both ways, and in order")
def _():
    with pair(settings="bidi = false") as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        for number in range(50):
            r.send(f"<message to='{j.jid}' type='chat' id='m{number}'><body>{number}</body></message>")
        for number in range(50):
            j.expect_next(f"<message from='{r.jid}' to='{j.jid}' type='chat' id='m{number}'>"
                          f"<body>{number}</body></message>")
        j.send(f"<message to='{r.bare}'><body>back</body></message>")
        r.expect(f"<message from='{j.jid}' to='{r.bare}'><body>back</body></message>")
        for server, other in ((ONE, TWO), (TWO, ONE)):
            federation.servers[server].wait_log(f"link up.*from={server} to={other}.*by=EXTERNAL.*TLSv1.3")
            federation.servers[server].wait_log(f"server proved.*from={other} to={server}.*by=EXTERNAL")


@test("RFC 6120 10.4: iqs to the other server, and to its users, come back")
def _():
    with pair() as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=TWO)
        ping = r.send_iq("get", f"<ping xmlns='{NS.ping}'/>", to=j.jid)
        r.expect(f"<iq type='error' id='{ping}' from='{j.jid}'/>")
        r.send(f"<message to='nobody@{TWO}' id='n'><body>?</body></message>")
        r.expect(f"<message type='error' id='n' from='nobody@{TWO}'>"
                 f"<error><service-unavailable xmlns='{NS.stanzas}'/></error></message>")


@test("XEP-0368: direct TLS")
def _():
    federation = Federation()
    with federation:
        for domain in (ONE, TWO):
            federation.start(domain)
        federation.connect(direct=True)
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.send(f"<message to='{j.jid}'><body>direct</body></message>")
        j.expect(f"<message from='{r.jid}'><body>direct</body></message>")
        federation.servers[ONE].wait_log("link up.*by=EXTERNAL")


@test("godwitctl link list tells what there is, and link close ends it")
def _():
    with pair(settings="bidi = false") as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        if one.ctl_json("link", "list")["links"]:
            raise Failure("there are links before anybody has written")
        for client, other in ((r, j), (j, r)):
            client.send(f"<message to='{other.jid}'><body>hello</body></message>")
            other.expect("<message/>")
        links = {link["direction"]: link for link in one.ctl_json("link", "list", TWO.upper())["links"]}
        for direction, sender, to in (("out", ONE, TWO), ("in", TWO, ONE)):
            link = links[direction]
            if (link["from"], link["to"], link["state"], link["by"], link["tls"], link["address"]) != (
                    sender, to, "up", "EXTERNAL", "TLSv1.3", "127.0.0.1") or not link["expires"]:
                raise Failure(f"listed: {link}")
        if TWO not in one.ctl("link", "list").stdout or one.ctl_json("link", "list", "other.example")["links"]:
            raise Failure("the list does not tell domains apart")
        if "closed 2 connection(s)" not in one.ctl("link", "close", TWO).stdout:
            raise Failure("not closed")
        wait_until(lambda: not one.ctl_json("link", "list")["links"], "an empty list")
        if one.ctl("link", "close", TWO, check=False).returncode == 0:
            raise Failure("what is not there was closed")
        kinds = [listener["kind"] for listener in one.ctl_json("status")["listeners"]]
        if kinds != ["c2s", "c2s-tls", "s2s", "s2s-tls"]:
            raise Failure(f"listeners: {kinds}")
        r.send(f"<message to='{j.jid}'><body>again</body></message>")
        j.expect("<message><body>again</body></message>")


@test("XEP-0114: a component here is reached from there, and speaks to it for its own domain")
def _():
    gateway = "gateway." + TWO
    federation = Federation(ONE)
    with federation:
        two = federation.start(TWO, settings="")
        federation.certify(two, TWO, [f"DNS:{TWO}", f"DNS:{gateway}"])
        two.stop()
        two.ports["component"] = 0
        federation.sections[TWO] = f'component "{gateway}" {{ secret = "secret" }}'
        federation.write_settings()
        two.start()
        federation.route(gateway, two.ports["s2s"])
        federation.connect()
        component = Connection(two.ports["component"], name=gateway, domain=gateway)
        two.connections.append(component)
        component.send(component.stream_header(xmlns="jabber:component:accept", version=None))
        component.expect_header()
        digest = hashlib.sha1((component.header.get("id") + "secret").encode()).hexdigest()
        component.send(f"<handshake>{digest}</handshake>")
        component.expect("<handshake xmlns='jabber:component:accept'/>")
        r = federation.account("romeo", ONE).login(presence=True)
        r.send(f"<message to='x@{gateway}'><body>in</body></message>")
        component.expect(f"<message xmlns='jabber:component:accept' from='{r.jid}' to='x@{gateway}'/>")
        component.send(f"<message from='x@{gateway}' to='{r.jid}'><body>out</body></message>")
        r.expect(f"<message from='x@{gateway}'><body>out</body></message>")


main(server=False)
