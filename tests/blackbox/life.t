#!/usr/bin/python3
"""The life of a server: --check, start, SIGHUP and godwitctl reload, SIGTERM and godwitctl stop."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

from harness import *
from lib.server import SOURCE, binary
from lib.tls import make_certificate


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in: {text}")


def wait_for_line(path, part):
    """Until a file that the server writes has this in it."""
    wait_until(lambda: os.path.exists(path) and part in open(path, encoding="utf-8").read(), f"{part} in {path}")


def fingerprint(server, domain):
    """The certificate that a new connection for that domain gets, whoever has signed it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", server.ports["c2s-tls"]), 10 * FACTOR)
    with context.wrap_socket(plain, server_hostname=domain) as secure:
        return secure.getpeercert(binary_form=True)


def der(path):
    with open(path, encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


def check(server, text=None):
    """godwit --check: its status, and what it says."""
    if text is not None:
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text)
    done = subprocess.run([binary("godwit"), "--config", server.config, "--check"],
                          capture_output=True, text=True, timeout=30 * FACTOR)
    return done.returncode, done.stdout + done.stderr


# ---- check ----

@test("--check is content with a good configuration, and starts nothing")
def _():
    server = Server()
    server.write_config()
    status, said = check(server)
    if status != 0 or not said.startswith(f"{server.config}: good\n") or "table settings" not in said:
        raise Failure(f"{status}: {said}")
    if os.path.exists(server.path("control")) or os.path.exists(server.path("godwit.sqlite")):
        raise Failure("something was made")


@test("--check names file, line and cure of what is wrong")
def _():
    server = Server()
    server.write_config()
    with open(server.config, encoding="utf-8") as file:
        good = file.read()
    last = good.count("\n") + 1
    cases = ((good + "listn c2s {}", f":{last}: there is no \"listn\" here; \"listen\"?"),
             (good + "limits { roster_items = 0 }", f":{last}: roster_items is 0, but must be from 1 to"),
             (good + "offline { max_message = 1 }", "\"max_messages\"?"),
             (good + "offline {", f":{last}: this {{ is never closed"),
             (good + 'domain "example.org" { certificate = "x" key = "y" }', f":{last}: found duplicate"),
             (good + 'domain "example.com" { certificate = "x" key = "y" }', "x cannot be read: No such file"),
             (good + "modules = { ping, pong }", "module pong: no pong.so in"),
             (good + 'log { level = "loud" }', "must be debug, info, warning or error"),
             (re.sub(r"(?m)^domain.*$", "", good), "no domain is served; add: domain"))
    for text, why in cases:
        status, said = check(server, text)
        if status != 1 or not said.startswith("godwit: "):
            raise Failure(f"{status}: {said}")
        has(said, why)
    os.unlink(server.config)
    status, said = check(server)
    has(said, server.config, "cannot be read: No such file", "--config")


@test("what keeps a server from starting is one line with the cure, and status 1", timeout=60)
def _():
    server = Server()
    server.write_config()
    with open(server.config, encoding="utf-8") as file:
        good = file.read()
    busy = socket.create_server(("127.0.0.1", 0))
    port = busy.getsockname()[1]
    for text, why in (
            (good.replace("port = 0", f"port = {port}", 1), str(port)),
            (re.sub(r"(?m)^database = .*$", 'database = "sqlite:/proc/none/x"', good), "/proc/none/x"),
            (re.sub(r"(?m)^database = .*$", 'database = "mysql://x"', good), "sqlite:PATH"),
            (re.sub(r"(?m)^schema = .*$", 'schema = "/proc/none"', good), "/proc/none"),
            (re.sub(r"(?m)^control = .*$", f'control = "/tmp/{"x" * 110}"', good), "too long for a socket"),
            (re.sub(r"(?m)^control = .*$", 'control = "/proc/none/c"', good), "/proc/none/c"),
            (good.replace('file = ""', 'file = "/proc/none/log"'), "/proc/none/log")):
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([binary("godwit"), "--config", server.config], capture_output=True,
                              text=True, timeout=30 * FACTOR)
        lines = [line for line in done.stderr.splitlines() if "cannot start" in line]
        if done.returncode != 1 or len(lines) != 1:
            raise Failure(f"{why}: {done.returncode}: {done.stderr}")
        has(lines[0], why)
    busy.close()


@test("root is given up for the user that is named", timeout=60)
def _():
    if os.geteuid() != 0:
        raise Skip("only root can give it up")
    server = Server(settings='user = "nobody"')
    server.write_config()
    os.chmod(server.directory, 0o777)
    for domain in server.domains:
        os.chmod(server.certificate(domain)[0], 0o644)
    # Its key and its place of work are root's: read before, reported, and kept by a reload.
    # As the socket of systemd, that of the harness may be written to by everyone.
    before = os.umask(0)
    try:
        server.start()
    finally:
        os.umask(before)
    with server:
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            status = file.read()
        has(status, "Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000",
            "CapPrm:\t0000000000000000")
        if not re.search(r"(?m)^Groups:\s*$", status):
            raise Failure(status)
        server.wait_log("key is readable by root only.*domain=example.org")
        os.chmod(server.config, 0o644)
        server.reload(wait_for="example.org keeps its certificate of before: key .* cannot be read")
        server.wait_log('"reloaded"')
        fingerprint(server, "example.org")
    server = Server(settings='user = "no-such-user"')
    server.write_config()
    done = subprocess.run([binary("godwit"), "--config", server.config], capture_output=True,
                          text=True, timeout=30 * FACTOR)
    if done.returncode != 1:
        raise Failure(f"it started as somebody who does not exist: {done.stderr}")
    has(done.stderr, "no user \\\"no-such-user\\\" to become", "useradd", server.config)


@test("the log file is opened by the user that is named, and what keeps it from that is said", timeout=60)
def _():
    if os.geteuid() != 0:
        raise Skip("only root can give it up")
    server = Server(settings='user = "nobody"\nlog { file = "logs/godwit.log" }')
    server.write_config()
    os.chmod(server.directory, 0o777)
    os.mkdir(server.path("logs"))
    done = subprocess.run([binary("godwit"), "--config", server.config], capture_output=True, text=True,
                          timeout=30 * FACTOR)
    if done.returncode != 1:
        raise Failure(f"it ended with {done.returncode}: {done.stderr}")
    has(done.stderr, "log file " + server.path("logs/godwit.log"), "Permission denied",
        "belong to the user that godwit runs as")
    shutil.chown(server.path("logs"), "nobody")
    process = subprocess.Popen([binary("godwit"), "--config", server.config])
    file = server.path("logs/godwit.log")
    try:
        wait_for_line(file, '"ready"')
        os.rename(file, file + ".1")
        process.send_signal(signal.SIGHUP)
        wait_for_line(file, "godwit.conf")
    finally:
        process.terminate()
        process.wait(30 * FACTOR)


# ---- reload ----

@test("SIGHUP takes a renewed certificate over; who is connected stays")
def _():
    with Server() as server:
        romeo = server.account("romeo")
        client = romeo.login(presence=True)
        crt, key = server.certificate("example.org")
        before = fingerprint(server, "example.org")
        make_certificate("example.org", crt, key)
        server.reload(wait_for='"reloaded"')
        if fingerprint(server, "example.org") != der(crt) or der(crt) == before:
            raise Failure("the old certificate is served")
        if fingerprint(server, "example.net") != der(server.certificate("example.net")[0]):
            raise Failure("example.net has lost its certificate")
        client.sync()
        server.contexts.clear()
        romeo.login().message(client.jid, body="over the new one")
        client.expect("<message><body>over the new one</body></message>")


@test("a key that cannot be used keeps the one before, and all else is taken over")
def _():
    with Server() as server:
        romeo = server.account("romeo")
        crt, key = server.certificate("example.org")
        before = der(crt)
        server.tls_context()  # trusts the one before
        for spoil in (lambda: os.rename(key, key + ".away"),
                      lambda: make_certificate("example.org", crt, server.path("other.key"))):
            spoil()
            server.limits["roster_items"] = server.limits.get("roster_items", 0) + 1
            server.reload(wait_for="example.org keeps its certificate of before")
            server.wait_log('"reloaded"')
            if fingerprint(server, "example.org") != before:
                raise Failure("the certificate before is not served any more")
        has(server.ctl("reload").stdout, "reloaded", "example.org keeps its certificate of before")
        client = romeo.login()
        client.roster()
        for number in range(3):
            answer = client.roster_set(f"friend{number}@example.org")
            if (answer.get("type") == "error") != (number >= 2):
                raise Failure(f"friend {number}: the limit of 2 is not in force: {show(answer)}")


@test("a configuration that is wrong changes nothing")
def _():
    with Server() as server:
        client = server.account("romeo").login()
        server.settings = "unheard = of"
        server.reload(wait_for="reload failed; the configuration in use stays")
        client.sync()
        server.settings = ""
        server.reload(wait_for='"reloaded"')
        client.sync()


@test("a new domain is served, with its certificate; one that is gone ends with host-gone")
def _():
    with Server() as server:
        stays = server.account("romeo").login(presence=True)
        goes = [server.account(name, domain="example.net").login(presence=True)
                for name in ("juliet", "nurse", "peter", "paris")]
        early = server.raw(domain="example.net")
        early.open()
        server.domains = ["example.org", "example.com"]
        server.reload(wait_for='"reloaded"')
        for client in goes:
            client.expect_stream_error("host-gone")
        stays.sync()
        server.contexts.clear()
        if fingerprint(server, "example.com") != der(server.certificate("example.com")[0]):
            raise Failure("example.com is served with another's certificate")
        server.account("new", domain="example.com").login().message(stays.jid, body="here I am")
        stays.expect("<message><body>here I am</body></message>")
        gone = server.raw(domain="example.net")
        gone.send(gone.stream_header())
        gone.expect_stream_error("host-unknown")
        stays.message("juliet@example.net", id="m1")
        stays.expect(f"<message type='error' id='m1'/>")
        # It comes back with all that it had.
        server.domains = ["example.org", "example.net"]
        server.reload(wait_for='"reloaded"')
        server.contexts.clear()
        goes[0].account.login().end()


@test("limits hold for who is connected already, and for who comes")
def _():
    with Server() as server:
        romeo = server.account("romeo")
        client = romeo.login()
        client.message(romeo.jid + "/nowhere", body="x" * 20000)
        client.sync()
        server.limits = {"stanza_bytes": 10000, "sessions_per_account": 2}
        server.reload(wait_for='"reloaded"')
        romeo.login()
        third = romeo.connect(kind=Client)
        third.account = romeo
        third.log_in()
        expect_error(third.iq("set", f"<bind xmlns='{NS.bind}'/>"), "resource-constraint")
        client.message(romeo.jid + "/nowhere", body="x" * 20000)
        client.expect_stream_error("policy-violation")


@test("the log's level and the settings of modules are taken over")
def _():
    with Server() as server:
        romeo = server.account("romeo").login()
        mark = server.log_mark()
        server.log_level = "error"
        server.settings = "disco { name = \"Renamed\" } version { show_os = true }"
        server.reload()
        wait_until(lambda: show(romeo.get("<query xmlns='jabber:iq:version'/>", to="example.org")),
                   "show_os to have an effect", wanted=lambda answer: "<os" in answer)
        server.account("quiet").login().end()
        server.log_level = "info"
        server.reload(wait_for='"reloaded"')
        if "quiet" in server.log(mark):
            raise Failure("the log says more than errors")


@test("what needs a restart is named each time until it has had one")
def _():
    with Server() as server:
        server.settings = "scram_iterations = 5000"
        server.reload(wait_for='"reloaded"')
        server.workers = 2
        for _ in range(2):
            server.reload(wait_for="setting takes effect after a restart.*setting=workers")
        has(server.ctl("reload").stdout, '"workers" takes effect after a restart')
        if len(server.ctl_json("status")["workers"]) != 4:
            raise Failure("the number of workers has changed")
        server.restart()
        mark = server.log_mark()
        server.reload(wait_for='"reloaded"')
        if "restart" in server.log(mark):
            raise Failure(server.log(mark))
        if len(server.ctl_json("status")["workers"]) != 2:
            raise Failure("the number of workers has not changed")


@test("all that needs a restart is named at once, in the log and to who asks for the reload")
def _():
    with Server() as server:
        server.write_config()
        with open(server.config, "a", encoding="utf-8") as file:
            file.write('log { format = "json" file = "else.log" }\nuser = "else"\nworkers = 3\n')
        mark = server.log_mark()
        said = server.ctl_json("reload")["needs_restart"]
        if sorted(said) != ["log file", "log format", "user", "workers"]:
            raise Failure(str(said))
        named = re.findall('takes effect after a restart" setting=("[^"]*"|\\S+)', server.log(mark))
        if [name.strip('"') for name in named] != said:
            raise Failure(str(named))
        printed = re.findall('(?m)^"([^"]+)" takes effect after a restart$', server.ctl("reload").stdout)
        if printed != said:
            raise Failure(str(printed))


@test("listeners stay what they were at the start, whatever a reload says")
def _():
    with Server() as server:
        server.write_config()
        with open(server.config, encoding="utf-8") as file:
            text = file.read()
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(re.sub(r"(?m)^listen.*$", "", text) + "\nlisten c2s { port = 1 }\n")
        has(server.ctl("reload").stdout, '"listen" takes effect after a restart')
        listeners = server.ctl_json("status")["listeners"]
        if {entry["kind"]: entry["port"] for entry in listeners} != server.ports:
            raise Failure(str(listeners))


@test("reloads on reloads while clients come, talk and go", timeout=60)
def _():
    with Server() as server:
        accounts = [server.account(name) for name in ("romeo", "juliet")]
        for number in range(20):
            server.process.send_signal(signal.SIGHUP)
            clients = [account.login(presence=True) for account in accounts]
            clients[0].message(clients[1].jid, body=str(number))
            server.process.send_signal(signal.SIGHUP)
            clients[1].expect(f"<message><body>{number}</body></message>")
            if number % 4 == 0:
                server.ctl("reload")
            for client in clients:
                client.end()


@test("the log file is opened anew")
def _():
    with Server() as server:
        server.stop()
        server.write_config()
        with open(server.config, encoding="utf-8") as file:
            text = file.read().replace('file = ""', 'file = "own.log"')
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(text)
        process = subprocess.Popen([binary("godwit"), "--config", server.config])
        try:
            wait_for_line(server.path("own.log"), '"ready"')
            os.rename(server.path("own.log"), server.path("old.log"))
            server.ctl("reload")
            wait_for_line(server.path("own.log"), '"reloaded"')
        finally:
            process.terminate()
            process.wait(30 * FACTOR)
        if '"stopped"' in open(server.path("old.log"), encoding="utf-8").read():
            raise Failure("it writes to the file that was moved away")


# ---- stop ----

@test("SIGTERM tells clients system-shutdown, and leaves nothing unwritten")
def _():
    with Server() as server:
        romeo, juliet = server.two_accounts(same_worker=False)
        client, watcher = romeo.login(presence=True), server.account("nurse").login(presence=True)
        early = server.raw()
        early.open()
        for number in range(50):
            client.message(juliet.jid, body=f"message {number}")
        client.roster_set("friend@example.org")
        server.process.send_signal(signal.SIGTERM)
        for connection in (client, watcher, early):
            connection.expect_stream_error("system-shutdown")
        server.stop()
        rows = server.sql(f"SELECT COUNT(*) FROM offline_messages WHERE username = '{juliet.username}'")
        if rows != [("50",)]:
            raise Failure(f"of 50 messages are kept: {rows}")
        server.start()
        reader = juliet.login(presence=True)
        for number in range(50):
            reader.expect_next(f"<message><body>message {number}</body></message>")
        if "friend@example.org" not in romeo.login().roster():
            raise Failure("the roster was not written")


@test("godwitctl stop does the same; clients that do not go are left")
def _():
    with Server() as server:
        client = server.account("romeo").login(presence=True)
        silent = server.raw()
        has(server.ctl("stop").stdout, "stopping")
        client.expect_stream_error("system-shutdown")
        status = server.process.wait(30 * FACTOR)
        if status != 0:
            raise Failure(f"it ended with {status}")
        silent.close()
        server.process = None
        server.check_reports()
        server.wait_log('"stopped"')


@test("SIGINT ends it as SIGTERM does")
def _():
    with Server() as server:
        client = server.account("romeo").login()
        server.process.send_signal(signal.SIGINT)
        client.expect_stream_error("system-shutdown")
        server.stop()


def fail2ban_patterns():
    """What etc/godwit.fail2ban looks for: the pattern for text, and that for JSON."""
    path = os.path.join(SOURCE, "etc", "godwit.fail2ban")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    journal = re.search(r"(?m)^_journal = (.*)$", text).group(1)
    found = re.search(r"(?m)^failregex = (.*)\n +(.*)$", text).groups()
    return [pattern.replace("%(_journal)s", journal).replace("<ADDR>", r"(?P<ip>[0-9a-f.:]+)")
            for pattern in found]


@test("a failed login is one line that names the address first, for fail2ban")
def _(server, romeo):
    mark = server.log_mark()
    connection = romeo.connect()
    check_sasl_failure(connection.sasl("PLAIN", 'x" address=192.0.2.1 y="', "wrong"), "not-authorized")
    line = server.wait_log("login failed", since=mark)
    connection.close()
    text = json.dumps(dict(time=line.split()[0], level="info", area="c2s", text="login failed",
                           stream="c2s-1", address="127.0.0.1", username="x"), separators=(",", ":"))
    for pattern, line in zip(fail2ban_patterns(), (line, text)):
        # In a file, without its date; in the journal, with the names of host and program.
        for seen in (re.sub(r"\S*\d\d:\d\d:\d\d\.\d+Z", "", line), f"host godwit[4711]: {line}"):
            found = re.search(pattern, seen)
            if found is None or not found.group("ip").startswith("127."):
                raise Failure(f"{pattern} on {seen}")


@test("systemd is told that it is ready, that it lives, and that it stops")
def _():
    server = Server()
    server.write_config()
    path = server.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20 * FACTOR)
        process = subprocess.Popen([binary("godwit"), "--config", server.config],
                                   env=dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="100000"),
                                   stderr=subprocess.DEVNULL)
        said = [notify.recv(4096).decode() for _ in range(3)]
        process.terminate()
        while "STOPPING=1" not in said[-1]:
            said.append(notify.recv(4096).decode())
        if process.wait(20 * FACTOR) != 0:
            raise Failure(f"it ended with {process.returncode}")
    if "READY=1" not in said[0] or "WATCHDOG=1" not in said[1]:
        raise Failure(str(said))


main()
