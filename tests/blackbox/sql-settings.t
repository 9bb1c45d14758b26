#!/usr/bin/python3
"""SQL as the admin interface: the table of settings."""
import os
import signal
import time

from harness import *
from lib.cluster import Cluster
from lib.database import FLAVOUR, literal

POSTGRESQL = FLAVOUR == "postgresql"
CLUSTER = Cluster() if POSTGRESQL else None
ITEM = "<query xmlns='jabber:iq:roster'><item jid='{}@example.net'/></query>"


def column(server, name, what):
    rows = server.sql(f"SELECT {what} FROM settings WHERE name = {literal(name)}")
    return rows[0][0] if rows else "no such row"


def change(server, name, value):
    server.sql(f"UPDATE settings SET value = {literal(value)} WHERE name = {literal(name)}")


def set_to(server, name, value, in_force=None):
    """Waits until all workers go by it."""
    change(server, name, value)
    wanted = in_force or value
    wait_until(lambda: column(server, name, "in_force") == wanted and column(server, name, "error") is None,
          f"{name} is {wanted}")


def forget(server):
    server.sql("UPDATE settings SET value = NULL WHERE value IS NOT NULL")
    wait_until(lambda: not server.sql("SELECT 1 FROM settings WHERE error IS NOT NULL OR in_force <> "
                                 "coalesce(configured, default_value)"), "what godwit.conf says")


def disco_name(client):
    answer = client.get("<query xmlns='http://jabber.org/protocol/disco#info'/>", to="example.org")
    return answer[0][0].get("name")


@test("the rows are there when the server is, and say what each setting is")
def _(server):
    rows = {row[0]: row[1:] for row in server.sql(
        "SELECT name, type, unit, minimum, maximum, words, default_value, configured, in_force, value"
        " FROM settings")}
    for name, wanted in (
            ("limits.unacked_seconds", ("number", "seconds", "1", "60", None, "1", None, "1", None)),
            ("log.level", ("word", None, None, None, "debug info warning error", "info",
                           server.log_level, server.log_level, None)),
            ("scram_iterations", ("number", None, "4096", "10000000", None, "10000", "4096", "4096", None)),
            ("register.allow", ("truth", None, None, None, None, "false", None, "false", None))):
        if rows.get(name) != wanted:
            raise Failure(f"{name}: {rows.get(name)}")
    if "workers" in rows or "log.file" in rows or "database" in rows:
        raise Failure("what waits for a restart is no setting")
    if server.sql("SELECT name FROM settings WHERE description = ''"):
        raise Failure("something is not explained")


@two_users("a setting takes effect on those who are connected, wherever they live")
def _(server, romeo, juliet):
    clients = [one.login("desk") for one in (romeo, juliet)]
    for client in clients:
        client.set(ITEM.format("first"))
    set_to(server, "limits.roster_items", "1")
    for client in clients:
        client.iq_error("set", ITEM.format("second"), "not-allowed")
    set_to(server, "limits.roster_items", "2")
    for client in clients:
        client.set(ITEM.format("second"))
    forget(server)
    for client in clients:
        client.set(ITEM.format("third"))


@test("every kind of value, in a module and outside of one")
def _(server, romeo):
    client = romeo.login("desk")
    set_to(server, "disco.name", "The 'house' of Montague")
    if disco_name(client) != "The 'house' of Montague":
        raise Failure("another name")
    set_to(server, "contact.admin", "mailto:a@example.org, xmpp:b@example.org")
    form = show(client.get("<query xmlns='http://jabber.org/protocol/disco#info'/>", to="example.org"))
    if "mailto:a@example.org" not in form or "xmpp:b@example.org" not in form:
        raise Failure(form)
    server.sql("UPDATE settings SET value = TRUE WHERE name = 'version.show_os'")
    wait_until(lambda: "<os" in show(client.get("<query xmlns='jabber:iq:version'/>", to="example.org")), "os")
    set_to(server, "log.level", "error")
    mark = server.log_mark()
    server.account("quiet").login().end()
    set_to(server, "log.level", "info")
    if "quiet" in server.log(mark):
        raise Failure("the log says more than errors")
    set_to(server, "allow_plain", "false")
    if "PLAIN" in show(server.connect().features):
        raise Failure("PLAIN is offered")
    forget(server)
    if "PLAIN" not in show(server.connect().features):
        raise Failure("PLAIN is not offered")


@test("numbers are taken up to their edges")
def _(server):
    for name, minimum, maximum in (("limits.unacked_seconds", 1, 60), ("changes_days", 0, 36500),
                                   ("vcard.max_bytes", 0, 4611686018427387903)):
        for value in (minimum, maximum):
            set_to(server, name, str(value))
        for value in (minimum - 1, maximum + 1, 10 ** 30):
            server.sql_refused(f"UPDATE settings SET value = '{value}' WHERE name = '{name}'",
                               f'cannot be "{value}', "bounds", "whole number")
    forget(server)


@test("what cannot be is refused, and nothing has changed")
def _(server):
    for name, value in (("limits.unacked_seconds", ""), ("limits.unacked_seconds", "two"),
                        ("limits.unacked_seconds", "2.0"), ("limits.unacked_seconds", " 2"),
                        ("limits.unacked_seconds", "02"), ("limits.unacked_seconds", "1; 2"),
                        ("tls_required", ""), ("tls_required", "yes"), ("tls_required", "TRUE"),
                        ("tls_required", "2"),
                        ("log.level", ""), ("log.level", "loud"), ("log.level", "info warning"),
                        ("log.level", "inf"), ("log.level", "Info"),
                        ("disco.name", "a\nb"), ("disco.name", "x" * 10001), ("disco.name", "é" * 5001)):
        server.sql_refused(f"UPDATE settings SET value = {literal(value)} WHERE name = '{name}'",
                           "cannot be", "the value is")
    server.sql_refused("INSERT INTO settings (name, value) VALUES ('limits.unacked_second', '2')", "there is no")
    server.sql_refused("INSERT INTO settings (name, value) VALUES ('limits.unacked_seconds', '2')", "already")
    if server.sql("SELECT name FROM settings WHERE value IS NOT NULL"):
        raise Failure("something has a value")
    if server.sql("SELECT name FROM settings_history WHERE new_value = '02'"):
        raise Failure("something was noted")
    set_to(server, "disco.name", "é" * 5000)
    set_to(server, "disco.name", "")
    forget(server)


@test("what the database cannot know is told in the row, and the others count")
def _(server, romeo):
    client = romeo.login("desk")
    change(server, "contact.admin", "nobody")
    wait_until(lambda: "needs its scheme" in (column(server, "contact.admin", "error") or ""), "the error")
    if column(server, "contact.admin", "in_force") != "":
        raise Failure("it is in force")
    server.wait_log('a value in the table settings does not count" setting=contact.admin')
    set_to(server, "disco.name", "Capulet")
    if disco_name(client) != "Capulet":
        raise Failure("another name")
    server.restart()
    if column(server, "contact.admin", "error") is None or column(server, "disco.name", "in_force") != "Capulet":
        raise Failure("otherwise after a restart")
    set_to(server, "contact.admin", "mailto:a@example.org")
    server.sql("UPDATE settings SET value = CASE WHEN name LIKE '%soft%' THEN '5000000' ELSE '6000000' END"
               " WHERE name LIKE 'limits.output%'")
    wait_until(lambda: column(server, "limits.output_soft_bytes", "in_force") == "5000000", "both fit together")
    change(server, "limits.output_hard_bytes", "4999999")
    contradiction = ("SELECT name FROM settings WHERE name LIKE 'limits.output%'"
                     " AND error LIKE 'output_hard_bytes is less than output_soft_bytes%'")
    wait_until(lambda: len(server.sql(contradiction)) == 1, "one of the two does not count")
    if int(column(server, "limits.output_soft_bytes", "in_force")) \
            > int(column(server, "limits.output_hard_bytes", "in_force")):
        raise Failure("both are in force")
    forget(server)


@test("a change is taken back by one UPDATE; so is all since a moment")
def _(server):
    back = "UPDATE settings SET value = previous_value WHERE name = 'limits.unacked_seconds'"
    set_to(server, "limits.unacked_seconds", "5")
    set_to(server, "limits.unacked_seconds", "7")
    for wanted in ("5", "7", "5"):
        server.sql(back)
        wait_until(lambda: column(server, "limits.unacked_seconds", "in_force") == wanted, wanted)
    moment = int(server.sql("SELECT max(changed_at) FROM settings_history")[0][0]) + 1
    wait_until(lambda: time.time_ns() // 1000 > moment + 1000, "later")
    for name, value in (("limits.unacked_seconds", "8"), ("limits.unacked_seconds", "9"),
                        ("changes_days", "3")):
        set_to(server, name, value)
    server.sql("UPDATE settings SET value = (SELECT old_value FROM settings_history AS h"
               f" WHERE h.name = settings.name AND changed_at >= {moment} ORDER BY h.id LIMIT 1)"
               f" WHERE name IN (SELECT name FROM settings_history WHERE changed_at >= {moment})")
    wait_until(lambda: column(server, "limits.unacked_seconds", "in_force") == "5"
          and column(server, "changes_days", "in_force") == "365", "all as it was")
    forget(server)


@test("the history says what has changed, and nothing that has not")
def _(server):
    server.sql("DELETE FROM settings_history")
    set_to(server, "limits.unacked_seconds", "5")
    change(server, "limits.unacked_seconds", "5")
    set_to(server, "limits.unacked_seconds", "6")
    change(server, "limits.unacked_seconds", None)
    who = ", changed_by" if POSTGRESQL else ""
    rows = server.sql(f"SELECT old_value, new_value, changed_at{who} FROM settings_history ORDER BY id")
    if [row[:2] for row in rows] != [(None, "5"), ("5", "6"), ("6", None)]:
        raise Failure(f"the history: {rows}")
    if any(abs(int(row[2]) / 1000000 - time.time()) > 60 * FACTOR for row in rows):
        raise Failure(f"the times: {rows}")
    if POSTGRESQL and any(row[3] in (None, "godwit_server") for row in rows):
        raise Failure(f"who has done it: {rows}")
    forget(server)


@test("the table wins over the file, which counts again without it")
def _():
    with Server(limits={"roster_items": 7}) as server:
        set_to(server, "limits.roster_items", "9")
        server.limits["roster_items"] = 8
        mark = server.log_mark()
        server.reload(wait_for='"reloaded"')
        server.wait_log('the table settings wins over the file" setting=limits.roster_items table=9 file=8',
                        since=mark)
        wait_until(lambda: column(server, "limits.roster_items", "configured") == "8", "what the file says")
        if column(server, "limits.roster_items", "in_force") != "9":
            raise Failure("the file wins")
        set_to(server, "limits.roster_items", None, in_force="8")


@test("a change takes no notice of a file that somebody is writing")
def _():
    with Server(limits={"roster_items": 7}) as server:
        server.limits["roster_items"] = 8
        server.write_config()
        set_to(server, "limits.login_failures", "2")
        if column(server, "limits.roster_items", "in_force") != "7":
            raise Failure("the file was read")
        with open(server.config, "a", encoding="utf-8") as file:
            file.write("limits {")
        set_to(server, "limits.login_failures", "3")
        os.unlink(server.config)
        set_to(server, "limits.login_failures", "4")


@test("what was set is in force before anybody is let in, after a restart and after a kill")
def _(server, romeo):
    set_to(server, "allow_plain", "false")
    server.restart()
    if "PLAIN" in show(server.connect().features):
        raise Failure("PLAIN is offered")
    server.stop()
    change(server, "limits.sessions_per_account", "1")
    server.start()
    if "PLAIN" in show(server.connect().features):
        raise Failure("PLAIN is offered")
    client = romeo.login("desk")
    if can_login(romeo):
        raise Failure("a second session")
    if column(server, "limits.sessions_per_account", "in_force") != "1":
        raise Failure("what was changed meanwhile does not count")
    client.end()
    server.kill()
    server.start()
    if "PLAIN" in show(server.connect().features):
        raise Failure("PLAIN is offered")
    forget(server)


@test("a file that a value names cannot be used: it does not count, the others do")
def _():
    with Server(settings="s2s { enabled = true }") as server:
        for _ in range(2):
            change(server, "s2s.ca", "/nowhere.pem")
            wait_until(lambda: "/nowhere.pem" in (column(server, "s2s.ca", "error") or ""), "the error")
            set_to(server, "limits.roster_items", "5")
            server.reload(wait_for='"reloaded"')
            server.restart()
            if column(server, "s2s.ca", "error") is None or column(server, "limits.roster_items", "in_force") != "5":
                raise Failure("otherwise after a restart")
            set_to(server, "s2s.ca", server.certificate("example.org")[0])
            change(server, "limits.roster_items", None)


@test("a pipe is no file of trust anchors, nor of authorities")
def _():
    with Server(settings="s2s { enabled = true }") as server:
        pipe = server.path("pipe")
        os.mkfifo(pipe)
        for name in ("dns.trust_anchor_file", "s2s.ca"):
            change(server, name, pipe)
            wait_until(lambda: "cannot be read" in (column(server, name, "error") or ""), "the error")
        set_to(server, "limits.roster_items", "5")


@test("a value that needs a file of godwit.conf which cannot be used does not count, the others do")
def _():
    with Server(settings='s2s { ca = "/nowhere.pem" }') as server:
        change(server, "s2s.enabled", "true")
        wait_until(lambda: "/nowhere.pem" in (column(server, "s2s.enabled", "error") or ""), "the error")
        set_to(server, "limits.roster_items", "5")
        server.restart()
        if column(server, "s2s.enabled", "in_force") != "false" or column(server, "limits.roster_items", "in_force") != "5":
            raise Failure("otherwise after a restart")
        change(server, "s2s.ca", "/elsewhere.pem")
        wait_until(lambda: "/elsewhere.pem" in (column(server, "s2s.ca", "error") or ""), "the error of the other")
        if "/nowhere.pem" not in column(server, "s2s.enabled", "error"):
            raise Failure("there is no file, and nothing is wrong")
        set_to(server, "s2s.ca", server.certificate("example.org")[0])
        wait_until(lambda: column(server, "s2s.enabled", "in_force") == "true", "it is on")


@test("where a file of godwit.conf is gone the configuration stays, and messages of the outbox go on")
def _():
    server = Server()
    secret = server.path("secret")
    with open(secret, "w", encoding="ascii") as file:
        file.write("secret\n")
    server.settings = 'component "gateway.example" { secret_file = "secret" }'
    with server:
        client = server.account("romeo").login("desk", presence=True)
        os.unlink(secret)
        mark = server.log_mark()
        change(server, "limits.roster_items", "5")
        server.wait_log("settings cannot be taken over", since=mark)
        server.sql(f"INSERT INTO outbox (sender, recipient, body) VALUES ('example.org', {literal(client.bare)}, 'hello')")
        client.expect("<message><body>hello</body></message>")


@test("the value of a module that is not loaded waits for it")
def _():
    with Server(modules=["disco", "ping", "version"]) as server:
        set_to(server, "version.show_os", "true")
        server.modules = ["disco", "ping"]
        server.restart()
        if column(server, "version.show_os", "value") != "true" \
                or "no module" not in column(server, "version.show_os", "error"):
            raise Failure("it is forgotten, or in force")
        server.modules = ["disco", "ping", "version"]
        server.restart()
        if column(server, "version.show_os", "in_force") != "true":
            raise Failure("it does not count")
        change(server, "version.show_os", None)
        server.modules = ["disco"]
        server.restart()
        if column(server, "version.show_os", "name") != "no such row":
            raise Failure("the row is still there")


@test("rows that are deleted come again, without their values")
def _(server):
    set_to(server, "limits.unacked_seconds", "5")
    server.sql("DELETE FROM settings")
    wait_until(lambda: column(server, "limits.unacked_seconds", "in_force") == "1", "the row")
    if column(server, "limits.unacked_seconds", "value") is not None:
        raise Failure("it has a value")
    set_to(server, "limits.unacked_seconds", "6")
    forget(server)


@test("a hundred changes in a row, reloads among them: the last counts")
def _(server):
    for number in range(100):
        change(server, "limits.roster_items", str(number + 1))
        if number % 20 == 0:
            server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: column(server, "limits.roster_items", "in_force") == "100", "the last")
    forget(server)


@test("godwitctl goes by the table, and check tells what wins over the file and what does not count")
def _():
    with Server(limits={"roster_items": 7}) as server:
        set_to(server, "scram_iterations", "5000")
        set_to(server, "limits.roster_items", "9")
        change(server, "contact.admin", "nobody")
        for running in (True, False):
            if not running:
                server.stop()
            done = server.ctl("check", check=False)
            for words in ("limits.roster_items = 9 wins over the file's 7", "FAIL    table settings: contact.admin"):
                if words not in done.stdout:
                    raise Failure(done.stdout)
        server.ctl("user", "add", "offline@example.org", input="secret\n")
        if "$5000:" not in server.sql("SELECT scram_sha_256 FROM users WHERE username = 'offline'")[0][0]:
            raise Failure("godwitctl does not know the table")


if POSTGRESQL:
    from lib.database import Postgresql

    @test("an administrator's transaction that holds rows keeps no other change waiting")
    def _(server):
        other = Postgresql.__new__(Postgresql)
        other.psql, other.admin_uri = None, server.database.admin_uri
        other.run("BEGIN")
        try:
            other.run("SELECT name FROM settings WHERE name LIKE 'limits.%' FOR UPDATE")
            other.run("UPDATE settings SET value = '5' WHERE name = 'limits.unacked_seconds'")
            set_to(server, "changes_days", "7")
            server.limits["roster_items"] = 8
            server.reload(wait_for='"reloaded"')
            set_to(server, "changes_days", "8")
            other.run("ROLLBACK")
            wait_until(lambda: column(server, "limits.roster_items", "in_force") == "8", "what was under lock")
            if column(server, "limits.unacked_seconds", "in_force") != "1":
                raise Failure("what was rolled back is in force")
        finally:
            other.disconnect()
        forget(server)

    @test("the server never waits for a row that an administrator is changing")
    def _(server):
        def in_force(value):
            if server.sql("SELECT 1 FROM pg_stat_activity WHERE usename = 'godwit_server'"
                          " AND datname = current_database() AND wait_event_type = 'Lock'"):
                raise Failure("the server waits for a lock")
            return column(server, "changes_days", "in_force") == value

        other = Postgresql.__new__(Postgresql)
        other.psql, other.admin_uri = None, server.database.admin_uri
        other.run("BEGIN")
        try:
            other.run("UPDATE settings SET value = '5000' WHERE name LIKE 'limits.roster%'")
            other.run("UPDATE domains SET key = '/x' WHERE origin <> 'file'")
            for number in range(10):
                change(server, "changes_days", str(number))
                wait_until(lambda: in_force(str(number)), "the change")
        finally:
            other.disconnect()
        forget(server)

    @test("the connections of the server are cut: the change arrives")
    def _(server):
        for number in range(3):
            server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                       " WHERE usename = 'godwit_server' AND datname = current_database()")
            set_to(server, "limits.unacked_seconds", str(number + 2))
        forget(server)

    @test("PostgreSQL restarts between two changes, and dies after one: both are in force", timeout=60)
    def _(server):
        set_to(server, "limits.unacked_seconds", "5")
        for action, value in (("restart", "6"), ("kill", "7")):
            server.database.disconnect()
            CLUSTER.do(action)
            if action == "kill":
                CLUSTER.do("start")
            set_to(server, "limits.unacked_seconds", value)
        forget(server)

    @test("an administrator's role changes values and nothing else, an onlooker's nothing")
    def _(server):
        change = "UPDATE settings SET value = '5' WHERE name = 'changes_days'"
        for role, allowed, refused_statements in (
                ("godwit_admin", (change, "SELECT * FROM settings_history",
                                  "UPDATE settings SET value = previous_value WHERE name = 'changes_days'"),
                 ("DELETE FROM settings", "UPDATE settings SET maximum = 100000 WHERE name = 'changes_days'",
                  "UPDATE settings SET name = 'x' WHERE name = 'changes_days'",
                  "INSERT INTO settings (name, type, default_value, description) VALUES ('x', 'text', '', '')",
                  "DELETE FROM settings_history", "UPDATE settings_history SET old_value = 'x'")),
                ("godwit_readonly", ("SELECT * FROM settings", "SELECT * FROM settings_history"),
                 (change, "INSERT INTO settings (name, value) VALUES ('x', 'y')"))):
            with server.sql_role(role):
                for statement in allowed:
                    server.sql(statement)
                for statement in refused_statements:
                    server.sql_refused(statement, "permission denied")
                if role == "godwit_admin":
                    server.sql_refused("INSERT INTO settings (name, value) VALUES ('x', 'y')", "there is no")
        forget(server)

    @test("an UPDATE that finds no setting is warned of")
    def _(server):
        said = server.sql("UPDATE settings SET value = '5' WHERE name = 'limits.unaked_seconds'")
        if "WARNING" not in str(said):
            raise Failure(str(said))
        if server.sql("UPDATE settings SET value = NULL WHERE name = 'changes_days'"):
            raise Failure("warned of nothing")


main()
