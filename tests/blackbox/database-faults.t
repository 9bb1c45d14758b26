#!/usr/bin/python3
"""The database goes, hangs, refuses, fills up: nothing acknowledged is lost, every sender is told, and
who needs no database goes on (security.md section 3, R3; DESIGN.md, Storage)."""
import os
import random
import resource
import signal
import subprocess
import time

from harness import *
from lib.cluster import Cluster
from lib.database import FLAVOUR
from lib.server import SOURCE
from lib.traffic import *

SOAK = bool(os.environ.get("GODWIT_TEST_SOAK"))
SEED = int(os.environ.get("GODWIT_TEST_SEED", str(time.time_ns() % 1000000)))
ROOMY = "offline { max_messages = 100000 max_bytes = 1000000000 }"
LIMITS = dict(GENEROUS, unacked_stanzas=100000)
POSTGRESQL = FLAVOUR == "postgresql"


CLUSTER = Cluster() if POSTGRESQL else None


# -- people --

class Village:
    """Two people write to everybody, also to who is away or never acknowledges; a third one only to
    who is online, and should notice nothing."""

    def __init__(self, server):
        self.server = server
        self.traffic = Traffic(random.Random(SEED))
        names = ["romeo", "benvolio", "mercutio", "away", "absent", "acking", "plain", "silent", "late"]
        accounts = server.accounts([(name, None) for name in names])
        self.late = accounts[8]
        self.away, self.online, self.silent = accounts[3:5], accounts[5:7], accounts[7]
        self.speakers = [self.traffic.speaker(account) for account in accounts[:3]]
        self.listeners = [self.traffic.listener(self.online[0]),
                          self.traffic.listener(self.online[1], management=False),
                          self.traffic.listener(self.silent, silent=True)]
        # Those that are away are loaded, and have something waiting.
        self.traffic.say_to_each(self.speakers[:2], self.away + self.online + [self.silent])
        self.traffic.wait_settled(self.speakers, self.clients)
        self.descriptors = self.count_descriptors()
        self.sets = []

    @property
    def clients(self):
        return self.speakers + self.listeners

    def count_descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def work(self, seconds, rate=100):
        romeo, benvolio, mercutio = self.speakers
        self.traffic.run({romeo: self.away + self.online, benvolio: self.away + self.online
                          + [self.silent], mercutio: self.online}, self.clients, seconds, rate)

    def wait(self, process, seconds=60):
        """Goes on until something outside has been done."""
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            self.work(0.02)

    def set_things(self):
        """What people do all day, which the database should know of."""
        acking, plain = self.listeners[:2]
        self.sets = [(acking, acking.send_iq("set", f"<query xmlns='{NS.roster}'><item "
                                             f"jid='{self.late}' name='Late'/></query>")),
                     (acking, acking.send_iq("set", "<vCard xmlns='vcard-temp'><FN>A</FN></vCard>")),
                     (plain, plain.send_iq("set", "<block xmlns='urn:xmpp:blocking'><item "
                                           "jid='nobody@example.org'/></block>"))]
        plain.presence("subscribe", self.late.jid)

    def log_in_late(self):
        """How long it takes until somebody can log in."""
        started = time.monotonic()
        while True:
            try:
                self.late.login(presence=True).end()
                return time.monotonic() - started
            except Failure as error:
                if time.monotonic() - started > 20 * FACTOR:
                    raise Failure(f"no login for {time.monotonic() - started:.1f} s: {error}") from None

    def delays(self, since, until):
        """How long the third one's messages to who is online took, of those said in this time, in ms."""
        names = [f".{account.username}" for account in self.online]
        return [(talk.heard[number + 1] - at) * 1000 for talk in self.traffic.talks.values()
                if talk.name.startswith("mercutio") and any(map(talk.name.endswith, names))
                for number, at in enumerate(talk.said) if since <= at <= until
                and number + 1 in talk.heard]

    def finish(self):
        """Everybody comes, hears and acknowledges what was said; no row is left, nor a descriptor."""
        self.traffic.wait_settled(self.speakers, self.clients, 45)
        for account in self.away:
            self.listeners.append(self.traffic.listener(account))
        self.traffic.say_to_each(self.speakers, self.away + self.online + [self.silent])
        self.listeners[2].answers_requests = True
        self.traffic.wait_settled(self.speakers, self.clients, 45)
        self.traffic.wait_heard(self.clients)
        for listener in self.listeners:
            if listener.counting:
                carry_until(self.clients, lambda: not listener.asked, lambda: "an answer")
                listener.acknowledge()
        for client, identifier in self.sets:
            answer = client.answer(identifier)
            if answer.get("type") == "error":
                expect_error(answer, "resource-constraint")
        self.traffic.check(everything=True)
        kinds = {condition for talk in self.traffic.talks.values()
                 for condition in talk.refused.values()}
        if {kind for kind, _ in kinds} - {"wait"}:
            raise Failure(f"refused with {kinds}")
        count = f"SELECT count(*) FROM offline_messages WHERE username <> '{self.late.username}'"
        carry_until(self.clients, lambda: self.server.sql(count) == [("0",)],
                    lambda: f"no rows: {self.server.sql(count)}")

    def check_descriptors(self):
        for listener in self.listeners[3:]:
            listener.end()
        del self.listeners[3:]
        carry_until(self.clients, lambda: self.count_descriptors() == self.descriptors,
                    lambda: f"{self.descriptors} descriptors: {self.count_descriptors()}")


def start(village, action):
    """Begins to do something with the cluster; the village goes on meanwhile."""
    return subprocess.Popen([os.path.join(SOURCE, "tests", "postgres"), action, CLUSTER.directory],
                            stdout=subprocess.DEVNULL)


def outage(server, down, up, seconds):
    """One time without the database, of so many seconds."""
    village = Village(server)
    village.work(0.5)
    server.database.disconnect()
    began = time.monotonic()
    village.wait(start(village, down))
    CLUSTER.halted = down == "pause"
    village.set_things()
    village.work(seconds)
    if up is not None:
        village.wait(start(village, up))
        CLUSTER.halted = False
    over = time.monotonic()
    took = village.log_in_late()
    village.work(1)
    village.finish()
    village.check_descriptors()
    delays = village.delays(began, over)
    note(f"seed {SEED}: away for {over - began:.1f} s: {village.traffic.figures()}; login after "
         f"{took * 1000:.0f} ms; online: {len(delays)} messages, p50 {percentile(delays, 0.5):.1f} ms, p99 "
         f"{percentile(delays, 0.99):.1f} ms, slowest {max(delays):.1f} ms")
    if took > 3 * FACTOR:
        raise Failure(f"login {took:.1f} s after the return")
    if percentile(delays, 0.99) > 1000 * FACTOR:
        raise Failure("online traffic was held up")


def outage_test(title, down, up, seconds):
    @test(f"R3: PostgreSQL {title}", timeout=90 + 2 * seconds)
    def _(server):
        outage(server, down, up, seconds)


if POSTGRESQL:
    outage_test("restarts", "restart", None, 0)
    outage_test("stops at once, and comes back", "abort", "start", 0)
    outage_test("is killed, and comes back", "kill", "start", 0.5)
    outage_test("is away for 5 s", "stop", "start", 5)
    outage_test("hangs for 10 s", "pause", "continue", 10)
    outage_test("hangs for longer than a request may wait", "pause", "continue", 33)
    if SOAK:
        for number in range(20):
            outage_test(f"goes, for the {number + 1}. time", *random.Random(SEED + number).choice((
                ("restart", None, 0), ("abort", "start", 1), ("kill", "start", 1),
                ("stop", "start", 5), ("stop", "start", 40), ("pause", "continue", 30))))


if POSTGRESQL:
    @test("the table of sessions, which a crash of PostgreSQL empties, is whole again a minute later",
          timeout=150)
    def _(server, romeo, juliet, nurse):
        online = [account.login("here") for account in (romeo, juliet, nurse)]
        count = lambda: server.sql("SELECT count(*) FROM sessions")
        carry_until(online, lambda: count() == [("3",)], lambda: f"three rows: {count()}")
        server.database.disconnect()
        CLUSTER.do("kill")
        CLUSTER.do("start")
        if count() == [("3",)]:
            raise Failure("the table was not emptied")
        carry_until(online, lambda: count() == [("3",)], lambda: f"three rows: {count()}", 75)


def stop_without(down):
    """An orderly stop is one also without the database (R5)."""
    with Server(limits=LIMITS, settings=ROOMY) as server:
        village = Village(server)
        server.database.disconnect()
        try:
            CLUSTER.pause() if down == "pause" else CLUSTER.do(down)
            village.work(1)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            carry_until(village.clients, lambda: not server.running(), lambda: "the end", 20)
            took = time.monotonic() - started
            server.wait_stopped()
        finally:
            CLUSTER.go_on() if down == "pause" else CLUSTER.do("start")
        if took > 10 * FACTOR:
            raise Failure(f"it took {took:.1f} s to stop")
        note(f"stopped in {took:.1f} s")
        hear_out(village.clients)
        village.traffic.settle(village.speakers)
        server.start()
        for account in village.away + village.online + [village.silent]:
            village.listeners.append(village.traffic.listener(account))
        speaker = village.traffic.speaker(village.speakers[0].account)
        village.traffic.say_to_each([speaker], village.away + village.online + [village.silent])
        village.traffic.wait_heard([speaker] + village.listeners[3:], [
            talk for talk in village.traffic.talks.values() if talk.name.startswith("romeo")])
        village.traffic.check()
        server.stop()


if POSTGRESQL:
    @test("R5: SIGTERM while PostgreSQL is away", timeout=60)
    def _(server):
        server.database.disconnect()
        stop_without("stop")

    @test("R5: SIGTERM while PostgreSQL hangs", timeout=60)
    def _():
        stop_without("pause")


if POSTGRESQL:
    @test("R3: more logins than the database's queue would hold wait while it hangs; none is refused", timeout=120)
    def _():
        count = 3000
        with Server(workers=1, limits=dict(LIMITS, login_timeout=120)) as server:
            watch, clients = server.account("watch").login(), []
            for account in server.accounts([("crowd", None)] * count):
                client = account.connect(kind=Client)
                client.account = account
                client.log_in("SCRAM-SHA-1")
                clients.append(client)
            CLUSTER.pause()
            try:
                asked = [client.send_iq("set", f"<bind xmlns='{NS.bind}'/>") for client in clients]
                # By now the server has seen all of them, or does so before this.
                watch.get("<ping xmlns='urn:xmpp:ping'/>")
            finally:
                CLUSTER.go_on()
            refused = sum(client.answer(identifier, timeout=30).get("type") != "result"
                          for client, identifier in zip(clients, asked))
            if refused > 0:
                raise Failure(f"{refused} of {count} logins were refused")


    @test("R3: who wants to log in while the database hangs waits for his turn, and behind nobody who has left",
          timeout=60)
    def _():
        with Server(workers=1, limits=dict(LIMITS, login_timeout=60)) as server:
            clients = []
            for account in server.accounts([("crowd", None)] * 450):
                clients.append(account.connect(kind=Client))
                clients[-1].account = account
            CLUSTER.pause()
            try:
                for client in clients:
                    client.auth("SCRAM-SHA-1", f"n,,n={client.account.username},r=nonce".encode())
                # Half of those who were first, and half of those who wait.
                for client in clients[::2]:
                    client.abort()
            finally:
                CLUSTER.go_on()
            for client in clients[1::2]:
                if not client.outcome().tag.endswith("}challenge"):
                    raise Failure(f"{client.account} was refused")


# -- locks --

class Locksmith:
    """An administrator in the middle of a transaction."""

    def __init__(self, server, username):
        if POSTGRESQL:
            self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", server.database.uri],
                                         text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.psql.stdin.write(f"BEGIN; DELETE FROM roster_items WHERE username = '{username}';"
                                  f"SELECT 1 FROM users WHERE username = '{username}' FOR UPDATE;\n")
            self.psql.stdin.flush()
            self.psql.stdout.readline()
        else:
            server.sql("BEGIN IMMEDIATE")
            self.database = server.database

    def let_go(self):
        if POSTGRESQL:
            self.psql.communicate("ROLLBACK;\n")
        else:
            self.database.run("ROLLBACK")


@test("DESIGN, Storage: while an administrator is in the midst of a transaction people log in; what is written waits",
      timeout=60)
def _():
    with Server(workers=1, limits=LIMITS) as server:
        locked, romeo, *newcomers = (server.account(name) for name in ("locked", "romeo", "one", "two", "three"))
        r = romeo.login(presence=True)
        locksmith = Locksmith(server, locked.username)
        try:
            identifier = r.message(locked.jid, "wait")
            logins = []
            for account in newcomers:
                began = time.monotonic()
                account.login(presence=True).roster()
                logins.append(time.monotonic() - began)
            note(f"logins: slowest {max(logins) * 1000:.0f} ms")
            r.expect_nothing("<message type='error'/>")
        finally:
            locksmith.let_go()
        client = locked.login(presence=True)
        client.expect(f"<message id='{identifier}'/>", timeout=20)


@test("DESIGN, Storage: an administrator's lock on one account for 5 s", timeout=60)
def _():
    with Server(workers=1, limits=LIMITS, settings=ROOMY) as server:
        village = Village(server)
        locked = village.away[0]
        village.away = village.away[1:]
        others = [village.speakers[0], village.speakers[2]]
        chatter = village.speakers[1]
        locksmith = Locksmith(server, locked.username)
        began = time.monotonic()
        logins, acknowledged = [], []
        while time.monotonic() < began + 5:
            village.traffic.run({chatter: [locked], others[0]: village.online,
                                 others[1]: village.online + village.away}, village.clients, 0.5, 50)
            logins.append(village.log_in_late())
            acknowledged.append(others[0].is_settled())
        locksmith.let_go()
        over = time.monotonic()
        village.traffic.wait_settled(village.speakers, village.clients)
        village.sets = []
        village.away.append(locked)
        village.finish()
        server.stop()
        delays = village.delays(began, over)
        note(f"{village.traffic.figures()}; online: p99 {percentile(delays, 0.99):.1f} ms; logins: slowest "
             f"{max(logins) * 1000:.0f} ms")


@test("DESIGN, Storage: a subscription is accepted while the roster cannot be written: messages go on", timeout=60)
def _(server, romeo, juliet, nurse):
    r, j, n = (account.login(presence=True) for account in (romeo, juliet, nurse))
    j.roster()
    j.send(f"<presence type='subscribe' to='{romeo.jid}'/>")
    r.expect(f"<presence type='subscribe' from='{juliet.jid}'/>")
    locksmith = Locksmith(server, juliet.username)
    try:
        r.send(f"<presence type='subscribed' to='{juliet.jid}'/>")
        r.message(n.jid, id="behind")
        n.expect("<message id='behind'/>")
        n.message(juliet.jid, id="held")
        j.expect(f"<message from='{n.jid}' id='held'/>", timeout=4)
    finally:
        locksmith.let_go()
    j.expect_push(romeo.jid, subscription="to")
    j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")


# -- no room --

if not POSTGRESQL:
    @test("R3: no room for SQLite: senders are told, and it goes on when there is room", timeout=90)
    def _():
        with Server(limits=LIMITS, settings=ROOMY) as server:
            village = Village(server)
            filling = "<x xmlns='urn:test'>" + "x" * 40000 + "</x>"
            process = server.process.pid
            largest = max(os.path.getsize(os.path.join(server.directory, name))
                          for name in os.listdir(server.directory))
            _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (largest + 1000000, most))
            for _ in range(100):
                village.speakers[0].say([(village.traffic.talk(village.speakers[0].account, account),
                                          account.jid) for account in village.away], filling)
                village.work(0.02)
            village.set_things()
            village.traffic.wait_settled(village.speakers[:1] + village.speakers[2:], village.clients)
            refused = village.traffic.total("refused")
            if refused == 0:
                raise Failure("nobody was told")
            # Little may still find room, where the log of the database begins anew: it is told so, too.
            for client, identifier in village.sets[:2]:
                answer = client.answer(identifier)
                if answer.get("type") != "result":
                    expect_error(answer, "resource-constraint")
            resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))
            village.sets = []
            village.work(1)
            village.finish()
            if village.traffic.total("refused") > refused + 50:
                raise Failure("it did not get better")
            server.stop()
            note(village.traffic.figures())


# -- one statement after the other --

TABLES = ("users", "roster_items", "roster_groups", "subscription_requests", "offline_messages",
          "vcards", "private_xml", "blocked_jids", "last_activity")


class Fault:
    """Something that makes statements on one table fail: all of them, or those of one kind, at once,
    or only when they are committed."""

    def __init__(self, server, table, kind, chance):
        self.server, self.table, self.kind = server, table, kind
        self.state = chance.choice(("53100", "XX000", "57014"))
        self.sqlite_says = chance.choice(("ABORT", "ROLLBACK", "FAIL"))

    def __str__(self):
        return f"{self.kind} on {self.table}"

    def make(self):
        if self.kind == "ANY":
            self.server.sql(f"ALTER TABLE {self.table} RENAME TO hidden")
        elif POSTGRESQL:
            self._make_postgresql()
        else:
            self._make_sqlite()

    def _make_postgresql(self):
        self.server.sql("CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS "
                        f"$$ BEGIN RAISE EXCEPTION 'fault' USING ERRCODE = '{self.state}'; END $$")
        if self.kind == "COMMIT":
            self.server.sql(f"CREATE CONSTRAINT TRIGGER fault AFTER INSERT OR UPDATE OR DELETE ON "
                            f"{self.table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
                            "fault()")
        else:
            self.server.sql(f"CREATE TRIGGER fault BEFORE {self.kind} ON {self.table} FOR EACH STATEMENT "
                            "EXECUTE FUNCTION fault()")

    def _make_sqlite(self):
        if self.kind != "COMMIT":
            self.server.sql(f"CREATE TRIGGER fault BEFORE {self.kind} ON {self.table} BEGIN "
                            f"SELECT RAISE({self.sqlite_says}, 'fault'); END")
            return
        self.server.sql("CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)")
        self.server.sql("CREATE TABLE IF NOT EXISTS child (id INTEGER REFERENCES parent "
                        "DEFERRABLE INITIALLY DEFERRED)")
        for event in ("INSERT", "UPDATE", "DELETE"):
            self.server.sql(f"CREATE TRIGGER fault_{event} AFTER {event} ON {self.table} BEGIN "
                            "INSERT INTO child VALUES (1); END")

    def mend(self):
        if self.kind == "ANY":
            self.server.sql(f"ALTER TABLE hidden RENAME TO {self.table}")
        elif POSTGRESQL:
            self.server.sql(f"DROP TRIGGER fault ON {self.table}")
        else:
            for name in ("fault", "fault_INSERT", "fault_UPDATE", "fault_DELETE"):
                self.server.sql(f"DROP TRIGGER IF EXISTS {name}")


class Day:
    """What two people do in a day, while something may fail. Each of it is either done or refused."""

    def __init__(self, server, number):
        self.server, self.number = server, number
        names = ["romeo", "juliet", "tybalt", "nurse"]
        self.romeo, self.juliet, self.tybalt, self.nurse = server.accounts(
            [(name, None) for name in names])
        self.traffic = Traffic(random.Random(SEED))
        self.speaker = self.traffic.speaker(self.romeo)
        self.listener = self.traffic.listener(self.juliet)
        self.client = self.romeo.login("desk")
        self.client.roster()
        self.speaker.say([(self.traffic.talk(self.romeo, self.nurse), self.nurse.jid)])
        self.traffic.wait_settled([self.speaker], self.people)

    @property
    def people(self):
        return [self.speaker, self.listener, self.client]

    def payloads(self):
        """(kind of thing, what to set, how to see it)"""
        contact = f"contact{self.number}@example.org"
        return {
            "roster": f"<query xmlns='{NS.roster}'><item jid='{contact}' name='{self.number}'>"
                      "<group>friends</group></item></query>",
            "vcard": f"<vCard xmlns='vcard-temp'><FN>{self.number}</FN></vCard>",
            "private": f"<query xmlns='jabber:iq:private'><x xmlns='urn:test'>{self.number}</x></query>",
            "block": f"<block xmlns='urn:xmpp:blocking'><item jid='{contact}'/></block>",
        }

    def see(self, name):
        number = str(self.number)
        contact = f"contact{number}@example.org"
        if name == "roster":
            item = self.client.roster().get(contact)
            return item is not None and item.get("name") == number and len(item) == 1
        if name == "vcard":
            return text(self.client.get("<vCard xmlns='vcard-temp'/>"), "{vcard-temp}vCard", "FN") \
                == number
        if name == "private":
            query = self.client.get("<query xmlns='jabber:iq:private'><x xmlns='urn:test'/></query>")[0]
            return query[0].text == number
        blocked = self.client.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]
        return contact in [item.get("jid") for item in blocked]

    def live(self):
        """All of it at once; returns what was done, which must be there afterwards."""
        talks = [(self.traffic.talk(self.romeo, account), account.jid)
                 for account in (self.juliet, self.tybalt, self.nurse)]
        self.speaker.say(talks + talks)
        requests = {name: self.client.send_iq("set", payload)
                    for name, payload in self.payloads().items()}
        self.client.presence("subscribe", self.nurse.jid)
        visitor = self.visit()
        answers = {name: self.client.answer(identifier) for name, identifier in requests.items()}
        self.traffic.wait_settled([self.speaker], self.people + [visitor] * (visitor is not None))
        if visitor is not None:
            self.traffic.wait_heard([visitor], [self.traffic.talk(self.romeo, self.juliet)]
                                    if visitor.account is self.juliet else [])
            visitor.close()
        return [name for name, answer in answers.items() if answer.get("type") == "result"]

    def visit(self):
        """Somebody for whom something waits logs in; or is told why not."""
        try:
            return self.traffic.listener(self.nurse, "visit")
        except Timeout:
            raise
        except Failure:
            return None

    def finish(self, done):
        """Nothing fails any more: what was done is there, all messages come, and nothing is left."""
        client = self.romeo.login("check")
        self.client.close()
        self.client = client
        for name in done:
            if not self.see(name):
                raise Failure(f"{name} was set, and is not there")
        self.number += 1000
        for name, payload in self.payloads().items():
            client.set(payload)
            if not self.see(name):
                raise Failure(f"{name} cannot be set any more")
        listeners = [self.listener] + [self.traffic.listener(account)
                                       for account in (self.tybalt, self.nurse)]
        self.traffic.say_to_each([self.speaker], [self.juliet, self.tybalt, self.nurse])
        self.traffic.wait_settled([self.speaker], self.people + listeners)
        self.traffic.wait_heard(self.people + listeners)
        self.traffic.check(everything=True)
        for listener in listeners:
            listener.acknowledge()
        count = ("SELECT count(*) FROM offline_messages WHERE username IN "
                 f"('{self.juliet.username}', '{self.tybalt.username}', '{self.nurse.username}')")
        carry_until(self.people + listeners, lambda: self.server.sql(count) == [("0",)],
                    lambda: f"no rows: {self.server.sql(count)}")
        for one in self.people + listeners:
            one.close()


def fault_test(table, kind):
    @test(f"security.md 2.8: {kind} fails on {table}", timeout=60)
    def _(server):
        chance = random.Random(SEED + hash((table, kind)))
        day = Day(server, chance.randrange(1000))
        fault = Fault(server, table, kind, chance)
        fault.make()
        try:
            done = day.live()
        finally:
            fault.mend()
        day.finish(done)


for one in TABLES:
    for event in ("ANY", "INSERT", "UPDATE", "DELETE", "COMMIT"):
        fault_test(one, event)


main(limits=LIMITS, settings=ROOMY)
