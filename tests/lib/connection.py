"""connection.py - one connection to the server: bytes out, elements in.

Everything blocks, with a deadline. Elements that arrive wait in `queue` until a test takes them with
expect() or next(). Nothing is read in the background: what the server sent while nobody looked is in
the socket. A transcript of both directions is kept for the diagnostics of a failed test.
"""
import base64
import os
import socket
import ssl
import time
from xml.sax.saxutils import quoteattr

from . import tls
from .element import NS, StreamParser, child, matches, mismatch, parse, show
from .scram import Scram

# Sanitizer builds are slow: tests/run sets a factor for every deadline.
FACTOR = float(os.environ.get("GODWIT_TEST_FACTOR", "1"))
TIMEOUT = 10 * FACTOR


class Failure(AssertionError):
    """Something was not as the test expects."""


class Timeout(Failure):
    """What was expected did not come in time."""


class Closed(Failure):
    """The connection ended before what was expected came."""


class Connection:
    """A TCP connection, with TLS or not, that reads an XML stream; `connected`: a socket that somebody made."""

    def __init__(self, port, *, address="127.0.0.1", source=None, name="client", domain="example.org",
                 contexts=None, connected=None):
        self.name = name
        self.source = source
        self.domain = domain
        self.contexts = contexts
        self.transcript = []
        self.binding = None
        self.socket = connected or socket.create_connection((address, port), TIMEOUT,
                                                            source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closed = None
        self.counting = False
        self.handled = 0
        self.acks = []
        self.requests = 0
        self.answers_requests = True
        self.restart()

    def restart(self):
        """A new stream on the same connection (RFC 6120 section 4.3.3)."""
        self.parser = StreamParser()
        self.queue = []
        self.header = None
        self.features = None
        self.ended = False

    # -- bytes --

    def note(self, direction, data):
        """Adds to the transcript."""
        if isinstance(data, bytes):
            data = data.decode("utf-8", "replace")
        self.transcript.append(f"{time.strftime('%H:%M:%S')} {self.name} {direction} {data}")

    def send(self, data):
        """Sends XML text, or bytes as they are."""
        self.note(">>", data)
        if isinstance(data, str):
            data = data.encode()
        self.socket.settimeout(TIMEOUT)
        self.socket.sendall(data)

    def try_send(self, data):
        """Sends to a peer that may have closed already; says whether it could."""
        try:
            self.send(data)
            return True
        except OSError:
            return False

    def read(self, deadline):
        """Reads once and sorts what arrived; raises Timeout at the deadline."""
        if self.closed:
            raise Closed(f"{self.name}: the connection is closed ({self.closed})")
        left = deadline - time.monotonic()
        if left <= 0:
            raise Timeout(f"{self.name}: nothing more arrived in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            raise Timeout(f"{self.name}: nothing more arrived in time") from None
        except OSError as error:
            self.closed = f"{type(error).__name__}: {error}"
            self.note("--", self.closed)
            return
        if not data:
            self.closed = "end of file"
            self.note("--", self.closed)
            return
        self.note("<<", data)
        for kind, element in self.parser.feed(data):
            self._arrived(kind, element)

    def _arrived(self, kind, element):
        if kind == "open":
            self.header = element
        elif kind == "close":
            self.ended = True
        elif element.tag == "{%s}a" % NS.sm:
            self.acks.append(int(element.get("h")))
        elif element.tag == "{%s}r" % NS.sm and self.counting:
            self.requests += 1
            if self.answers_requests:
                self.try_send(f"<a xmlns='{NS.sm}' h='{self.handled}'/>")
        else:
            if self.counting and element.tag.startswith("{%s}" % NS.client):
                self.handled = (self.handled + 1) % 2**32
            self.queue.append(element)
            self.received(element)

    def received(self, element):
        """For subclasses: sees each element as it arrives."""

    def wait(self, found, what, timeout=None):
        """Reads until found() is true (its value is returned)."""
        deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout * FACTOR)
        while True:
            value = found()
            if value:
                return value
            try:
                self.read(deadline)
            except Failure as error:
                seen = "\n".join("  " + show(element) for element in self.queue) or "  nothing"
                raise type(error)(f"{error}\nexpected: {what}\nwaiting in the queue:\n{seen}") from None

    def poll(self):
        """Reads what is there without waiting."""
        while not self.closed:
            try:
                self.read(time.monotonic() + 0.001)
            except Timeout:
                return

    def close(self):
        """Cuts the connection, without a word."""
        try:
            self.socket.close()
        except OSError:
            pass
        self.closed = self.closed or "by us"

    def abort(self):
        """Cuts the connection with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    # -- elements --

    def next(self, timeout=None):
        """The next element, whatever it is."""
        self.wait(lambda: self.queue, "any element", timeout)
        return self.queue.pop(0)

    def take(self, template, without=None):
        """The first waiting element that matches, taken out of the queue; None if there is none."""
        for index, element in enumerate(self.queue):
            if _fits(element, template, without):
                return self.queue.pop(index)
        return None

    def expect(self, template, *, timeout=None, without=None):
        """Waits for an element that matches a template (or function) and takes it.

        `without`: a child template that it must not have. Others that arrive meanwhile stay in the
        queue, for later calls.
        """
        what = template if isinstance(template, str) else "what a function accepts"
        element = self.wait(lambda: _as_list(self.take(template, without)), what, timeout)
        return element[0]

    def expect_next(self, template, *, timeout=None):
        """The next element must be the one."""
        element = self.next(timeout)
        why = mismatch(element, template)
        if why:
            raise Failure(f"{self.name}: expected next: {template}\nbut came: {show(element)}\n{why}")
        return element

    # -- streams --

    def stream_header(self, *, to=None, version="1.0", xmlns=NS.client, stream=NS.stream, prefix="stream",
                      **attributes):
        """The text of an opening tag; None leaves an attribute out."""
        to = self.domain if to is None else to
        pairs = {"xmlns": xmlns, f"xmlns:{prefix}" if prefix else "xmlns": stream, "to": to or None,
                 "version": version}
        pairs.update({key.replace("_", ":").rstrip(":"): value for key, value in attributes.items()})
        inside = "".join(f" {key}={quoteattr(value)}" for key, value in pairs.items()
                         if value is not None)
        return f"<?xml version='1.0'?><{prefix + ':' if prefix else ''}stream{inside}>"

    def open(self, **attributes):
        """Opens a stream and waits for the server's header and features, which are returned."""
        self.restart()
        self.send(self.stream_header(**attributes))
        self.features = self.expect("<stream:features/>")
        return self.features

    def expect_header(self, timeout=None):
        self.wait(lambda: self.header is not None, "a stream header", timeout)
        return self.header

    def end(self):
        """Ends the stream as RFC 6120 section 4.4 wants it, and waits for the server to do so."""
        if self.try_send("</stream:stream>"):
            self.expect_end()
            self.expect_close()
        self.close()

    def expect_end(self, timeout=None):
        self.wait(lambda: self.ended, "</stream:stream>", timeout)

    def expect_close(self, timeout=None):
        """Waits for the end of the connection; what arrives before stays in the queue."""
        self.wait(lambda: self.closed, "the end of the connection", timeout)

    def expect_stream_error(self, conditions, *, timeout=None):
        """Waits for a stream error, the stream's end and the connection's, in that order.

        `conditions`: one name, or several with `|` between where the RFC leaves a choice.
        """
        error = self.expect("<stream:error/>", timeout=timeout)
        if self.header is None:
            raise Failure("a stream error without a stream header (RFC 6120 section 4.9.1.2)")
        if not any(matches(error, f"<stream:error><{name} xmlns='{NS.streams}'/></stream:error>")
                   for name in conditions.split("|")):
            raise Failure(f"expected stream error {conditions}, got: {show(error)}")
        self.expect_end(timeout)
        self.try_send("</stream:stream>")
        self.expect_close(timeout)
        return error

    def has_feature(self, name):
        """Whether the features have a child of that Clark name."""
        return child(self.features, name) is not None

    # -- TLS --

    def wrap_tls(self, *, version=None, server_name=None, alpn=None, context=None):
        """The TLS handshake, verifying the server's certificate for `server_name`."""
        context = context or self.contexts(version, alpn)
        self.socket.settimeout(TIMEOUT)
        self.socket = context.wrap_socket(self.socket, server_hostname=server_name or self.domain)
        self.note("--", f"{self.socket.version()} {self.socket.cipher()[0]}")
        self.restart()

    def starttls(self, **options):
        """STARTTLS on an open stream; open() the next one after it."""
        self.send(f"<starttls xmlns='{NS.tls}'/>")
        self.expect(f"<proceed xmlns='{NS.tls}'/>")
        if self.queue:
            raise Failure("something came behind <proceed/>: " + show(self.queue[0]))
        self.wrap_tls(**options)

    # -- SASL --

    def mechanisms(self):
        """The names the server offers, in its order."""
        offered = child(self.features, "{%s}mechanisms" % NS.sasl)
        return [part.text for part in ([] if offered is None else offered)
                if part.tag == "{%s}mechanism" % NS.sasl]

    def auth(self, mechanism, data=None):
        """Sends <auth/>; data None leaves it empty, b"" is sent as "="."""
        self.send(f"<auth xmlns='{NS.sasl}' mechanism='{mechanism}'>{_base64(data)}</auth>")

    def respond(self, data):
        self.send(f"<response xmlns='{NS.sasl}'>{_base64(data)}</response>")

    def outcome(self):
        """The next element of SASL: challenge, success or failure. Success ends the stream."""
        element = self.expect(lambda element: element.tag.startswith("{%s}" % NS.sasl))
        if element.tag == "{%s}success" % NS.sasl:
            self.restart()
        return element

    def sasl(self, mechanism, username, password, *, binding=None, **options):
        """One authentication from end to end; returns <success/> or <failure/>.

        `binding` names the channel binding type of a -PLUS mechanism.
        """
        if mechanism == "PLAIN":
            authzid = options.get("authzid", "")
            self.auth("PLAIN", f"{authzid}\0{username}\0{password}".encode())
            return self.outcome()
        if binding is not None:
            options["binding"] = (binding, tls.channel_binding(self.socket, binding))
        scram = Scram(mechanism, username, password, **options)
        self.auth(mechanism, scram.first())
        answer = self.outcome()
        if answer.tag != "{%s}challenge" % NS.sasl:
            return answer
        self.respond(scram.final(base64.b64decode(answer.text)))
        answer = self.outcome()
        if answer.tag == "{%s}success" % NS.sasl:
            scram.verify(base64.b64decode(answer.text))
        return answer

    def expect_sasl_failure(self, conditions):
        """The next element of SASL must be a failure; `conditions` as in expect_stream_error()."""
        return check_sasl_failure(self.outcome(), conditions)


def check_sasl_failure(element, conditions):
    """The element must be <failure/> with one of the conditions."""
    if not any(matches(element, f"<failure xmlns='{NS.sasl}'><{name}/></failure>")
               for name in conditions.split("|")):
        raise Failure(f"expected SASL failure {conditions}, got: {show(element)}")
    return element


def _as_list(element):
    """An element without children is false: wait() needs something true."""
    return None if element is None else [element]


def _fits(element, template, without):
    if callable(template):
        return template(element)
    if not matches(element, template):
        return False
    if without is None:
        return True
    return not any(matches(part, _unwanted(without)) for part in element)


def _unwanted(template):
    return parse(template) if isinstance(template, str) else template


def _base64(data):
    if data is None:
        return ""
    return base64.b64encode(data).decode() or "="
