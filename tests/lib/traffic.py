"""traffic.py - people who write to each other under load, and books on what became of each message.

A Talk is one direction between two people: what was said in it, what the server took over (covered by
an <a h='…'/>, XEP-0198), what it refused, and what was heard. Talks outlive connections and servers,
so that after a crash they can tell what is lost, doubled, or out of order. Nothing here runs in
threads: carry() reads from all connections as data comes, and lets speakers speak meanwhile.
"""
import select
import time

from .client import Client
from .connection import FACTOR, Failure, Timeout
from .element import NS, child

# The servers' limits on bytes are another test's concern.
GENEROUS = {"bytes_per_second": 100000000, "burst_bytes": 100000000}
# What a receiver has acknowledged so recently may come again after a crash: its row may not be deleted.
GRACE = 1.0


class Talk:
    """All that one person says to another. Messages are numbered from 1."""

    def __init__(self, speaker, listener):
        self.name = f"{speaker}.{listener}"
        self.said = []        # when, by number - 1
        self.acknowledged = []
        self.refused = {}     # number: (type, condition) of the error
        self.heard = {}       # number: when first
        self.repeats = 0
        self.done = {}        # number: when the server knew that the listener has it
        self.newest = 0
        self.problems = []

    def hear(self, number, connection, traffic):
        """A message has arrived."""
        if number <= connection.newest.get(self.name, 0):
            self.problems.append(f"{self.name}: {number} behind {connection.newest[self.name]}")
        connection.newest[self.name] = number
        if number not in self.heard:
            if traffic.one_ear and number < self.newest:
                self.problems.append(f"{self.name}: {number} is late, {self.newest} was before")
            self.newest = max(number, self.newest)
            self.heard[number] = time.monotonic()
            return
        self.repeats += 1
        if number in self.done and self.done[number] < traffic.crashed_at - GRACE:
            self.problems.append(f"{self.name}: {number} again, although acknowledged")

    def lost(self):
        """What the server had taken over, without a word to the speaker that it failed."""
        return [number for number in self.acknowledged
                if number not in self.heard and number not in self.refused]


class Speaker(Client):
    """A client that says numbered messages and keeps the books of what the server has taken over."""

    traffic = None

    def start(self):
        """Call it once logged in."""
        self.pending = []     # (talk, number), by h - 1
        self.covered = 0
        self.enable_sm()
        return self

    def say(self, talks, inside=""):
        """One message in each of the talks, and asks for an acknowledgement."""
        out = []
        for talk, to in talks:
            talk.said.append(time.monotonic())
            number = len(talk.said)
            self.pending.append((talk, number))
            out.append(f"<message type='chat' to='{to}' id='{talk.name}.{number}'>"
                       f"<body>{number}</body>{inside}</message>")
        return self.try_send("".join(out) + f"<r xmlns='{NS.sm}'/>")

    def received(self, element):
        entry = self.traffic and self.traffic.find(element)
        if entry is None or element.get("type") != "error":
            super().received(element)
            return
        self.queue.pop()
        entry[0].refused[entry[1]] = _condition(element)

    def settle(self):
        """Enters what the server has acknowledged up to now."""
        handled = max(self.acks, default=0)
        for talk, number in self.pending[self.covered:handled]:
            talk.acknowledged.append(number)
        self.covered = max(self.covered, handled)

    def is_settled(self):
        """Whether the server has answered for everything."""
        self.settle()
        return self.covered == len(self.pending)


def _condition(stanza):
    """(type, condition) of a stanza error."""
    error = child(stanza, "{jabber:client}error")
    names = [part.tag.split("}")[1] for part in error if part.tag.startswith("{%s}" % NS.stanzas)]
    return error.get("type"), names[0] if names else ""


class Listener(Client):
    """A client that enters what it hears into the talks of its `traffic`."""

    traffic = None
    asked = None              # (id, how many were covered by the <a/> before it)
    asks_every = 0.2

    def start(self, *, management=True, silent=False, priority=None, wait=True):
        """Call it once logged in: `silent` never acknowledges by itself."""
        self.newest = {}      # by talk, on this connection
        self.uncovered = []   # (talk, number) heard since enabled, by h - 1; None: something else
        self.told = 0
        self.asks_at = 0
        if management:
            self.enable_sm()
            self.answers_requests = not silent
        if wait:
            self.available(priority)
        else:
            self.presence(inside="" if priority is None else f"<priority>{priority}</priority>")
        return self

    def received(self, element):
        entry = self.traffic and self.traffic.find(element)
        if entry is not None:
            self.queue.pop()
            entry[0].hear(entry[1], self, self.traffic)
        elif self.asked and element.get("id") == self.asked[0]:
            self.queue.pop()
            self._confirmed()
        else:
            super().received(element)
        if self.counting and element.tag.startswith("{%s}" % NS.client):
            self.uncovered.append(entry)

    def _confirmed(self):
        """The server has read the <a/> that came before the request just answered."""
        for entry in self.uncovered[self.told:self.asked[1]]:
            if entry is not None:
                entry[0].done[entry[1]] = time.monotonic()
        self.told = self.asked[1]
        self.asked = None

    def acknowledge(self):
        """Says what it has, and asks for an answer, which proves that the server has read it."""
        if self.asked is not None or self.closed:
            return
        self.asked = (self.new_id(), self.handled)
        self.try_send(f"<a xmlns='{NS.sm}' h='{self.handled}'/><iq type='get' id='{self.asked[0]}'"
                      f" to='{self.account.domain}'><ping xmlns='{NS.ping}'/></iq>")

    def tick(self):
        """Now and then, while data comes."""
        if self.counting and self.answers_requests and time.monotonic() > self.asks_at:
            self.asks_at = time.monotonic() + self.asks_every
            self.acknowledge()


class Traffic:
    """The talks between some speakers and some listeners, by the names of their accounts."""

    def __init__(self, random):
        self.random = random
        self.talks = {}
        # When the server last died; infinite if it never does, and nothing acknowledged may be repeated.
        self.crashed_at = float("-inf")
        # Whether each listener has one connection at a time: then order can be told across them.
        self.one_ear = True

    def talk(self, speaker, listener):
        name = f"{speaker.username}.{listener.username}"
        if name not in self.talks:
            self.talks[name] = Talk(speaker.username, listener.username)
        return self.talks[name]

    def find(self, message):
        """The talk and the number that an element belongs to; None if to none."""
        name, _, number = (message.get("id") or "").rpartition(".")
        if message.tag != "{%s}message" % NS.client or name not in self.talks:
            return None
        return self.talks[name], int(number)

    # -- logging in --

    def speaker(self, account, resource="pen"):
        return self.enter(account, Speaker, resource).start()

    def listener(self, account, resource="ear", **options):
        return self.enter(account, Listener, resource).start(**options)

    def enter(self, account, kind, resource):
        """Logs in and binds; start() is still to be called."""
        client = account.connect(kind=kind)
        client.account = account
        client.log_in()
        client.bind(resource)
        client.traffic = self
        return client

    # -- traffic --

    def say(self, speaker, accounts, burst=1):
        """A burst of messages of one speaker, to some of the accounts by chance."""
        chosen = [self.random.choice(accounts) for _ in range(burst)]
        return speaker.say([(self.talk(speaker.account, account), account.jid) for account in chosen])

    def say_to_each(self, speakers, accounts):
        for speaker in speakers:
            speaker.say([(self.talk(speaker.account, account), account.jid) for account in accounts])

    def run(self, speakers, clients, seconds, rate=200, until=None):
        """Lets speakers speak for so long, or until() is true: {speaker: whom to}, each `rate` messages
        a second."""
        end = time.monotonic() + seconds
        due = {speaker: time.monotonic() for speaker in speakers}
        while time.monotonic() < end and not (until and until()):
            for speaker, accounts in speakers.items():
                if due[speaker] > time.monotonic() or speaker.closed:
                    continue
                burst = self.random.randint(1, 8)
                self.say(speaker, accounts, burst)
                due[speaker] += burst / rate * self.random.uniform(0.5, 1.5)
            carry(clients, 0.005)

    def wait_heard(self, clients, talks=None, timeout=20):
        """Reads until the newest message of each talk has been heard."""
        talks = list(self.talks.values()) if talks is None else talks
        carry_until(clients, lambda: all(not talk.said or talk.newest == len(talk.said)
                                         for talk in talks),
                    lambda: "the last of " + ", ".join(
                        f"{talk.name} ({len(talk.said)}, heard {talk.newest})" for talk in talks
                        if talk.said and talk.newest != len(talk.said)), timeout)

    def wait_settled(self, speakers, clients, timeout=20):
        """Reads until everything that was said is acknowledged or refused."""
        carry_until(clients, lambda: all([speaker.is_settled() for speaker in speakers]),
                    lambda: "acknowledgements of " + ", ".join(
                        f"{speaker.name} ({speaker.covered} of {len(speaker.pending)})"
                        for speaker in speakers), timeout)

    # -- the books --

    def settle(self, speakers):
        for speaker in speakers:
            speaker.settle()

    def check(self, everything=False):
        """Raises if something taken over was lost, or came out of order or once too often.

        `everything`: what was said must have been heard or refused, since nothing died.
        """
        problems = []
        for talk in self.talks.values():
            problems += talk.problems[:3]
            lost = talk.lost()
            if lost:
                problems.append(f"{talk.name}: lost {len(lost)}, as {lost[:5]}")
            if not everything:
                continue
            missing = [number for number in range(1, len(talk.said) + 1)
                       if number not in talk.heard and number not in talk.refused]
            if missing:
                problems.append(f"{talk.name}: missing {len(missing)}, as {missing[:5]}")
        if problems:
            raise Failure(f"{len(problems)} talks went wrong:\n" + "\n".join(problems[:12]))

    def total(self, what):
        """How many messages in all were said, acknowledged, refused, heard."""
        return sum(len(getattr(talk, what)) for talk in self.talks.values())

    def figures(self):
        return (f"{self.total('said')} said, {self.total('acknowledged')} acknowledged, "
                f"{sum(len(talk.lost()) for talk in self.talks.values())} of them lost, "
                f"{self.total('refused')} refused, {self.total('heard')} heard, "
                f"{sum(talk.repeats for talk in self.talks.values())} repeated")


def _pending(client):
    return getattr(client.socket, "pending", lambda: 0)()


def carry(clients, seconds):
    """Reads what arrives within so many seconds, from all of the clients."""
    alive = [client for client in clients if not client.closed]
    ready = [client for client in alive if _pending(client)]
    if not ready:
        ready = select.select(alive and [client.socket for client in alive], [], [], seconds)[0]
        ready = [client for client in alive if client.socket in ready]
    for client in ready:
        try:
            client.read(time.monotonic() + 0.05)
            while not client.closed and _pending(client):
                client.read(time.monotonic() + 0.05)
        except Timeout:
            pass  # half a TLS record
    for client in alive:
        if isinstance(client, Listener) and not client.closed:
            client.tick()


def carry_until(clients, found, what, timeout=10):
    """Reads until found() is true; what() says what that would have been."""
    deadline = time.monotonic() + timeout * FACTOR
    while not found():
        if time.monotonic() > deadline:
            raise Timeout(f"not in time: {what()}")
        carry(clients, 0.02)


def hear_out(clients, timeout=10):
    """Reads until every connection has ended: what a dead server had sent still counts."""
    carry_until(clients, lambda: all(client.closed for client in clients), lambda: "the end of "
                + ", ".join(client.name for client in clients if not client.closed), timeout)


def percentile(values, share):
    """The value that such a share of the values does not exceed; None without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


__all__ = ["GENEROUS", "Listener", "Speaker", "Talk", "Traffic", "carry", "carry_until", "hear_out",
           "percentile"]
