#!/usr/bin/python3
"""XEP-0012: Last Activity."""
import subprocess

from harness import *
from lib.database import FLAVOUR

NS_LAST = "jabber:iq:last"
QUERY = f"<query xmlns='{NS_LAST}'/>"


def seconds(answer):
    return int(child(answer, "{%s}query" % NS_LAST).get("seconds"))


def leave(client, status=None):
    """Says farewell and ends the stream."""
    inside = "" if status is None else f"<status>{status}</status>"
    client.presence("unavailable", inside=inside)
    client.end()


@test("XEP-0012 5: the server says how long it has been up")
def _(romeo):
    answer = romeo.login().get(QUERY, to="example.org")
    if not 0 <= seconds(answer) < 3600:
        raise Failure(show(answer))


@test("XEP-0012 3: who is connected was active now, also for itself")
def _(romeo):
    r = romeo.login("orchard")
    for to in (None, romeo.jid):
        if seconds(r.get(QUERY, to=to)) != 0:
            raise Failure("not 0")


@two_users("XEP-0012 3: a contact learns when an account was last there, and its last words")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r = romeo.login("orchard", presence=True)
    j = juliet.login("balcony", presence=True)
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
    if seconds(r.get(QUERY, to=juliet.jid)) != 0:
        raise Failure("not 0 while online")
    leave(j, "Heading Home")
    r.expect(f"<presence from='{j.jid}' type='unavailable'/>")
    # The end of the stream has been answered: the row is on its way, and reads stay behind it.
    answer = r.get(QUERY, to=juliet.jid)
    if text(answer, "{%s}query" % NS_LAST) != "Heading Home" or not 0 <= seconds(answer) < 60 * FACTOR:
        raise Failure(show(answer))
    server.sql(f"UPDATE last_activity SET at = at - 903000000 WHERE username = '{juliet.username}'")
    if not 903 <= seconds(r.get(QUERY, to=juliet.jid)) < 903 + 60 * FACTOR:
        raise Failure(show(answer))


@two_users("XEP-0012 3: who leaves without a word is remembered too")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r = romeo.login("orchard", presence=True)
    j = juliet.login("balcony", presence=True)
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
    j.abort()
    r.expect(f"<presence from='{j.jid}' type='unavailable'/>")
    while True:
        answer = r.get(QUERY, to=juliet.jid)
        if child(answer, "{%s}query" % NS_LAST) is not None:
            break
    if (text(answer, "{%s}query" % NS_LAST) or "") != "":
        raise Failure(show(answer))


@two_users("XEP-0012 3, 4: who may not see the presence is refused, by account and client")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    r.iq_error("get", QUERY, "forbidden", to=juliet.jid)
    r.iq_error("get", QUERY, "forbidden", to=j.jid)
    j.expect_nothing(f"<iq>{QUERY}</iq>", after=r)


@two_users("XEP-0012 8: a stranger does not learn who exists, or is there")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    for kind in ("get", "set"):
        answers = []
        for name in (juliet.jid, j.jid, juliet.jid + "/gone", "nobody@example.org", "nobody@example.org/gone"):
            answer = r.iq(kind, QUERY, to=name)
            if answer.get("from") != name:
                raise Failure(show(answer))
            if kind == "get":
                expect_error(answer, "forbidden")
            answers.append([show(part) for part in answer])
        if any(answer != answers[0] for answer in answers):
            raise Failure(f"told apart: {answers}")
    j.expect_nothing(f"<iq>{QUERY}</iq>", after=r)


@two_users("XEP-0012 4: a client answers its contacts itself")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    identifier = r.send_iq("get", QUERY, to=j.jid)
    request = j.expect(f"<iq type='get' from='{r.jid}'>{QUERY}</iq>")
    j.send(f"<iq type='result' to='{r.jid}' id='{request.get('id')}'>"
           f"<query xmlns='{NS_LAST}' seconds='123'/></iq>")
    if seconds(r.answer(identifier)) != 123:
        raise Failure("not what the client said")


@test("XEP-0012 3: the last of several sessions counts")
def _(server, romeo):
    one, two = romeo.login("one", presence=True), romeo.login("two", presence=True)
    leave(one, "first")
    two.expect(f"<presence from='{one.jid}' type='unavailable'/>")
    # What is written later is there: so would be what was written before.
    two.set("<vCard xmlns='vcard-temp'/>")
    if server.sql(f"SELECT at FROM last_activity WHERE username = '{romeo.username}'"):
        raise Failure("a row while there is a session")


class Lock:
    """Somebody else's on the rows of table last_activity, and on some more rows. SQLite has none of rows."""

    def __init__(self, server, *statements):
        self.psql = None
        if FLAVOUR == "postgresql":
            self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", server.database.uri], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.psql.stdin.write("; ".join(["BEGIN", *statements, "SELECT 1;\n"]))
            self.psql.stdin.flush()
            self.psql.stdout.readline()

    def let_go(self):
        if self.psql is not None:
            self.psql.communicate("COMMIT;\n")


def until_remembered(server, words):
    """The words that accounts left behind, by name."""
    wait_until(lambda: dict(server.sql("SELECT username, status FROM last_activity WHERE status <> ''")) == words,
               f"the last words are {words}")


@test("XEP-0012 3: of a crowd that is gone at once everybody is remembered, also beside one whose row is locked")
def _():
    with Server(workers=1) as server:
        accounts = server.accounts([("crowd", None)] * 40)
        clients = [account.login(presence=True) for account in accounts]
        locked, removed = accounts[7:9]
        words = {account.username: f'{account} says "bye\\"' for account in accounts}
        for client in clients:
            client.presence("unavailable", inside=f"<status>{words[client.account.username]}</status>")
            client.sync()
        of_locked = f"domain = '{locked.domain}' AND username = '{locked.username}'"
        lock = Lock(server, f"SELECT FROM users WHERE {of_locked} FOR UPDATE",
                    f"DELETE FROM users WHERE username = '{removed.username}'")
        for client in clients:
            client.abort()
        if lock.psql is not None:
            del words[removed.username]
            until_remembered(server, {name: said for name, said in words.items() if name != locked.username})
        lock.let_go()
        until_remembered(server, words)


main()
