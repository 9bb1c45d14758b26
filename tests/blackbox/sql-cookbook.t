#!/usr/bin/python3
"""doc/sql.md, the cookbook of administrators: each statement as it is printed, with what it says seen by
clients that are connected."""
import os
import re
import time

from harness import *
from lib.database import FLAVOUR
from lib.server import SOURCE



def statements():
    """(heading, statement) in the order of the page, those of this database."""
    heading, found, block = "", [], None
    with open(os.path.join(SOURCE, "doc", "sql.md"), encoding="utf-8") as page:
        for line in page:
            if line.startswith("## "):
                heading = line[3:].strip()
            elif block is None and re.fullmatch(r"```(sql|sqlite|postgresql)\n", line):
                block = [] if line[3:-1] in ("sql", FLAVOUR) else ()
            elif line == "```\n" and block is not None:
                if block != ():
                    found.append((heading, "".join(block).strip().rstrip(";")))
                block = None
            elif isinstance(block, list):
                block.append(line)
    return found


class Day:
    """Alice and Bob on a fresh server, and what they see."""

    def __init__(self, server):
        self.server = server
        self.alice, self.bob, self.carol = (Account(server, name, "example.org")
                                            for name in ("alice", "bob", "carol"))
        server.insert_users([self.alice, self.bob])
        self.a, self.b = self.online(self.alice, "desk"), self.online(self.bob, "phone")

    def online(self, account, resource):
        client = account.login(resource)
        client.roster()
        client.available()
        return client

    def until(self, found, what):
        deadline = time.monotonic() + 10 * FACTOR
        while not found():
            if time.monotonic() > deadline:
                raise Failure(f"not in time: {what}")
            time.sleep(0.01)

    def can_login(self, account):
        try:
            account.login("try").end()
            return True
        except Failure:
            return False

    def is_shut_out(self):
        self.a.expect_stream_error("not-authorized")
        if self.can_login(self.alice):
            raise Failure("alice can log in")

    def is_back(self):
        self.until(lambda: self.can_login(self.alice), "alice logs in")
        self.a = self.online(self.alice, "desk")

    # What each statement must do, by how it begins (the longest that fits).
    def carol_made(self):
        self.carol.password = "a long secret"
        self.until(lambda: self.can_login(self.carol), "carol logs in")

    def password_changed(self):
        self.alice.password = "another secret"
        self.until(lambda: self.can_login(self.alice), "alice logs in with the new password")

    def carol_deleted(self):
        self.until(lambda: not self.can_login(self.carol), "carol is gone")
        try:
            self.server.insert_users([self.carol])
        except Exception:
            return
        raise Failure("the name can be taken at once")

    def name_free(self):
        self.server.insert_users([self.carol])
        self.carol.password = Account(self.server, "carol", "example.org").password
        self.until(lambda: self.can_login(self.carol), "the new carol logs in")

    def contacts_made(self):
        self.a.expect_push("bob@example.org", subscription="both", name="Bob")
        self.b.expect_push("alice@example.org", subscription="both", name="Alice")
        self.a.expect(f"<presence from='{self.b.jid}'/>")
        self.b.expect(f"<presence from='{self.a.jid}'/>")

    def group_joined(self):
        self.a.expect_push("bob@example.org", name="Bob", inside="<group>Colleagues</group>")

    def group_left(self):
        push = self.a.expect_push("bob@example.org", name="Bob")
        if len(push):
            raise Failure(f"still in a group: {show(push)}")

    def renamed(self):
        self.a.expect_push("bob@example.org", name="Robert")

    def parted(self):
        self.a.expect_push("bob@example.org", subscription="remove")
        self.b.expect("<presence type='unsubscribed' from='alice@example.org'/>")
        self.b.expect_push("alice@example.org", subscription="none")

    def blocked(self):
        return [one.get("jid") for one in self.a.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]]

    def block_made(self):
        self.until(lambda: self.blocked() == ["spam.example.com"], "the block")

    def block_gone(self):
        self.until(lambda: self.blocked() == [], "no block")

    def log_shown(self):
        if not self.rows or "SCRAM" in str(self.rows) or "secret" in str(self.rows):
            raise Failure(f"the log: {self.rows}")

    effects = {
        "INSERT INTO users": carol_made,
        "UPDATE users SET password": password_changed,
        "UPDATE users SET disabled = true": is_shut_out,
        "UPDATE users SET disabled = false": is_back,
        "UPDATE users SET disabled_until = (": is_shut_out,
        "UPDATE users SET disabled_until = microseconds": is_shut_out,
        "UPDATE users SET disabled_until = NULL": is_back,
        "DELETE FROM users": carol_deleted,
        "DELETE FROM deleted_users": name_free,
        "INSERT INTO roster_items": contacts_made,
        "INSERT INTO roster_groups": group_joined,
        "DELETE FROM roster_groups": group_left,
        "UPDATE roster_items SET name": renamed,
        "DELETE FROM roster_items": parted,
        "INSERT INTO blocked_jids": block_made,
        "DELETE FROM blocked_jids": block_gone,
        "SELECT changed_at": log_shown,
        "SELECT moment": log_shown,
    }

    def run(self, statement):
        for start in sorted(self.effects, key=len, reverse=True):
            if statement.startswith(start):
                self.rows = self.server.sql(statement)
                self.effects[start](self)
                return
        raise Failure(f"nobody knows what this must do: {statement}")


@test("doc/sql.md: each statement does what the page says", timeout=120)
def _(server):
    day = Day(server)
    for heading, statement in statements():
        try:
            day.run(statement)
        except Failure as error:
            raise Failure(f"{heading}: {statement}\n{error}") from error


main()
