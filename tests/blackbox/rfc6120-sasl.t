#!/usr/bin/python3
"""RFC 6120 section 6: SASL; RFC 5802 and RFC 7677: SCRAM; RFC 9266 and XEP-0440: channel binding."""
import base64
import re

from harness import *
from lib.server import loopback
from lib.tls import channel_binding

SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256")
SUCCESS = "{%s}success" % NS.sasl
CHALLENGE = "{%s}challenge" % NS.sasl


def succeed(element):
    if element.tag != SUCCESS:
        raise Failure(f"no success: {show(element)}")


def refuse(element, conditions="not-authorized"):
    check_sasl_failure(element, conditions)


def challenged(account, mechanism, scram):
    """Sends the first message; returns the connection and the server's challenge."""
    connection = account.connect()
    connection.auth(mechanism, scram.first())
    answer = connection.outcome()
    if answer.tag != CHALLENGE:
        raise Failure(f"no challenge: {show(answer)}")
    return connection, base64.b64decode(answer.text)


def plain(account, authzid="", username=None, password=None):
    return (f"{authzid}\0{account.username if username is None else username}\0"
            f"{account.password if password is None else password}").encode()


def plus(kind, username, password, mechanism, connection, data=None):
    """A -PLUS authentication of its own making; `data` replaces the right binding data."""
    data = channel_binding(connection.socket, kind) if data is None else data
    scram = Scram(mechanism, username, password, binding=(kind, data))
    connection.auth(mechanism, scram.first())
    answer = connection.outcome()
    if answer.tag == CHALLENGE:
        connection.respond(scram.final(base64.b64decode(answer.text)))
        answer = connection.outcome()
    return answer


@test("RFC 6120 6.3.3: the mechanisms, strongest first, PLAIN last")
def _(server):
    offered = server.connect().mechanisms()
    wanted = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
    if offered != wanted:
        raise Failure(f"offered: {offered}")


@test("XEP-0440 2: the types of channel binding are announced, without tls-unique")
def _(server):
    for version in ("1.2", "1.3"):
        connection = server.connect(version=version)
        binding = child(connection.features, "{%s}sasl-channel-binding" % NS.sasl_cb)
        if binding is None:
            raise Failure(show(connection.features))
        types = {one.get("type") for one in binding}
        if types != {"tls-exporter", "tls-server-end-point"}:
            raise Failure(f"types: {types}")


@test("RFC 6120 6.4.6: each mechanism logs in; SASL is not offered again")
def _(romeo):
    for mechanism in (*SCRAMS, "PLAIN"):
        client = romeo.login("orchard", mechanism=mechanism)
        if client.has_feature("{%s}mechanisms" % NS.sasl):
            raise Failure(show(client.features))
        client.end()


@test("RFC 9266, RFC 5929: -PLUS with each type of channel binding, TLS 1.2 and 1.3")
def _(romeo):
    for mechanism in SCRAMS:
        for version in ("1.2", "1.3"):
            for kind in ("tls-exporter", "tls-server-end-point"):
                connection = romeo.connect(version=version)
                succeed(plus(kind, romeo.username, romeo.password, mechanism + "-PLUS", connection))


@test("RFC 5929 3: tls-unique is taken, on TLS 1.3 too: slixmpp and gloox know no other binding")
def _(romeo):
    for mechanism in SCRAMS:
        for version in ("1.2", "1.3"):
            connection = romeo.connect(version=version)
            succeed(plus("tls-unique", romeo.username, romeo.password, mechanism + "-PLUS", connection))


@test("RFC 5802 7: wrong channel binding data fails")
def _(romeo):
    for kind in ("tls-exporter", "tls-server-end-point"):
        for data in (b"\0" * 32, b"", b"x" * 200):
            connection = romeo.connect()
            answer = plus(kind, romeo.username, romeo.password, "SCRAM-SHA-256-PLUS", connection, data)
            refuse(answer, "not-authorized|malformed-request")


@test("RFC 5802 7: the binding of another connection fails")
def _(romeo):
    other = romeo.connect()
    data = channel_binding(other.socket, "tls-exporter")
    answer = plus("tls-exporter", romeo.username, romeo.password, "SCRAM-SHA-256-PLUS",
                  romeo.connect(), data)
    refuse(answer, "not-authorized|malformed-request")


@test("RFC 5802 6: an unknown type of channel binding fails")
def _(romeo):
    connection = romeo.connect()
    refuse(plus("tls-nonsense", romeo.username, romeo.password, "SCRAM-SHA-256-PLUS", connection, b"x"),
           "not-authorized|malformed-request")


@test("RFC 5802 6: y, when the server offered -PLUS, is a downgrade and fails")
def _(romeo):
    for mechanism in SCRAMS:
        connection = romeo.connect()
        refuse(connection.sasl(mechanism, romeo.username, romeo.password, gs2="y,,"),
               "not-authorized|malformed-request")


@test("RFC 5802 6: p without -PLUS, and -PLUS without p, fail")
def _(romeo):
    connection = romeo.connect()
    refuse(plus("tls-exporter", romeo.username, romeo.password, "SCRAM-SHA-256", connection),
           "not-authorized|malformed-request")
    for gs2 in ("n,,", "y,,"):
        connection = romeo.connect()
        refuse(connection.sasl("SCRAM-SHA-256-PLUS", romeo.username, romeo.password, gs2=gs2),
               "not-authorized|malformed-request")


@test("RFC 5802 5.1: c= must be the gs2 header that was sent")
def _(romeo):
    for c in ("eSws", "cD10bHMtZXhwb3J0ZXIsLA==", "bixhPXgs", "biwsAA==", "", "!!"):
        scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
        connection, challenge = challenged(romeo, "SCRAM-SHA-256", scram)
        connection.respond(scram.final(challenge, c=c))
        connection.expect_sasl_failure("not-authorized|malformed-request|incorrect-encoding")


@test("RFC 5802 5.1: another nonce, a wrong proof, a proof of another length")
def _(romeo):
    for wrong in ({"nonce": "other"}, {"proof": base64.b64encode(b"\0" * 32).decode()},
                  {"proof": "AAAA"}, {"proof": ""}, {"proof": "!"}, {"password": "wrong"}):
        scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
        connection, challenge = challenged(romeo, "SCRAM-SHA-256", scram)
        connection.respond(scram.final(challenge, **wrong))
        connection.expect_sasl_failure("not-authorized|malformed-request|incorrect-encoding")


@test("RFC 5802 5.1: messages that are not SCRAM's")
def _(romeo):
    for first in (b"", b"n", b"n,,", b"n,,n=", b"n,,r=x", b"n,,n=a", b"x,,n=a,r=b", b"n,,r=b,n=a",
                  b"n,,n=a=zz,r=b", b"n,b=c,n=a,r=b", b"\0\0\0", b"n,,n=\xff\xfe,r=b"):
        connection = romeo.connect()
        connection.auth("SCRAM-SHA-256", first)
        connection.expect_sasl_failure("malformed-request|not-authorized|invalid-authzid")
    for second in (b"", b"c=biws", b"p=x", b"r=x,c=biws,p=y", b"\0", b"c=biws,r=,p="):
        scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
        connection, _ = challenged(romeo, "SCRAM-SHA-256", scram)
        connection.respond(second)
        connection.expect_sasl_failure("malformed-request|not-authorized|incorrect-encoding")


@test("RFC 5802 5.1: a mandatory extension (m=) that we do not know fails")
def _(romeo):
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    scram.bare = "m=x," + scram.bare
    connection = romeo.connect()
    connection.auth("SCRAM-SHA-256", scram.first())
    connection.expect_sasl_failure("malformed-request|not-authorized")


@test("RFC 5802 5: the challenge has our nonce and more, the salt, and the iteration count")
def _(romeo):
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    _, challenge = challenged(romeo, "SCRAM-SHA-256", scram)
    fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
    if len(fields["r"]) < len(scram.nonce) + 16 or not fields["r"].startswith(scram.nonce):
        raise Failure(f"nonce {fields['r']}")
    if fields["i"] != "4096" or base64.b64decode(fields["s"]) != b"a salt for tests":
        raise Failure(challenge.decode())


@test("RFC 5802 9: an unknown user is challenged like any other, always with the same salt")
def _(server, romeo):
    for mechanism in SCRAMS:
        seen = set()
        for name in ("nobody", "nobody", romeo.username + "x"):
            connection = server.connect()
            scram = Scram(mechanism, name, "x")
            connection.auth(mechanism, scram.first())
            answer = connection.outcome()
            if answer.tag != CHALLENGE:
                raise Failure(show(answer))
            challenge = base64.b64decode(answer.text)
            fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
            seen.add((fields["s"], fields["i"]))
            if len(base64.b64decode(fields["s"])) != len(b"a salt for tests") or fields["i"] != "4096":
                raise Failure(f"tells an unknown user: {challenge}")
            connection.respond(scram.final(challenge))
            connection.expect_sasl_failure("not-authorized")
        if len(seen) != 2:
            raise Failure(f"salts: {seen}")


def salt_of(server, name, mechanism="SCRAM-SHA-256", domain="example.org"):
    """The salt a name is challenged with; the exchange goes no further."""
    connection = server.connect(domain=domain)
    connection.auth(mechanism, Scram(mechanism, name, "x").first())
    challenge = base64.b64decode(connection.outcome().text).decode()
    connection.close()
    return dict(part.split("=", 1) for part in challenge.split(","))["s"]


@test("RFC 5802 9: an unknown user keeps that salt: on all workers, after a restart, until the secret goes")
def _():
    with Server() as server:
        salts = {salt_of(server, "nobody") for _ in range(2 * server.workers)}
        if len(salts) != 1:
            raise Failure(f"salts: {salts}")
        if salt_of(server, "nobody", domain="example.net") in salts:
            raise Failure("the same in two domains: no account has that")
        salts.add(salt_of(server, "nobody", "SCRAM-SHA-1"))
        if len(salts) != 2:
            raise Failure("the same for two mechanisms")
        server.restart()
        salts |= {salt_of(server, "nobody", mechanism) for mechanism in SCRAMS}
        if len(salts) != 2:
            raise Failure("others after a restart")
        secret = server.sql("SELECT value FROM secrets WHERE name = 'fake_salts'")[0][0]
        if len(base64.b64decode(secret)) < 32 or secret in server.log():
            raise Failure("the secret is short, or in the log")
        server.sql("DELETE FROM secrets")
        server.restart()
        if salt_of(server, "nobody") in salts:
            raise Failure("the same without the secret")


@test("RFC 6120 6.5.10: a wrong password and an unknown user are told alike")
def _(server, romeo):
    answers = set()
    for mechanism in (*SCRAMS, "PLAIN"):
        for username in (romeo.username, "nobody"):
            connection = server.connect()
            failure = connection.sasl(mechanism, username, "wrong")
            refuse(failure)
            answers.add(show(failure))
    if len(answers) != 1:
        raise Failure(f"not alike: {answers}")


@test("RFC 6120 6.4.5: the client may try again on the same stream")
def _(romeo):
    connection = romeo.connect()
    refuse(connection.sasl("SCRAM-SHA-256", romeo.username, "wrong"))
    refuse(connection.sasl("PLAIN", romeo.username, "wrong"))
    succeed(connection.sasl("SCRAM-SHA-1", romeo.username, romeo.password))
    connection.open()


@test("RFC 6120 6.4.5: but not for ever")
def _(romeo):
    connection = romeo.connect()
    for attempt in range(5):
        refuse(connection.sasl("PLAIN", romeo.username, "wrong"))
    connection.expect_stream_error("policy-violation")


@test("RFC 6120 6.4.4: <abort/> is answered by aborted; then one may begin again")
def _(romeo):
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    connection, _ = challenged(romeo, "SCRAM-SHA-256", scram)
    connection.send(f"<abort xmlns='{NS.sasl}'/>")
    connection.expect_sasl_failure("aborted")
    succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))


@test("RFC 6120 6.4.2: <auth/> in the midst of an exchange begins another")
def _(romeo, juliet):
    connection, _ = challenged(juliet, "SCRAM-SHA-1", Scram("SCRAM-SHA-1", juliet.username, "x"))
    succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))
    connection, _ = challenged(juliet, "SCRAM-SHA-1", Scram("SCRAM-SHA-1", juliet.username, "x"))
    refuse(connection.sasl("PLAIN", romeo.username, "wrong"))
    connection.respond(b"c=biws,r=x,p=y")
    connection.expect_sasl_failure("malformed-request")


@test("RFC 6120 6.4.2: but not for ever")
def _(romeo):
    connection = romeo.connect()
    for _ in range(6):
        connection.try_send(f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'/>")
    connection.expect_stream_error("policy-violation")


@test("RFC 6120 6.5.2: a disabled account")
def _(server, romeo):
    server.sql(f"UPDATE users SET disabled = true WHERE username = '{romeo.username}'")
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        connection = romeo.connect()
        refuse(connection.sasl(mechanism, romeo.username, romeo.password),
               "account-disabled|not-authorized")


@test("RFC 6120 6.5.5: data that is not base64")
def _(romeo):
    for data in ("*", "AGE", "A===", "AGEA Yg==!", "\u00e4", "=AAA", "AA=A", "BBBB=CCC", "AGEAYh=="):
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            connection = romeo.connect()
            connection.send(f"<auth xmlns='{NS.sasl}' mechanism='{mechanism}'>{data}</auth>")
            connection.expect_sasl_failure("incorrect-encoding")


@test("RFC 6120 6.5.6: an authzid other than oneself is refused")
def _(romeo, juliet):
    for authzid in (juliet.jid, "example.org", f"{romeo.username}@example.net", juliet.username, "@@",
                    "nobody@example.org", f"{romeo.jid}/orchard"):
        connection = romeo.connect()
        connection.auth("PLAIN", plain(romeo, authzid))
        connection.expect_sasl_failure("invalid-authzid")
        connection = romeo.connect()
        refuse(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password, authzid=authzid),
               "invalid-authzid")


@test("RFC 6120 6.3.8: one's own bare JID as authzid is fine")
def _(romeo):
    connection = romeo.connect()
    connection.auth("PLAIN", plain(romeo, romeo.jid))
    succeed(connection.outcome())
    connection = romeo.connect()
    succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password, authzid=romeo.jid))


@test("RFC 6120 6.5.7: a mechanism that was not offered")
def _(server):
    for mechanism in ("ANONYMOUS", "EXTERNAL", "DIGEST-MD5", "CRAM-MD5", "", "SCRAM-SHA-512", "plain",
                      "PLAIN ", "X" * 2000):
        connection = server.connect()
        connection.send(f"<auth xmlns='{NS.sasl}' mechanism='{mechanism}'/>")
        connection.expect_sasl_failure("invalid-mechanism")
    connection = server.connect()
    connection.send(f"<auth xmlns='{NS.sasl}'/>")
    connection.expect_sasl_failure("invalid-mechanism|malformed-request")


@test("RFC 6120 6.5.8: PLAIN that is malformed (RFC 4616)")
def _(romeo):
    for data in (b"x", b"a\0b", b"\0\0", b"\0\0secret", f"\0{romeo.username}\0".encode(), b"\0a\0b\0c",
                 b"\0\xff\0secret", b"\0" + b"u" * 2000 + b"\0secret", b"\0u\0" + b"p" * 5000):
        connection = romeo.connect()
        connection.auth("PLAIN", data)
        connection.expect_sasl_failure("malformed-request|not-authorized")


@test("RFC 6120 6.4.2: an initial response may come later, and \"=\" is an empty one")
def _(romeo):
    connection = romeo.connect()
    connection.auth("PLAIN")
    if connection.outcome().tag != CHALLENGE:
        raise Failure("no challenge for PLAIN without initial response")
    connection.respond(plain(romeo))
    succeed(connection.outcome())
    connection = romeo.connect()
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    connection.auth("SCRAM-SHA-256")
    challenge = connection.outcome()
    if challenge.tag != CHALLENGE or (challenge.text or "") not in ("", "="):
        raise Failure(show(challenge))
    connection.respond(scram.first())
    connection.respond(scram.final(base64.b64decode(connection.outcome().text)))
    success = connection.outcome()
    succeed(success)
    scram.verify(base64.b64decode(success.text))


@test("RFC 6120 6.4.3: a response without an authentication, and one too many")
def _(romeo):
    connection = romeo.connect()
    connection.respond(b"n,,n=a,r=b")
    answer = connection.next()
    if answer.tag == SUCCESS or answer.tag == CHALLENGE:
        raise Failure(show(answer))
    romeo.login("orchard")


@test("RFC 6120 6.4.6: SASL again after success is refused")
def _(romeo):
    for when in ("before restart", "after restart", "after bind"):
        connection = romeo.connect()
        succeed(connection.sasl("PLAIN", romeo.username, romeo.password))
        if when != "before restart":
            connection.open()
        if when == "after bind":
            connection.send(f"<iq type='set' id='b'><bind xmlns='{NS.bind}'/></iq>")
            connection.expect("<iq type='result' id='b'/>")
        connection.auth("PLAIN", plain(romeo))
        connection.wait(lambda: connection.queue or connection.closed, "a refusal")
        if connection.queue and connection.queue[0].tag == SUCCESS:
            raise Failure("success twice")


def claiming(server, sender):
    """A connection whose stream header on TLS has that from."""
    connection = server.raw()
    connection.open()
    connection.starttls()
    connection.open(from_=sender)
    return connection


@test("RFC 6120 6.4.6: who logs in must be who the stream header says")
def _(romeo, juliet):
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        for sender in (romeo.jid, f"{romeo.jid}/orchard", romeo.jid.upper()):
            connection = claiming(romeo.server, sender)
            succeed(connection.sasl(mechanism, romeo.username, romeo.password))
        for sender in (juliet.jid, "example.org", f"{romeo.username}@example.net"):
            connection = claiming(romeo.server, sender)
            connection.auth("PLAIN", plain(romeo))
            connection.expect_stream_error("invalid-from")


@test("RFC 6120 6.4.6: bind and the rest are features only after success")
def _(romeo):
    connection = romeo.connect()
    if connection.has_feature("{%s}bind" % NS.bind):
        raise Failure(show(connection.features))
    succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))
    connection.open()
    if not connection.has_feature("{%s}bind" % NS.bind):
        raise Failure(show(connection.features))


@test("RFC 6120 6.3.2: the stream after success must be for the same domain")
def _(server, romeo):
    connection = romeo.connect()
    succeed(connection.sasl("PLAIN", romeo.username, romeo.password))
    connection.send(connection.stream_header(to=server.domains[1]))
    connection.expect("<stream:error/>")
    connection.expect_close()


@test("RFC 6120 6.3.7: the same name at another domain is another account")
def _(server, romeo):
    other = server.connect(domain=server.domains[1])
    refuse(other.sasl("SCRAM-SHA-256", romeo.username, romeo.password))
    twin = server.account("twin", domain=server.domains[1])
    if not twin.login("x").jid.startswith(f"{twin.username}@{server.domains[1]}/"):
        raise Failure("bound elsewhere")


@test("RFC 7622 3.3: the user name is prepared, so upper case is the same account")
def _(romeo):
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        connection = romeo.connect()
        succeed(connection.sasl(mechanism, romeo.username.upper(), romeo.password))
        connection.open()
        connection.send(f"<iq type='set' id='b'><bind xmlns='{NS.bind}'/></iq>")
        jid = text(connection.expect("<iq id='b'/>"), "{%s}bind" % NS.bind, "jid")
        if not jid.startswith(romeo.jid + "/"):
            raise Failure(jid)


@test("RFC 6120 6.4.2: attributes that we do not know are ignored (Pidgin sends one)")
def _(romeo):
    connection = romeo.connect()
    data = base64.b64encode(plain(romeo)).decode()
    connection.send(f"<auth xmlns='{NS.sasl}' mechanism='PLAIN' xmlns:ga='http://www.google.com/talk/"
                    f"protocol/auth' ga:client-uses-full-bind-result='true'>{data}</auth>")
    succeed(connection.outcome())


@test("RFC 6120 6.3.5: nothing stands between the elements of SASL, not even white space")
def _(romeo):
    connection = romeo.connect()
    before = len(connection.transcript)
    succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))
    for line in connection.transcript[before:]:
        data = line.split(" << ", 1)[1:]
        if data and not re.fullmatch(r"<(challenge|success) xmlns='[^']*'>[A-Za-z0-9+/=]+</\1>", data[0]):
            raise Failure(line)


@test("RFC 6120 6.4.2: iqs and other things in the midst of SASL")
def _(romeo):
    for bad in ("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", "<message/>",
                f"<success xmlns='{NS.sasl}'/>", f"<challenge xmlns='{NS.sasl}'/>"):
        scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
        connection, _ = challenged(romeo, "SCRAM-SHA-256", scram)
        connection.send(bad)
        answer = connection.next()
        if not matches(answer, f"<failure xmlns='{NS.sasl}'/>") and \
                answer.tag != "{%s}error" % NS.stream:
            raise Failure(show(answer))


@test("RFC 6120 6: a failed login is one log line with the address")
def _(server, romeo):
    mark = server.log_mark()
    connection = romeo.connect()
    refuse(connection.sasl("PLAIN", romeo.username, "wrong"))
    line = server.wait_log(connection.source.replace(".", r"\."), since=mark)
    if "wrong" in line.replace("wrong password", ""):
        raise Failure(f"the password is in the log: {line}")


def answered(connections):
    """How many of them have an answer by now."""
    for connection in connections:
        connection.poll()
    return sum(bool(connection.queue) for connection in connections)


@test("RFC 6120 6: passwords that are tried one after the other hold up nobody else")
def _():
    # Twenty times a tenth of a second, and many times that with a sanitizer.
    with Server(workers=1, limits={"login_timeout": 300}) as server:
        slow, quick = server.account("romeo"), server.account("juliet")
        keys = scram_key("SCRAM-SHA-256", slow.password, iterations=400000)
        server.sql(f"UPDATE users SET scram_sha_256 = '{keys}' WHERE username = '{slow.username}'")
        source = loopback()
        flood = [slow.connect(source=source) for _ in range(20)]
        others = [quick.connect(source=loopback()) for _ in range(2)]
        for connection in flood:
            connection.auth("PLAIN", plain(slow))
        succeed(others[0].sasl("SCRAM-SHA-1", quick.username, quick.password))
        count = answered(flood)
        if count > 10:
            raise Failure(f"SCRAM had to wait for {count} passwords")
        succeed(others[1].sasl("PLAIN", quick.username, quick.password))
        if answered(flood) > count + 5:
            raise Failure(f"PLAIN had to wait for {answered(flood) - count} passwords of another address")
        for connection in flood:
            succeed(connection.outcome())


@test("RFC 6120 6: many logins at once")
def _(romeo, juliet):
    connections = [account.connect() for account in (romeo, juliet) * 8]
    scrams = [Scram("SCRAM-SHA-256", c.name, "secret") for c in connections]
    for connection, scram in zip(connections, scrams):
        connection.auth("SCRAM-SHA-256", scram.first())
    for connection, scram in zip(connections, scrams):
        connection.respond(scram.final(base64.b64decode(connection.outcome().text)))
    for connection in connections:
        succeed(connection.outcome())
        connection.open()


main()
