#!/usr/bin/python3
"""SQL as the admin interface: accounts."""
import base64
import time

from harness import *
from lib.database import FLAVOUR


def insert(server, name, password="secret"):
    """An account as an administrator makes one, with a password in the row."""
    account = server.account(name)
    server.sql(f"DELETE FROM users WHERE {account.row}")
    server.sql(f"DELETE FROM deleted_users WHERE {account.row}")
    server.sql("INSERT INTO users (domain, username, password) VALUES "
               f"('{account.domain}', '{account.username}', '{password}')")
    account.password = password
    return account


def settled(server, account):
    """Waits until keys stand in the row instead of the password."""
    wait_until(lambda: server.sql("SELECT count(*) FROM users WHERE password IS NULL "
                                  f"AND scram_sha_256 IS NOT NULL AND {account.row}") == [("1",)],
               "keys in the row")


@test("an account with a password in its row can log in, and the password is gone")
def _(server):
    account = insert(server, "romeo", "Ümläut 中文")
    settled(server, account)
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"):
        account.login("orchard", mechanism=mechanism).end()


@test("a name that somebody has written to in vain is an account as soon as it has a row")
def _(server):
    romeo = server.account("romeo")
    ghost = server.account("ghost")
    server.sql(f"DELETE FROM users WHERE {ghost.row}")
    server.sql(f"DELETE FROM deleted_users WHERE {ghost.row}")
    r = romeo.login("orchard")
    r.send(f"<message type='chat' id='m1' to='{ghost.jid}'><body>1</body></message>")
    expect_error(r.expect("<message type='error' id='m1'/>"), "service-unavailable")
    server.insert_users([ghost])
    g = ghost.login("grave", presence=True)
    r.send(f"<message type='chat' id='m2' to='{ghost.jid}'><body>2</body></message>")
    g.expect("<message id='m2'/>")


@test("a new password takes the place of the old one at once, and ends the sessions")
def _(server, romeo):
    r = romeo.login("orchard", presence=True)
    server.sql(f"UPDATE users SET password = 'changed' WHERE {romeo.row}")
    r.expect_stream_error("not-authorized")
    settled(server, romeo)
    romeo.password = "changed"
    wait_until(lambda: can_login(romeo), "login with the new password")
    server.settings = "reset_ends_sessions = false"
    server.reload(wait_for="reloaded")
    r = romeo.login("orchard", presence=True)
    server.sql(f"UPDATE users SET password = 'again' WHERE {romeo.row}")
    romeo.password = "again"
    wait_until(lambda: can_login(romeo), "login with yet another password")
    r.get(f"<ping xmlns='{NS.ping}'/>")
    server.settings = ""
    server.reload(wait_for="reloaded")


@test("whoever was about to log in with the old password when it was reset is sent away")
def _(server, romeo):
    r, other = romeo.login("orchard"), server.connect()
    scram = Scram("SCRAM-SHA-1", romeo.username, romeo.password)
    other.auth("SCRAM-SHA-1", scram.first())
    challenge = other.outcome()
    server.sql(f"UPDATE users SET password = 'changed' WHERE {romeo.row}")
    r.expect_stream_error("not-authorized")
    other.respond(scram.final(base64.b64decode(challenge.text)))
    scram.verify(base64.b64decode(other.outcome().text))
    other.open()
    other.send(f"<iq type='set' id='b'><bind xmlns='{NS.bind}'/></iq>")
    other.expect_stream_error("reset")
    settled(server, romeo)
    romeo.password = "changed"
    romeo.login("orchard").end()


@test("a password that no client can send is refused")
def _(server, romeo):
    for password in ("", "line\nbreak"):
        try:
            server.sql(f"UPDATE users SET password = '{password}' WHERE {romeo.row}")
        except Exception:
            continue
        # SQLite knows nothing of SASLprep: the server finds it.
        server.wait_log("password set with SQL cannot be used")
        wait_until(lambda: server.sql(f"SELECT password FROM users WHERE {romeo.row}") == [(None,)],
                   "the password is wiped")
    romeo.login("orchard")


@test("a password in a row becomes keys though its change is not in the log any more")
def _(server, romeo):
    server.stop()
    server.sql(f"UPDATE users SET password = 'other' WHERE {romeo.row}")
    server.sql("DELETE FROM changes")
    server.start()
    settled(server, romeo)
    romeo.password = "other"
    romeo.login("orchard").end()


@test("a password that godwitctl sets takes the place of one that still stands in the row")
def _(server, romeo):
    server.stop()
    server.sql(f"UPDATE users SET password = 'first' WHERE {romeo.row}")
    server.ctl("user", "passwd", romeo.jid, input="second\n")
    server.start()
    settled(server, romeo)
    romeo.password = "second"
    # The server may still read of the first one, and end a session for it.
    wait_until(lambda: can_login(romeo), "login with the second password")


@test("while a new password cannot become keys the old one is none, and then the new one counts")
def _(server, romeo):
    if FLAVOUR == "postgresql":
        return
    r, mark = romeo.login("orchard", presence=True), server.log_mark()
    for statement in ("BEGIN IMMEDIATE", f"UPDATE users SET password = 'other' WHERE {romeo.row}",
                      "COMMIT", "BEGIN IMMEDIATE"):
        server.sql(statement)
    r.expect_stream_error("not-authorized")
    if can_login(romeo) or can_login(romeo, mechanism="PLAIN"):
        raise Failure("the old password lets somebody in")
    # As long as a write waits for the lock.
    server.wait_log("password set with SQL cannot be used", since=mark, timeout=30)
    server.sql("ROLLBACK")
    settled(server, romeo)
    romeo.password = "other"
    romeo.login("orchard").end()


@test("disabled = true ends the sessions, and nobody gets in until it is false")
def _(server, romeo):
    r = romeo.login("orchard", presence=True)
    server.sql(f"UPDATE users SET disabled = true WHERE {romeo.row}")
    r.expect_stream_error("not-authorized")
    if can_login(romeo):
        raise Failure("a disabled account can log in")
    server.sql(f"UPDATE users SET disabled = false WHERE {romeo.row}")
    romeo.login("orchard")


@test("disabled_until ends the sessions, and passes by itself")
def _(server, romeo):
    r = romeo.login("orchard")
    # First for longer than the slowest machine takes.
    server.sql(f"UPDATE users SET disabled_until = {int((time.time() + 3600) * 1000000)} WHERE {romeo.row}")
    r.expect_stream_error("not-authorized")
    if can_login(romeo):
        raise Failure("an account that is disabled for a while can log in")
    soon = int((time.time() + 1.5) * 1000000)
    server.sql(f"UPDATE users SET disabled_until = {soon} WHERE {romeo.row}")
    wait_until(lambda: can_login(romeo), "login after the time")
    if time.time() * 1000000 < soon:
        raise Failure("login before the time")


@two_users("a deleted account's sessions end, its contacts see it go, and its name is kept")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony")
    j.roster()
    j.available()
    j.expect(f"<presence from='{r.jid}'/>")
    server.sql(f"DELETE FROM users WHERE {romeo.row}")
    r.expect_stream_error("not-authorized")
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    j.expect(f"<presence type='unsubscribed' from='{romeo.jid}'/>")
    wait_until(lambda: j.roster()[romeo.jid].get("subscription") == "none", "subscription none")
    try:
        server.insert_users([romeo])
    except Exception as error:
        if "deleted" not in str(error):
            raise
    else:
        raise Failure("the name of a deleted account can be taken by somebody else")
    server.sql(f"DELETE FROM deleted_users WHERE {romeo.row}")
    server.insert_users([romeo])
    romeo.login("orchard")


def reserved_days(server, account):
    """Deletes the account; for how long its name is kept."""
    server.sql(f"DELETE FROM users WHERE {account.row}")
    kept = server.sql(f"SELECT reserved_until - deleted_at FROM deleted_users WHERE {account.row}")
    return int(kept[0][0]) / 86400e6


@test("the name of a deleted account is kept for as long as reserved_days says, from 0 days to 100 years")
def _(server, romeo, juliet, nurse, paris, tybalt):
    def say(days):
        server.sql(f"UPDATE settings SET value = {days} WHERE name = 'reserved_days'")

    if reserved_days(server, romeo) != 30:
        raise Failure("the default is another")
    for account, days in ((juliet, 36500), (nurse, 1), (paris, 0)):
        say(f"'{days}'")
        if reserved_days(server, account) != days:
            raise Failure(f"not {days} days")
    server.insert_users([paris])
    for account in (juliet, nurse):
        try:
            server.insert_users([account])
        except Exception as error:
            if "deleted" not in str(error):
                raise
        else:
            raise Failure("the name of a deleted account can be taken by somebody else")
    for days in ("'36501'", "'-1'", "'x'"):
        try:
            say(days)
        except Exception as error:
            if not any(words in str(error) for words in ("reserved_days cannot be", "the value is")):
                raise
        else:
            raise Failure(f"accepted: {days}")
    say("NULL")
    if reserved_days(server, tybalt) != 30:
        raise Failure("the default is another after all")


@test("reserved_days in godwit.conf")
def _():
    with Server(settings="reserved_days = 3") as server:
        romeo = server.account("romeo")
        wait_until(lambda: server.sql("SELECT in_force FROM settings WHERE name = 'reserved_days'") == [("3",)],
                   "the setting's row")
        if reserved_days(server, romeo) != 3:
            raise Failure("not 3 days")
        server.stop()


@two_users("an account that is away is deleted: its contacts are told all the same")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    j = juliet.login("balcony")
    j.roster()
    j.available()
    server.sql(f"DELETE FROM users WHERE {romeo.row}")
    j.expect(f"<presence type='unsubscribed' from='{romeo.jid}'/>")
    wait_until(lambda: j.roster()[romeo.jid].get("subscription") == "none", "subscription none")


@two_users("what was changed while no server ran takes effect when one starts")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    server.stop()
    server.sql(f"DELETE FROM users WHERE {romeo.row}")
    server.sql(f"UPDATE users SET password = 'other' WHERE {juliet.row}")
    server.start()
    settled(server, juliet)
    juliet.password = "other"
    wait_until(lambda: can_login(juliet), "login with the new password")
    j = juliet.login("balcony")
    wait_until(lambda: j.roster()[romeo.jid].get("subscription") == "none", "subscription none")


@test("an administrator's role changes accounts and cannot read keys; an onlooker's changes nothing")
def _(server, romeo):
    if FLAVOUR != "postgresql":
        return
    for role, allowed, refused in (
            ("godwit_admin", f"UPDATE users SET disabled = false WHERE {romeo.row}",
             "SELECT scram_sha_256 FROM users"),
            ("godwit_readonly", "SELECT username, disabled FROM users",
             f"UPDATE users SET disabled = true WHERE {romeo.row}")):
        with server.sql_role(role):
            server.sql(allowed)
            server.sql_refused(refused, "permission denied")


main()
