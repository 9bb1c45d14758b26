#!/usr/bin/python3
"""XEP-0114: external components, which speak for a domain of their own."""
import hashlib
import re
import subprocess
import time

from harness import *
from lib.server import binary

ACCEPT = "jabber:component:accept"
GATEWAY, OTHER = "gateway.example.org", "other.example.net"
SECRET, OTHER_SECRET = "shared & <secret>", "a secret from a file"
SECTION = 'component "{}" {{ {} }}'


def sections(server, **more):
    """The sections of both components; `more` settings for the first."""
    path = server.path("secret")
    with open(path, "w", encoding="utf-8") as file:
        file.write(OTHER_SECRET + "\nnothing behind it\n")
    settings = f'secret = "{more.pop("secret", SECRET)}" ' + " ".join(f"{k} = {v}" for k, v in more.items())
    return "\n".join([SECTION.format(GATEWAY, settings), SECTION.format(OTHER, 'secret_file = "secret"')])


def start(settings=None, **options):
    """A server with a listener for components."""
    server = Server(**options)
    server.ports["component"] = 0
    server.settings = sections(server, **(settings or {}))
    server.start()
    return server


class Component(Connection):
    """A connection that has sent its header."""

    def __init__(self, server, domain=GATEWAY, *, header=None, **options):
        super().__init__(server.ports["component"], name=domain, domain=domain, **options)
        server.connections.append(self)
        self.send(header or self.stream_header(xmlns=ACCEPT, version=None))
        self.expect_header()

    def shake(self, secret=SECRET):
        self.send(f"<handshake>{self.digest(secret)}</handshake>")
        return self

    def digest(self, secret):
        return hashlib.sha1((self.header.get("id") + secret).encode()).hexdigest()

    def admitted(self, secret=SECRET):
        self.shake(secret)
        self.expect_next(f"<handshake xmlns='{ACCEPT}'/>")
        return self

    def gets(self, template, **options):
        return self.expect(template.replace(" ", f" xmlns='{ACCEPT}' ", 1), **options)

    def gets_message(self, sender, body, to=GATEWAY):
        return self.gets(f"<message from='{sender}' to='{to}'><body>{body}</body></message>")


def error(condition, kind):
    return f"<error type='{kind}'><{condition} xmlns='{NS.stanzas}'/></error>"


AWAY = error("remote-server-timeout", "wait")


@test("XEP-0114 3: a handshake, then stanzas both ways")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        c = Component(server)
        for name, value in (("from", GATEWAY), ("version", None), ("to", None)):
            if c.header.get(name) != value:
                raise Failure(f"header: {name} is {c.header.get(name)}")
        c.admitted()
        server.wait_log(f"component connected.*component={GATEWAY}")
        c.send(f"<message from='bot@{GATEWAY}/x' to='{r.bare}'><body>hello</body></message>")
        r.expect(f"<message from='bot@{GATEWAY}/x' to='{r.bare}'><body>hello</body></message>")
        r.send(f"<message to='bot@{GATEWAY}/x'><body>&lt;back&gt;</body></message>")
        c.gets_message(r.jid, "&lt;back&gt;", f"bot@{GATEWAY}/x")
        r.send(f"<iq type='get' id='v' to='{GATEWAY}'><query xmlns='jabber:iq:version'/></iq>")
        c.gets(f"<iq from='{r.jid}' type='get'><query xmlns='jabber:iq:version'/></iq>")
        c.send(f"<iq type='result' id='v' from='{GATEWAY}' to='{r.jid}'>"
               "<query xmlns='jabber:iq:version'><name>gate</name></query></iq>")
        r.expect(f"<iq type='result' id='v' from='{GATEWAY}'>"
                 "<query xmlns='jabber:iq:version'><name>gate</name></query></iq>")
        c.end()
        server.wait_log(f"component disconnected.*component={GATEWAY}")


@test("XEP-0114 3: subscriptions and presence")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        c = Component(server).admitted()
        bot = f"bot@{GATEWAY}"
        r.send(f"<presence type='subscribe' to='{bot}'/>")
        c.gets(f"<presence type='subscribe' from='{r.bare}' to='{bot}'/>")
        c.send(f"<presence type='subscribed' from='{bot}' to='{r.bare}'/>"
               f"<presence type='subscribe' from='{bot}' to='{r.bare}'/>"
               f"<presence from='{bot}/here' to='{r.bare}'><status>up</status></presence>")
        r.expect(f"<presence type='subscribe' from='{bot}'/>")
        r.expect(f"<presence from='{bot}/here'><status>up</status></presence>")
        r.send(f"<presence type='subscribed' to='{bot}'/>")
        c.gets(f"<presence type='subscribed' from='{r.bare}' to='{bot}'/>")
        c.gets(f"<presence from='{r.jid}' to='{bot}'/>", without="<type/>")
        r.send("<presence><show>dnd</show></presence>")
        c.gets(f"<presence from='{r.jid}' to='{bot}'><show>dnd</show></presence>")
        r.close()
        c.gets(f"<presence type='unavailable' from='{r.jid}' to='{bot}'/>")


@test("XEP-0114 3: who does not know the secret is let go")
def _():
    with start() as server:
        for text in ("", "0" * 40, "0" * 39, "0" * 1000, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 20):
            c = Component(server)
            c.send(f"<handshake>{text}</handshake>")
            c.expect_stream_error("not-authorized", timeout=20)
        c = Component(server)
        c.send(f"<handshake>{c.digest(SECRET).upper()}</handshake>")
        c.expect_stream_error("not-authorized", timeout=20)
        c = Component(server, OTHER).shake(SECRET)
        c.expect_stream_error("not-authorized", timeout=20)
        server.wait_log(f"component refused.*component={OTHER}")
        log = open(server.log_path, encoding="utf-8").read()
        if SECRET in log or OTHER_SECRET in log:
            raise Failure("a secret is in the log")


@test("XEP-0114 3: a secret that was shown on one stream is worth nothing on another")
def _():
    with start() as server:
        first = Component(server)
        second = Component(server)
        second.send(f"<handshake>{first.digest(SECRET)}</handshake>")
        second.expect_stream_error("not-authorized", timeout=20)
        first.admitted()


@test("XEP-0114 3: a secret in a file is its first line")
def _():
    with start() as server:
        Component(server, OTHER).admitted(OTHER_SECRET)


@test("XEP-0114 3: headers that name no component, or another content")
def _():
    with start() as server:
        for domain in ("example.org", "unknown.example.org", f"bot@{GATEWAY}"):
            c = Component(server, domain)
            c.expect_stream_error("host-unknown|improper-addressing")
        for content in (NS.client, NS.server, "jabber:component:connect"):
            c = Connection(server.ports["component"], name="other", domain=GATEWAY)
            server.connections.append(c)
            c.send(c.stream_header(xmlns=content, version=None))
            c.expect_stream_error("invalid-namespace")


@test("XEP-0114 3: a header with a version is welcome, and features do not come")
def _():
    with start() as server:
        header = (f"<stream:stream xmlns='{ACCEPT}' xmlns:stream='{NS.stream}' to='{GATEWAY.upper()}'"
                  " version='1.0' xml:lang='de'>")
        c = Component(server, header=header).admitted()
        if c.header.get("from") != GATEWAY:
            raise Failure(f"from: {c.header.get('from')}")


@test("XEP-0114 3: nothing counts before the handshake, and another one behind it is none")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        for early in (f"<message from='{GATEWAY}' to='{r.jid}'><body>early</body></message>",
                      f"<auth xmlns='{NS.sasl}' mechanism='EXTERNAL'>=</auth>",
                      f"<starttls xmlns='{NS.tls}'/>", "<handshake xmlns='other'/>"):
            c = Component(server)
            c.send(early + f"<handshake>{c.digest(SECRET)}</handshake>")
            c.expect_stream_error("not-authorized")
        c = Component(server)
        c.send("<handshake>00</handshake>"
               f"<handshake>{c.digest(SECRET)}</handshake>"
               f"<message from='{GATEWAY}' to='{r.jid}'><body>guessed</body></message>")
        c.expect_stream_error("not-authorized", timeout=20)
        c = Component(server).admitted()
        c.shake()
        c.expect_stream_error("unsupported-stanza-type")
        r.expect_nothing("<message/>")


@test("XEP-0114 3: a component speaks for no other domain")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        for sender in ("example.org", r.bare, "x@sub." + GATEWAY, "x@" + OTHER, "a@b@c", GATEWAY + ".evil.org"):
            c = Component(server).admitted()
            c.send(f"<message from='{sender}' to='{r.jid}'><body>spoofed</body></message>")
            c.expect_stream_error("invalid-from")
        r.expect_nothing("<message/>")


@test("XEP-0114 3: without a sender the component itself speaks; without a receiver nobody hears")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        c = Component(server).admitted()
        c.send(f"<message to='{r.jid}'><body>plain</body></message>")
        r.expect(f"<message from='{GATEWAY}'><body>plain</body></message>")
        c.send(f"<message from='{GATEWAY}'><body>?</body></message>")
        c.gets("<message type='error'>" + error("jid-malformed", "modify") + "</message>")
        c.send(f"<iq type='get' from='x@{GATEWAY}' to='@@'><ping xmlns='{NS.ping}'/></iq>")
        c.gets(f"<iq type='error' to='x@{GATEWAY}'>" + error("jid-malformed", "modify") + "</iq>")
        c.send(f"<iq type='get' from='{GATEWAY}' to='{r.jid}'/>")
        c.gets("<iq type='error'>" + error("bad-request", "modify") + "</iq>")


@test("XEP-0114 3: the server answers a component as anybody")
def _():
    with start() as server:
        c = Component(server).admitted()
        c.send(f"<iq type='get' id='p' from='x@{GATEWAY}' to='example.org'><ping xmlns='{NS.ping}'/></iq>")
        c.gets(f"<iq type='result' id='p' from='example.org' to='x@{GATEWAY}'/>")
        c.send(f"<message from='{GATEWAY}' to='nobody@example.org'><body>?</body></message>")
        c.gets("<message type='error'>" + error("service-unavailable", "cancel") + "</message>")


def away(server, worker):
    r = server.account("romeo", worker=worker).login(presence=True)
    r.send(f"<message id='m' to='bot@{GATEWAY}'><body>?</body></message>")
    r.expect(f"<message id='m' type='error' from='bot@{GATEWAY}'>{AWAY}</message>")
    r.send(f"<iq id='i' type='get' to='{GATEWAY}'><ping xmlns='{NS.ping}'/></iq>")
    r.expect(f"<iq id='i' type='error' from='{GATEWAY}'>{AWAY}</iq>")
    c = Component(server).admitted()
    r.send(f"<message to='bot@{GATEWAY}'><body>now</body></message>")
    c.gets_message(r.jid, "now", f"bot@{GATEWAY}")
    c.close()
    server.wait_log("component disconnected")
    r.send(f"<message id='n' to='bot@{GATEWAY}'><body>?</body></message>")
    r.expect(f"<message id='n' type='error'>{AWAY}</message>")


@test("RFC 6120 8.3.3.16: what is for a component that is not there comes back, to any worker")
def _():
    for worker in (0, 1):
        with start() as server:
            away(server, worker)


@test("Several connections: the oldest gets all, the next one takes over")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        first, second = Component(server).admitted(), Component(server).admitted()
        second.send(f"<message from='{GATEWAY}' to='{r.jid}'><body>me too</body></message>")
        r.expect("<message><body>me too</body></message>")
        for number in range(50):
            r.send(f"<message to='{GATEWAY}'><body>{number}</body></message>")
        for number in range(50):
            first.expect_next(f"<message xmlns='{ACCEPT}'><body>{number}</body></message>")
        first.end()
        server.wait_log("component disconnected")
        for number in range(50):
            r.send(f"<message to='{GATEWAY}'><body>{number}</body></message>")
        for number in range(50):
            second.expect_next(f"<message xmlns='{ACCEPT}'><body>{number}</body></message>")


@test("Several connections: no more than are allowed")
def _():
    with start({"connections": 2}) as server:
        first, second = Component(server).admitted(), Component(server).admitted()
        Component(server).shake().expect_stream_error("conflict")
        first.end()
        server.wait_log("component disconnected")
        Component(server).admitted()
        second.end()


@test("Components reach each other, and s2s is not asked for them")
def _():
    with start() as server:
        one, two = Component(server).admitted(), Component(server, OTHER).admitted(OTHER_SECRET)
        one.send(f"<message from='x@{GATEWAY}' to='y@{OTHER}'><body>hi</body></message>")
        two.gets_message(f"x@{GATEWAY}", "hi", f"y@{OTHER}")
        two.send(f"<message from='y@{OTHER}' to='x@{GATEWAY}'><body>ho</body></message>")
        one.gets_message(f"y@{OTHER}", "ho", f"x@{GATEWAY}")


@test("XEP-0030 4: the domain above lists its components")
def _():
    with start() as server:
        r = server.account("romeo").login()
        for domain, component in (("example.org", GATEWAY), ("example.net", OTHER)):
            items = child(r.get(f"<query xmlns='{NS.disco_items}'/>", to=domain),
                          "{%s}query" % NS.disco_items)
            found = [item.get("jid") for item in items]
            if found != [component]:
                raise Failure(f"items of {domain}: {found}")


@test("A reload: who is no longer in the configuration is let go, new secrets are asked for")
def _():
    with start() as server:
        gateway, other = Component(server).admitted(), Component(server, OTHER).admitted(OTHER_SECRET)
        server.reload("reloaded")
        gateway.send(f"<iq type='get' id='p' from='{GATEWAY}' to='example.org'><ping xmlns='{NS.ping}'/></iq>")
        gateway.gets("<iq type='result' id='p'/>")
        server.settings = SECTION.format(GATEWAY, 'secret = "new"')
        server.reload("reloaded")
        other.expect_stream_error("host-gone")
        gateway.expect_stream_error("reset")
        Component(server).admitted("new")


@test("The end: users are gone before components are told")
def _():
    with start() as server:
        r = server.account("romeo").login(presence=True)
        c = Component(server).admitted()
        r.send(f"<presence to='{GATEWAY}'/>")
        c.gets(f"<presence from='{r.jid}'/>")
        server.stop()
        c.gets(f"<presence type='unavailable' from='{r.jid}'/>")
        c.expect_stream_error("system-shutdown")


@test("Limits: a header, a handshake and a stanza have their bounds and deadlines")
def _():
    with start(limits={"login_timeout": 1, "stanza_bytes_before_login": 4096}) as server:
        c = Component(server)
        c.send("<handshake>" + "0" * 5000)
        c.expect_stream_error("policy-violation")
        c = Component(server)
        c.expect_stream_error("connection-timeout")
        late = Component(server).admitted()
        time.sleep(1.5)
        late.send(f"<iq type='get' id='p' from='{GATEWAY}' to='example.org'><ping xmlns='{NS.ping}'/></iq>")
        late.gets("<iq type='result' id='p'/>")
        late.send(f"<message from='{GATEWAY}' to='example.org'><body>{'x' * 600000}</body></message>")
        late.expect_stream_error("policy-violation")


@test("Limits: a component that reads nothing is cut off, and what it has not taken comes back")
def _():
    with start(limits={"output_hard_bytes": 131072, "output_soft_bytes": 65536, "bytes_per_second": 0}) as server:
        r = server.account("romeo", worker=0).login(presence=True)
        Component(server).admitted()
        body = "x" * 50000
        away = f"<message type='error'>{AWAY}</message>"
        # One at a time, on the worker of the component: all but the last were sent while it was there.
        for number in range(1000):
            r.send(f"<message id='{number}' to='{GATEWAY}'><body>{body}</body></message>")
            r.sync()
            if r.take(away) is not None:
                break
        else:
            raise Failure("nobody is told")
        server.wait_log("component disconnected")
        r.expect(away)


@test("Limits: a component may send more than a client, and much at once")
def _():
    with start() as server:
        romeo = server.account("romeo")
        c = Component(server).admitted()
        body = "x" * 400
        c.send("".join(f"<message from='{GATEWAY}' to='{romeo.jid}' type='chat'><body>{body}</body></message>"
                       for _ in range(4000)))
        c.send(f"<iq type='get' id='last' from='{GATEWAY}' to='example.org'><ping xmlns='{NS.ping}'/></iq>")
        c.gets("<iq type='result' id='last'/>")


def check(server):
    return subprocess.run([binary("godwit"), "--config", server.config, "--check"],
                          capture_output=True, text=True, timeout=30 * FACTOR)


@test("Configuration: what is wrong is told with its cure")
def _():
    with Server() as server:
        for section, what in (
                (SECTION.format("a@b", 'secret = "x"'), 'component "a@b" is no domain name; correct it'),
                (SECTION.format(GATEWAY, ""), "needs secret = .TEXT. or secret_file = .FILE., and not both"),
                (SECTION.format(GATEWAY, 'secret = "x" secret_file = "y"'), "and not both"),
                (SECTION.format(GATEWAY, 'secret_file = "missing"'), "No such file or directory"),
                (SECTION.format(GATEWAY, 'secret_file = "/dev/null"'), "its first line is empty"),
                (SECTION.format("example.org", 'secret = "x"'), "the server itself serves that domain"),
                ((SECTION.format(GATEWAY, 'secret = "x"') + "\n") * 2, "twice|duplicate"),
                (SECTION.format(GATEWAY, 'secret = "x" connections = 0'), "connections is 0")):
            server.settings = section
            server.write_config()
            done = check(server)
            if done.returncode == 0 or not re.search(what, done.stderr):
                raise Failure(f"{section}: {done.stderr}")
        server.settings = SECTION.format(GATEWAY, 'secret = "x"')
        server.write_config()
        done = check(server)
        if done.returncode != 0 or "add: listen component" not in done.stderr:
            raise Failure(done.stderr)


main(server=False)
