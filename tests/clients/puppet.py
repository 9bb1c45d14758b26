"""puppet.py - clients that are led by lines: purple.c, strophe.c (over puppet.h) and slix.py.

They are one to a test, whatever they are made of: an order is a line to their standard input, an event
is a line from their standard output, fields are separated by tabs.
"""
import os
import re
import select
import subprocess
import time

from lib.connection import Failure, Timeout
from lib.server import BUILD
from lib.tap import Skip
from process import TIMEOUT, Process, bare

__all__ = ["Gateway", "Puppet", "purple", "slixmpp", "strophe", "acquaint"]

HERE = os.path.dirname(os.path.abspath(__file__))


class Puppet(Process):
    """One running client of an account."""

    def __init__(self, account, kind, program):
        self.account = account
        self.begin(account.server, f"{kind}-{account.username}", lambda: [
            *program, f"{account.jid}/{kind}", account.password, str(account.server.ports["c2s"]),
            account.server.certificate(account.domain)[0], self.home])

    def begin(self, server, name, command):
        super().__init__(server, name)
        self.events = []
        self.wire = []  # (direction, XML) in their order
        self.rest = b""
        self.ended = False
        self.process = self.spawn(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def jid(self):
        return self.account.jid

    def do(self, *fields):
        """Gives an order."""
        self.notes.append(f"{self.name} >> {fields}")
        self.process.stdin.write(("\t".join(fields) + "\n").encode())
        self.process.stdin.flush()

    def read(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            raise Timeout("nothing more came")
        data = os.read(self.process.stdout.fileno(), 65536)
        self.ended = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            fields = line.decode("utf-8", "replace").split("\t")
            (self.wire if fields[0] in ("in", "out") else self.events).append(fields)
            self.notes.append(f"{self.name} << {fields}")

    def expect(self, name, *fields, timeout=TIMEOUT):
        """Waits for an event and takes it out of those that came; returns its fields.

        A wanted field is its text, or a function that says whether it will do. Fields behind the
        wanted ones may be there.
        """
        def take():
            for index, event in enumerate(self.events):
                if event[0] == name and _fit(event[1:], fields):
                    return self.events.pop(index)
            return None

        return self.wait(take, f"{name} {fields}", timeout)[1:]

    def expect_wire(self, direction, pattern, timeout=TIMEOUT):
        """Waits for XML that the regular expression is found in, sent ("out") or received ("in")."""
        return self.wait(lambda: next((xml for way, xml in self.wire
                                       if way == direction and re.search(pattern, xml)), None),
                         f"{direction} {pattern}", timeout)

    def wait(self, found, what, timeout=TIMEOUT):
        """Reads until found() returns something true, which is returned."""
        deadline = time.monotonic() + timeout
        while True:
            value = found()
            if value:
                return value
            if self.ended:
                raise Failure(f"{self.name} ended before {what}")
            try:
                self.read(deadline)
            except Timeout:
                raise Timeout(f"{self.name}: no {what} came in time") from None

    def online(self):
        """Waits until it is logged in, its initial presence included."""
        jid, *_ = self.expect("online")
        if bare(jid) != self.jid:
            raise Failure(f"{self.name} is bound to {jid}")
        self.expect_wire("in", f"<presence[^>]*{re.escape(self.jid)}/")
        return self

    def sent(self):
        """How many stanzas were sent since stream management was enabled (XEP-0198)."""
        return _stanzas(self.managed())

    def asked(self):
        """How many of them were sent before the client last asked for an acknowledgement."""
        texts = self.managed()
        while texts and not re.match(r"<r[ />]", texts[-1]):
            texts.pop()
        return _stanzas(texts)

    def managed(self):
        """What was sent since stream management was asked for."""
        texts = [xml for way, xml in self.wire if way == "out"]
        enabled = next(number for number, xml in enumerate(texts) if xml.startswith("<enable "))
        return texts[enabled + 1:]

    def acknowledged(self):
        """The last h that the server has sent."""
        found = [re.search(r"<a [^>]*h=['\"](\d+)", xml) for way, xml in self.wire if way == "in"]
        return max((int(one.group(1)) for one in found if one), default=0)

    def expect_acks(self):
        """For clients that ask after each stanza: waits until the server has handled what was sent."""
        self.wait(lambda: self.acknowledged() >= self.sent(), "acknowledgement of all stanzas")
        if self.acknowledged() != self.sent():
            raise Failure(f"{self.name}: {self.acknowledged()} acknowledged, {self.sent()} sent")

    def quit(self):
        """Logs out and waits for the end of the program."""
        self.do("quit")
        self.expect("offline")
        status = self.process.wait(TIMEOUT)
        if status != 0:
            raise Failure(f"{self.name} ended with {status}")

    def say(self, other, text):
        """Sends a message, and waits until the other one shows it."""
        self.do("message", other.jid, text)
        return other.hear(self, text)

    def hear(self, other, text, *more):
        """Waits for a message of the other's; `more` is ("delayed",) for one that was stored."""
        found = self.expect("message", lambda jid: bare(jid) == other.jid, text, *more)
        if found[2:] != list(more):
            raise Failure(f"{self.name}: the message is marked {found[2:]}, not {more}")

    def sees(self, other, state):
        self.expect("presence", lambda jid: bare(jid) == other.jid, state)

    def expect_none(self, name, *fields):
        """No such event has come, by what has been read up to now."""
        for event in self.events:
            if event[0] == name and _fit(event[1:], fields):
                raise Failure(f"{self.name} should not have seen {event}")


class Gateway(Puppet):
    """A component, which speaks for a domain of its own."""

    def __init__(self, server, domain, secret):
        self.domain = domain
        self.begin(server, f"gateway-{domain}", lambda: [
            "/usr/bin/python3", os.path.join(HERE, "gateway.py"), domain, secret,
            str(server.ports["component"])])

    def online(self):
        self.expect("online", self.domain)
        return self


def _stanzas(texts):
    return sum(bool(re.match(r"<(message|presence|iq)[ />]", xml)) for xml in texts)


def _fit(fields, wanted):
    return len(fields) >= len(wanted) and all(
        want(field) if callable(want) else want == field for field, want in zip(fields, wanted))


def _program(name):
    path = os.path.join(BUILD, "tests", "clients", name)
    if not os.access(path, os.X_OK):
        raise Skip(f"{path} has not been built: its library is not there")
    return path


def purple(account):
    return Puppet(account, "purple", [_program("purple")])


def strophe(account):
    return Puppet(account, "strophe", [_program("strophe")])


def slixmpp(account, identity=()):
    """`identity`: paths of a certificate and its key, to log in by."""
    return Puppet(account, "slixmpp", ["/usr/bin/python3", os.path.join(HERE, "slix.py"), *identity])


def acquaint(one, other):
    """Both add and approve each other; waits until each sees the other's presence."""
    for me, you in ((one, other), (other, one)):
        me.do("add", you.jid)
        you.expect("subscribe", lambda jid, me=me: bare(jid) == me.jid)
        you.do("approve", me.jid)
    one.sees(other, "available")
    other.sees(one, "available")
