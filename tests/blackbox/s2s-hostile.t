#!/usr/bin/python3
"""Other servers that are not what they say, or send what they may not."""

from harness import *
from lib.federation import DIALBACK, SERVER, peer, proved, server_open

ONE, TWO, THREE = "montague.example", "capulet.example", "verona.example"


@test("RFC 6120 4.9.3.9: a stanza from a domain that was not proved ends the stream")
def _():
    with Federation(ONE) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        for sender in (f"x@{THREE}", THREE, f"x@{ONE}", ONE, f"x@sub.{TWO}", f"x@{TWO}.evil.example"):
            connection = proved(federation)
            connection.send(f"<message from='{sender}' to='{r.jid}'><body>spoofed</body></message>")
            connection.expect_stream_error("invalid-from")
        r.expect_nothing("<message/>")


@test("RFC 6120 4.9.3.7: a stanza without addresses ends the stream")
def _():
    with Federation(ONE) as federation:
        for attributes in ("", f"from='x@{TWO}'", f"to='x@{ONE}'", f"from='x@{TWO}' to='@@'",
                           f"from='@@' to='x@{ONE}'"):
            connection = proved(federation)
            connection.send(f"<message {attributes}><body>?</body></message>")
            connection.expect_stream_error("improper-addressing")


@test("RFC 6120 4.9.3.6: a stanza for a domain that is not ours ends the stream: nothing is relayed")
def _():
    with Federation(ONE) as federation:
        connection = proved(federation)
        connection.send(f"<message from='x@{TWO}' to='x@{THREE}'><body>relay</body></message>")
        connection.expect_stream_error("host-unknown")


@test("RFC 6120 13.9.4: nothing but TLS may come before TLS, and nothing but proof before proof")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        for early in (f"<message from='x@{TWO}' to='x@{ONE}'/>",
                      f"<db:result from='{TWO}' to='{ONE}'>00</db:result>",
                      f"<auth xmlns='{NS.sasl}' mechanism='EXTERNAL'>=</auth>"):
            clear = Connection(one.ports["s2s"], name="clear", domain=ONE)
            one.connections.append(clear)
            server_open(clear, TWO)
            if clear.mechanisms() or clear.has_feature("{urn:xmpp:features:dialback}dialback"):
                raise Failure("there are features beside TLS")
            clear.send(early)
            clear.expect_stream_error("policy-violation")
        stranger = peer(one, sender=TWO)
        stranger.send(f"<message from='x@{TWO}' to='x@{ONE}'><body>early</body></message>")
        stranger.expect_stream_error("invalid-from")


@test("RFC 6120 4.7.2, 4.8.3: headers that name no domain of ours, or the content of a client")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        for header, error in (({"to": "elsewhere.example"}, "host-unknown"),
                              ({"xmlns": NS.client}, "invalid-namespace"),
                              ({"version": "0.9"}, "unsupported-version")):
            connection = Connection(one.ports["s2s"], name="header", domain=ONE)
            one.connections.append(connection)
            connection.restart()
            connection.send(connection.stream_header(**{"xmlns": SERVER, "from_": TWO, **header}))
            connection.expect_stream_error(error)


@test("RFC 9525: certificates that are expired, for others, self-signed or a domain's of ours prove nothing")
def _():
    with Federation(ONE) as federation:
        issue, one = federation.authority.issue, federation.servers[ONE]
        for identity, why in ((issue([f"DNS:{TWO}"], days=-1), "expired"),
                              (issue([f"DNS:{THREE}"]), "names other domains"),
                              (issue([f"DNS:*.{TWO}"]), "names other domains"),
                              (issue([f"email:x@{TWO}"]), "names other domains"),
                              (issue([f"DNS:{TWO}"], signed=False), "self"),
                              (issue([f"DNS:{TWO}"], usage="codeSigning"), "purpose"),
                              (None, "no certificate")):
            mark = one.log_mark()
            connection = peer(one, sender=TWO, identity=identity)
            if connection.mechanisms():
                raise Failure("EXTERNAL is offered")
            one.wait_log(f"certificate of the server does not count.*from={TWO}.*{why}", since=mark)
            connection.auth("EXTERNAL", b"")
            check_sasl_failure(connection.outcome(), "invalid-mechanism")
        own = peer(one, sender=ONE, identity=issue([f"DNS:{ONE}"]))
        if own.mechanisms():
            raise Failure("a domain of ours may come from elsewhere")


@test("RFC 9525: domains are proved by DNS-ID, wildcard, SRV-ID and XmppAddr, for clients' TLS or servers'")
def _():
    with Federation(ONE) as federation:
        for names in ([f"DNS:{TWO}"], ["DNS:*.hall.example"], [f"otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-server.{TWO}"],
                      [f"otherName:1.3.6.1.5.5.7.8.5;UTF8:{TWO}"], [f"DNS:{THREE}", f"DNS:{TWO.upper()}"]):
            sender = "great.hall.example" if "*" in names[0] else TWO
            identity = federation.authority.issue(names)
            connection = peer(federation.servers[ONE], sender=sender, identity=identity)
            if connection.mechanisms() != ["EXTERNAL"]:
                raise Failure(f"{names} does not prove {sender}")
            connection.auth("EXTERNAL", b"")
            if connection.outcome().tag != "{%s}success" % NS.sasl:
                raise Failure("no success")


@test("RFC 6120 6.4.6: nobody logs in as somebody else than the certificate's domain")
def _():
    with Federation(ONE) as federation:
        both = federation.authority.issue([f"DNS:{TWO}", f"DNS:{THREE}"])
        for wanted in (THREE, ONE, f"user@{TWO}", "not a domain@@"):
            connection = peer(federation.servers[ONE], sender=TWO, identity=both)
            connection.auth("EXTERNAL", wanted.encode())
            check_sasl_failure(connection.outcome(), "invalid-authzid")


@test("stanzas may not be larger or deeper than the limits; before proof they are tighter")
def _():
    with Federation(ONE, settings="stanza_bytes = 20000") as federation:
        for size, error in ((19000, None), (20100, "policy-violation")):
            connection = proved(federation)
            head = f"<message from='x@{TWO}' to='{ONE}' id='big'><body>"
            connection.send(head + "x" * (size - len(head) - 17) + "</body></message>")
            if error:
                connection.expect_stream_error(error)
            else:
                connection.send(f"<iq from='x@{TWO}' to='{ONE}' type='get' id='i'><ping xmlns='{NS.ping}'/></iq>")
                connection.send("</stream:stream>")
                connection.expect_end()
        stranger = peer(federation.servers[ONE], sender=TWO)
        stranger.send(f"<db:result from='{TWO}' to='{ONE}'>{'0' * 17000}</db:result>")
        stranger.expect_stream_error("policy-violation")


@test("a connection carries so many pairs, a domain has so many connections, and no more")
def _():
    with Federation(ONE, workers=3, settings="pairs_per_connection = 3 connections_per_domain = 2") as federation:
        names = [f"d{number}.example" for number in range(4)]
        many = federation.authority.issue([f"DNS:{name}" for name in names])
        connection = peer(federation.servers[ONE], identity=many)
        for number, name in enumerate(names):
            connection.send(f"<db:result from='{name}' to='{ONE}'>00</db:result>")
            kind = "valid" if number < 3 else "error"
            connection.expect(f"<result xmlns='{DIALBACK}' to='{name}' type='{kind}'/>")
        first, second = proved(federation), proved(federation)
        third = peer(federation.servers[ONE], sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        third.auth("EXTERNAL", b"")
        # Behind <success/> another stream begins, maybe in the same bytes.
        said = b"".join(iter(lambda: third.socket.recv(65536), b""))
        if said.count(b"<success") != 1 or b"<resource-constraint" not in said:
            raise Failure(f"not refused: {said}")
        first.end()
        proved(federation)
        second.end()


@test("a connection may fail to prove so many domains, and no more")
def _():
    with Federation(ONE) as federation:
        stranger = peer(federation.servers[ONE], sender=TWO)
        for number in range(20):
            stranger.send(f"<db:result from='d{number}.example' to='{ONE}'>00</db:result>")
            stranger.expect(f"<result xmlns='{DIALBACK}' to='d{number}.example' type='error'/>")
        stranger.expect_stream_error("policy-violation")


@test("a reload that turns federation off ends what there is, and lets nobody in")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        connection, port = proved(federation), one.ports["s2s"]
        early = peer(one, sender=TWO)
        one.configured_ports = {"c2s": one.ports["c2s"]}
        one.reload("reloaded")
        connection.expect_stream_error("policy-violation")
        early.expect_stream_error("policy-violation")
        late = Connection(port, name="late", domain=ONE)
        one.connections.append(late)
        late.expect_close()
        r.send(f"<message to='x@{TWO}' id='m'><body>?</body></message>")
        r.expect(f"<message type='error' id='m'><error><remote-server-not-found xmlns='{NS.stanzas}'/></error></message>")


@test("a domain that a reload makes ours, or wants certificates of, is another server's no more")
def _():
    with Federation(ONE, TWO, settings="dialback = true") as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        federation.certify(two, TWO, [f"DNS:{TWO}"], signed=False)
        two.reload("reloaded")
        j = federation.account("juliet", TWO).login(presence=True)
        j.send(f"<message to='{r.jid}' id='m'/>")
        r.expect("<message id='m'/>")
        one.wait_log(f"server proved.*from={TWO}.*by=dialback")
        other, connection = proved(federation, THREE), proved(federation)
        one.settings = one.settings.replace("dialback = true", "") + f'\ncomponent "{THREE}" {{ secret = "s" }}'
        mark = one.log_mark()
        one.reload("reloaded")
        other.expect_stream_error("policy-violation")
        one.wait_log(f"connection of a server ended.*from={TWO}.*policy-violation", since=mark)
        connection.send(f"<message from='x@{TWO}' to='{r.jid}' id='certified'/>")
        r.expect("<message id='certified'/>")


@test("domains that others name take half of the links; our users find room")
def _():
    with Federation(ONE, workers=1, settings="dialback = true links = 2") as federation:
        names = [f"d{number}.example" for number in range(3)]
        federation.refuse(*names)
        r = federation.account("romeo", ONE).login(presence=True)
        stranger = peer(federation.servers[ONE], sender=TWO)
        for name, condition in ((names[0], "remote-server-timeout"), (names[1], "resource-constraint")):
            stranger.send(f"<db:result from='{name}' to='{ONE}'>00</db:result>")
            stranger.expect(f"<result xmlns='{DIALBACK}' to='{name}' type='error'><error xmlns='{SERVER}'>"
                            f"<{condition} xmlns='{NS.stanzas}'/></error></result>")
        r.send(f"<message to='x@{names[2]}' id='m'><body>?</body></message>")
        r.expect(f"<message type='error' id='m'><error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")


@test("domains that are only remembered for having failed make room for others")
def _():
    with Federation(ONE, workers=1, settings="links = 2") as federation:
        names = [f"d{number}.example" for number in range(3)]
        federation.refuse(*names)
        r = federation.account("romeo", ONE).login(presence=True)

        def condition(name):
            r.send(f"<message to='x@{name}' id='m'><body>?</body></message>")
            return r.expect("<message type='error' id='m'/>").find("{*}error")[0].tag.split("}")[1]
        for name, expected in zip(names, ("remote-server-timeout", "remote-server-timeout", "resource-constraint")):
            if condition(name) != expected:
                raise Failure(f"{name}: not {expected}")
        wait_until(lambda: condition(names[2]) == "remote-server-timeout", "room for another")


@test("bans of domains hold for other servers: what is there ends, what comes is refused, nothing goes")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        connection = proved(federation)
        one.sql(f"INSERT INTO bans (domain) VALUES ('{TWO}')")
        connection.expect_stream_error("policy-violation")
        again = peer(one, sender=TWO, identity=federation.authority.issue([f"DNS:{TWO}"]))
        if again.mechanisms():
            raise Failure("who is banned may log in")
        r.send(f"<message to='x@{TWO}' id='b'><body>?</body></message>")
        r.expect(f"<message type='error' id='b'><error><not-allowed xmlns='{NS.stanzas}'/></error></message>")
        r.expect_nothing("<message/>")


@test("what a user there is to blame for ends nobody else's connection: addresses that are none, bans")
def _():
    with Federation(ONE) as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        connection = proved(federation)

        def write(sender, to=r.jid, kind="bad"):
            connection.send(f"<message from='{sender}' to='{to}' id='{kind}' type='chat'><body>{kind}</body></message>")

        def is_kept_out():
            write(f"thug@{TWO}/x")
            write(f"x@{TWO}", kind="good")
            heard = [r.next().get("id")]
            while heard[-1] != "good":
                heard.append(r.next().get("id"))
            return heard == ["good"]
        for sender, to in ((f"x@{TWO}", f"a b@{ONE}"), (f"x@{TWO}", f"x@{ONE}/\ue000"),
                           (f"x@{TWO}/\ue000", r.jid), (f"a b@{TWO}/x@y/z", r.jid)):
            write(sender, to)
        write(f"x@{TWO}", kind="good")
        r.expect_next("<message id='good'/>")
        federation.servers[ONE].sql(f"INSERT INTO bans (jid) VALUES ('thug@{TWO}')")
        wait_until(is_kept_out, "the ban to count")


@test("a link to a domain that a reload makes ours ends: stanzas would come back by it as from us")
def _():
    with Federation(ONE, TWO) as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.send(f"<message to='{j.jid}' id='m'/>")
        j.expect("<message id='m'/>")
        one.settings += f'\ncomponent "{TWO}" {{ secret = "s" }}'
        mark = one.log_mark()
        one.reload("reloaded")
        one.wait_log(f"link ended.*to={TWO}.*policy-violation", since=mark)


main(server=False)
