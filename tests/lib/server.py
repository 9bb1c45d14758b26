"""server.py - a godwit of our own: directory, certificates, database, configuration, process.

The binary is top_builddir/godwit, which automake's test environment names; by hand, set top_builddir
or have built in build/plain. Standard error goes to a file, where tests wait for lines, and where
sanitizer reports are looked for when the server ends.
"""
import atexit
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import database, tls
from .client import PASSWORD, Account
from .connection import FACTOR, Connection, Failure
from .database import literal
from .home import home
from .network import HERE
from .ports import keep_port
from .scram import scram_key

SOURCE = os.path.abspath(os.environ.get(
    "top_srcdir", os.path.join(os.path.dirname(__file__), os.pardir, os.pardir)))
BUILD = os.path.abspath(os.environ.get("top_builddir", os.path.join(SOURCE, "build", "plain")))
# Set by tests/run: "address" or "thread", for what only makes sense with or without.
SANITIZED = os.environ.get("GODWIT_TEST_SANITIZER", "")
# Where tests/run wants the servers' logs kept.
LOGS = os.environ.get("GODWIT_TEST_LOGS")
KEEP = bool(os.environ.get("GODWIT_TEST_KEEP"))
REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                    r"|AddressSanitizer:DEADLYSIGNAL|Assertion|ASSERT")
START_TIMEOUT = 30 * FACTOR
STOP_TIMEOUT = 20 * FACTOR

_everyone = itertools.count(1)
_addresses = itertools.count(1)


def loopback():
    """Another address of 127.0.0.0/8 at every call, and in every process."""
    number = next(_addresses)
    return f"127.{os.getpid() % 250 + 1}.{number // 250 % 250}.{number % 250 + 2}"


def binary(name):
    """A program of the build: in its top directory, or beside its source."""
    for path in (name, os.path.join("tools", name), os.path.join("server", name)):
        if os.access(os.path.join(BUILD, path), os.X_OK):
            return os.path.join(BUILD, path)
    raise FileNotFoundError(f"no program {name} in {BUILD}: build first, or set top_builddir")


class Server:
    """One server process with what belongs to it. Use as a context, or start() and close().

    `limits` is a dictionary for that section; `settings` are further lines at the top level;
    `domains` are all served, each with a certificate of its own. `under` is a command that runs the
    server, as valgrind does; `place` is the host that it runs on.
    """

    made = []  # for the diagnostics of a failed test

    def __init__(self, *, workers=4, domains=("example.org", "example.net"), modules=None, limits=None,
                 settings="", scram_iterations=4096, log_level=None, under=(), place=HERE):
        self.workers = workers
        self.domains = list(domains)
        self.modules = modules
        self.limits = dict(limits or {})
        self.settings = settings
        self.domain_settings = {}  # more lines of a domain's section
        self.guests = []  # domains that are served but not configured
        self.scram_iterations = scram_iterations
        self.under = under
        self.lasts = False  # from test to test
        self.place = place
        self.log_level = log_level or os.environ.get("GODWIT_TEST_LOG", "info")
        self.directory = tempfile.mkdtemp(prefix="godwit-")
        self.config = os.path.join(self.directory, "godwit.conf")
        self.log_path = os.path.join(self.directory, "server.log")
        self.database = database.fresh(self.directory)
        self.ports = {"c2s": 0, "c2s-tls": 0}
        self.configured_ports = self.ports
        self.process = None
        self.connections = []
        self.contexts = {}
        self.closed_log = ""
        Server.made.append(self)
        atexit.register(self.close)

    def __enter__(self):
        if self.process is None:
            self.start()
        return self

    def __exit__(self, *_):
        self.close()

    # -- files --

    def path(self, name):
        return os.path.join(self.directory, name)

    def certificate(self, domain):
        """Paths of a domain's certificate and key, made on first use."""
        pair = self.path(domain + ".crt"), self.path(domain + ".key")
        if not os.path.exists(pair[0]):
            tls.make_certificate(domain, *pair)
        return pair

    def write_config(self):
        """Writes godwit.conf from what this object says; call it after changing something."""
        lines = [f'database = "{self.database.uri}"',
                 f'schema = "{SOURCE}/schema"',
                 f'module_path = "{BUILD}/modules/.libs"',
                 f'control = "{self.path("control")}"',
                 f"workers = {self.workers}", 'user = ""',
                 f"scram_iterations = {self.scram_iterations}",
                 f'log {{ level = "{self.log_level}" format = "text" file = "" }}']
        if self.modules is not None:
            names = ", ".join(f'"{name}"' for name in self.modules)
            lines.append(f"modules = {{{names}}}")
        for domain in self.domains:
            certificate, key = self.certificate(domain)
            lines.append(f'domain "{domain}" {{ certificate = "{certificate}" key = "{key}"'
                         f'{self.domain_settings.get(domain, "")} }}')
        for kind, port in self.configured_ports.items():
            lines.append(f'listen {kind} {{ address = "127.0.0.1" port = {port} }}')
        values = "\n".join(f"  {key} = {value}" for key, value in self.limits.items())
        lines.append(f"limits {{\n{values}\n}}")
        lines.append(self.settings)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    # -- process --

    def start(self, arguments=()):
        """Starts the server and waits until it is ready; a restart keeps data and ports."""
        for kind, port in self.ports.items():
            self.ports[kind] = port or keep_port()
        self.configured_ports = dict(self.ports)
        self.write_config()
        notify = self.path("notify")
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(notify):
            os.unlink(notify)
        ready.bind(notify)
        ready.settimeout(0.2)
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with self.place.inside(), open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.under, binary("godwit"), "--config", self.config,
                                             *arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self._environment(notify))
        with ready:
            self._wait_ready(ready)
        self.wait_log(r"\bready\b", timeout=START_TIMEOUT)
        if "s2s" in self.ports or "s2s-tls" in self.ports:
            self.wait_log("federation is on")
        if "component" in self.ports:
            self.wait_log("components may connect")
        return self

    def _environment(self, notify):
        environment = dict(os.environ, NOTIFY_SOCKET=notify)
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        suppressions = os.path.join(SOURCE, "tests", "lib", "thread.supp")
        if os.path.exists(suppressions):
            environment.setdefault("TSAN_OPTIONS",
                                   f"suppressions={suppressions}:second_deadlock_stack=1")
        return environment

    def _wait_ready(self, ready):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            try:
                if b"READY=1" in ready.recv(4096):
                    return
            except TimeoutError:
                pass
            if self.process.poll() is not None:
                raise Failure(f"the server ended with {self.process.returncode} instead of starting:\n"
                              + self.log_tail())
        raise Failure("the server is not ready in time:\n" + self.log_tail())

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, expected=0):
        """SIGTERM, and checks that it ends well and in time, without a sanitizer report."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
        self.wait_stopped(expected)

    def wait_stopped(self, expected=0):
        """The second half of stop(), for who has ended the server in another way."""
        if self.process is None:
            return
        try:
            status = self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise Failure("the server does not stop on SIGTERM:\n" + self.log_tail()) from None
        finally:
            self.process = None
        if status != expected:
            raise Failure(f"the server ended with {status}:\n" + self.log_tail())
        self.check_reports()

    def kill(self):
        """kill -9: the server has no chance to do anything."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def reload(self, wait_for=None):
        """Writes the configuration anew and sends SIGHUP; `wait_for`: a log line's pattern."""
        self.write_config()
        mark = self.log_mark()
        self.process.send_signal(signal.SIGHUP)
        if wait_for is not None:
            self.wait_log(wait_for, since=mark)

    def check_alive(self):
        """Raises if the server has died, which no test may do to it."""
        if self.process is None or self.process.poll() is None:
            return
        status, self.process = self.process.returncode, None
        raise Failure(f"the server died with {status}:\n" + self.log_tail())

    def check_reports(self):
        """Raises if a sanitizer has found something."""
        log = self.log()
        found = REPORT.search(log)
        if found:
            raise Failure("a report in the server's log:\n" + log[found.start():][:6000])

    def close(self):
        """Ends everything, however it stands; keeps the directory if GODWIT_TEST_KEEP is set."""
        atexit.unregister(self.close)
        for connection in self.connections:
            connection.close()
        if self.running():
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        self.database.drop()
        if LOGS and os.path.exists(self.log_path):
            name = os.path.basename(sys.argv[0]) + "." + os.path.basename(self.directory) + ".log"
            shutil.copy(self.log_path, os.path.join(LOGS, name))
        self.closed_log = self.log()
        if not KEEP:
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- log --

    def log(self, since=0):
        """The log's text from a mark on."""
        if not os.path.exists(self.log_path):
            return self.closed_log
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read().decode("utf-8", "replace")

    def log_mark(self):
        """The place where the log now ends."""
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_log(self, pattern, *, since=None, timeout=10):
        """Waits for a line that the pattern is found in; returns it."""
        since = self.log_start if since is None else since
        deadline = time.monotonic() + timeout * FACTOR
        while True:
            for line in self.log(since).splitlines():
                if re.search(pattern, line):
                    return line
            if time.monotonic() > deadline:
                raise Failure(f"no log line with {pattern!r}; the log ends:\n" + self.log_tail())
            time.sleep(0.01)

    # -- administration --

    def sql(self, statement):
        """Runs SQL as an administrator would, beside the server; rows as tuples of text."""
        return self.database.run(statement)

    @contextlib.contextmanager
    def sql_role(self, name):
        """What sql() runs meanwhile is this role's. SQLite has none."""
        if database.FLAVOUR != "postgresql":
            yield
            return
        self.sql(f"SET ROLE {name}")
        try:
            yield
        finally:
            self.sql("RESET ROLE")

    def sql_refused(self, statement, *words):
        """The database refuses it, and says one of these."""
        try:
            self.sql(statement)
        except Exception as error:
            if not any(word in str(error) for word in words):
                raise Failure(f"{error}: has none of {words}") from error
        else:
            raise Failure(f"done: {statement}")

    def ctl(self, *arguments, input=None, check=True):
        """Runs godwitctl; returns the finished process, with text output."""
        done = subprocess.run([binary("godwitctl"), "--config", self.config, *arguments],
                              input=input, text=True, capture_output=True, timeout=30 * FACTOR)
        if check and done.returncode != 0:
            raise Failure(f"godwitctl {' '.join(arguments)} ended with {done.returncode}:\n"
                          f"{done.stdout}{done.stderr}")
        return done

    def ctl_json(self, *arguments):
        return json.loads(self.ctl("--json", *arguments).stdout)

    # -- accounts --

    def home(self, jid):
        return home(jid, self.workers)

    def account(self, name, *, domain=None, worker=None):
        """A fresh account whose name begins with `name`, at home on that worker if one is given."""
        return self.accounts([(name, worker)], domain=domain)[0]

    def accounts(self, wanted, *, domain=None):
        """Fresh accounts for (name, worker or None) pairs, made by one statement."""
        made = []
        for name, worker in wanted:
            while True:
                account = Account(self, f"{name}{next(_everyone)}", domain or self.domains[0])
                if worker is None or account.worker == worker:
                    break
            made.append(account)
        self.insert_users(made)
        return made

    def insert_users(self, accounts):
        """Adds rows to the table users, with keys computed beforehand."""
        keys = ", ".join(literal(scram_key(name, PASSWORD, iterations=self.scram_iterations))
                         for name in ("SCRAM-SHA-1", "SCRAM-SHA-256"))
        rows = ", ".join(f"({literal(account.domain)}, {literal(account.username)}, {keys})"
                         for account in accounts)
        self.sql(f"INSERT INTO users (domain, username, scram_sha_1, scram_sha_256) VALUES {rows}")

    def two_accounts(self, names=("romeo", "juliet"), *, same_worker):
        """Two accounts at home on one worker, or on two."""
        one = self.account(names[0])
        worker = one.worker if same_worker else (one.worker + 1) % self.workers
        return one, self.account(names[1], worker=worker)

    # -- connections --

    def tls_context(self, version=None, alpn=None, identity=None):
        """A client's TLS context that trusts the certificates of our domains."""
        wanted = version, alpn, identity, *self.guests
        if wanted not in self.contexts:
            certificates = [self.certificate(domain)[0] for domain in [*self.domains, *self.guests]]
            self.contexts[wanted] = tls.client_context(
                certificates, version=version, alpn=alpn, identity=identity)
        return self.contexts[wanted]

    def raw(self, *, kind=Connection, listener="c2s", domain=None, name="client", source=None):
        """A TCP connection on which nothing has been said.

        Each comes from a loopback address of its own unless `source` names one, so that limits by
        address are met only by tests that mean to.
        """
        with self.place.inside():
            connection = kind(self.ports[listener], source=source or loopback(), name=name,
                              domain=domain or self.domains[0], contexts=self.tls_context)
        self.connections.append(connection)
        return connection

    def connect(self, *, kind=Connection, direct=False, domain=None, name="client", source=None,
                version=None, alpn=None, identity=None):
        """A connection with TLS, by STARTTLS or direct, and the features of the stream after it.

        `identity`: paths of a client's certificate and key."""
        connection = self.raw(kind=kind, listener="c2s-tls" if direct else "c2s", domain=domain,
                              name=name, source=source)
        if direct:
            connection.wrap_tls(context=self.tls_context(version, alpn or "xmpp-client", identity))
        else:
            connection.open()
            connection.starttls(context=self.tls_context(version, None, identity))
        connection.open()
        return connection
