#!/usr/bin/python3
"""./quickstart: what it prints is true, a second run is quick, Ctrl-C ends it cleanly. The build is the
one under test; that quickstart can build is left to whoever runs it on a fresh machine."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from harness import *
from lib.server import BUILD, SOURCE
from lib.tls import client_context

HOUSE = os.path.join(tempfile.mkdtemp(prefix="godwit-quickstart-"), "godwit")
HERE = os.path.join(HOUSE, "quickstart.d")
STAMP = 'eval "$(sed -n "/^sources_stamp()/,/^}/p" quickstart)"; sources_stamp > quickstart.d/built'


def build_house():
    """A tree that looks as if quickstart had just built it."""
    os.makedirs(HERE)
    for name in ("configure.ac", "Makefile.am", "server", "modules", "tools", "schema", "etc"):
        os.symlink(os.path.join(SOURCE, name), os.path.join(HOUSE, name))
    shutil.copy(os.path.join(SOURCE, "quickstart"), HOUSE)
    os.symlink(BUILD, os.path.join(HERE, "build"))
    subprocess.run(["bash", "-c", STAMP], cwd=HOUSE, check=True)


def free_port():
    """A port with another free one above it, below those that tests/postgres and the kernel choose."""
    while True:
        port = random.randrange(10000, 19998)
        try:
            for number in (port, port + 1):
                with socket.socket() as one:
                    one.bind(("", number))
            return port
        except OSError:
            pass


class Quickstart:
    """One run, up to the last line of what it says, or to its end if that comes first."""

    def __init__(self, *options, port, environment=()):
        self.port = port
        self.began = time.monotonic()
        self.process = subprocess.Popen(["./quickstart", "--port", str(port), *options], cwd=HOUSE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, env={**os.environ, **dict(environment)})
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if "Ctrl-C stops it" in line:
                break
        self.took = time.monotonic() - self.began

    def passwords(self):
        return dict(re.findall(r"(?m)^ +(\S+@\S+) +password (\S+)$", self.said))

    def login(self, jid, direct=False):
        if "Ctrl-C stops it" not in self.said:
            raise Failure(f"it did not start: {self.said}")
        username, domain = jid.split("@")
        trust = [os.path.join(HERE, domain + ".crt")]
        client = Client(self.port + direct, name=username, domain=domain,
                        contexts=lambda version, alpn: client_context(trust, version=version, alpn=alpn))
        if direct:
            client.wrap_tls(alpn="xmpp-client")
        else:
            client.open()
            client.starttls()
        client.open()
        client.account = Account.__new__(Account)
        client.account.username, client.account.domain, client.account.jid = username, domain, jid
        client.account.password = self.passwords()[jid]
        client.log_in()
        client.bind("there")
        return client

    def interrupt(self):
        """Ctrl-C, as a terminal sends it: to everyone."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest = self.process.communicate(timeout=30 * FACTOR)[0]
        if self.process.returncode != 0 or "Stopped." not in rest:
            raise Failure(f"it ended with {self.process.returncode}: {rest}")


@test("alice and bob can talk by what it prints, and again after a second start", timeout=60)
def _():
    port = free_port()
    first = Quickstart(port=port)
    if sorted(first.passwords()) != ["alice@localhost", "bob@localhost"]:
        raise Failure(first.said)
    alice, bob = first.login("alice@localhost"), first.login("bob@localhost", direct=True)
    bob.available()
    alice.message("bob@localhost", body="\u4f60\u597d")
    bob.expect("<message><body>\u4f60\u597d</body></message>")
    again = subprocess.run(["./quickstart", "--port", str(port)], cwd=HOUSE, capture_output=True,
                           text=True, timeout=30 * FACTOR)
    if again.returncode == 0 or "it runs already" not in again.stderr:
        raise Failure(f"two at a time: {again.returncode} {again.stdout}{again.stderr}")
    first.interrupt()
    alice.expect_stream_error("system-shutdown")
    second = Quickstart(port=port)
    if second.passwords() != first.passwords():
        raise Failure(f"{first.said}{second.said}")
    if second.took > 2 * FACTOR:
        raise Failure(f"the second start took {second.took:.1f} s")
    second.login("alice@localhost").end()
    second.interrupt()


@test("Ctrl-C ends it cleanly, however late the shell is to notice")
def _():
    slow = os.path.join(HOUSE, "slow")
    with open(slow, "w", encoding="utf-8") as file:
        file.write('kill() { builtin kill "$@"; set -- $?; sleep 0.5; return $1; }\n')
    run = Quickstart(port=free_port(), environment={"BASH_ENV": slow})
    run.login("alice@localhost").end()
    run.interrupt()


@test("--domain serves another one, beside the accounts of the first", timeout=60)
def _():
    run = Quickstart("--domain", "example.org", port=free_port())
    run.login("alice@example.org").end()
    if "To go on with PostgreSQL" not in run.said or "127.0.0.1" not in run.said:
        raise Failure(run.said)
    run.interrupt()


@test("--database takes another one, with accounts of its own", timeout=60)
def _():
    path = os.path.join(HERE, "other.sqlite")
    run = Quickstart("--database", "sqlite:" + path, port=free_port())
    run.login("bob@localhost").end()
    run.interrupt()
    if not os.path.exists(path):
        raise Failure("it was not used")


@test("what it does not understand it says, and does nothing")
def _():
    for options, why in ((("--frob",), "unknown option --frob"), (("--port",), "wants a value"),
                         (("--port", "65535"), "from 1 to 65534"), (("--port", "0"), "from 1 to 65534"),
                         (("--port", "x"), "from 1 to 65534"), (("--domain", 'a"b'), "no domain name"),
                         (("--domain", "a b"), "no domain name"), (("--database", "mysql://x"), "postgresql://")):
        done = subprocess.run(["./quickstart", *options], cwd=HOUSE, capture_output=True, text=True,
                              timeout=30 * FACTOR)
        if done.returncode != 1 or why not in done.stderr or done.stdout:
            raise Failure(f"{options}: {done.returncode} {done.stdout}{done.stderr}")
    done = subprocess.run(["./quickstart", "--help"], cwd=HOUSE, capture_output=True, text=True, check=True)
    if not all(option in done.stdout for option in ("--domain", "--port", "--database", "--help")):
        raise Failure(done.stdout)


@test("a port that is taken ends it with the reason")
def _():
    port = free_port()
    with socket.create_server(("0.0.0.0", port)):
        run = Quickstart(port=port)
        if run.process.wait(30 * FACTOR) != 1 or str(port) not in run.said:
            raise Failure(run.said)


build_house()
try:
    main(server=False)
finally:
    shutil.rmtree(os.path.dirname(HOUSE), ignore_errors=True)
