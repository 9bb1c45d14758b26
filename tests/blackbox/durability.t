#!/usr/bin/python3
"""Acknowledged means durable: what an <a h='…'/> (XEP-0198) or the result of a set has covered is there
after kill -9, after an orderly stop, and when a receiver's connection goes; in order, and once, except
for what the receiver had not acknowledged."""
import os
import random
import signal
import time

from harness import *
from lib.traffic import *

SOAK = bool(os.environ.get("GODWIT_TEST_SOAK"))
ROUNDS = 200 if SOAK else 20
STOPS = 40 if SOAK else 6
SEED = int(os.environ.get("GODWIT_TEST_SEED", str(time.time_ns() % 1000000)))
ROOMY = "offline { max_messages = 100000 max_bytes = 1000000000 }"
LIMITS = dict(GENEROUS, unacked_stanzas=100000)


def rows(server, *accounts):
    """How many messages are kept for these accounts, or for anybody."""
    names = ", ".join(f"'{account.username}'" for account in accounts)
    where = f" WHERE username IN ({names})" if accounts else ""
    return int(server.sql("SELECT count(*) FROM offline_messages" + where)[0][0])


def wait_rows(server, clients, count, *accounts):
    carry_until(clients, lambda: rows(server, *accounts) == count,
                lambda: f"{count} rows, there are {rows(server, *accounts)}")


# -- what an owner sets --

class Register:
    """One thing that an owner sets again and again, and the values it may have now."""

    def __init__(self):
        self.values = [None]  # from the last one that was confirmed on

    def write(self, value):
        self.values.append(value)

    def confirm(self, value):
        del self.values[:self.values.index(value)]

    def check(self, name, found):
        if found not in self.values:
            raise Failure(f"{name} is {found}, and should be one of {self.values}")
        self.values = [found]


class Owner(Client):
    """Sets contacts, a vCard, private data and the block list, and knows what was confirmed."""

    waiting = {}              # id: (register, value)

    def start(self, registers):
        self.registers = registers
        self.waiting = {}
        self.asked = self.confirmed = 0
        return self

    def received(self, element):
        if element.get("id") in self.waiting and element.get("type") == "result":
            self.queue.pop()
            register, value = self.waiting.pop(element.get("id"))
            register.confirm(value)
            self.confirmed += 1
            return
        super().received(element)

    def _set(self, name, value, payload):
        self.asked += 1
        register = self.registers.setdefault(name, Register())
        register.write(value)
        identifier = self.new_id()
        self.waiting[identifier] = register, value
        self.try_send(f"<iq type='set' id='{identifier}'>{payload}</iq>")

    def change(self, number, chance):
        """Sets one of several things to a value that is told by a number."""
        which = chance.randrange(10)
        contact = f"contact{which}@example.org"
        value = str(number)
        chance.choice((
            lambda: self._set(f"roster {contact}", value, f"<query xmlns='{NS.roster}'><item "
                              f"jid='{contact}' name='{value}'><group>{value}</group></item></query>"),
            lambda: self._set(f"roster {contact}", None, f"<query xmlns='{NS.roster}'><item "
                              f"jid='{contact}' subscription='remove'/></query>")
            if self.registers.get(f"roster {contact}", Register()).values == [value] else None,
            lambda: self._set("vcard", value, f"<vCard xmlns='vcard-temp'><FN>{value}</FN></vCard>"),
            lambda: self._set(f"private {which}", value, "<query xmlns='jabber:iq:private'>"
                              f"<data xmlns='urn:test:{which}'>{value}</data></query>"),
            lambda: self._set(f"block {which}", "yes", "<block xmlns='urn:xmpp:blocking'>"
                              f"<item jid='enemy{which}@example.org'/></block>"),
            lambda: self._set(f"block {which}", None, "<unblock xmlns='urn:xmpp:blocking'>"
                              f"<item jid='enemy{which}@example.org'/></unblock>"),
        ))()

    def check(self):
        """Compares what the server has with what it may have."""
        contacts = self.roster()
        blocked = {item.get("jid") for item in
                   self.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]}
        for name, register in self.registers.items():
            kind, _, key = name.partition(" ")
            register.check(name, {
                "roster": lambda: self._contact(contacts.get(key)),
                "vcard": lambda: text(self.get("<vCard xmlns='vcard-temp'/>"), "{vcard-temp}vCard",
                                      "FN"),
                "private": lambda: self._private(key),
                "block": lambda: "yes" if f"enemy{key}@example.org" in blocked else None,
            }[kind]())

    @staticmethod
    def _contact(item):
        """Name and group are written by several statements, of one set."""
        if item is None:
            return None
        groups = [part.text for part in item if part.tag.endswith("}group")]
        return item.get("name") if groups == [item.get("name")] else f"{item.get('name')} in {groups}"

    def _private(self, key):
        query = self.get(f"<query xmlns='jabber:iq:private'><data xmlns='urn:test:{key}'/></query>")[0]
        return query[0].text if len(query) and query[0].text else None


def owner(account, registers):
    client = account.connect(kind=Owner)
    client.account = account
    client.log_in()
    client.bind("desk")
    return client.start(registers)


# -- a server with an office full of people --

class Office:
    """Three people who write; others who are away, acknowledge, never do, do not even read, do not know
    how to acknowledge, or come and go; one who sets things."""

    def __init__(self, server, seed):
        self.server = server
        self.random = random.Random(seed)
        self.traffic = Traffic(self.random)
        names = ["romeo", "benvolio", "mercutio", "away", "absent", "acking", "silent", "deaf", "plain",
                 "nervous", "owner"]
        accounts = server.accounts([(name, None) for name in names])
        self.writers, self.readers, self.owner_account = accounts[:3], accounts[3:10], accounts[10]
        self.registers = {}
        self.changes = self.asked = self.confirmed = 0
        self.slowest_stop = 0

    def enter(self):
        """Everybody logs in; what was acknowledged to them before must be there."""
        self.speakers = [self.traffic.speaker(account) for account in self.writers]
        away, absent, acking, silent, deaf, plain, nervous = self.readers
        self.listeners = [self.traffic.listener(account)
                          for account in (away, absent, acking, silent, deaf)]
        self.listeners.append(self.traffic.listener(plain, management=False))
        self.listeners.append(self.traffic.listener(nervous))
        self.owner = owner(self.owner_account, self.registers)
        self.owner.check()

    @property
    def clients(self):
        return self.speakers + self.listeners + [self.owner]

    def verify(self):
        """One message more in each talk comes behind all that was kept."""
        self.traffic.say_to_each(self.speakers, self.readers)
        self.traffic.wait_heard(self.clients)
        self.traffic.check()

    def leave(self):
        """Two go home, one does not acknowledge any more, and one does not even read."""
        for listener in self.listeners[:5]:
            listener.acknowledge()
        carry_until(self.clients, lambda: not any(listener.asked for listener in self.listeners),
                    lambda: "answers")
        for listener in self.listeners[:2]:
            listener.end()
        self.listeners[3].answers_requests = False
        self.deaf = self.listeners[4]
        del self.listeners[4], self.listeners[:2]

    def work(self, seconds):
        """Everybody writes, one sets things, one reconnects now and then.

        Only one writes to those who do not acknowledge: that holds up all his other acknowledgements.
        """
        end = time.monotonic() + seconds
        others = [account for account in self.readers
                  if not account.username.startswith(("silent", "deaf"))]
        while time.monotonic() < end:
            self.changes += 1
            self.owner.change(self.changes, self.random)
            if self.random.random() < 0.05:
                self.reconnect()
            self.traffic.run({speaker: others for speaker in self.speakers[:2]}
                             | {self.speakers[2]: self.readers}, self.clients,
                             min(0.05, end - time.monotonic()))

    def reconnect(self):
        """The nervous one's connection is cut, and made anew."""
        if self.random.random() < 0.5:
            self.listeners[-1].abort()
        else:
            self.listeners[-1].close()
        self.listeners[-1] = self.traffic.listener(self.readers[-1])

    def after(self):
        """The server is dead: what it had sent still counts, if one reads it."""
        self.deaf.close()
        hear_out(self.clients)
        self.traffic.crashed_at = time.monotonic()
        self.traffic.settle(self.speakers)
        self.asked += self.owner.asked
        self.confirmed += self.owner.confirmed

    def crash(self):
        self.server.process.kill()
        self.after()
        self.server.kill()

    def stop(self):
        """SIGTERM; nobody is waited for too long (security.md R5)."""
        started = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        carry_until(self.clients, lambda: not self.server.running(), lambda: "the end", 15)
        took = time.monotonic() - started
        self.after()
        self.server.wait_stopped()
        if took > 10 * FACTOR:
            raise Failure(f"it took {took:.1f} s to stop")
        self.slowest_stop = max(self.slowest_stop, took)

    def figures(self):
        return f"{self.traffic.figures()}; {self.confirmed} of {self.asked} sets confirmed"


def rounds(count, end):
    """So many lives of a server, each ended at a random moment by end(office)."""
    with Server(limits=LIMITS, settings=ROOMY) as server:
        office = Office(server, SEED)
        try:
            for _ in range(count):
                office.enter()
                office.verify()
                office.leave()
                office.work(office.random.uniform(0.05, 3))
                end(office)
                server.start()
            office.enter()
            office.verify()
            office.leave()
            office.listeners[1].answers_requests = True
            office.listeners[1].acknowledge()
            office.listeners.append(office.deaf)
            wait_rows(server, office.clients, 0)
            server.stop()
        finally:
            note(f"seed {SEED}: {office.figures()}; slowest stop {office.slowest_stop:.2f} s")


@test(f"security.md 3 R1, R2, R6: {ROUNDS} rounds of kill -9", timeout=60 + 10 * ROUNDS)
def _():
    rounds(ROUNDS, Office.crash)


@test(f"security.md 3 R5: {STOPS} rounds of SIGTERM", timeout=60 + 20 * STOPS)
def _():
    rounds(STOPS, Office.stop)


# -- receivers that go, while the server lives --

class Street:
    """Two people who write to one, whose connections come and go."""

    def __init__(self, server, **options):
        self.server = server
        self.random = random.Random(SEED)
        self.traffic = Traffic(self.random)
        # The server lives: what was acknowledged must not come again at all.
        self.traffic.crashed_at = float("inf")
        romeo, benvolio, self.reader = server.accounts([("romeo", None), ("benvolio", None),
                                                        ("juliet", None)])
        self.speakers = [self.traffic.speaker(account) for account in (romeo, benvolio)]
        self.listeners = []

    @property
    def clients(self):
        return self.speakers + self.listeners

    def listen(self, resource="ear", **options):
        self.listeners.append(self.traffic.listener(self.reader, resource, **options))
        return self.listeners[-1]

    def work(self, seconds, rate=200, until=None):
        self.traffic.run({speaker: [self.reader] for speaker in self.speakers}, self.clients, seconds,
                         rate, until)

    def drop(self, listener):
        """Its connection is cut; what it has not read is gone."""
        self.listeners.remove(listener)
        listener.abort()

    def finish(self):
        """All that was said is heard and acknowledged, and no row is left."""
        self.traffic.wait_settled(self.speakers, self.clients)
        self.traffic.wait_heard(self.clients)
        for listener in self.listeners:
            if listener.counting:
                carry_until(self.clients, lambda: not listener.asked, lambda: "an answer")
                listener.acknowledge()
        wait_rows(self.server, self.clients, 0, self.reader)
        self.traffic.check(everything=True)
        note(f"seed {SEED}: {self.traffic.figures()}")


@test("security.md 3 R2: cut 30 times with messages unacknowledged; the next login gets them, once, in "
      "order", timeout=60)
def _(server):
    street = Street(server)
    for _ in range(30):
        street.listen(silent=street.random.random() < 0.5)
        street.work(street.random.uniform(0.02, 0.2))
        street.drop(street.listeners[0])
        street.work(street.random.choice((0, 0.05)))
    street.listen()
    street.finish()


@test("security.md 3 R2: the same with another session there, which gets them", timeout=60)
def _(server):
    street = Street(server)
    street.traffic.one_ear = False
    street.listen("other", priority=0)
    for _ in range(30):
        street.listen(silent=street.random.random() < 0.5, priority=5)
        street.work(street.random.uniform(0.02, 0.2))
        street.drop(street.listeners[1])
    street.finish()


@test("security.md 3 R6: replaced by a client that binds the same resource, while others write",
      timeout=60)
def _():
    with Server(workers=1, limits=LIMITS, settings=ROOMY) as server:
        street = Street(server)
        street.listen(silent=True)
        for _ in range(10):
            street.work(0.05)
            client = street.reader.connect(kind=Listener)
            client.account = street.reader
            client.log_in()
            # The server finds all of this in one round of its loop.
            server.process.send_signal(signal.SIGSTOP)
            bind = client.send_iq("set", f"<bind xmlns='{NS.bind}'><resource>ear</resource></bind>")
            for speaker in street.speakers:
                street.traffic.say(speaker, [street.reader], 5)
            server.process.send_signal(signal.SIGCONT)
            client.jid = text(client.answer(bind), "{%s}bind" % NS.bind, "jid")
            client.traffic = street.traffic
            old = street.listeners.pop()
            hear_out([old])
            street.listeners.append(client.start(silent=True))
        street.listeners[0].answers_requests = True
        street.finish()
        server.stop()


@two_users("security.md 3 R2: a client that reads nothing any more: its messages are kept", timeout=60)
def _(server, romeo, juliet):
    street = Street(server)
    deaf = street.listen()
    street.listeners.remove(deaf)
    filling = "<x xmlns='urn:test'>" + "x" * 20000 + "</x>"
    for _ in range(400):
        for speaker in street.speakers:
            speaker.say([(street.traffic.talk(speaker.account, street.reader), street.reader.jid)],
                        filling)
        carry(street.clients, 0.001)
    street.traffic.wait_settled(street.speakers, street.clients)
    deaf.abort()
    street.listen()
    street.finish()


@two_users("R2: what is unacknowledged for a second is in the database, and leaves it once acknowledged",
           timeout=60)
def _(server, romeo, juliet):
    street = Street(server)
    listener = street.listen(silent=True)
    street.work(1)
    street.traffic.wait_settled(street.speakers, street.clients)
    said = street.traffic.total("said")
    if rows(server, street.reader) != said:
        raise Failure(f"{rows(server, street.reader)} rows for {said} messages")
    street.traffic.wait_heard(street.clients)
    listener.answers_requests = True
    street.finish()
    listener.end()
    again = street.traffic.listener(street.reader)
    again.sync(street.speakers[0])
    street.traffic.check(everything=True)


@test("security.md 3 R6: several resources come at once, while others write: once in all, in order",
      timeout=60)
def _(server):
    street = Street(server)
    street.traffic.one_ear = False
    street.work(1, rate=300)
    for number in range(6):
        street.listeners.append(street.traffic.enter(street.reader, Listener, f"ear{number}"))
    for number, listener in enumerate(street.listeners):
        listener.start(management=number % 3 != 0, priority=number, wait=False)
    street.work(1, rate=300)
    street.finish()
    repeats = sum(talk.repeats for talk in street.traffic.talks.values())
    if repeats:
        raise Failure(f"{repeats} came more than once")


@test("security.md 3 R6: a slow client with much to come, while others write: in order", timeout=60)
def _(server):
    street = Street(server)
    street.work(1, rate=300)
    listener = street.listen(silent=True)
    for _ in range(20):
        street.work(0.05, rate=300)
        listener.acknowledge()
    listener.answers_requests = True
    street.finish()


@test("security.md 3 R6: and one that is silent for longer than anybody has patience", timeout=60)
def _(server):
    street = Street(server)
    street.work(0.6, rate=300)
    listener = street.listen(silent=True)
    street.work(13, rate=10)
    listener.answers_requests = True
    listener.acknowledge()
    street.finish()


main(limits=LIMITS, settings=ROOMY)
