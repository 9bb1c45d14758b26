#!/usr/bin/python3
"""godwitctl link test: each step of the way to another server, and what is said where it ends."""
import json
import re
import socket
import ssl
import threading

from harness import *
from lib.federation import DIALBACK, SERVER
from lib.names import Names
from lib.ports import keep_port

ONE, TWO, DEAD = "montague.example", "capulet.example", "dead.example"
STEPS = ["policy", "DNS", "TCP", "TLS", "certificate", "authentication"]


def tried(server, domain, *options):
    """The answer as JSON; the exit status has to fit it."""
    done = server.ctl("--json", "link", "test", domain, *options, check=False)
    answer = json.loads(done.stdout)
    if done.returncode != (0 if answer["passed"] else 1):
        raise Failure(f"passed {answer['passed']}, and ended with {done.returncode}")
    return answer


def passes(server, domain, *options, authentication, address=None):
    answer = tried(server, domain, *options)
    steps = answer["steps"]
    if not answer["passed"] or [step["step"] for step in steps] != STEPS or not all(
            step["ok"] and step["cure"] is None for step in steps):
        raise Failure(f"not as if all were well: {answer}")
    if steps[-1]["text"] != authentication:
        raise Failure(f"not {authentication!r}: {steps[-1]}")
    return answer


def fails(server, domain, where, text, cure, *options):
    """The test ends at that step, with these words (patterns)."""
    answer = tried(server, domain, *options)
    steps = answer["steps"]
    if answer["passed"] or [step["step"] for step in steps] != STEPS[:STEPS.index(where) + 1]:
        raise Failure(f"it does not end at {where}: {answer}")
    if not all(step["ok"] for step in steps[:-1]) or steps[-1]["ok"]:
        raise Failure(f"not the last step fails: {answer}")
    for pattern, found in ((text, steps[-1]["text"]), (cure, steps[-1]["cure"])):
        if not re.search(pattern, found):
            raise Failure(f"no {pattern!r} in {found!r}")
    return steps


class Played:
    """A server of DEAD that the test plays, one connection after the other: `play(connection)`."""

    def __init__(self, federation, play, direct=True):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(30)
        self.play = play
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*federation.authority.issue([f"DNS:{DEAD}"]))
        self.context.set_alpn_protocols(["xmpp-server"])
        federation.route(DEAD, self.listening.getsockname()[1], direct=direct)
        federation.reload()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.listening.close()

    def _run(self):
        connection = self.listening.accept()[0]
        connection.settimeout(30)
        try:
            self.play(self, connection)
            while connection.recv(65536):
                pass
        except OSError:
            pass
        connection.close()

    def secure(self, connection, features):
        """TLS, and a stream with these features; the connection with it."""
        secured = self.context.wrap_socket(connection, server_side=True)
        secured.settimeout(30)
        self.read(secured, b"<stream:stream[^>]*>")
        self.header(secured, features)
        return secured

    @staticmethod
    def header(connection, features):
        connection.sendall((f"<stream:stream xmlns='{SERVER}' xmlns:stream='http://etherx.jabber.org/streams'"
                            f" xmlns:db='{DIALBACK}' from='{DEAD}' to='{ONE}' id='played' version='1.0'>"
                            f"<stream:features>{features}</stream:features>").encode())

    @staticmethod
    def read(connection, pattern):
        text = b""
        while not re.search(pattern, text):
            received = connection.recv(65536)
            if not received:
                raise OSError("ended")
            text += received
        return text


EXTERNAL = f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>"


@test("both ways, with EXTERNAL: all steps are told, no link is made, and none suffers")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        for server, domain in ((one, TWO), (two, ONE)):
            answer = passes(server, domain, authentication="EXTERNAL is accepted")
            steps = {step["step"]: step for step in answer["steps"]}
            if not re.fullmatch(r"TLSv1\.3, TLS_\w+", steps["TLS"]["text"]):
                raise Failure(f"TLS: {steps['TLS']}")
            if not re.fullmatch(rf"for {domain}, issued by CN=Servers, valid until 20.*Z", steps["certificate"]["text"]):
                raise Failure(f"certificate: {steps['certificate']}")
            if "has a route" not in steps["DNS"]["text"] or steps["TCP"]["address"] != f"127.0.0.1:{server_port(federation, domain)}":
                raise Failure(f"where: {answer}")
            if [link for link in server.ctl_json("link", "list")["links"] if link["direction"] == "out"]:
                raise Failure("a link was made")
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.send(f"<message to='{j.jid}'><body>1</body></message>")
        j.expect("<message><body>1</body></message>")
        [before] = [link for link in one.ctl_json("link", "list")["links"] if link["direction"] == "out"]
        printed = one.ctl("link", "test", TWO.upper()).stdout
        if f"a link comes up from {ONE} to {TWO}" not in printed or printed.count("ok ") != len(STEPS):
            raise Failure(f"printed: {printed}")
        r.send(f"<message to='{j.jid}'><body>2</body></message>")
        j.expect("<message><body>2</body></message>")
        [after] = [link for link in one.ctl_json("link", "list")["links"] if link["direction"] == "out"]
        if after["stream"] != before["stream"] or after["stanzas_out"] != before["stanzas_out"] + 1:
            raise Failure(f"the link has suffered: {before}, then {after}")


def server_port(federation, domain):
    return federation.servers[domain].ports["s2s"]


@test("from another domain of ours, and by direct TLS")
def _():
    with Federation() as federation:
        one = federation.start(ONE, "verona.example")
        federation.start(TWO)
        federation.connect(direct=True)
        answer = passes(one, TWO, "--from", "Verona.example", authentication="EXTERNAL is accepted")
        if answer["from"] != "verona.example" or "direct" not in answer["steps"][2]["text"]:
            raise Failure(f"answer: {answer}")
        for arguments, words in (((TWO, "--from", "other.example"), "not served here"), ((ONE,), "is served here"),
                                 (("a b",), "is no domain"), ((TWO, "--from", "@"), "is no domain")):
            done = one.ctl("link", "test", *arguments, check=False)
            if done.returncode != 1 or words not in done.stderr:
                raise Failure(f"{arguments}: {done}")


@test("policy: federation is off, a domain that is denied, or banned")
def _():
    with Federation(ONE, settings='deny = { "bad.example" }') as federation, Server() as alone:
        one = federation.servers[ONE]
        fails(one, "bad.example", "policy", "nothing goes there", "deny in section s2s")
        one.sql(f"INSERT INTO bans (domain) VALUES ('{TWO}')")
        one.wait_log("bans in force.*rows=1")
        fails(one, TWO, "policy", "nothing goes there", f"DELETE FROM bans WHERE domain = '{TWO}'")
        fails(alone, TWO, "policy", "nothing goes there", "turn federation on")


def ask(server, names):
    server.settings += f'\ndns {{ forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = "" }}'
    server.reload("reloaded")


@test("DNS: what it says, and that there is no such domain")
def _():
    with Names() as names, Federation() as federation:
        one, two = federation.start(ONE), federation.start(TWO)
        names.places[TWO] = [keep_port(), two.ports["s2s"]]
        ask(one, names)
        fails(one, "nowhere.example", "DNS", "there is no domain nowhere.example", "is the name right")
        answer = tried(one, TWO)
        if answer["steps"][1]["text"].count(f"host.{TWO} (SRV 0 5 ") != 2 or not answer["passed"]:
            raise Failure(f"answer: {answer}")
        # Which of the two comes first is left to chance.
        refused = [step for step in answer["steps"] if not step["ok"]]
        if [(step["step"], step["text"]) for step in refused] != [("TCP", "Connection refused")] or \
                "nothing listens there" not in refused[0]["cure"]:
            raise Failure(f"refused: {refused}")


@test("TCP: nobody listens")
def _():
    with Federation(ONE) as federation:
        federation.refuse(DEAD)
        steps = fails(federation.servers[ONE], DEAD, "TCP", "Connection refused", "nothing listens there")
        printed = federation.servers[ONE].ctl("link", "test", DEAD, check=False).stdout
        if f"FAILED  TCP" not in printed or f"cure: {steps[-1]['cure']}" not in printed or \
                f"no link comes up from {ONE} to {DEAD}" not in printed:
            raise Failure(f"printed: {printed}")


@test("TLS: not offered, of another kind, refused with a stream error, or never there")
def _():
    with Federation(ONE, settings="link_timeout = 2", limits={"tls_timeout": 2}) as federation:
        one = federation.servers[ONE]

        def plain(played, connection):
            played.read(connection, b"<stream:stream[^>]*>")
            played.header(connection, "")
        with Played(federation, plain, direct=False):
            fails(one, DEAD, "TLS", "TLS is not offered", "turn TLS on")

        def unknown(played, connection):
            played.read(connection, b"<stream:stream[^>]*>")
            connection.sendall(
                f"<stream:stream xmlns='{SERVER}' xmlns:stream='http://etherx.jabber.org/streams' from='{DEAD}'"
                " id='x' version='1.0'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
                "</stream:error></stream:stream>".encode())
        with Played(federation, unknown, direct=False):
            fails(one, DEAD, "TLS", "host-unknown", "does not serve the domain")
        with Played(federation, lambda played, connection: connection.sendall(b"HTTP/1.1 400 No\r\n\r\n")):
            fails(one, DEAD, "TLS", "wrong version number", "does not speak TLS there")
        for direct in (False, True):
            with Played(federation, lambda played, connection: None, direct=direct):
                fails(one, DEAD, "TLS", "in time|connection-timeout", "is that port one of an XMPP server")


@test("the certificate: expired, for others, by itself; with dialback it goes on")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        for names, options, text, cure in (
                ([f"DNS:{TWO}"], {"days": -1}, "certificate has expired .for " + TWO, "renew it"),
                (["DNS:other.example"], {}, "names other domains .for other.example", "names the domain"),
                ([f"DNS:{TWO}"], {"signed": False}, "self.signed certificate .*issued by CN=server[0-9]+", "an authority")):
            federation.certify(two, TWO, names, **options)
            two.reload("reloaded")
            mark = two.log_mark()
            fails(one, TWO, "certificate", text, cure + f'.*insecure = {{ "{TWO}" }}')
            two.wait_log("stream error received.*policy-violation", since=mark)
        federation.settings[ONE] = federation.settings[TWO] = "dialback = true"
        federation.reload()
        answer = passes(one, TWO, authentication="EXTERNAL is accepted")
        if not re.search("self.signed.*dialback has to do", answer["steps"][4]["text"]):
            raise Failure(f"answer: {answer}")


@test("authentication: who does not trust our certificate judges our key, or does not want to")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        federation.certify(one, ONE, ["DNS:other.example"])
        one.reload("reloaded")
        fails(one, TWO, "authentication", "EXTERNAL is not offered; dialback: .* did not want to",
              "our own certificate right: .*" + ONE)
        federation.settings[TWO] = "dialback = true"
        federation.reload()
        passes(one, TWO, authentication="EXTERNAL is not offered; dialback: it judges our key valid")
        # It cannot ask back; but for that our certificate would have to be put right.
        two.ctl("link", "close", ONE)
        wait_until(lambda: not two.ctl_json("link", "list")["links"], "no link to ask over")
        federation.refuse(ONE)
        fails(one, TWO, "authentication", "dialback: it could not", "our own certificate right")


def outcome(features, answer):
    """A server that offers this, and answers what matches the pattern so."""
    pattern, text = answer

    def play(played, connection):
        secured = played.secure(connection, features)
        played.read(secured, pattern)
        secured.sendall(text.encode())
        while secured.recv(65536):
            pass
    return play


@test("authentication: EXTERNAL refused, keys judged invalid or not at all, a stream that ends")
def _():
    result = f"<db:result from='{DEAD}' to='{ONE}' type="
    with Federation(ONE, settings="link_timeout = 2") as federation:
        one = federation.servers[ONE]
        with Played(federation, outcome("", (b"<db:result", result + "'invalid'/>"))):
            fails(one, DEAD, "authentication", "not offered; dialback: it judges our key invalid",
                  f"SRV records of {ONE} have to lead here")
        with Played(federation, outcome("", (b"<db:result", result + f"'error'><error type='cancel'><remote-server-"
                                             f"not-found xmlns='{NS.stanzas}'/></error></db:result>"))):
            fails(one, DEAD, "authentication", "dialback: it could not", "5269 has to be open")
        with Played(federation, outcome("", (b"<db:result", " "))):
            fails(one, DEAD, "authentication", "dialback: it does not judge", "its owner's log")
        with Played(federation, outcome("", (b"<db:result", "</stream:stream>"))):
            fails(one, DEAD, "authentication", "the stream has ended: ended by the peer", "its owner's log")

        def refuse(played, connection):
            secured = played.secure(connection, EXTERNAL + "<bidi xmlns='urn:xmpp:features:bidi'/>")
            played.asked = played.read(secured, b"<auth")
            secured.sendall(f"<failure xmlns='{NS.sasl}'><not-authorized/></failure>".encode())
            played.read(secured, b"<db:result")
            secured.sendall((result + "'invalid'/>").encode())
            while secured.recv(65536):
                pass
        with Played(federation, refuse) as played:
            fails(one, DEAD, "authentication", r"EXTERNAL is refused \(not-authorized\); dialback: it judges our key "
                  "invalid", "SRV records")
        if b"<bidi" in played.asked:
            raise Failure("stanzas could come back")


@test("one test at a time; a server that stops ends the one that is under way")
def _():
    with Federation(ONE, workers=1) as federation, socket.create_server(("127.0.0.1", 0)) as silent:
        one = federation.servers[ONE]
        federation.route(DEAD, silent.getsockname()[1])
        federation.reload()
        answers = []
        first = threading.Thread(target=lambda: answers.append(one.ctl("link", "test", DEAD, check=False)))
        first.start()
        silent.settimeout(30)
        with silent.accept()[0]:
            done = one.ctl("link", "test", DEAD, check=False)
            if done.returncode != 1 or "another test is under way" not in done.stderr:
                raise Failure(f"two at a time: {done}")
            one.stop()
            first.join()
        if answers[0].returncode != 1 or "the server stops" not in answers[0].stdout:
            raise Failure(f"the first: {answers}")


main(server=False)
