#!/usr/bin/python3
"""XEP-0178 section 2, RFC 6120 sections 13.7.2.2 and 13.8.4: SASL EXTERNAL by certificates of clients."""
import itertools
import os

from harness import *
from lib import tls

FIRST, SECOND = "example.org", "example.net"
VERSIONS = ("1.2", "1.3")
SUCCESS = "{%s}success" % NS.sasl
MECHANISMS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
numbers = itertools.count(1)


def authority(server, name):
    """Paths of the certificate and key of somebody who issues certificates, made on first use."""
    pair = server.path(name + ".pem"), server.path(name + ".key")
    if not os.path.exists(pair[0]):
        tls.make_authority(*pair, name=name)
    return pair


def taking(server, issuers):
    """From a reload on, domains take certificates of these issuers; one that is not named, of nobody."""
    settings = {domain: f' client_ca = "{path}"' for domain, path in issuers.items()}
    if settings != server.domain_settings:
        server.domain_settings = settings
        server.reload("reloaded")


def usual(server):
    """Each domain has an issuer of its own."""
    taking(server, {FIRST: authority(server, "users")[0], SECOND: authority(server, "others")[0]})


def identity(server, *jids, issuer="users", **options):
    """Paths of a certificate for these accounts or JIDs, and of its key."""
    path = server.path(f"client{next(numbers)}")
    return tls.make_client_certificate(authority(server, issuer), path, map(str, jids), **options)


def external(connection, authzid=b""):
    connection.auth("EXTERNAL", authzid)
    return connection.outcome()


def succeed(element):
    if element.tag != SUCCESS:
        raise Failure(f"no success: {show(element)}")


def bound(connection):
    """The bare JID that the stream after SASL is for."""
    connection.open()
    connection.send(f"<iq type='set' id='b'><bind xmlns='{NS.bind}'/></iq>")
    return text(connection.expect("<iq type='result' id='b'/>"), "{%s}bind" % NS.bind, "jid").split("/")[0]


def check_offers(connection, wanted):
    if connection.mechanisms() != wanted:
        raise Failure(f"offered: {connection.mechanisms()}")


@test("RFC 6120 6.3.4: without a certificate there is no EXTERNAL, and all else is as it was")
def _(server, romeo):
    usual(server)
    for version in VERSIONS:
        connection = romeo.connect(version=version)
        check_offers(connection, MECHANISMS)
        check_sasl_failure(external(connection), "invalid-mechanism")
        succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))


@test("RFC 6120 6.3.4: who has shown a certificate of a user is offered EXTERNAL, first of all")
def _(server, romeo):
    usual(server)
    mine = identity(server, romeo)
    for direct in (False, True):
        for version in VERSIONS:
            check_offers(romeo.connect(version=version, direct=direct, identity=mine),
                         ["EXTERNAL"] + MECHANISMS)


@test("XEP-0178 2: a certificate of one user needs no authzid; RFC 6120 13.7.2.2: its address counts")
def _(server, romeo):
    usual(server)
    mine = identity(server, romeo)
    for version in VERSIONS:
        connection = romeo.connect(version=version, identity=mine)
        succeed(external(connection))
        if bound(connection) != romeo.jid:
            raise Failure("somebody else")


@test("XEP-0178 2: the initial response may come later; the user's own address as authzid is fine")
def _(server, romeo):
    usual(server)
    mine = identity(server, romeo.jid.upper())
    connection = romeo.connect(identity=mine)
    connection.auth("EXTERNAL")
    connection.expect(f"<challenge xmlns='{NS.sasl}'/>")
    connection.respond(romeo.jid.encode())
    succeed(connection.outcome())
    if bound(connection) != romeo.jid:
        raise Failure("somebody else")


@test("XEP-0178 2: of several users the authzid tells which; without one it is invalid-authzid")
def _(server, romeo, juliet):
    usual(server)
    both = identity(server, romeo, juliet)
    for account in (romeo, juliet):
        connection = romeo.connect(identity=both)
        check_sasl_failure(external(connection), "invalid-authzid")
        succeed(external(connection, account.jid.encode()))
        if bound(connection) != account.jid:
            raise Failure("somebody else")


@test("RFC 6120 6.5.6: an authzid that is not in the certificate is refused")
def _(server, romeo, juliet):
    usual(server)
    mine = identity(server, romeo)
    for authzid in (juliet.jid, f"{romeo.jid}/orchard", romeo.username, "example.org", "@@",
                    f"{romeo.username}@{SECOND}"):
        check_sasl_failure(external(romeo.connect(identity=mine), authzid.encode()), "invalid-authzid")
    check_sasl_failure(external(romeo.connect(identity=mine), b"\xff"), "malformed-request")
    check_sasl_failure(external(romeo.connect(identity=mine), romeo.jid.encode() + b"\0"),
                       "malformed-request")


@test("RFC 6120 13.7.1.4: names of other kinds are nobody's address")
def _(server, romeo):
    usual(server)
    more = [f"email:{romeo.jid}", f"URI:xmpp:{romeo.jid}", "DNS:example.org"]
    check_offers(romeo.connect(identity=identity(server, more=more)), MECHANISMS)
    check_offers(romeo.connect(identity=identity(server, "example.org", f"{romeo.jid}/orchard")),
                 MECHANISMS)
    check_offers(romeo.connect(identity=identity(server, romeo, more=more)), ["EXTERNAL"] + MECHANISMS)


@test("RFC 6120 13.7.2.2: a certificate that nobody known has issued, or that has expired, does not count")
def _(server, romeo):
    usual(server)
    for wrong, why in ((identity(server, romeo, issuer="others"), "unable to get local issuer"),
                       (identity(server, romeo, issuer="strangers"), "unable to get local issuer"),
                       (identity(server, romeo, days=-1), "expired"),
                       (server.certificate(FIRST), "self-signed"),
                       (identity(server, "example.org"), "names no user")):
        for version in VERSIONS:
            mark = server.log_mark()
            connection = romeo.connect(version=version, identity=wrong)
            check_offers(connection, MECHANISMS)
            server.wait_log(f"certificate of the client does not count.*address={connection.source}"
                            f".*why=.*{why}", since=mark)
            check_sasl_failure(external(connection), "invalid-mechanism")
            succeed(connection.sasl("SCRAM-SHA-256", romeo.username, romeo.password))


@test("RFC 6120 13.7.2.2: each domain has issuers of its own, whatever name the handshake was for")
def _(server, romeo):
    usual(server)
    abroad = server.account("romeo", domain=SECOND)
    both = identity(server, romeo, abroad, issuer="users")
    connection = romeo.connect(identity=both)
    check_offers(connection, ["EXTERNAL"] + MECHANISMS)
    check_sasl_failure(external(connection, abroad.jid.encode()), "invalid-authzid")
    succeed(external(connection))
    check_offers(abroad.connect(identity=both), MECHANISMS)
    theirs = identity(server, romeo, abroad, issuer="others")
    connection = abroad.connect(identity=theirs)
    succeed(external(connection))
    if bound(connection) != abroad.jid:
        raise Failure("somebody else")
    # SNI names one domain, the stream another.
    for mine, mechanisms in ((theirs, MECHANISMS), (both, ["EXTERNAL"] + MECHANISMS)):
        connection = server.raw(listener="c2s-tls", domain=FIRST)
        connection.wrap_tls(server_name=SECOND, context=server.tls_context(None, "xmpp-client", mine))
        connection.open()
        check_offers(connection, mechanisms)


@test("RFC 6120 6.5.2, 6.5.10: disabled and unknown accounts are refused; one without password is not")
def _(server, romeo, juliet):
    usual(server)
    mine = identity(server, romeo)
    server.sql(f"UPDATE users SET scram_sha_1 = NULL, scram_sha_256 = NULL"
               f" WHERE username = '{romeo.username}'")
    succeed(external(romeo.connect(identity=mine)))
    server.sql(f"UPDATE users SET disabled = true WHERE username = '{romeo.username}'")
    check_sasl_failure(external(romeo.connect(identity=mine)), "account-disabled")
    server.sql(f"DELETE FROM users WHERE username = '{romeo.username}'")
    check_sasl_failure(external(romeo.connect(identity=mine)), "not-authorized")
    succeed(external(juliet.connect(identity=identity(server, juliet))))


@test("RFC 6120 13.7.2.2: more certificates than anybody needs end the handshake, and nothing else")
def _(server, romeo):
    usual(server)
    mine = identity(server, romeo)
    with open(mine[0], encoding="utf-8") as file:
        one = file.read()
    chain = server.path("chain.pem")
    for count, fits in ((20, True), (200, False)):
        with open(chain, "w", encoding="utf-8") as file:
            file.write(one * count)
        for version in VERSIONS:
            connection = server.raw(listener="c2s-tls", domain=FIRST)
            try:
                connection.wrap_tls(
                    context=tls.client_context([server.certificate(FIRST)[0]], version=version,
                                               alpn="xmpp-client", identity=(chain, mine[1])))
                connection.open()
            except (OSError, Failure):
                if fits:
                    raise
                continue
            if not fits:
                raise Failure("200 certificates are taken")
            succeed(external(connection))


@test("RFC 6120 6.4.6: who logs in by a certificate must be who the stream header says")
def _(server, romeo, juliet):
    usual(server)
    connection = server.raw(listener="c2s-tls", domain=FIRST)
    connection.wrap_tls(context=server.tls_context(None, "xmpp-client", identity(server, romeo)))
    connection.open(**{"from": juliet.jid})
    connection.auth("EXTERNAL", b"")
    connection.expect_stream_error("invalid-from")


@test("XEP-0178 2: a failed login is one log line with address, name and reason")
def _(server):
    usual(server)
    mark = server.log_mark()
    connection = server.connect(identity=identity(server, f"ghost@{FIRST}"))
    check_sasl_failure(external(connection), "not-authorized")
    server.wait_log(f'"login failed".*address={connection.source} username=ghost mechanism=EXTERNAL '
                    'why="no such account"', since=mark)


@test("RFC 6120 13.7.2.2: what was revoked does not count from the next reload on")
def _(server, romeo, juliet):
    usual(server)
    mine, hers = identity(server, romeo), identity(server, juliet)
    issuer = authority(server, "users")
    with open(server.path("both.pem"), "wb") as file:
        for path in (issuer[0], tls.revoke(issuer, server.path("revoked"), mine[0])):
            with open(path, "rb") as part:
                file.write(part.read())
    taking(server, {FIRST: server.path("both.pem")})
    mark = server.log_mark()
    check_offers(romeo.connect(identity=mine), MECHANISMS)
    server.wait_log('does not count.*why="certificate revoked"', since=mark)
    succeed(external(juliet.connect(identity=hers)))


@test("RFC 6120 5.4.3.1: a reload takes a client_ca over, keeps one that cannot be read, and drops it")
def _(server, romeo):
    usual(server)
    mine = identity(server, romeo)
    mark = server.log_mark()
    taking(server, {FIRST: server.path("nowhere.pem")})
    server.wait_log("keeps its client_ca of before: client_ca .*nowhere.pem cannot be read", since=mark)
    succeed(external(romeo.connect(identity=mine)))
    taking(server, {})
    check_offers(romeo.connect(identity=mine), MECHANISMS)
    usual(server)
    check_offers(romeo.connect(identity=mine), ["EXTERNAL"] + MECHANISMS)


@test("RFC 6120 13.7.2.2: a file without certificates is told before the server starts")
def _():
    with Server() as server:
        server.domain_settings = {FIRST: f' client_ca = "{server.config}"'}
        server.write_config()
        told = server.ctl("check", check=False)
        if told.returncode == 0 or "holds no certificate" not in told.stdout + told.stderr:
            raise Failure(told.stdout + told.stderr)


@test("RFC 6120 13.7.2.2: that an issuer's own certificate is about to expire is told")
def _():
    with Server() as server:
        pair = server.path("old.pem"), server.path("old.key")
        tls.make_authority(*pair, days=5)
        server.domain_settings = {FIRST: f' client_ca = "{pair[0]}"'}
        server.reload(f"needs attention.*client_ca {pair[0]} of {FIRST} expires on")


main()
