#!/usr/bin/python3
"""godwitctl: accounts with and without a running server, sessions, status, check; the control socket."""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import termios
import time

from harness import *
from lib.server import BUILD, SOURCE, binary
from lib.tls import make_certificate

PASSWORD_OF_ALL = "correct horse"


def ctl(server, *arguments, status=0, input=None):
    """Runs godwitctl and checks its exit status; returns standard output and error together."""
    done = server.ctl(*arguments, input=input, check=False)
    if done.returncode != status:
        raise Failure(f"godwitctl {' '.join(arguments)} ended with {done.returncode}, not {status}:\n"
                      f"{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in: {text}")


def add(server, name):
    """An account made by godwitctl."""
    account = Account(server, name, server.domains[0], PASSWORD_OF_ALL)
    ctl(server, "user", "add", account.jid, input=PASSWORD_OF_ALL + "\n")
    return account


def login_fails(account, password):
    connection = account.connect()
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
        check_sasl_failure(connection.sasl(mechanism, account.username, password),
                           "not-authorized|account-disabled")
    connection.close()


def users(server):
    return {user["jid"]: user for user in server.ctl_json("user", "list")}


# ---- accounts ----

@test("user add makes an account that can log in at once, by any mechanism")
def _(server, romeo):
    # The name was asked for before: the server remembers that there is none.
    client = romeo.login()
    client.message("mercutio@example.org", id="early")
    client.expect(f"<message type='error' id='early' from='mercutio@example.org'/>")
    has(ctl(server, "user", "add", "mercutio@example.org", input="pa\u00dfw\u00f6rd \U0001f426\n"), "added")
    mercutio = Account(server, "mercutio", "example.org", "pa\u00dfw\u00f6rd \U0001f426")
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"):
        mercutio.login("town", mechanism=mechanism).end()
    other = mercutio.login("town", presence=True)
    client.message(mercutio.jid, body="late")
    other.expect("<message><body>late</body></message>")


@test("user add refuses what is no account, says why, and changes nothing")
def _(server):
    before = users(server)
    add(server, "taken")
    cases = (("taken@example.org", "pw", "there is an account taken@example.org"),
             ("TAKEN@Example.ORG", "pw", "there is an account taken@example.org"),
             ("example.org", "pw", "is not an address as user@example.org"),
             ("a@example.org/x", "pw", "is not an address"),
             ("a b@example.org", "pw", "is not an address"),
             ("@example.org", "pw", "is not an address"),
             ("a@", "pw", "is not an address"),
             ("x" * 1024 + "@example.org", "pw", "is not an address"),
             # Unassigned in Unicode 3.2: a name that some clients cannot prepare.
             ("\u0221@example.org", "pw", "is not an address"),
             ("a@example.com", "pw", "example.com is not served here; served: example.org, example.net"),
             ("new@example.org", "", "no password"),
             ("new@example.org", "x" * 1024, "no password"),
             ("new@example.org", "a\u0007b", "forbidden characters"))
    for jid, password, why in cases:
        has(ctl(server, "user", "add", jid, input=password + "\n", status=1), why)
    has(ctl(server, "user", "add", "new@example.org", input="", status=1), "standard input has no password")
    if users(server).keys() != before.keys() | {"taken@example.org"}:
        raise Failure(str(users(server)))


class Terminal:
    """godwitctl at a terminal."""

    def __init__(self, server, *arguments):
        self.master, self.slave = os.openpty()
        self.shown = ""
        self.process = subprocess.Popen([binary("godwitctl"), "--config", server.config, *arguments],
                                        stdin=self.slave, stdout=self.slave, stderr=self.slave)

    def wait_for(self, text):
        while text not in self.shown:
            if not select.select([self.master], [], [], 20 * FACTOR)[0]:
                raise Failure(f"no {text!r} in {self.shown!r}")
            self.shown += os.read(self.master, 4096).decode()

    def type(self, line):
        os.write(self.master, line.encode() + b"\n")

    def has_echo(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self, status, text):
        self.wait_for(text)
        if self.process.wait(20 * FACTOR) != status or not self.has_echo():
            raise Failure(f"ended with {self.process.returncode}, echo {self.has_echo()}: {self.shown}")
        os.close(self.master)
        os.close(self.slave)


@test("at a terminal the password is asked for twice, and never shown")
def _(server):
    for second, status, text in (("seen-by-nobody", 0, "added typed@example.org"),
                                 ("something else", 1, "two different passwords"), ("", 1, "no password")):
        terminal = Terminal(server, "user", "add", "typed@example.org")
        terminal.wait_for("Password of typed@example.org: ")
        if terminal.has_echo():
            raise Failure("it would be shown")
        terminal.type("seen-by-nobody")
        terminal.wait_for("Again: ")
        terminal.type(second)
        terminal.end(status, text)
        if "seen" in terminal.shown or "something" in terminal.shown:
            raise Failure(terminal.shown)
    Account(server, "typed", "example.org", "seen-by-nobody").login().end()


@test("a question for a password that is broken off leaves the terminal as it was")
def _(server):
    for number in (signal.SIGINT, signal.SIGTERM):
        terminal = Terminal(server, "user", "add", "broken-off@example.org")
        terminal.wait_for("Password of")
        terminal.process.send_signal(number)
        terminal.end(-number, "")
    has(ctl(server, "user", "show", "broken-off@example.org", status=1), "there is no account")


@test("an address that is none is refused before a password is asked for")
def _(server):
    for arguments in (("user", "add", "example.org"), ("user", "passwd", "a@example.org/x")):
        has(ctl(server, *arguments, input="", status=1), "is not an address as user@example.org")


@test("the longest name and the longest password are taken")
def _(server):
    account = Account(server, "y" * 1023, "example.net", "z" * 1023)
    ctl(server, "user", "add", account.jid, input=account.password + "\n")
    account.login().end()


@test("user passwd: the new password works, the old one does not, nobody is thrown out")
def _(server):
    account = add(server, "changing")
    client = account.login()
    has(ctl(server, "user", "passwd", account.jid, input="another\n"), "changed the password")
    login_fails(account, PASSWORD_OF_ALL)
    client.sync()
    account.password = "another"
    account.login().end()
    has(ctl(server, "user", "passwd", "nobody@example.org", input="x\n", status=1), "there is no account")


@test("user disable ends all sessions and lets nobody in; enable undoes it")
def _(server, romeo):
    account = add(server, "sleeper")
    clients = [account.login(resource, presence=True) for resource in ("one", "two")]
    has(ctl(server, "user", "disable", account.jid), "disabled")
    for client in clients:
        client.expect_stream_error("not-authorized|policy-violation")
    login_fails(account, PASSWORD_OF_ALL)
    if not users(server)[account.jid]["disabled"]:
        raise Failure("user list does not say so")
    # What is written to it meanwhile is kept.
    sender = romeo.login()
    sender.message(account.jid, body="while you were out")
    sender.sync()
    has(ctl(server, "user", "enable", account.jid), "enabled")
    account.login(presence=True).expect("<message><body>while you were out</body></message>")
    for command in ("disable", "enable"):
        has(ctl(server, "user", command, "nobody@example.org", status=1), "there is no account")


@two_users("user delete ends the sessions, tells contacts, and leaves no row")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    watcher = juliet.login(presence=True)
    watcher.roster()
    client = romeo.login(presence=True)
    watcher.expect(f"<presence from='{client.jid}'/>")
    has(ctl(server, "user", "delete", romeo.jid), "deleted")
    client.expect_stream_error("not-authorized|policy-violation")
    watcher.expect(f"<presence type='unavailable' from='{client.jid}'/>")
    watcher.expect_push(romeo.jid, subscription="none")
    login_fails(romeo, romeo.password)
    for table in ("users", "roster_items"):
        rows = server.sql(f"SELECT username FROM {table} WHERE username = '{romeo.username}'")
        if rows:
            raise Failure(f"{table}: {rows}")
    has(ctl(server, "user", "delete", romeo.jid, status=1), "there is no account")


@test("user list and show tell the same, of one domain or all, in order")
def _(server):
    for jid in ("lister2@example.net", "lister1@example.net", "lister1@example.org"):
        ctl(server, "user", "add", jid, input="pw\n")
    found = [user["jid"] for user in server.ctl_json("user", "list") if "lister" in user["jid"]]
    if found != ["lister1@example.net", "lister2@example.net", "lister1@example.org"]:
        raise Failure(str(found))
    only = server.ctl_json("user", "list", "Example.NET")
    if {user["jid"].split("@")[1] for user in only} != {"example.net"}:
        raise Failure(str(only))
    shown = server.ctl_json("user", "show", "lister1@example.org")
    if shown["disabled"] or shown["sessions"] or not re.match(r"\d{4}-\d\d-\d\dT.*Z$", shown["created"]):
        raise Failure(str(shown))
    has(ctl(server, "user", "list"), "jid", "created", "lister1@example.net")
    has(ctl(server, "user", "show", "lister1@example.org"), "disabled  no", "sessions  0")
    has(ctl(server, "user", "show", "nobody@example.org", status=1), "there is no account")


@test("user list goes on beyond a page")
def _(server):
    rows = ", ".join(f"('example.net', 'page{number:04}')" for number in range(2001))
    server.sql(f"INSERT INTO users (domain, username) VALUES {rows}")
    found = [user["jid"] for user in server.ctl_json("user", "list", "example.net")]
    pages = [jid for jid in found if jid.startswith("page")]
    if len(pages) != 2001 or pages != sorted(pages) or len(set(found)) != len(found):
        raise Failure(f"{len(pages)} of 2001")
    if len([jid for jid in users(server) if jid.startswith("page")]) != 2001:
        raise Failure("not all without a domain")
    server.sql("DELETE FROM users WHERE username LIKE 'page%'")


@test("without a server, accounts are made, changed, listed and deleted all the same", timeout=60)
def _():
    with Server() as server:
        romeo, juliet = server.two_accounts(same_worker=False)
        befriend(romeo, juliet)
        kept = add(server, "kept")
        server.stop()
        made = add(server, "made")
        has(ctl(server, "user", "add", made.jid, input="pw\n", status=1), "there is an account")
        has(ctl(server, "user", "add", "a@example.com", input="pw\n", status=1), "is not served here")
        has(ctl(server, "user", "passwd", kept.jid, input="other\n"), "changed")
        has(ctl(server, "user", "disable", juliet.jid), "disabled")
        has(ctl(server, "user", "delete", romeo.jid), "deleted")
        has(ctl(server, "user", "delete", romeo.jid, status=1), "there is no account")
        has(ctl(server, "user", "show", juliet.jid), "disabled  yes")
        if users(server).keys() != {made.jid, kept.jid, juliet.jid}:
            raise Failure(str(users(server)))
        # Juliet's contact is gone, as if the server had run.
        if server.sql(f"SELECT subscription FROM roster_items WHERE username = '{juliet.username}'"
                      ) != [("none",)]:
            raise Failure("the contact was not told")
        has(ctl(server, "user", "enable", juliet.jid), "enabled")
        server.start()
        made.login().end()
        juliet.login().end()
        login_fails(kept, PASSWORD_OF_ALL)
        kept.password = "other"
        kept.login().end()


@test("without a server and a database, user add makes one")
def _():
    with Server() as server:
        server.stop()
        if not server.database.uri.startswith("sqlite:"):
            return  # only SQLite makes its own database
        server.database.drop()
        for ending in ("", "-wal", "-shm"):
            if os.path.exists(server.database.path + ending):
                os.unlink(server.database.path + ending)
        account = add(server, "first")
        if os.stat(server.database.path).st_mode & 0o077:
            raise Failure("others can read it")
        server.start()
        account.login().end()


# ---- sessions ----

@test("session list and user show tell who is there")
def _(server, romeo, juliet):
    one = romeo.login("orchard", presence=5)
    two = juliet.login("balcony")
    found = {session["jid"]: session for session in server.ctl_json("session", "list")["sessions"]}
    for client, account, available, priority in ((one, romeo, True, 5), (two, juliet, False, 0)):
        session = found[client.jid]
        if (session["tls"], session["worker"]) != ("TLSv1.3", account.worker):
            raise Failure(str(session))
        if not session["address"].startswith("127."):
            raise Failure(str(session))
        if (session["available"], session["priority"]) != (available, priority):
            raise Failure(str(session))
    if server.ctl_json("session", "list", "example.net")["sessions"]:
        raise Failure("example.net has none")
    if len(server.ctl_json("session", "list", "EXAMPLE.org")["sessions"]) < 2:
        raise Failure("example.org has two")
    for domain, why in (("a b", '"a b" is no domain'), (romeo.jid, '"godwitctl user show"'),
                        ("example.com", "example.com is not served here; served: example.org, example.net")):
        has(ctl(server, "session", "list", domain, status=1), why)
        has(ctl(server, "user", "list", domain, status=1), why)
    has(ctl(server, "session", "list"), one.jid, "TLSv1.3", "127.", "yes")
    shown = server.ctl_json("user", "show", romeo.jid)
    if [session["jid"] for session in shown["sessions"]] != [one.jid]:
        raise Failure(str(shown))
    has(ctl(server, "user", "show", romeo.jid), "sessions  1", one.jid)


@test("session kick ends one session, or all of an account")
def _(server, romeo, juliet):
    clients = [romeo.login(resource) for resource in ("a", "b", "c")]
    other = juliet.login()
    has(ctl(server, "session", "kick", clients[1].jid), "ended 1 session(s)")
    clients[1].expect_stream_error("policy-violation")
    clients[0].sync()
    has(ctl(server, "session", "kick", romeo.jid), "ended 2 session(s)")
    clients[0].expect_stream_error("policy-violation")
    clients[2].expect_stream_error("policy-violation")
    other.sync()
    for jid in (romeo.jid, juliet.jid + "/elsewhere", "nobody@example.org"):
        has(ctl(server, "session", "kick", jid, status=1), "is not logged in")
    romeo.login().end()


# ---- the server ----

@test("status tells version, ports, database and what each worker has")
def _(server, romeo):
    client = romeo.login()
    status = server.ctl_json("status")
    if {entry["kind"]: entry["port"] for entry in status["listeners"]} != server.ports:
        raise Failure(f"{status['listeners']} but {server.ports}")
    workers = status["workers"]
    if len(workers) != server.workers or workers[romeo.worker]["sessions"] < 1:
        raise Failure(str(workers))
    if not status["database_up"] or status["schema"] < 1 or status["uptime_seconds"] < 0:
        raise Failure(str(status))
    has(status["expat"] + status["openssl"] + status["database"], "expat", "OpenSSL", "SQL")
    has(ctl(server, "status"), "godwit    0.", "uptime", "up", "c2s", str(server.ports["c2s"]))
    client.sync()


@test("usage, unknown commands and a server that is not there have their exit status")
def _(server):
    for arguments, why in (((), "usage: godwitctl [--config FILE]"),
                           (("user",), '"user" needs to be told what: add, passwd, delete'),
                           (("frob", "x"), 'no command "frob"; godwitctl --help'),
                           (("user", "frob", "x@y"), 'no command "user frob"; "user" knows: add, passwd'),
                           (("user", "add"), "usage: godwitctl user add JID\n"),
                           (("status", "x"), "usage: godwitctl status\n"),
                           (("user", "show", "a@b", "c"), "usage: godwitctl user show JID\n"),
                           (("session", "kick"), "usage: godwitctl session kick JID\n"),
                           (("--bad",), "--bad"), (("--config",), "requires an argument"),
                           (("--bad",), "godwitctl --help")):
        has(ctl(server, *arguments, status=2), why)
    has(ctl(server, "--help"), "usage:", "user add", "check")
    has(ctl(server, "--version"), "godwitctl 0.")
    stopped = Server()
    stopped.write_config()
    for command in ("status", "reload", "stop"):
        has(ctl(stopped, command, status=3), "no server is running")
    has(ctl(stopped, "session", "list", status=3), "no server is running")
    failure = json.loads(server.ctl("--json", "user", "show", "nobody@example.org", check=False).stdout)
    if failure["ok"] or failure["condition"] != "item-not-found" or not failure["error"]:
        raise Failure(str(failure))
    with open(stopped.config, "a", encoding="utf-8") as file:
        file.write('control = ""\n')
    has(ctl(stopped, "status", status=3), '"control" is empty in ' + stopped.config)
    os.unlink(stopped.config)
    has(ctl(stopped, "status", status=1), "cannot be read: No such file", "write it, or name another")


@test("a running server is found though the rest of its configuration is being edited")
def _(server):
    before = open(server.config, encoding="utf-8").read()
    try:
        with open(server.config, "a", encoding="utf-8") as file:
            file.write("\nunheard = of\n")
        has(ctl(server, "status", status=1), 'there is no "unheard" here')
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(before + "\nlimits { nothing = 1 }\n")
        has(ctl(server, "status"), "godwit    0.")
        has(ctl(server, "reload", status=1), "the configuration in use stays", 'no "nothing" here')
    finally:
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(before)
    has(ctl(server, "reload"), "reloaded")


@test("what systemd runs for a reload fails if that is refused, and says why")
def _(server):
    with open(os.path.join(SOURCE, "etc", "godwit.service.in"), encoding="utf-8") as file:
        command = re.search(r"^ExecReload=(.+)$", file.read(), re.M).group(1)
    command = command.replace("@bindir@/godwitctl", binary("godwitctl"))
    command = command.replace("@sysconfdir@/godwit/godwit.conf", server.config)
    before = open(server.config, encoding="utf-8").read()
    mark = server.log_mark()
    subprocess.run(command.split(), check=True, timeout=30 * FACTOR)
    server.wait_log("reloaded", since=mark)
    try:
        with open(server.config, "a", encoding="utf-8") as file:
            file.write("\nlimits { nothing = 1 }\n")
        done = subprocess.run(command.split(), text=True, capture_output=True, timeout=30 * FACTOR)
    finally:
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(before)
    if done.returncode == 0:
        raise Failure(f"a reload that was refused succeeds: {done.stdout}{done.stderr}")
    has(done.stderr, 'no "nothing" here')


def checks(server, status):
    """Results of godwitctl check by what they are about."""
    done = server.ctl("--json", "check", check=False)
    if done.returncode != status:
        raise Failure(f"check ended with {done.returncode}: {done.stdout}{done.stderr}")
    found = {}
    for one in json.loads(done.stdout)["checks"]:
        found.setdefault(one["what"], []).append((one["result"], one["text"]))
    return found


@test("check finds all in order, whether the server runs or not", timeout=60)
def _():
    with Server() as server:
        found = checks(server, 0)
        for what in ("configuration", "modules", "database", "server",
                     "certificate of example.org", "certificate of example.net"):
            if found[what][0][0] != "ok":
                raise Failure(f"{what}: {found[what]}")
        has(found["server"][0][1], "is running")
        has(found["certificate of example.org"][0][1], "good until 20", "issued by CN=example.org")
        server.stop()
        has(checks(server, 0)["server"][0][1], "is not running")
        for line in ctl(server, "check").splitlines():
            if not line.startswith("ok "):
                raise Failure(line)


@test("check names each thing that is wrong, with the cure", timeout=60)
def _():
    with Server() as server:
        server.stop()
        good = open(server.config, encoding="utf-8").read()
        crt, key = server.certificate("example.org")
        other_crt, other_key = server.certificate("example.net")

        def wrong(text, what, *parts):
            with open(server.config, "w", encoding="utf-8") as file:
                file.write(text)
            found = checks(server, 1)[what][0]
            if found[0] != "FAIL":
                raise Failure(f"{what}: {found}")
            has(found[1], *parts)

        wrong(good + "\nworkers = 1000\n", "configuration", ":", "from 0 to 256")
        wrong(good + "\nmodules = { nosuch }\n", "modules", "module nosuch", "modules")
        wrong(good.replace(key, server.path("missing")), "certificate of example.org", "cannot be read",
              "put it there, or correct the path")
        wrong(good.replace(key, other_key), "certificate of example.org", "does not belong")
        wrong(good.replace(crt, other_crt).replace(key, other_key), "certificate of example.org",
              "does not name the domain")
        wrong(re.sub(r'(?m)^schema = .*$', 'schema = "/nonexistent"', good), "database", "/nonexistent")
        again = subprocess.run(["openssl", "x509", "-in", crt, "-signkey", key, "-days", "-1"],
                               check=True, capture_output=True)
        with open(crt, "wb") as file:
            file.write(again.stdout)
        wrong(good, "certificate of example.org", "expired on", "renew it")


@test("check warns of certificates that expire soon and of keys that everyone can read", timeout=60)
def _():
    with Server() as server:
        server.stop()
        crt, key = server.certificate("example.org")
        make_certificate("example.org", crt, key, days=20)
        os.chmod(server.certificate("example.net")[1], 0o644)
        warnings = [text for result, text in checks(server, 0)["certificates"] if result == "warning"]
        has(warnings[0], "expires in", "days; renew it")
        has(warnings[1], "example.net", "can be read by everyone")
        server.start()
        server.wait_log("needs attention.*expires in")
        server.wait_log("needs attention.*can be read by everyone")


# ---- the control socket ----

class Control:
    """Speaks to the control socket."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10 * FACTOR)
        self.socket.connect(server.path("control"))
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, **request):
        self.send(json.dumps(request).encode() + b"\n")
        return self.answer()

    def close(self):
        self.file.close()
        self.socket.close()


def expect_condition(answer, condition):
    if answer is None or answer.get("ok") or answer.get("condition") != condition:
        raise Failure(f"expected {condition}: {answer}")


@test("the control socket is there for its owner only")
def _(server):
    mode = os.stat(server.path("control")).st_mode
    if mode & 0o777 != 0o600:
        raise Failure(oct(mode))


@test("the control socket refuses other users even if they get at it")
def _(server):
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    os.chmod(server.directory, 0o711)
    os.chmod(server.path("control"), 0o666)
    script = ("import os, socket, sys; os.setgid(65534); os.setuid(65534);"
              "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
              "print(s.makefile().read())")
    done = subprocess.run(["/usr/bin/python3", "-c", script, server.path("control")],
                          capture_output=True, text=True, timeout=20)
    os.chmod(server.path("control"), 0o600)
    expect_condition(json.loads(done.stdout), "forbidden")
    server.wait_log("control socket refused a user.*uid=65534")


@test("the control socket answers requests one by one, however they arrive")
def _(server):
    control = Control(server)
    for piece in (b'{"comm', b'and":"status"', b'}\n{"command":"user-list"}\n{"command":"status"}\n'):
        control.send(piece)
    answers = [control.answer() for _ in range(3)]
    if not all(answer["ok"] for answer in answers) or "users" not in answers[1]:
        raise Failure(str(answers))
    expect_condition(control.ask(command="frob"), "feature-not-implemented")
    expect_condition(control.ask(), "feature-not-implemented")
    expect_condition(control.ask(command=7), "feature-not-implemented")
    expect_condition(control.ask(command="user-add", jid="x@example.org"), "bad-request")
    expect_condition(control.ask(command="user-add"), "jid-malformed")
    expect_condition(control.ask(command="user-add", jid=["x"], password={}), "jid-malformed")
    expect_condition(control.ask(command="user-list", after="@"), "bad-request")
    expect_condition(control.ask(command="user-list", domain="a b"), "bad-request")
    if not control.ask(command="status")["ok"]:
        raise Failure("it does not go on after errors")
    control.close()


@test("the control socket ends with who sends no request, or too large a one")
def _(server):
    for data in (b"hello\n", b"[]\n", b"\n", b"\0\n", b'{"command":"status","command":"stop"}\n',
                 b'{"a":' * 4000 + b"\n", b"\xff\n"):
        control = Control(server)
        control.send(data)
        expect_condition(control.answer(), "bad-request|policy-violation".split("|")[len(data) > 16385])
        if control.answer() is not None:
            raise Failure(f"not closed after {data[:20]}")
        control.close()
    for length, condition in ((16384, None), (16385, "policy-violation")):
        control = Control(server)
        request = json.dumps({"command": "status", "x": ""}).encode()
        request = request.replace(b'""', b'"' + b"x" * (length - len(request)) + b'"')
        control.send(request + b"\n")
        answer = control.answer()
        if condition is None and not answer["ok"]:
            raise Failure(str(answer))
        if condition is not None:
            expect_condition(answer, condition)
        control.close()


@test("the control socket bounds its clients, and forgets those who leave")
def _(server):
    clients = [Control(server) for _ in range(16)]
    for client in clients:
        if not client.ask(command="status")["ok"]:
            raise Failure("one of 16 is refused")
    late = Control(server)
    expect_condition(late.answer(), "resource-constraint")
    late.close()
    # Two leave without waiting for an answer.
    for client in clients[:2]:
        client.send(b'{"command":"session-list"}\n')
        client.close()
    deadline = time.monotonic() + 10 * FACTOR
    while True:
        again = Control(server)
        try:
            if (again.ask(command="status") or {}).get("ok"):
                break
        except OSError:
            pass
        again.close()
        if time.monotonic() > deadline:
            raise Failure("nobody is let in again")
    for client in [again, *clients[2:]]:
        client.close()


@test("the socket of a server that was killed is taken over; that of a living one is not")
def _():
    with Server() as server:
        server.kill()
        if not os.path.exists(server.path("control")):
            raise Failure("it should have been left behind")
        has(ctl(server, "status", status=3), "no server is running")
        server.start()
        has(ctl(server, "status"), "godwit")
        second = subprocess.run([binary("godwit"), "--config", server.config], capture_output=True,
                                text=True, timeout=30 * FACTOR)
        if second.returncode != 1:
            raise Failure(f"a second server: {second.returncode} {second.stderr}")
        has(ctl(server, "status"), "godwit")
        server.stop()
        if os.path.exists(server.path("control")):
            raise Failure("the socket stays behind")
        with open(server.path("control"), "w", encoding="utf-8") as file:
            file.write("precious")
        third = subprocess.run([binary("godwit"), "--config", server.config], capture_output=True,
                               text=True, timeout=30 * FACTOR)
        if third.returncode != 1 or "something else is in its place" not in third.stderr:
            raise Failure(f"{third.returncode} {third.stderr}")


@test("godwitctl refuses a server it may not ask")
def _(server):
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    os.chmod(server.directory, 0o711)
    os.chmod(server.config, 0o644)
    copy = server.path("godwitctl")
    shutil.copy(binary("godwitctl"), copy)
    done = subprocess.run([copy, "--config", server.config, "status"], capture_output=True, text=True,
                          timeout=20, user=65534, group=65534, extra_groups=[])
    if done.returncode != 1 or "Permission denied; be root" not in done.stderr:
        raise Failure(f"{done.returncode} {done.stdout} {done.stderr}")
    with open(server.config, "a", encoding="utf-8") as file:
        file.write('user = "root"\n')
    done = subprocess.run([copy, "--config", server.config, "check"], capture_output=True, text=True,
                          timeout=20, user=65534, group=65534, extra_groups=[])
    has(done.stdout, "warning user: you are neither root nor", "Permission denied")


if not os.path.exists(os.path.join(BUILD, "godwitctl")):
    raise SystemExit("build godwitctl first")
main()
