"""other.py - a server of another make, as the server of other domains: a process with a directory, its
certificates, accounts and clients. prosody.py and ejabberd.py say what it is.
"""
import itertools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

from .client import Account
from .connection import FACTOR, Connection, Failure
from .network import HERE
from .ports import keep_port
from .wait import wait_until

START_SECONDS = 60
_everyone = itertools.count(1)


class OtherServer:
    """Use as a context.

    `domains` maps each domain to the options of its certificate (Authority.issue(), and its `names`); the
    first has rooms, too. `trusting`: domains that need no certificate. `dns`: whom it asks.
    """

    name = program = log_name = ""  # what readers, the shell and its own log file call it
    usage = "serverAuth"  # what others' certificates have to be for

    def __init__(self, authority, domains, dns, *, trusting=(), place=HERE):
        self.domains = list(domains)
        self.domain = self.domains[0]
        self.place = place
        self.dns = dns
        self.trusting = trusting
        self.directory = None
        self.ca = authority.certificate
        self.certificates = {domain: authority.issue(**{"names": self._names(domain), **options})
                             for domain, options in domains.items()}
        self.c2s = keep_port()
        self.listens = place.listens()
        self.process = None
        self.connections = []

    def _names(self, domain):
        return [f"DNS:{domain}"] + [f"DNS:rooms.{domain}"] * (domain == self.domain)

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix=f"godwit-{self.program}-")
        self.configure()
        self.start()
        return self

    def __exit__(self, *_):
        self.forget()
        self.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    # -- process --

    def configure(self):
        """Writes its files."""
        raise NotImplementedError

    def command(self):
        """What runs it in the foreground."""
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self):
        """It dies with whoever runs the test."""
        with self.place.inside(), open(self.path("output"), "ab") as output:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command()],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env={**os.environ, **self.environment()})
        for address, port in [("127.0.0.1", self.c2s), *self.listens]:
            wait_until(lambda: self._listens(address, port), f"{self.name} to start", START_SECONDS)

    def _listens(self, address, port):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} does not start:\n" + self.log()[-3000:])
        try:
            with self.place.inside():
                socket.create_connection((address, port), 1).close()
            return True
        except OSError:
            return False

    def end(self, number=signal.SIGKILL):
        """Ends it by a signal, at once by default."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(10 * FACTOR)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self, since=0):
        text = ""
        for name in ("output", self.log_name):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text[since:]

    def wait_log(self, pattern, since=0):
        wait_until(lambda: re.search(pattern, self.log(since)),
                   lambda: f"{pattern!r} in the log of {self.name}, which ends:\n" + self.log()[-3000:])

    def settle(self):
        """Waits until what it has been told would outlive it."""

    # -- what Account and Client need of a server --

    def home(self, _jid):
        return 0

    def account(self, name, domain=None):
        """A fresh account whose name begins with `name`."""
        account = Account(self, f"{name}{next(_everyone)}", domain or self.domain)
        self.register(account)
        return account

    def register(self, account):
        raise NotImplementedError

    def connect(self, *, kind=Connection, domain=None, name="client"):
        """Its certificates are for other servers to judge."""
        with self.place.inside():
            connection = kind(self.c2s, name=name, domain=domain or self.domain)
        self.connections.append(connection)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection.open()
        connection.starttls(context=context)
        connection.open()
        return connection

    def forget(self):
        """Closes what clients there are."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def transcripts(self):
        """What they have said and heard, for the diagnostics of a failed test."""
        return "\n".join(line[:1000] for connection in self.connections
                         for line in connection.transcript[-40:])
