#!/usr/bin/python3
"""SQL as the admin interface: the table of sessions."""
import time

from harness import *
from lib.database import FLAVOUR

POSTGRESQL = FLAVOUR == "postgresql"
CAPS = ("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node={node} "
        "ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>")


def rows(server, account, columns="resource"):
    return server.sql(f"SELECT {columns} FROM sessions WHERE {account.row} ORDER BY resource")


def until_rows(server, account, expected, columns="resource", timeout=10):
    """Waits until the account's rows are these."""
    wait_until(lambda: rows(server, account, columns), f"the rows {expected}", timeout=timeout,
               wanted=lambda found: found == expected)


def true(value):
    return ("t" if POSTGRESQL else "1") if value else ("f" if POSTGRESQL else "0")


def logged(server, subject="sessions"):
    return int(server.sql(f"SELECT count(*) FROM changes WHERE subject = '{subject}'")[0][0])


@test("a session has a row as long as it lasts, with what is known of it")
def _(server, romeo):
    before = time.time()
    r = romeo.login("orchard")
    columns = "resource, address, client, tls, available, priority"
    until_rows(server, romeo, [("orchard", r.socket.getsockname()[0], None, "TLSv1.3", true(False), "0")],
               columns)
    [(since, active, worker)] = rows(server, romeo, "since, last_active, worker")
    if not before - 1 < int(since) / 1000000 <= int(active) / 1000000 < time.time() + 1:
        raise Failure(f"since {since}, last active {active}")
    if not 0 <= int(worker) < server.workers:
        raise Failure(f"worker {worker}")
    r.available(priority=5, inside=CAPS.format(node="'https://example.net/client'"))
    until_rows(server, romeo, [("https://example.net/client", true(True), "5")],
               "client, available, priority")
    r.presence("unavailable")
    until_rows(server, romeo, [(None, true(False), "0")], "client, available, priority")
    r.end()
    until_rows(server, romeo, [])


@test("what a client writes into its names comes out as it was, or not at all")
def _(server, romeo):
    resource = "a\"b\\c'd {1,2} ☃ 𝄞"
    r = romeo.login(resource)
    name = "x\"y\\z&#x9;é[1,\u2028]"
    r.available(inside=CAPS.format(node="'" + name.replace('"', "&quot;") + "'"))
    found = []
    wait_until(lambda: (found := rows(server, romeo, "client")) and found[0][0] is not None, "the client")
    value = rows(server, romeo, "resource")[0][0], rows(server, romeo, "length(client)")[0][0]
    if value != (resource, str(len(name.replace("&#x9;", "\t")))):
        raise Failure(f"row: {value}")
    r.available(inside=CAPS.format(node="'" + "n" * 5000 + "'"))
    until_rows(server, romeo, [(None, true(True))], "client, available")


@two_users("a row that is deleted disconnects that session, and no other")
def _(server, romeo, juliet):
    first, second = romeo.login("orchard", presence=True), romeo.login("garden")
    j = juliet.login("balcony")
    until_rows(server, romeo, [("garden",), ("orchard",)])
    before = logged(server)
    server.sql(f"DELETE FROM sessions WHERE {romeo.row} AND resource = 'orchard'")
    first.expect_stream_error("policy-violation")
    second.sync()
    j.sync()
    until_rows(server, romeo, [("garden",)])
    second.end()
    until_rows(server, romeo, [])
    until_rows(server, juliet, [("balcony",)])
    if logged(server) != before + 1:
        raise Failure("what the server writes is in the log of changes")
    romeo.login("orchard")
    until_rows(server, romeo, [("orchard",)])


@two_users("all sessions of an address, or all there are, end by one statement")
def _(server, romeo, juliet):
    clients = [account.login(name) for account in (romeo, juliet) for name in ("one", "two", "three")]
    wait_until(lambda: server.sql("SELECT count(*) FROM sessions") == [("6",)], "six rows")
    server.sql("DELETE FROM sessions WHERE address LIKE '127.%'")
    for client in clients:
        client.expect_stream_error("policy-violation")
    wait_until(lambda: server.sql("SELECT count(*) FROM sessions") == [("0",)], "no rows")


@test("a row of a session that has been replaced meanwhile throws nobody out")
def _(server, romeo):
    old = romeo.login("orchard")
    until_rows(server, romeo, [("orchard",)])
    server.sql("BEGIN" if POSTGRESQL else "BEGIN IMMEDIATE")
    server.sql(f"DELETE FROM sessions WHERE {romeo.row} AND resource = 'orchard'")
    new = romeo.login("orchard")
    old.expect_stream_error("conflict")
    server.sql("COMMIT")
    server.sql(f"UPDATE users SET disabled = false WHERE {romeo.row}")
    until_rows(server, romeo, [("orchard",)])
    # Later changes are told later.
    other = romeo.login("other")
    until_rows(server, romeo, [("orchard",), ("other",)])
    server.sql(f"DELETE FROM sessions WHERE {romeo.row} AND resource = 'other'")
    other.expect_stream_error("policy-violation")
    new.sync()
    until_rows(server, romeo, [("orchard",)])


@two_users("rows that are held locked delay nobody, and are right in the end")
def _(server, romeo, juliet):
    if not POSTGRESQL:
        return
    r = romeo.login("orchard", presence=True)
    until_rows(server, romeo, [(true(True),)], "available")
    server.sql("BEGIN")
    server.sql(f"DELETE FROM sessions WHERE {romeo.row}")
    j = juliet.login("balcony")
    until_rows(server, juliet, [("balcony",)])
    r.end()
    j.end()
    until_rows(server, juliet, [])
    server.sql("ROLLBACK")
    until_rows(server, romeo, [])
    if "lock" in server.log():
        raise Failure("a statement has waited for a lock")


@two_users("after kill -9 and a restart the rows are those of the sessions that there are")
def _(server, romeo, juliet):
    clients = [romeo.login("orchard"), juliet.login("balcony")]
    until_rows(server, romeo, [("orchard",)])
    until_rows(server, juliet, [("balcony",)])
    server.kill()
    del clients
    server.start()
    juliet.login("window")
    until_rows(server, juliet, [("window",)])
    until_rows(server, romeo, [])
    server.restart()
    wait_until(lambda: server.sql("SELECT count(*) FROM sessions") == [("0",)], "no rows")


@test("an administrator makes no rows and changes none")
def _(server, romeo):
    romeo.login("orchard")
    until_rows(server, romeo, [("orchard",)])
    for statement in (f"UPDATE sessions SET priority = 1 WHERE {romeo.row}",
                      "INSERT INTO sessions (id, domain, username, resource, since, last_active, available,"
                      " priority, worker) VALUES (1, 'example.org', 'x', 'x', 0, 0, false, 0, 0)"):
        with server.sql_role("godwit_admin"):
            server.sql_refused(statement, "permission denied", "can only be deleted")


@test("that a client is active is seen within a minute or so", timeout=150)
def _(server, romeo):
    r = romeo.login("orchard")
    until_rows(server, romeo, [("orchard",)])
    [(login,)] = rows(server, romeo, "since")
    wait_until(lambda: time.time() > int(login) / 1000000 + 3, "some seconds")
    r.sync()
    wait_until(lambda: int(rows(server, romeo, "last_active")[0][0]) > int(login) + 1500000,
               "the time of the ping", timeout=75)


main()
