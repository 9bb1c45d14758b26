#!/usr/bin/python3
"""SQL as the admin interface: the table of bans."""
import time

from harness import *
from lib.database import FLAVOUR


def ban(server, column, value, expires="NULL"):
    """Waits until it is in force."""
    mark = server.log_mark()
    server.sql(f"INSERT INTO bans ({column}, reason, expires_at) VALUES ('{value}', 'test', {expires})")
    server.wait_log("bans in force", since=mark)


def lift(server, column, value):
    mark = server.log_mark()
    server.sql(f"DELETE FROM bans WHERE {column} = '{value}'")
    server.wait_log("bans in force", since=mark)


@two_users("a network is banned: its connections end, at any stage, and no other comes in")
def _(server, romeo, juliet):
    r = romeo.login("orchard", source="127.66.1.2")
    j = juliet.login("balcony", source="127.67.1.2")
    stranger = server.connect(source="127.66.1.3")
    ban(server, "address", "127.66.0.0/16")
    r.expect_stream_error("policy-violation")
    stranger.expect_stream_error("policy-violation")
    j.sync()
    if can_login(romeo, source="127.66.200.1"):
        raise Failure("somebody got in")
    romeo.login("orchard", source="127.65.1.2")
    lift(server, "address", "127.66.0.0/16")
    romeo.login("garden", source="127.66.1.2")


@test("a banned address gets no answer at all")
def _(server):
    ban(server, "address", "127.66.9.9/32" if FLAVOUR == "postgresql" else "127.66.9.9")
    raw = None
    try:
        raw = server.raw(source="127.66.9.9")
        raw.try_send("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'"
                     " xmlns='jabber:client' version='1.0' to='example.org'>")
        raw.expect_close()
    except OSError:
        pass  # closed even earlier
    if raw is not None and raw.header is not None:
        raise Failure("an answer")
    server.raw(source="127.66.9.10").close()
    server.sql("DELETE FROM bans")


@two_users("an account is banned: its sessions end, it cannot log in, and others can")
def _(server, romeo, juliet):
    clients = [romeo.login("one"), romeo.login("two")]
    j = juliet.login("balcony")
    ban(server, "jid", romeo.jid)
    for client in clients:
        client.expect_stream_error("policy-violation")
    if can_login(romeo) or can_login(romeo, mechanism="PLAIN"):
        raise Failure("it can log in")
    j.sync()
    juliet.login("window")
    lift(server, "jid", romeo.jid)
    romeo.login("one")


@test("a domain is banned, and another is not")
def _(server, romeo):
    other = server.account("benvolio", domain="example.net")
    o, r = other.login("square"), romeo.login("orchard")
    ban(server, "domain", "example.net")
    o.expect_stream_error("policy-violation")
    r.sync()
    if can_login(other):
        raise Failure("it can log in")
    lift(server, "domain", "example.net")
    other.login("square")


@test("a ban ends when it expires, and one that has is none")
def _(server, romeo):
    r = romeo.login("orchard")
    ban(server, "jid", romeo.jid, expires=int((time.time() - 1) * 1000000))
    r.sync()
    server.sql("DELETE FROM bans")
    # First for longer than the slowest machine takes.
    ban(server, "jid", romeo.jid, expires=int((time.time() + 3600) * 1000000))
    r.expect_stream_error("policy-violation")
    soon = int((time.time() + 1.5) * 1000000) + (0 if FLAVOUR == "postgresql" else 0.25)
    mark = server.log_mark()
    server.sql(f"UPDATE bans SET expires_at = {soon}")
    server.wait_log("bans in force", since=mark)
    wait_until(lambda: can_login(romeo), "login after the time")
    if time.time() * 1000000 < soon:
        raise Failure("login before the time")
    server.sql("DELETE FROM bans")


@test("a ban that could not be read is in force as soon as it can be")
def _(server, romeo):
    r, mark = romeo.login("orchard"), server.log_mark()
    server.sql("BEGIN")
    server.sql(f"INSERT INTO bans (jid) VALUES ('{romeo.jid}')")
    server.sql("ALTER TABLE bans RENAME TO bans_elsewhere")
    server.sql("COMMIT")
    server.wait_log("bans cannot be read", since=mark)
    r.sync()
    server.sql("ALTER TABLE bans_elsewhere RENAME TO bans")
    r.expect_stream_error("policy-violation")
    lift(server, "jid", romeo.jid)


@test("bans are in force after a restart")
def _(server, romeo):
    ban(server, "jid", romeo.jid)
    server.restart()
    server.wait_log("bans in force")
    if can_login(romeo):
        raise Failure("it can log in")
    lift(server, "jid", romeo.jid)


@test("what can be nobody is refused, with what to write instead")
def _(server):
    for columns, values, words in (("address", "'192.0.2.x'", ("cidr", "192.0.2.0/24")),
                                   ("address", "'here'", ("cidr", "192.0.2.0/24")),
                                   ("jid", "'example.org'", ("no account",)),
                                   ("jid", "'Romeo@example.org'", ("prepared", "lower case")),
                                   ("jid", "'romeo@example.org/orchard'", ("no account",)),
                                   ("domain", "'romeo@example.org'", ("no domain", "domain is none")),
                                   ("domain", "''", ("no domain", "domain is none")),
                                   ("jid, domain", "'a@b', 'b'", ("of one address",)),
                                   ("reason", "'none'", ("of one address",))):
        server.sql_refused(f"INSERT INTO bans ({columns}) VALUES ({values})", *words)


@test("TRUNCATE of a table that the server acts on is refused, with what to write instead",
      when=FLAVOUR == "postgresql")
def _(server):
    live = [name for name, in server.sql("SELECT DISTINCT tgrelid::regclass FROM pg_trigger"
                                         " WHERE tgfoid = 'change_note'::regproc")]
    if not {"users", "roster_items", "bans", "settings", "domains", "outbox", "groups"} <= set(live):
        raise Failure(f"only these are live: {live}")
    for name in sorted(set(live) - {"sessions", "links"}):
        server.sql_refused(f"TRUNCATE {name} CASCADE", "would not reach the server")


main()
