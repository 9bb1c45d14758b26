"""client.py - accounts of the server under test, and clients that are logged in.

A Client is a Connection with a bound resource. It answers roster pushes as RFC 6121 section 2.1.6
wants; everything that arrives still waits in the queue for the test to look at.
"""
import itertools

from .connection import Closed, Connection, Failure, Timeout
from .element import ABSENT, ANY, NS, child, matches, quote, show, text

PASSWORD = "secret"
DEFAULT_MECHANISM = "SCRAM-SHA-256"
_ids = itertools.count(1)


class Account:
    """A user of the server: knows how to log in."""

    def __init__(self, server, username, domain, password=PASSWORD):
        self.server = server
        self.username = username
        self.domain = domain
        self.password = password
        self.jid = f"{username}@{domain}"
        self.worker = server.home(self.jid)

    def __str__(self):
        return self.jid

    @property
    def row(self):
        """Which rows of the tables are this account's: what follows WHERE."""
        return f"domain = '{self.domain}' AND username = '{self.username}'"

    def connect(self, **options):
        """A connection with TLS done and features received, up to SASL."""
        return self.server.connect(domain=self.domain, name=self.username, **options)

    def login(self, resource=None, *, presence=None, mechanism=DEFAULT_MECHANISM, **options):
        """Logs in and binds.

        `presence`: None sends none, True sends <presence/>, a number sends one with that priority;
        then waits until the server has broadcast it. `resource` None lets the server make one.
        """
        client = self.connect(kind=Client, **options)
        client.account = self
        client.log_in(mechanism)
        client.bind(resource)
        if presence is not None:
            client.available(None if presence is True else presence)
        return client


class Client(Connection):
    """A client after (and during) login."""

    account = None
    jid = None
    answers_pushes = True

    @property
    def bare(self):
        return self.account.jid

    @property
    def resource(self):
        return self.jid.split("/", 1)[1]

    def log_in(self, mechanism=DEFAULT_MECHANISM, **options):
        """SASL and the stream after it."""
        answer = self.sasl(mechanism, self.account.username, self.account.password, **options)
        if answer.tag != "{%s}success" % NS.sasl:
            raise Failure(f"{self.name} cannot log in: {show(answer)}")
        self.open()

    def bind(self, resource=None):
        """Binds a resource and returns the full JID."""
        inside = "" if resource is None else f"<resource>{quote(resource)}</resource>"
        answer = self.set(f"<bind xmlns='{NS.bind}'>{inside}</bind>")
        self.jid = text(answer, "{%s}bind" % NS.bind, "jid")
        self.name = self.jid.split("@")[0] + "/" + self.resource[:12]
        return self.jid

    def received(self, element):
        push = f"<iq type='set' id='{ANY}'><query xmlns='{NS.roster}'/></iq>"
        if self.answers_pushes and matches(element, push):
            self.try_send(f"<iq type='result' id='{element.get('id')}'/>")

    # -- stanzas --

    def new_id(self):
        return f"t{next(_ids)}"

    def iq(self, kind, payload, *, to=None, timeout=None, id=None):
        """Sends an iq and returns its answer, result or error."""
        identifier = self.send_iq(kind, payload, to=to, id=id)
        return self.answer(identifier, timeout=timeout)

    def send_iq(self, kind, payload, *, to=None, id=None):
        """Sends an iq without waiting; returns its id, for answer()."""
        identifier = id or self.new_id()
        address = "" if to is None else f" to='{quote(to)}'"
        self.send(f"<iq type='{kind}' id='{identifier}'{address}>{payload}</iq>")
        return identifier

    def answer(self, identifier, timeout=None):
        """Waits for the answer to the iq of that id."""
        return self.expect(lambda element: element.tag == "{jabber:client}iq"
                           and element.get("id") == identifier
                           and element.get("type") in ("result", "error"), timeout=timeout)

    def get(self, payload, **options):
        """An iq get that must succeed; returns the result."""
        return self._must_succeed(self.iq("get", payload, **options))

    def set(self, payload, **options):
        """An iq set that must succeed; returns the result."""
        return self._must_succeed(self.iq("set", payload, **options))

    def _must_succeed(self, answer):
        if answer.get("type") != "result":
            raise Failure(f"{self.name}: the answer is an error: {show(answer)}")
        return answer

    def iq_error(self, kind, payload, condition, **options):
        """An iq that must be refused with that condition; returns the error stanza."""
        answer = self.iq(kind, payload, **options)
        expect_error(answer, condition)
        return answer

    def message(self, to, body="hello", kind="chat", id=None, inside=""):
        """Sends a message and returns its id."""
        identifier = id or self.new_id()
        kind = "" if kind is None else f" type='{kind}'"
        body = "" if body is None else f"<body>{quote(body)}</body>"
        self.send(f"<message to='{quote(to)}'{kind} id='{identifier}'>{body}{inside}</message>")
        return identifier

    def available(self, priority=None, inside=""):
        """Broadcasts presence, and waits for its reflection (RFC 6121 section 4.2.2)."""
        if priority is not None:
            inside += f"<priority>{priority}</priority>"
        self.send(f"<presence>{inside}</presence>")
        return self.expect(f"<presence from='{quote(self.jid)}' type='{ABSENT}'>{inside}</presence>")

    def presence(self, kind=None, to=None, inside=""):
        """Sends presence without waiting for anything."""
        kind = "" if kind is None else f" type='{kind}'"
        to = "" if to is None else f" to='{quote(to)}'"
        self.send(f"<presence{to}{kind}>{inside}</presence>")

    def roster(self):
        """Asks for the roster, which makes the resource interested: {jid: item}."""
        answer = self.get(f"<query xmlns='{NS.roster}'/>")
        query = child(answer, "{%s}query" % NS.roster)
        return {item.get("jid"): item for item in (query if query is not None else [])}

    def roster_set(self, jid, inside="", **attributes):
        """Adds or changes a roster item; returns the answer, result or error."""
        pairs = "".join(f" {key}='{quote(value)}'" for key, value in attributes.items())
        return self.iq("set", f"<query xmlns='{NS.roster}'><item jid='{quote(jid)}'{pairs}>"
                              f"{inside}</item></query>")

    def expect_push(self, jid, *, timeout=None, inside="", **attributes):
        """Waits for a roster push of that contact; attributes as in a template. Returns the item."""
        pairs = "".join(f" {key}='{quote(value)}'" for key, value in attributes.items())
        push = self.expect(f"<iq type='set' id='{ANY}'><query xmlns='{NS.roster}'>"
                           f"<item jid='{quote(jid)}'{pairs}>{inside}</item></query></iq>",
                           timeout=timeout)
        return child(push, "{%s}query" % NS.roster)[0]

    # -- absence --

    def sync(self, other=None):
        """Reads up to a point in time: all that was sent to us before has arrived after it.

        Without `other`, by an iq to our own server. With it, by a marker that `other` sends to our
        full JID: whatever `other` caused before comes before the marker, since the server keeps
        the order between two parties.
        """
        if other is None or other is self:
            self.iq("get", f"<ping xmlns='{NS.ping}'/>", to=self.account.domain)
            return
        identifier = other.new_id()
        other.send(f"<message type='headline' id='{identifier}' to='{quote(self.jid)}'>"
                   f"<marker xmlns='urn:godwit:test'/></message>")
        self.expect(f"<message id='{identifier}'><marker xmlns='urn:godwit:test'/></message>")

    def drain(self, *others):
        """Forgets all that has arrived up to now; returns it."""
        for other in others or (None,):
            self.sync(other)
        drained, self.queue = self.queue, []
        return drained

    def expect_nothing(self, template=None, *, after=None):
        """Nothing (that matches) has arrived, proven by a round trip as in sync()."""
        self.sync(after)
        for element in self.queue:
            if template is None or matches(element, template):
                raise Failure(f"{self.name} should not have received: {show(element)}")

    # -- stream management --

    def enable_sm(self, inside=""):
        """XEP-0198 section 3: from here on both sides count."""
        self.send(f"<enable xmlns='{NS.sm}'{inside}/>")
        enabled = self.expect(f"<enabled xmlns='{NS.sm}'/>")
        self.counting = True
        self.handled = 0
        return enabled

    def expect_ack(self, h, timeout=None):
        """Asks, and waits until the server has handled `h` of our stanzas."""
        self.send(f"<r xmlns='{NS.sm}'/>")
        self.wait(lambda: self.acks and self.acks[-1] >= h, f"an acknowledgement of {h} stanzas",
                  timeout)
        if self.acks[-1] != h:
            raise Failure(f"{self.name}: acknowledged {self.acks[-1]} stanzas, expected {h}")


def expect_error(stanza, conditions, kind=None):
    """The stanza must be an error with that condition (RFC 6120 section 8.3); `|` stands between
    several. `kind` is the error's type, by default the one that section 8.3.3 gives the condition."""
    error = child(stanza, "{jabber:client}error")
    for condition in conditions.split("|"):
        template = (f"<error type='{kind or ERROR_TYPES[condition]}'>"
                    f"<{condition} xmlns='{NS.stanzas}'/></error>")
        if stanza.get("type") == "error" and error is not None and matches(error, template):
            return error
    raise Failure(f"expected an error {conditions} {kind or ''}, got: {show(stanza)}")


# RFC 6120 section 8.3.3.
ERROR_TYPES = {
    "bad-request": "modify", "conflict": "cancel", "feature-not-implemented": "cancel",
    "forbidden": "auth", "gone": "cancel", "internal-server-error": "cancel",
    "item-not-found": "cancel", "jid-malformed": "modify", "not-acceptable": "modify",
    "not-allowed": "cancel", "not-authorized": "auth", "policy-violation": "modify",
    "recipient-unavailable": "wait", "redirect": "modify", "registration-required": "auth",
    "remote-server-not-found": "cancel", "remote-server-timeout": "wait",
    "resource-constraint": "wait", "service-unavailable": "cancel", "subscription-required": "auth",
    "undefined-condition": ANY, "unexpected-request": "wait",
}


def online(account, resource="desk"):
    """Logs in as most clients do: asks for the roster, then is available."""
    client = account.login(resource)
    client.roster()
    client.available()
    return client


def can_login(account, **options):
    """Whether it is let in now, and goes again."""
    try:
        account.login("try", **options).end()
        return True
    except (Failure, OSError):
        return False


def befriend(one, two):
    """Makes two accounts see each other's presence (subscription "both")."""
    clients = [online(account, "befriend") for account in (one, two)]
    for me, other in (clients, clients[::-1]):
        me.presence("subscribe", other.bare)
        other.expect(f"<presence type='subscribe' from='{quote(me.bare)}'/>")
        other.presence("subscribed", me.bare)
        me.expect(f"<presence type='subscribed' from='{quote(other.bare)}'/>")
    for me, other in (clients, clients[::-1]):
        me.expect_push(other.bare, subscription="both")
    for client in clients:
        client.end()


__all__ = ["Account", "Client", "Closed", "Failure", "Timeout", "befriend", "can_login", "expect_error",
           "online"]
