#!/usr/bin/python3
"""SQL as the admin interface: the table of domains."""
import itertools
import os
import ssl

from harness import *
from lib import tls
from lib.database import FLAVOUR, literal

POSTGRESQL = FLAVOUR == "postgresql"
numbers = itertools.count(1)
STREAM = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='{}' version='1.0'"
          " xmlns:stream='http://etherx.jabber.org/streams'>")


def new_name():
    return f"house-{next(numbers)}.example"


def add(server, domain, certificate=None, key=None, client_ca=None):
    files = certificate or server.certificate(domain)[0], key or server.certificate(domain)[1], client_ca
    server.sql("INSERT INTO domains (domain, certificate, key, client_ca) VALUES "
               f"({literal(domain)}, {', '.join(map(literal, files))})")


def state(server, domain):
    rows = server.sql(f"SELECT state, error, origin FROM domains WHERE domain = {literal(domain)}")
    return rows[0] if rows else None


def serve(server, domain, **files):
    """A domain of the table; clients trust its certificate."""
    add(server, domain, **files)
    wait_until(lambda: state(server, domain) == ("served", None, "table"), f"{domain} is served")
    server.guests.append(domain)


def change(server, domain, assignment):
    server.sql(f"UPDATE domains SET {assignment} WHERE domain = {literal(domain)}")


def retire(server, domain):
    server.sql(f"DELETE FROM domains WHERE domain = {literal(domain)}")


def is_served(server, domain):
    connection = server.raw(domain=domain)
    connection.send(STREAM.format(domain))
    try:
        connection.expect_stream_error("host-unknown", timeout=1)
        return False
    except Failure:
        return True
    finally:
        connection.close()


def alive(client):
    client.get("<ping xmlns='urn:xmpp:ping'/>")


def certificate_of(path):
    with open(path, encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


def shown_to(connection):
    return connection.socket.getpeercert(binary_form=True)


@test("the domains of godwit.conf stand in the table, for reading")
def _(server):
    rows = server.sql("SELECT domain, origin, state, error, certificate FROM domains ORDER BY domain")
    if [row[:4] for row in rows] != [(name, "file", "served", None) for name in sorted(server.domains)] \
            or rows[0][4] != server.certificate("example.net")[0]:
        raise Failure(str(rows))
    for statement in ("UPDATE domains SET certificate = '/x' WHERE domain = 'example.org'",
                      "UPDATE domains SET state = 'waiting' WHERE domain = 'example.org'",
                      "DELETE FROM domains WHERE domain = 'example.org'", "DELETE FROM domains",
                      "INSERT INTO domains (domain, certificate, key) VALUES ('example.org', '/x', '/y')"):
        server.sql_refused(statement, "stands in godwit.conf")


@test("a domain that is inserted is served at once, with its certificate; one that is deleted is gone")
def _(server, romeo):
    stays, domain = romeo.login("orchard"), new_name()
    if is_served(server, domain):
        raise Failure("served already")
    serve(server, domain)
    accounts = [server.account("nurse", domain=domain, worker=worker) for worker in (0, 1)]
    clients = [account.login("chamber", presence=True) for account in accounts]
    if any(shown_to(client) != certificate_of(server.certificate(domain)[0]) for client in clients):
        raise Failure("another certificate")
    direct = server.connect(direct=True, domain=domain)
    clients[0].message(clients[1].jid, "hither")
    clients[1].expect("<message><body>hither</body></message>")
    stays.message(clients[1].jid, "from another domain")
    clients[1].expect("<message><body>from another domain</body></message>")
    early = server.connect(domain=domain)
    retire(server, domain)
    for client in (*clients, early, direct):
        client.expect_stream_error("host-gone")
    alive(stays)
    if is_served(server, domain):
        raise Failure("still served")
    serve(server, domain)
    accounts[0].login("chamber")
    retire(server, domain)


@test("what cannot be used is told in the row, and nothing else breaks")
def _(server, romeo):
    client, good = romeo.login("orchard"), new_name()
    pair, other = server.certificate(good), server.certificate(new_name())
    nonsense = server.path("nonsense.pem")
    with open(nonsense, "w", encoding="ascii") as file:
        file.write("nonsense\n")
    pipe, large = server.path("pipe"), server.path("large")
    os.mkfifo(pipe)
    with open(large, "wb") as file:
        file.truncate((16 << 20) + 1)
    serve(server, good)
    for certificate, key, words in (("/nowhere.pem", pair[1], "/nowhere.pem"),
                                    (pair[0], "/nowhere.key", "/nowhere.key"),
                                    (pair[0], other[1], "key"), (nonsense, pair[1], "nonsense.pem"),
                                    (pair[0], nonsense, "nonsense.pem"), (server.directory, pair[1], "directory"),
                                    (pipe, pair[1], "pipe"), (pair[0], pipe, "pipe"), ("/dev/zero", pair[1], "device"),
                                    ("/proc/self/pagemap", pair[1], "no certificate"), (large, pair[1], "too large")):
        bad = new_name()
        add(server, bad, certificate=certificate, key=key)
        wait_until(lambda: state(server, bad)[0] == "failed" and words in state(server, bad)[1], words)
        server.wait_log(f'a domain in the table domains is not served" domain={bad}')
        if is_served(server, bad):
            raise Failure("it is served")
        retire(server, bad)
    alive(client)
    if not is_served(server, good):
        raise Failure("the other is not served")


@test("a certificate that comes later, and one that is replaced by nonsense")
def _(server):
    domain, early = new_name(), new_name()
    paths = server.path("later.crt"), server.path("later.key")
    add(server, domain, *paths)
    wait_until(lambda: state(server, domain)[0] == "failed", "no certificate")
    for source, path in zip(server.certificate(domain), paths):
        os.rename(source, path)
    change(server, domain, "state = 'waiting'")
    wait_until(lambda: state(server, domain) == ("served", None, "table"), "it is served")
    change(server, domain, "certificate = '/nowhere.pem'")
    wait_until(lambda: "keeps its certificate of before" in (state(server, domain)[1] or ""), "the error")
    if state(server, domain)[0] != "served" or not is_served(server, domain):
        raise Failure("it is not served any more")
    serve(server, early)
    if "keeps its certificate" not in state(server, domain)[1]:
        raise Failure("the error is forgotten")
    change(server, domain, f"certificate = {literal(paths[0])}")
    wait_until(lambda: state(server, domain) == ("served", None, "table"), "all is well")


@test("a certificate that clients will refuse is served, and the row says so")
def _(server):
    domain = new_name()
    tls.make_certificate("elsewhere.example", server.path("e.crt"), server.path("e.key"))
    add(server, domain, server.path("e.crt"), server.path("e.key"))
    wait_until(lambda: "does not name" in (state(server, domain)[1] or ""), "the warning")
    serve(server, new_name())
    if state(server, domain)[0] != "served" or "does not name" not in state(server, domain)[1]:
        raise Failure(str(state(server, domain)))
    retire(server, domain)


@test("a reload reads the certificates of the table again; a change of something else does not")
def _(server):
    domain = new_name()
    serve(server, domain)
    before, pair = server.connect(domain=domain), server.certificate(domain)
    for path in pair:
        os.rename(path, path + ".old")
    old = certificate_of(pair[0] + ".old")
    serve(server, new_name())
    server.guests.remove(domain)
    server.reload(wait_for='"reloaded"')
    wait_until(lambda: "keeps its certificate" in (state(server, domain)[1] or ""), "it is kept")
    server.guests.append(domain)
    server.certificate(domain)
    server.contexts.clear()
    server.reload(wait_for='"reloaded"')
    if shown_to(server.connect(domain=domain)) != certificate_of(pair[0]) or shown_to(before) != old:
        raise Failure("another certificate")
    wait_until(lambda: state(server, domain) == ("served", None, "table"), "all is well")


@test("paths may be relative to the folder of godwit.conf")
def _(server):
    domain = new_name()
    serve(server, domain, certificate=os.path.basename(server.certificate(domain)[0]),
          key=os.path.basename(server.certificate(domain)[1]))


@test("who issues certificates to users: named, wrong, taken away")
def _(server):
    domain = new_name()
    authority = server.path("ca.pem"), server.path("ca.key")
    tls.make_authority(*authority)
    serve(server, domain, client_ca=authority[0])
    account = server.account("nurse", domain=domain)
    identity = tls.make_client_certificate(authority, server.path("nurse"), [account.jid])
    offered = lambda: "EXTERNAL" in account.connect(identity=identity).mechanisms()
    if not offered():
        raise Failure("it does not count")
    change(server, domain, "client_ca = '/nowhere.pem'")
    wait_until(lambda: "client_ca" in (state(server, domain)[1] or ""), "it is kept")
    if not offered():
        raise Failure("it is not kept")
    change(server, domain, "client_ca = NULL")
    wait_until(lambda: state(server, domain) == ("served", None, "table"), "all is well")
    if offered():
        raise Failure("it still counts")
    bad = new_name()
    add(server, bad, client_ca="/nowhere.pem")
    wait_until(lambda: state(server, bad)[0] == "failed", "failed")


@test("what is no domain is refused")
def _(server):
    for name in ("House.example", "a@house.example", "house.example/a", "", "house example", "a\nb",
                 "x" * 1024):
        server.sql_refused("INSERT INTO domains (domain, certificate, key)"
                           f" VALUES ({literal(name)}, '/x', '/y')", "the domain")
    for columns, values in (("certificate, key", "'', '/x'"), ("certificate, key", "'/x', ''"),
                            ("certificate, key", f"'/{'x' * 10000}', ''"),
                            ("certificate", "'/x'"), ("key", "'/x'"),
                            ("certificate, key, client_ca", "'/x', '/y', ''")):
        server.sql_refused(f"INSERT INTO domains (domain, {columns}) VALUES ('house.example', {values})",
                           "has no certificate", "not-null", "NOT NULL")
    for name, words in (("x" * 1023, ""), ("münchen.example.", ""), ("-", "")):
        add(server, name, "/nowhere.crt", "/nowhere.key")
        wait_until(lambda: state(server, name)[0] == "failed", "failed")
        retire(server, name)


@test("the file wins over the table")
def _():
    with Server(domains=("example.org",)) as server:
        domain = new_name()
        serve(server, domain)
        client = server.account("nurse", domain=domain).login("chamber")
        server.domains.append(domain)
        server.reload(wait_for='"reloaded"')
        wait_until(lambda: state(server, domain) == ("served", None, "file"), "it is of the file")
        alive(client)
        server.sql_refused(f"DELETE FROM domains WHERE domain = '{domain}'", "stands in godwit.conf")
        server.domains.remove(domain)
        server.reload(wait_for='"reloaded"')
        client.expect_stream_error("host-gone")
        wait_until(lambda: state(server, domain) is None, "the row is gone")


@test("domains of the table are served after a restart, those too that were inserted while it was down")
def _(server):
    domain, late = new_name(), new_name()
    serve(server, domain)
    account = server.account("nurse", domain=domain)
    server.stop()
    add(server, late)
    server.start()
    account.login("chamber")
    if not is_served(server, late):
        raise Failure("what was inserted meanwhile is not served")
    server.kill()
    retire(server, late)
    server.start()
    account.login("chamber")
    if is_served(server, late):
        raise Failure("what was deleted meanwhile is served")


@test("a hundred domains in one statement, and none of them again")
def _(server, romeo):
    client = romeo.login("orchard")
    pair = server.certificate("crowd.example")
    rows = ", ".join(f"('n{number}.crowd.example', '{pair[0]}', '{pair[1]}')" for number in range(100))
    server.sql(f"INSERT INTO domains (domain, certificate, key) VALUES {rows}")
    ours = "FROM domains WHERE domain LIKE '%.crowd.example'"
    wait_until(lambda: server.sql(f"SELECT count(*) {ours} AND state = 'served'") == [("100",)], "all")
    for number in (0, 50, 99):
        if not is_served(server, f"n{number}.crowd.example"):
            raise Failure(f"{number} is not served")
    server.sql(f"DELETE {ours}")
    wait_until(lambda: not is_served(server, "n99.crowd.example"), "none")
    alive(client)


@test("a domain, an account on it and a message to it, in one transaction")
def _(server):
    domain = new_name()
    pair = server.certificate(domain)
    server.sql("BEGIN")
    server.sql(f"INSERT INTO domains (domain, certificate, key) VALUES ('{domain}', '{pair[0]}', '{pair[1]}')")
    account = server.account("nurse", domain=domain)
    server.sql("INSERT INTO outbox (sender, recipient, body) VALUES "
               f"('{domain}', '{account.jid}', 'Welcome')")
    server.sql("COMMIT")
    wait_until(lambda: server.sql(f"SELECT state FROM outbox WHERE recipient = '{account.jid}'")
               == [("sent",)], "it is sent")
    server.guests.append(domain)
    account.login("chamber", presence=True).expect("<message><body>Welcome</body></message>")


@test("a domain is renamed, and comes and goes in one transaction")
def _(server):
    domain, other = new_name(), new_name()
    serve(server, domain)
    client = server.account("nurse", domain=domain).login("chamber")
    change(server, domain, f"domain = '{other}', certificate = {literal(server.certificate(other)[0])},"
           f" key = {literal(server.certificate(other)[1])}")
    client.expect_stream_error("host-gone")
    wait_until(lambda: is_served(server, other), "the new name")
    client = server.guests.append(other) or server.account("nurse", domain=other).login("chamber")
    server.sql("BEGIN")
    retire(server, other)
    add(server, other)
    server.sql("COMMIT")
    wait_until(lambda: state(server, other)[0] == "served", "served")
    alive(client)


@test("godwitctl knows the domains of the table, also while no server runs")
def _():
    with Server(domains=("example.org",)) as server:
        domain, bad = new_name(), new_name()
        serve(server, domain)
        add(server, bad, "/nowhere.crt")
        wait_until(lambda: state(server, bad)[0] == "failed", "failed")
        server.ctl("user", "add", f"nurse@{domain}", input="secret\n")
        server.stop()
        server.ctl("user", "add", f"peter@{domain}", input="secret\n")
        done = server.ctl("check", check=False)
        for words in (f"ok      certificate of {domain}", f"FAIL    certificate of {bad}"):
            if words not in done.stdout:
                raise Failure(done.stdout)


if POSTGRESQL:
    from lib.database import Postgresql

    @test("an administrator's transaction that holds rows keeps no other domain waiting")
    def _(server):
        held, domain = new_name(), new_name()
        serve(server, held)
        other = Postgresql.__new__(Postgresql)
        other.psql, other.admin_uri = None, server.database.admin_uri
        other.run("BEGIN")
        try:
            other.run("SELECT domain FROM domains FOR UPDATE")
            serve(server, domain)
            server.domains.remove("example.net")
            server.reload(wait_for='"reloaded"')
            wait_until(lambda: not is_served(server, "example.net"), "it is gone")
            other.run("ROLLBACK")
            wait_until(lambda: state(server, "example.net") is None, "its row is gone")
        finally:
            other.disconnect()
            server.domains.append("example.net")
            server.reload(wait_for='"reloaded"')

    @test("an administrator's role adds and retires, an onlooker's looks")
    def _(server):
        domain = new_name()
        insert = f"INSERT INTO domains (domain, certificate, key) VALUES ('{domain}', '/x', '/y')"
        for role, allowed, not_allowed in (
                ("godwit_admin", (insert, f"UPDATE domains SET key = '/z' WHERE domain = '{domain}'",
                                  f"UPDATE domains SET state = 'waiting' WHERE domain = '{domain}'",
                                  f"DELETE FROM domains WHERE domain = '{domain}'"),
                 ("UPDATE domains SET origin = 'file'", "UPDATE domains SET error = 'x'",
                  "INSERT INTO domains (domain, certificate, key, origin) VALUES ('x', '/x', '/y', 'file')")),
                ("godwit_readonly", ("SELECT * FROM domains",), (insert, "DELETE FROM domains"))):
            with server.sql_role(role):
                for statement in allowed:
                    server.sql(statement)
                for statement in not_allowed:
                    server.sql_refused(statement, "permission denied")


main()
