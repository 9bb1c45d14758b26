#!/usr/bin/python3
"""doc/sql.md, the cookbook of administrators: each statement as it is printed, with what it says seen by
clients that are connected."""
import os
import re
import time

from harness import *
from lib.database import FLAVOUR
from lib.ports import keep_port
from lib.server import SOURCE



ROSTER_PUSH = "<iq type='set'><query xmlns='jabber:iq:roster'/></iq>"


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
        self.since = {}  # when they logged in last
        self.a, self.b = self.online(self.alice, "desk"), self.online(self.bob, "phone")

    def online(self, account, resource):
        self.since[account.username] = time.time_ns() // 1000
        return online(account, resource)

    def is_shut_out(self):
        self.a.expect_stream_error("not-authorized")
        if can_login(self.alice):
            raise Failure("alice can log in")

    def is_back(self):
        wait_until(lambda: can_login(self.alice), "alice logs in")
        self.a = self.online(self.alice, "desk")

    # What each statement must do, by how it begins (the longest that fits).
    def carol_made(self):
        self.carol.password = "a long secret"
        wait_until(lambda: can_login(self.carol), "carol logs in")

    def password_changed(self):
        self.a.expect_stream_error("not-authorized")
        self.alice.password = "another secret"
        wait_until(lambda: can_login(self.alice), "alice logs in with the new password")
        self.a = self.online(self.alice, "desk")

    def carol_deleted(self):
        wait_until(lambda: not can_login(self.carol), "carol is gone")
        try:
            self.server.insert_users([self.carol])
        except Exception:
            return
        raise Failure("the name can be taken at once")

    def name_free(self):
        self.server.insert_users([self.carol])
        self.carol.password = Account(self.server, "carol", "example.org").password
        wait_until(lambda: can_login(self.carol), "the new carol logs in")

    def contacts_made(self):
        self.a.expect_push("bob@example.org", subscription="both", name="Bob")
        self.b.expect_push("alice@example.org", subscription="both", name="Alice")
        self.a.expect(f"<presence from='{self.b.jid}'/>")
        self.b.expect(f"<presence from='{self.a.jid}'/>")

    def subscriptions_ended(self):
        for client, account, other in ((self.a, self.alice, self.b), (self.b, self.bob, self.a)):
            client.expect_push(other.bare, subscription="none")
            client.expect(f"<presence from='{other.jid}' type='unavailable'/>")
            wait_until(lambda name=account.username: self.server.sql(
                f"SELECT subscription FROM roster_items WHERE username = '{name}'") == [("none",)], "the row")

    def subscriptions_begun(self):
        for client, other in ((self.a, self.b), (self.b, self.a)):
            client.expect_push(other.bare, subscription="both")
            client.expect(f"<presence from='{other.jid}' type='{ABSENT}'/>")

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

    def group_made(self):
        self.a.expect_nothing(ROSTER_PUSH)

    def members_made(self):
        for client, other, contact in ((self.a, self.b, "bob"), (self.b, self.a, "alice")):
            client.expect_push(f"{contact}@example.org", subscription="both",
                               inside="<group>Sales department</group>")
            client.expect(f"<presence from='{other.jid}'/>")

    def retitled(self):
        self.a.expect_push("bob@example.org", inside="<group>Sales</group>")
        self.b.expect_push("alice@example.org", inside="<group>Sales</group>")

    def viewer_made(self):
        self.c = self.online(self.carol, "office")
        self.a.expect_nothing(ROSTER_PUSH)

    def viewers_made(self):
        self.c.expect_push("alice@example.org", subscription="to", inside="<group>Sales</group>")
        self.c.expect_push("bob@example.org", subscription="to", inside="<group>Sales</group>")
        self.c.expect(f"<presence from='{self.a.jid}'/>")

    def shown_to_everybody(self):
        erin = Account(self.server, "erin", "example.org")
        self.server.insert_users([erin])
        e = self.online(erin, "lab")
        wait_until(lambda: "alice@example.org" in e.roster(), "alice on the list of erin")
        e.end()

    def shared_shown(self):
        if sorted(self.rows) != [("alice@example.org", "Sales", "to"), ("bob@example.org", "Sales", "to")]:
            raise Failure(f"the contacts of carol: {self.rows}")

    def member_gone(self):
        self.a.expect_push("bob@example.org", subscription="remove")
        self.b.expect_push("alice@example.org", subscription="to", inside="<group>Sales</group>")

    def many_joined(self):
        self.a.expect_push("carol@example.org", subscription="both", inside="<group>Sales</group>")

    def group_gone(self):
        self.a.expect_push("carol@example.org", subscription="remove")
        self.b.expect_push("alice@example.org", subscription="none")
        self.c.expect_push("alice@example.org", subscription="remove")
        self.c.end()

    def blocked(self):
        return [one.get("jid") for one in self.a.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]]

    def block_made(self):
        wait_until(lambda: self.blocked() == ["spam.example.com"], "the block")

    def block_gone(self):
        wait_until(lambda: self.blocked() == [], "no block")

    def sessions_shown(self):
        wait_until(lambda: [row[:2] for row in self.again()] == [("alice", "desk"), ("bob", "phone")],
                   "the two who are logged in")

    def clients_shown(self):
        wait_until(lambda: self.again() == [(None, "2")], "two without a client")

    def session_ended(self):
        self.a.expect_stream_error("policy-violation")
        self.b.sync()
        self.a = self.online(self.alice, "desk")

    def nobody_ended(self):
        self.a.sync()
        self.b.sync()

    def links_shown(self):
        """Nobody listens at that domain."""
        self.write_there()
        wait_until(lambda: [row[:3] + row[4:] for row in self.again()] == [
            ("out", "example.org", "other.example", None, None, None, "0", "0", "0", "Connection refused")],
                   "the link")

    def rest_shown(self):
        """The first rest is short, and may be over."""
        def rests():
            self.write_there()
            return [row[:2] for row in self.again()] == [("other.example", "Connection refused")]
        wait_until(rests, "what rests")
        self.failed = self.server.log().count("link failed")

    def write_there(self):
        self.a.send("<message to='x@other.example'><body>?</body></message>")
        self.a.expect("<message type='error' from='x@other.example'/>")

    def certificates_shown(self):
        if self.rows:
            raise Failure(f"certificates: {self.rows}")

    def link_ended(self):
        """Our users would like to know whether it is back; after its rest it is only forgotten."""
        wait_until(lambda: self.server.log().count("link failed") > self.failed
                   or not self.server.sql("SELECT 1 FROM links"), "another attempt")

    def parcel_told(self):
        self.b.expect("<message from='example.org'><body>Your parcel is here.</body></message>")

    def lunch_asked(self):
        self.b.expect("<message from='alice@example.org' type='chat' id='order-4711' xml:lang='de'>"
                      "<subject>Lunch</subject><body>Wo bist du?</body></message>")

    def order_told(self):
        self.b.expect("<message from='example.org' type='chat'><body>Ready.</body>"
                      "<order xmlns='urn:example:shop' number='4711'/></message>")

    def all_told(self):
        for client in (self.a, self.b):
            client.expect("<message type='headline'><body>We restart at six.</body></message>")

    def managers_told(self):
        carol = self.online(self.carol, "desk")
        carol.expect("<message from='example.org'><body>The figures are there.</body></message>")
        carol.end()
        wait_until(lambda: not self.server.sql("SELECT id FROM outbox WHERE state = 'waiting'"), "all is sent")

    def managers_listed(self):
        if [row[:3] for row in self.rows] != [("carol", "sent", None)]:
            raise Failure(f"the receivers: {self.rows}")

    def states_shown(self):
        if not self.rows or {row[2] for row in self.rows} != {"sent"}:
            raise Failure(f"the outbox: {self.rows}")
        self.server.sql("INSERT INTO outbox (sender, recipient, body) VALUES "
                        "('example.org', 'dave@example.org', 'Welcome')")
        wait_until(lambda: self.server.sql("SELECT recipient FROM outbox WHERE state = 'failed'"),
                   "dave has no account")
        self.dave = Account(self.server, "dave", "example.org")
        self.server.insert_users([self.dave])

    def tried_again(self):
        self.online(self.dave, "desk").expect("<message><body>Welcome</body></message>")

    def taken_back(self):
        wait_until(lambda: not self.server.sql("SELECT id FROM outbox WHERE state = 'waiting'"),
                   "nothing waits")

    def network_banned(self):
        self.server.wait_log("bans in force")
        self.a.sync()
        self.b.sync()

    def alice_banned(self):
        self.a.expect_stream_error("policy-violation")
        if can_login(self.alice):
            raise Failure("alice can log in")

    def domain_failed(self):
        """The page's certificate is not there; one that is comes by the statement that follows."""
        wait_until(lambda: "example.com.crt" in str(self.server.sql(
            "SELECT error FROM domains WHERE domain = 'example.com' AND state = 'failed'")), "the error")
        certificate, key = self.server.certificate("example.com")
        self.server.guests.append("example.com")
        self.server.sql(f"UPDATE domains SET certificate = '{certificate}', key = '{key}'"
                        " WHERE domain = 'example.com'")
        erin = Account(self.server, "erin", "example.com")
        self.server.insert_users([erin])
        wait_until(lambda: can_login(erin), "erin logs in at the new domain")
        self.e = erin.login("lab")

    def domains_shown(self):
        if self.again() != [("example.com", "table", "served", None), ("example.net", "file", "served", None),
                            ("example.org", "file", "served", None)]:
            raise Failure(f"the domains: {self.again()}")

    def domain_stays(self):
        wait_until(lambda: self.server.sql("SELECT state FROM domains WHERE domain = 'example.com'")
                   == [("served",)], "served again")
        self.e.sync()

    def domain_keeps(self):
        wait_until(lambda: "keeps its certificate" in str(self.server.sql(
            "SELECT error FROM domains WHERE domain = 'example.com' AND state = 'served'")), "the error")
        self.e.sync()

    def domain_gone(self):
        self.e.expect_stream_error("host-gone")
        self.a.sync()

    def settings_shown(self):
        found = {row[0]: row[1:4] for row in self.rows}
        if found["limits.sessions_per_account"] != (None, "20", "20") or len(found) < 30:
            raise Failure(f"the settings: {self.rows}")

    def one_client(self):
        """alice has one session, and the phone is the second: is there room for a third?"""
        phone = self.alice.login("phone")
        try:
            return can_login(self.alice)
        finally:
            phone.end()

    def two_clients(self):
        wait_until(lambda: not self.one_client(), "two clients at most")

    def many_clients(self):
        wait_until(self.one_client, "more than two clients")

    def values_shown(self):
        if self.rows:
            raise Failure(f"values: {self.rows}")
        self.server.sql("UPDATE settings SET value = '2' WHERE name = 'limits.sessions_per_account'")
        wait_until(lambda: self.again() == [("limits.sessions_per_account", "2", None, "2", None)],
                   "the value")

    def history_shown(self):
        if [row[2:] for row in self.rows] != [(None, "2"), ("2", None), (None, "2")]:
            raise Failure(f"the history: {self.rows}")

    def log_shown(self):
        if not self.rows or "SCRAM" in str(self.rows) or "secret" in str(self.rows):
            raise Failure(f"the log: {self.rows}")

    def imports_shown(self):
        if self.rows:
            raise Failure(f"imports: {self.rows}")
        file = ("<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'><user name='dora' password='x'/>"
                "</host></server-data>")
        self.server.ctl("import", "--apply", "-", input=file)
        if [row[:2] for row in self.again()] != [("example.org", "dora")]:
            raise Failure(f"imports: {self.again()}")

    def imports_gone(self):
        if self.server.sql("SELECT * FROM imports"):
            raise Failure("some are still there")

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
        "UPDATE roster_items SET subscription = 'none'": subscriptions_ended,
        "UPDATE roster_items SET subscription = 'both'": subscriptions_begun,
        "INSERT INTO roster_groups": group_joined,
        "DELETE FROM roster_groups": group_left,
        "UPDATE roster_items SET name": renamed,
        "DELETE FROM roster_items": parted,
        "INSERT INTO groups (domain, name, title)": group_made,
        "INSERT INTO groups (domain, name, visible_to)": group_made,
        "INSERT INTO group_members": members_made,
        "INSERT INTO group_members (domain, group_name, username) VALUES ('": viewer_made,
        "INSERT INTO group_members (domain, group_name, username)\n SELECT": many_joined,
        "INSERT INTO group_viewers": viewers_made,
        "UPDATE groups SET title": retitled,
        "UPDATE groups SET visible_to": shown_to_everybody,
        "SELECT contact, title": shared_shown,
        "DELETE FROM group_members": member_gone,
        "DELETE FROM groups": group_gone,
        "INSERT INTO blocked_jids": block_made,
        "DELETE FROM blocked_jids": block_gone,
        "INSERT INTO bans (address": network_banned,
        "INSERT INTO bans (jid": alice_banned,
        "DELETE FROM bans": is_back,
        "SELECT username, resource": sessions_shown,
        "SELECT client": clients_shown,
        "DELETE FROM sessions WHERE domain": session_ended,
        "DELETE FROM sessions WHERE address": nobody_ended,
        "SELECT direction, domain": links_shown,
        "SELECT peer, error": rest_shown,
        "SELECT peer, moment": certificates_shown,
        "DELETE FROM links": link_ended,
        "INSERT INTO domains": domain_failed,
        "SELECT domain, origin": domains_shown,
        "UPDATE domains SET state": domain_stays,
        "UPDATE domains SET certificate": domain_keeps,
        "DELETE FROM domains": domain_gone,
        "SELECT name, value, in_force": settings_shown,
        "UPDATE settings SET value = '2'": two_clients,
        "UPDATE settings SET value = previous_value": many_clients,
        "UPDATE settings SET value = NULL": many_clients,
        "SELECT name, value, configured": values_shown,
        "SELECT changed_at, name, old_value": history_shown,
        "UPDATE settings SET value = (SELECT": many_clients,
        "INSERT INTO outbox (sender, recipient, body": parcel_told,
        "INSERT INTO outbox (sender, recipient, type": lunch_asked,
        "INSERT INTO outbox (sender, recipient, stanza": order_told,
        "INSERT INTO outbox (sender, to_online": all_told,
        "INSERT INTO outbox (sender, to_group": managers_told,
        "SELECT username, state, error": managers_listed,
        "SELECT id, recipient, state": states_shown,
        "UPDATE outbox SET state": tried_again,
        "DELETE FROM outbox": taken_back,
        "SELECT changed_at": log_shown,
        "SELECT moment": log_shown,
        "SELECT domain, username, imported_at": imports_shown,
        "DELETE FROM imports": imports_gone,
    }

    def rows_written(self):
        """Sessions are written within a tenth of a second."""
        online = "SELECT username, since FROM sessions WHERE username IN ('alice', 'bob')"
        wait_until(lambda: sum(int(since) >= self.since[name] for name, since in self.server.sql(online))
                   == 2, "rows of both sessions")

    def run(self, statement):
        for start in sorted(self.effects, key=len, reverse=True):
            if statement.startswith(start):
                if "FROM sessions" in statement:
                    self.rows_written()
                self.again = lambda: self.server.sql(statement)
                self.rows = self.again()
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


main(settings=f's2s {{ enabled = true retry_max = 86400 }}'
              f' route "other.example" {{ address = "127.0.0.1" port = {keep_port()} }}')
