#!/usr/bin/python3
"""SQL as the admin interface: an administrator in the midst of a transaction holds rows locked, of accounts and
of every live table. Everybody else chats, logs in and has things stored and acknowledged.

The plain run holds them for some rounds of all that others do, GODWIT_TEST_SOAK=1 for 30 s.
"""
import os
import time

from harness import *

from lib.database import FLAVOUR
from lib.outbox import *
from lib.traffic import percentile

POSTGRESQL = FLAVOUR == "postgresql"
HOLD_S = 30 if os.environ.get("GODWIT_TEST_SOAK") else 0
ROUNDS = 5
ROOMY = "offline { max_messages = 100000 max_bytes = 1000000000 }"


class Others:
    """Those who have nothing to do with what is locked. A round is everything that they do."""

    def __init__(self, server):
        self.server = server
        self.romeo, self.juliet, self.away = server.accounts([("romeo", None), ("juliet", None), ("away", None)])
        befriend(self.romeo, self.juliet)
        self.r, self.j = self.romeo.login("orchard", presence=True), self.juliet.login("balcony", presence=True)
        self.r.enable_sm()
        self.j.roster()
        self.newcomers = server.accounts([(f"newcomer{i}", None) for i in range(3000 if HOLD_S else 50)])
        server.sql("INSERT INTO groups (domain, name) VALUES ('example.org', 'others')")
        self.rounds, self.sent, self.took = 0, 0, {}

    def timed(self, what, function):
        since = time.monotonic()
        result = function()
        self.took.setdefault(what, []).append((time.monotonic() - since) * 1000)
        return result

    def chat(self):
        number = self.r.message(self.juliet.jid)
        self.j.expect(f"<message id='{number}'/>")
        self.sent += 1

    def sql(self, statement):
        """What another administrator writes."""
        if POSTGRESQL:
            self.server.sql(statement)

    def join(self):
        """The presence of who logs in, at those who see it; a contact list that is read and written."""
        newcomer = self.newcomers.pop()
        client = self.timed("login", lambda: newcomer.login("new", presence=True))
        client.roster()
        return newcomer, client

    def stored(self, client):
        client.roster_set("friend@example.net", name="a friend")
        self.r.message(self.away.jid)
        self.sent += 1
        self.r.expect_ack(self.sent, timeout=5)

    def told(self, newcomer, client):
        """All that SQL does, of others: a contact, a group, a message, a session, a ban."""
        name, row = newcomer.username, f"'example.org', '{newcomer.username}'"
        number = send(self.server, "example.org", newcomer)
        client.expect(f"<message id='outbox-{number}'/>")
        number = send(self.server, "example.org", None, to_online="example.org", type="headline")
        client.expect(f"<message id='outbox-{number}'/>")
        self.sql(f"INSERT INTO roster_items (domain, username, contact) VALUES ({row}, 'x@example.net')")
        client.expect_push("x@example.net")
        self.sql(f"INSERT INTO group_members (domain, group_name, username) VALUES ('example.org', 'others', '{name}')")
        wait_until(lambda: self.server.sql(f"SELECT 1 FROM sessions WHERE username = '{name}'"), "its session's row")
        self.sql(f"INSERT INTO bans (jid) VALUES ('{newcomer.jid}')")
        client.expect_stream_error("policy-violation")

    def round(self):
        self.rounds += 1
        for _ in range(20):
            self.timed("chat", self.chat)
        newcomer, client = self.join()
        if POSTGRESQL:
            self.timed("stored", lambda: self.stored(client))
            self.timed("told", lambda: self.told(newcomer, client))
        else:
            self.r.expect_ack(self.sent)
            client.close()

    def hold(self, admin):
        """Goes on for as long as the lock is to last."""
        until_time = time.monotonic() + HOLD_S
        while self.rounds < ROUNDS or time.monotonic() < until_time:
            self.round()
        # It is still there.
        if POSTGRESQL:
            admin.run("SAVEPOINT still_here")
        print(f"# {self.rounds} rounds; " + "; ".join(
            f"{what}: median {percentile(took, 0.5):.1f} ms, slowest {max(took):.0f} ms"
            for what, took in self.took.items()), flush=True)


def lock(admin, locked):
    """Everything that there is of the account."""
    row = f"domain = 'example.org' AND username = '{locked.username}'"
    admin.run("BEGIN" if POSTGRESQL else "BEGIN IMMEDIATE")
    admin.run(f"DELETE FROM sessions WHERE {row}")
    admin.run(f"UPDATE roster_items SET name = 'locked' WHERE {row}")
    admin.run(f"UPDATE users SET disabled_until = 1 WHERE {row}")
    admin.run("UPDATE groups SET title = 'Locked' WHERE name = 'locked'")
    admin.run(f"DELETE FROM group_members WHERE {row}")
    admin.run("UPDATE bans SET reason = 'locked'")
    admin.run("UPDATE outbox SET state = 'failed', error = 'locked' WHERE state = 'waiting'")
    if POSTGRESQL:
        for table in ("users", "roster_groups", "blocked_jids", "vcards", "offline_messages", "last_activity"):
            admin.run(f"SELECT 1 FROM {table} WHERE {row} FOR UPDATE")
        admin.run("SELECT 1 FROM outbox FOR UPDATE")


def furnish(server):
    """An account that has something everywhere."""
    locked = server.account("locked")
    row = f"'example.org', '{locked.username}'"
    server.sql(f"INSERT INTO roster_items (domain, username, contact) VALUES ({row}, 'friend@example.net')")
    server.sql(f"INSERT INTO roster_groups (domain, username, contact, group_name) VALUES "
               f"({row}, 'friend@example.net', 'x')")
    server.sql(f"INSERT INTO blocked_jids (domain, username, jid) VALUES ({row}, 'enemy@example.net')")
    server.sql("INSERT INTO groups (domain, name) VALUES ('example.org', 'locked')")
    server.sql(f"INSERT INTO group_members (domain, group_name, username) VALUES ('example.org', 'locked', "
               f"'{locked.username}')")
    server.sql("INSERT INTO bans (jid) VALUES ('stranger@example.net')")
    return locked


def serve(workers, commits):
    with Server(workers=workers, settings=ROOMY) as server:
        locked, nurse = furnish(server), server.account("nurse")
        others = Others(server)
        client, n = locked.login("here", presence=True), nurse.login("chamber", presence=True)
        n.enable_sm()
        client.sync()
        wait_until(lambda: server.sql(f"SELECT 1 FROM sessions WHERE username = '{locked.username}'"), "its row")
        admin = server.database.another()
        lock(admin, locked)
        # What is asked for the account itself may wait; others must not wait behind it.
        waiting = client.send_iq("set", f"<query xmlns='{NS.roster}'><item jid='later@example.net'/></query>")
        number = send(server, "example.org", locked) if POSTGRESQL else None
        others.hold(admin)
        admin.run("COMMIT" if commits else "ROLLBACK")
        if commits:
            client.expect_stream_error("policy-violation")
            client = locked.login("back", presence=True)
        elif not HOLD_S:
            if client.answer(waiting, timeout=10).get("type") != "result":
                raise Failure("what waited was not stored")
        if number:
            client.expect(f"<message id='outbox-{number}'/>", timeout=10)
        number = n.message(locked.jid)
        client.expect(f"<message id='{number}'/>", timeout=10)
        n.expect_ack(1, timeout=10)
        admin.disconnect()
        server.stop()


@test("rows of one account in every live table are locked, then taken back: others go on", timeout=60 + 2 * HOLD_S)
def _():
    serve(1, False)


@test("rows of one account in every live table are locked, then changed: others go on", timeout=60 + 2 * HOLD_S)
def _():
    serve(2, True)


@test("rows of the outbox are locked, to hundreds of accounts: others go on", timeout=90 + 2 * HOLD_S)
def _():
    if not POSTGRESQL:
        return
    with Server(workers=1, settings=ROOMY) as server:
        others = Others(server)
        crowd = server.accounts([(f"crowd{i}", None) for i in range(300)])
        server.stop()
        for kind in ("'chat'", "'headline'"):
            server.sql(f"INSERT INTO outbox (sender, recipient, type, body) VALUES " + ", ".join(
                f"('example.org', '{account.jid}', {kind}, 'x')" for account in crowd))
        server.sql("INSERT INTO outbox (sender, to_group, body) VALUES ('example.org', 'others', 'x')")
        server.sql("INSERT INTO outbox (sender, to_online, body) VALUES ('example.org', '*', 'x')")
        admin = server.database.another()
        admin.run("BEGIN")
        admin.run("DELETE FROM outbox")
        server.start()
        others.sent = 0
        others.r, others.j = (account.login("again", presence=True) for account in (others.romeo, others.juliet))
        others.r.enable_sm()
        others.hold(admin)
        admin.run("ROLLBACK")
        wait_until(lambda: server.sql("SELECT 1 FROM outbox WHERE state = 'waiting'") == [], "all is sent", 30)
        admin.disconnect()
        server.stop()


main()
