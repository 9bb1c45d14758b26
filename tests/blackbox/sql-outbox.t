#!/usr/bin/python3
"""SQL as the admin interface: messages that applications send by inserting rows into table outbox."""
import os
import random
import threading
import time

from harness import *

from lib.cluster import Cluster
from lib.database import FLAVOUR
from lib.hostile import Watch, latency
from lib.outbox import *
from lib.traffic import *

POSTGRESQL = FLAVOUR == "postgresql"
CLUSTER = Cluster() if POSTGRESQL else None
KILLS = int(os.environ.get("GODWIT_TEST_ROUNDS", "10"))
SEED = int(os.environ.get("GODWIT_TEST_SEED", str(time.time_ns() % 1000000)))
ROOMY = "offline { max_messages = 100000 max_bytes = 1000000000 }"


@two_users("a row is a message, with what its columns say")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    number = send(server, romeo, juliet, "Ümläut <&> 'n\"", subject="a subject", type="chat",
                  language="de")
    message = j.expect(f"<message type='chat' from='{romeo.jid}' to='{juliet.jid}' "
                       f"id='outbox-{number}' xml:lang='de'><subject>a subject</subject>"
                       "<body>Ümläut &lt;&amp;&gt; 'n\"</body></message>")
    if child(message, "{%s}delay" % NS.delay) is not None:
        raise Failure("it was delivered at once, and says that it was delayed")
    wait_state(server, number, "sent")
    number = send(server, "example.org", juliet, message_id="mine")
    j.expect(f"<message from='example.org' id='mine' type='{ABSENT}'><body>hello</body></message>")
    wait_until(lambda: server.sql("SELECT count(*) FROM offline_messages WHERE username = "
                                  f"'{juliet.username}'") == [("0",)], "nothing is kept")
    j.expect_nothing("<message/>")


@test("a row may hold a whole stanza; its addresses are those of the columns")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    send(server, romeo, juliet, None, stanza=" <message type='chat' from='a@b.c' to='d@e.f' id='x'>"
         "<body>1</body><e:extra xmlns:e='urn:x'><e:inner a='&lt;'/></e:extra></message>\n")
    j.expect(f"<message type='chat' from='{romeo.jid}' to='{juliet.jid}' id='x'><body>1</body>"
             "<extra xmlns='urn:x'><inner a='&lt;'/></extra></message>")


@test("what is rolled back is not sent, nor what is taken back before the server sees it")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    server.sql("BEGIN")
    send(server, romeo, juliet, "never")
    server.sql("ROLLBACK")
    server.sql("BEGIN")
    number = send(server, romeo, juliet, "never")
    server.sql(f"DELETE FROM outbox WHERE id = {number}")
    send(server, romeo, juliet, "last")
    server.sql("COMMIT")
    if text(j.expect("<message/>"), "{%s}body" % NS.client) != "last":
        raise Failure("something else came")


@test("an account that is away has it at its next login, with the time")
def _(server, romeo, juliet):
    number = send(server, romeo, juliet)
    wait_state(server, number, "sent")
    j = juliet.login("balcony", presence=True)
    j.expect(f"<message from='{romeo.jid}' id='outbox-{number}'><body>hello</body>"
             f"<delay xmlns='{NS.delay}' stamp='{ANY}'/></message>")


@test("an account made in the same transaction gets it, though others had written to it in vain")
def _(server, romeo):
    ghost = server.account("ghost")
    where = f"domain = '{ghost.domain}' AND username = '{ghost.username}'"
    keys = server.sql(f"SELECT scram_sha_256 FROM users WHERE {where}")[0][0]
    server.sql(f"DELETE FROM users WHERE {where}")
    server.sql(f"DELETE FROM deleted_users WHERE {where}")
    r = romeo.login("orchard")
    r.message(ghost.jid)
    expect_error(r.expect("<message type='error'/>"), "service-unavailable")
    server.sql("BEGIN")
    server.sql("INSERT INTO users (domain, username, scram_sha_256) VALUES "
               f"('{ghost.domain}', '{ghost.username}', '{keys}')")
    number = send(server, romeo, ghost, "welcome")
    server.sql("COMMIT")
    wait_state(server, number, "sent")
    ghost.login("grave", presence=True).expect("<message><body>welcome</body></message>")


@test("rows that cannot be sent fail with the reason, and may be tried again")
def _(server, romeo, juliet):
    number = send(server, romeo, "nobody@example.org")
    wait_state(server, number, "failed", "item-not-found")
    wait_state(server, send(server, romeo, "a@elsewhere.example"), "failed", "remote-server-not-found")
    wait_state(server, send(server, "elsewhere.example", juliet), "failed", "forbidden")
    wait_state(server, send(server, romeo, "a\u00ad@example.org"), "failed")
    wait_state(server, send(server, romeo, None, to_online="elsewhere.example"), "failed",
               "item-not-found")
    j = juliet.login("balcony", presence=True)
    j.set(f"<block xmlns='urn:xmpp:blocking'><item jid='{romeo.jid}'/></block>")
    wait_state(server, send(server, romeo, juliet), "failed", "service-unavailable")
    j.set(f"<unblock xmlns='urn:xmpp:blocking'><item jid='{romeo.jid}'/></unblock>")
    wait_state(server, send(server, romeo, juliet), "sent")
    nobody = Account(server, "nobody", "example.org")
    server.insert_users([nobody])
    server.sql(f"UPDATE outbox SET state = 'waiting' WHERE id = {number}")
    wait_state(server, number, "sent")
    nobody.login("here", presence=True).expect(f"<message id='outbox-{number}'/>")


@test("a stanza that is none fails")
def _(server, romeo, juliet):
    deep = "<a>" * 100 + "</a>" * 100
    for stanza in ("", "hello", "<message>", "<message/><message/>", "<message></body></message>",
                   "<presence/>", "<iq type='get' id='1'><a xmlns='b'/></iq>", "<message type='error'/>",
                   "<message type='groupchat'><body>x</body></message>", "<message/></stream:stream>",
                   "<!DOCTYPE message><message/>", "<message><!-- c --></message>", "<message xmlns='x'/>",
                   "<message><a:b/></message>", f"<message>{deep}</message>",
                   f"<message><body>{'x' * 300000}</body></message>", "<message>&unknown;</message>"):
        wait_state(server, send(server, romeo, juliet, None, stanza=stanza), "failed", "bad-request")
    wait_state(server, send(server, romeo, juliet, "x" * 300000), "failed", "bad-request")


@test("what can never be sent is refused by the database, with what to write instead")
def _(server, romeo, juliet):
    good = {"sender": romeo.jid, "recipient": juliet.jid, "body": "x"}
    for changes, reason in (
            ({"sender": "stranger@example.org"}, "insert it into users first"),
            ({"sender": romeo.jid.upper()}, "in lower case"),
            ({"sender": ""}, "no address"),
            ({"recipient": "example.org"}, "no account"),
            ({"recipient": None}, "either_recipient_or_to_online_or_to_group"),
            ({"to_online": "example.org"}, "either_recipient_or_to_online_or_to_group"),
            ({"recipient": None, "to_online": "a@b"}, "no domain"),
            ({"body": None}, "either_body_or_stanza"),
            ({"stanza": "<message/>"}, "either_body_or_stanza"),
            ({"body": None, "stanza": "<message/>", "type": "chat"}, "a_stanza_has_type"),
            ({"type": "groupchat"}, "type_is_normal"),
            ({"language": "x y"}, "language_is"),
            ({"state": "sent"}, "leave the column state out"),
            ({"body": "a\x01b"}, "control characters"),
            ({"body": "x" * 1000001}, "at_most_a_million")):
        try:
            server.sql(values({**good, **changes}))
        except Exception as error:
            if reason not in str(error) and not POSTGRESQL:
                raise Failure(f"{changes}: {error}") from error
            continue
        raise Failure(f"accepted: {changes}")
    number = send(server, romeo, juliet)
    try:
        server.sql(f"UPDATE outbox SET body = 'y' WHERE id = {number}")
    except Exception:
        return
    raise Failure("a message can be changed")


@two_users("headlines, what must not be stored and what is for one resource reach who is there, only")
def _(server, romeo, juliet):
    for columns in ({"type": "headline"}, {"body": None, "stanza": "<message type='chat'><body>x</body>"
                                           "<no-store xmlns='urn:xmpp:hints'/></message>"}):
        send(server, romeo, juliet, **columns)
    wait_until(lambda: server.sql("SELECT count(*) FROM outbox WHERE state = 'waiting'") == [("0",)], "the end")
    j, k = juliet.login("balcony", presence=True), juliet.login("garden", presence=True)
    number = send(server, romeo, j.jid, "for the balcony", type="chat")
    j.expect(f"<message id='outbox-{number}'/>")
    number = send(server, romeo, juliet, "for all", type="headline")
    for client in (j, k):
        client.expect(f"<message id='outbox-{number}'><body>for all</body></message>")
        client.expect_nothing("<message/>")
    wait_state(server, number, "sent")
    wait_state(server, send(server, romeo, juliet.jid + "/nowhere"), "failed", "service-unavailable")


@test("one row reaches everybody who is online on a domain, or on all")
def _(server):
    here = server.accounts([(f"here{i}", None) for i in range(8)])
    there = server.accounts([("there", None)], domain="example.net")[0]
    clients = [account.login("x", presence=True) for account in here]
    other = there.login("x", presence=True)
    away = here[0].login("hidden")
    first = send(server, "example.org", None, to_online="example.org", type="headline")
    second = send(server, "example.org", None, to_online="*")
    for client in clients:
        client.expect(f"<message id='outbox-{first}' from='example.org' to='{client.bare}'/>")
        client.expect(f"<message id='outbox-{second}'/>")
        client.expect_nothing("<message/>")
    other.expect(f"<message id='outbox-{second}' to='{there.jid}'/>")
    other.expect_nothing("<message/>")
    away.expect_nothing("<message/>")
    wait_state(server, first, "sent")


@test("a mailbox that is full")
def _():
    with Server(settings="offline { max_messages = 5 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        numbers = [send(server, romeo, juliet, str(i)) for i in range(6)]
        for number in numbers[:5]:
            wait_state(server, number, "sent")
        wait_state(server, numbers[5], "failed", "service-unavailable: too many messages")
        j = juliet.login("balcony", presence=True)
        for number in numbers[:5]:
            j.expect(f"<message id='outbox-{number}'/>")
        # As long as somebody is there to take them, it is only a matter of time.
        server.sql("BEGIN")
        numbers = [send(server, romeo, juliet, str(i)) for i in range(30)]
        server.sql("COMMIT")
        for number in numbers:
            j.expect(f"<message id='outbox-{number}'/>")
        for number in numbers:
            wait_state(server, number, "sent")
        server.stop()


@test("what was written while no server ran is sent when one starts, in order")
def _(server, romeo, juliet):
    server.stop()
    numbers = [send(server, romeo, juliet, str(i)) for i in range(120)]
    server.start()
    j = juliet.login("balcony", presence=True)
    got = [j.expect("<message/>").get("id") for _ in numbers]
    if got != [f"outbox-{number}" for number in numbers]:
        raise Failure(f"out of order: {got}")


@test("done rows are removed after a week")
def _(server, romeo, juliet):
    number, other = send(server, romeo, juliet), send(server, romeo, juliet)
    for row in (number, other):
        wait_state(server, row, "sent")
    server.stop()
    server.sql(f"UPDATE outbox SET sent_at = sent_at - {7 * 86400 * 1000000} WHERE id = {number}")
    server.start()
    wait_until(lambda: server.sql(f"SELECT id FROM outbox WHERE id IN ({number}, {other})") == [(other,)],
               "one is removed")


@test("an administrator's role sends, and does not read what others send")
def _(server, romeo, juliet):
    if not POSTGRESQL:
        return
    with server.sql_role("godwit_admin"):
        wait_state(server, send(server, romeo, juliet), "sent")
        server.sql_refused("SELECT body FROM outbox", "permission denied")
    if "hello" in str(server.sql("SELECT before, after FROM changes WHERE subject = 'outbox'")):
        raise Failure("the log has what people write")


@test("somebody sees it soon after the commit", timeout=60)
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    took = []
    for _ in range(200 if POSTGRESQL else 20):
        since = time.monotonic()
        send(server, romeo, juliet)
        j.expect("<message/>")
        took.append((time.monotonic() - since) * 1000)
    note(f"from before the INSERT until the client has it: median {percentile(took, 0.5):.1f} ms, "
         f"p99 {percentile(took, 0.99):.1f} ms")
    if percentile(took, 0.5) > (50 if POSTGRESQL else 500) * FACTOR:
        raise Failure("too late")


def many(romeo, recipients, count):
    rows = ", ".join(f"('{romeo.jid}', '{recipients[i % len(recipients)].jid}', 'number {i}')"
                     for i in range(count))
    return f"INSERT INTO outbox (sender, recipient, body) VALUES {rows}"


@test("10,000 rows of one INSERT leave those who chat alone", timeout=120)
def _():
    with Server(settings=ROOMY, limits=GENEROUS) as server:
        # On the worker that also takes the rows out of the table.
        romeo, juliet = server.accounts([("romeo", 0), ("juliet", 0)])
        crowd = server.accounts([(f"crowd{i}", None) for i in range(200)])
        online = [account.login("x", presence=True) for account in crowd[:20]]
        for client in online:
            client.enable_sm()
        r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
        watch, started = Watch(r, j), time.monotonic()
        done = threading.Thread(target=server.database.another().run, args=(many(romeo, crowd, 10000),))
        done.start()
        took, heard, inserted = [], 0, None
        while heard < 1000:
            took.append(latency(r, j, watch) * 1000)
            if inserted is None and not done.is_alive():
                inserted = time.monotonic()
            carry(online, 0.005)
            heard = sum(1 for client in online for element in client.queue
                        if element.tag == "{%s}message" % NS.client)
            if time.monotonic() - started > 60 * FACTOR:
                raise Failure(f"only {heard} of 1000 heard")
        inserted = inserted or time.monotonic()
        wait_until(lambda: server.sql("SELECT count(*) FROM outbox WHERE state = 'sent'") == [("10000",)],
                   "all are sent", timeout=60)
        note(f"INSERT {inserted - started:.1f} s, all sent {time.monotonic() - inserted:.1f} s after; "
             f"{len(took)} chat messages meanwhile: median {percentile(took, 0.5):.1f} ms, "
             f"p99 {percentile(took, 0.99):.1f} ms")
        if percentile(took, 0.99) > 50 * FACTOR:
            raise Failure("chat was disturbed")
        server.stop()


@test("rows of one account that somebody has locked: everybody else's go on, and its own stay in order",
      timeout=120)
def _():
    if not POSTGRESQL:
        return
    with Server(settings=ROOMY) as server:
        romeo, juliet, other = server.accounts([("romeo", None), ("juliet", None), ("other", None)])
        j, o = juliet.login("balcony", presence=True), other.login("x", presence=True)
        admin = server.database.another()
        admin.run("BEGIN")
        admin.run(f"SELECT 1 FROM users WHERE username = '{juliet.username}' FOR UPDATE")
        server.sql(many(romeo, [juliet], 500))
        took = []
        # Longer than the server has patience with one statement.
        end = time.monotonic() + 12
        while time.monotonic() < end:
            since = time.monotonic()
            number = send(server, romeo, other)
            o.expect(f"<message id='outbox-{number}'/>")
            took.append((time.monotonic() - since) * 1000)
            time.sleep(0.1)
        note(f"somebody else's: the first after {took[0]:.0f} ms, median {percentile(took, 0.5):.0f} ms, "
             f"slowest {max(took):.0f} ms")
        if server.sql("SELECT count(*) FROM outbox WHERE state = 'waiting'") != [("500",)]:
            raise Failure("there is no lock")
        admin.run("COMMIT")
        got = [text(j.expect("<message/>", timeout=30 * FACTOR), "{%s}body" % NS.client)
               for _ in range(500)]
        if got != [f"number {i}" for i in range(500)]:
            raise Failure(f"out of order: {got}")
        admin.disconnect()
        server.stop()


# -- exactly once --

class Application(threading.Thread):
    """Writes numbered rows through a connection of its own, whatever becomes of the server."""

    def __init__(self, server, romeo, talks, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.connection = server.database.another()
        self.romeo, self.talks = romeo, talks
        self.ended = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.ended.is_set():
                self.insert(self.random.randint(1, 30))
                time.sleep(self.random.uniform(0, 0.05))
        except Exception as error:  # shown by the test
            self.error = error

    def insert(self, count):
        """One transaction, which keeps the application's own books in the same database."""
        rows = []
        for _ in range(count):
            talk, recipient = self.random.choice(self.talks)
            talk.said.append(time.monotonic())
            rows.append(f"('{self.romeo.jid}', '{recipient.jid}', 'x', '{talk.name}.{len(talk.said)}')")
        last = f"SELECT count(*) FROM outbox WHERE message_id = '{talk.name}.{len(talk.said)}'"
        statement = ("INSERT INTO outbox (sender, recipient, body, message_id) VALUES "
                     + ", ".join(rows) + " RETURNING id")
        # When its connection is lost, an application has to look whether its commit was in time.
        while len(self.run_statement(statement)) != count and self.run_until(last) != [("1",)]:
            pass

    def run_statement(self, statement):
        try:
            return self.connection.run(statement)
        except (RuntimeError, OSError):
            return []

    def run_until(self, statement):
        """Asks until the database answers."""
        found = []
        while found not in ([("0",)], [("1",)]):
            time.sleep(0.05)
            found = self.run_statement(statement)
        return found

    def finish(self):
        self.ended.set()
        self.join()
        if self.error:
            raise self.error


COPIES = {
    "sqlite": ("CREATE TABLE copies (stanza TEXT)",
               "CREATE TRIGGER copy AFTER INSERT ON offline_messages BEGIN "
               "INSERT INTO copies VALUES (NEW.stanza); END"),
    "postgresql": ("CREATE TABLE copies (stanza TEXT)", "GRANT INSERT ON copies TO PUBLIC",
                   "CREATE FUNCTION copy() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN "
                   "INSERT INTO copies VALUES (NEW.stanza); RETURN NULL; END $$",
                   "CREATE TRIGGER copy AFTER INSERT ON offline_messages FOR EACH ROW "
                   "EXECUTE FUNCTION copy()"),
}


def rounds(server, disturb, count):
    """Rows are written all the time, disturb() happens so often; then the books are looked at."""
    source = random.Random(SEED)
    traffic = Traffic(source)
    romeo, acking, plain, away = server.accounts([("romeo", None), ("acking", None), ("plain", None),
                                                  ("away", None)])
    for statement in COPIES[FLAVOUR]:
        server.sql(statement)
    talks = [(traffic.talk(romeo, account), account) for account in (acking, away)]
    application = Application(server, romeo, talks, SEED)
    application.start()
    listeners = [traffic.listener(acking)]
    for _ in range(count):
        end = time.monotonic() + source.uniform(0.1, 1)
        while time.monotonic() < end:
            carry(listeners, 0.01)
        disturb(server, traffic, listeners)
        if not server.running():
            server.start()
            listeners[:] = [traffic.listener(acking)]
    application.finish()
    listeners.append(traffic.listener(away))
    traffic.wait_heard(listeners, timeout=60)
    wait_until(lambda: carry(listeners, 0.05)
               or server.sql("SELECT count(*) FROM offline_messages") == [("0",)], "empty mailboxes")
    traffic.check(everything=True)
    for client in listeners:
        client.end()
    said = traffic.total("said")
    states = server.sql("SELECT state, count(*) FROM outbox GROUP BY state")
    copies = server.sql("SELECT count(*) FROM copies")
    distinct = server.sql("SELECT count(DISTINCT substr(stanza, position(' id=' in stanza), 40)) FROM copies"
                          if POSTGRESQL else
                          "SELECT count(DISTINCT substr(stanza, instr(stanza, ' id='), 40)) FROM copies")
    repeats = sum(talk.repeats for talk in traffic.talks.values())
    note(f"seed {SEED}: {said} rows, {states} in the outbox, {copies[0][0]} written into mailboxes, "
         f"{repeats} came again for want of an acknowledgement that was committed")
    if states != [("sent", str(said))] or copies != [(str(said),)] or distinct != copies:
        raise Failure(f"{said} rows: {states}, copies {copies}, distinct {distinct}")


def crash(server, traffic, listeners):
    server.process.kill()
    hear_out(listeners)
    traffic.crashed_at = time.monotonic()
    server.kill()


@test(f"{KILLS} times kill -9 while rows are written: each is sent once", timeout=60 + 10 * KILLS)
def _():
    with Server(settings=ROOMY, limits=GENEROUS) as server:
        rounds(server, crash, KILLS)
        server.stop()


def restart_database(server, traffic, listeners):
    """All at once or in peace; the server lives, and nothing that was acknowledged comes again."""
    traffic.crashed_at = float("inf")
    CLUSTER.do("kill" if traffic.random.random() < 0.5 else "stop")
    carry(listeners, 0.3)
    CLUSTER.do("start")
    server.database.disconnect()


@test("PostgreSQL is stopped and killed while rows are written: each is sent once", timeout=180)
def _():
    if not POSTGRESQL:
        return
    with Server(settings=ROOMY, limits=GENEROUS) as server:
        rounds(server, restart_database, 5)
        server.stop()


main()
