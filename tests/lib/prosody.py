"""prosody.py - a Prosody of our own, as the server of another domain: accounts, clients, its log."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import tls
from .client import PASSWORD, Account
from .connection import FACTOR, Connection, Failure
from .ports import keep_port
from .server import Server, loopback

CONFIG = """
run_as_root = true
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
log = {{ {{ levels = {{ min = "debug" }}; to = "file"; filename = "{directory}/prosody.log" }} }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "dialback"; "disco"; "ping"; "presence"; "message"; "iq"; "s2s";
  "c2s"; "posix"; {modules} }}
modules_disabled = {{ "offline" }}
authentication = "internal_plain"
storage = "internal"
c2s_ports = {{ {c2s} }}
s2s_ports = {{ {s2s} }}
c2s_interfaces = {{ "127.0.0.1" }}
s2s_interfaces = {{ "127.0.0.1" }}
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = {secure}
unbound = {{ resolvconf = false; hoststxt = false; forward = "127.0.0.1@{dns}";
  options = {{ ["do-not-query-localhost:"] = "no"; }} }}
ssl = {{ cafile = "{ca}"; }}
VirtualHost "{domain}"
  ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{ca}"; capath = "/nowhere"; }}
Component "rooms.{domain}" "muc"
  ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{ca}"; capath = "/nowhere"; }}
"""


def available():
    """Whether it can be run here, with what it needs to ask our DNS server."""
    found = shutil.which("prosody") is not None
    return found and subprocess.run(["dpkg", "-s", "lua-unbound"], capture_output=True).returncode == 0


class Prosody:
    """Use as a context. `names` gets to know where it is."""

    def __init__(self, domain, names, authority, *, secure=True, signed=True, modules=(), log="debug"):
        self.domain = domain
        self.log_level = log
        self.directory = tempfile.mkdtemp(prefix="godwit-prosody-")
        self.certificate, self.key = authority.issue([f"DNS:{domain}", f"DNS:rooms.{domain}"], signed=signed)
        self.ca = authority.certificate
        self.names = names
        self.c2s, self.s2s = keep_port(), keep_port()
        self.secure = secure
        self.extra = modules
        self.process = None
        self.connections = []

    def __enter__(self):
        with open(self.path("prosody.cfg.lua"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                directory=self.directory, domain=self.domain, ca=self.ca, certificate=self.certificate,
                key=self.key, log=self.log_level, c2s=self.c2s, s2s=self.s2s, dns=self.names.port,
                secure="true" if self.secure else "false",
                modules=" ".join(f'"{name}";' for name in self.extra)))
        self.names.places[self.domain] = self.names.places["rooms." + self.domain] = self.s2s
        self.start()
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
        self.end(signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        self.process = subprocess.Popen(["prosody", "--config", self.path("prosody.cfg.lua"), "-F"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        for port in (self.c2s, self.s2s):
            self._wait_port(port)

    def _wait_port(self, port):
        deadline = time.monotonic() + 20 * FACTOR
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failure("Prosody does not start:\n" + self.log()[-3000:])

    def end(self, number):
        """Ends it by a signal, or has it killed."""
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(10 * FACTOR)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self):
        try:
            with open(self.path("prosody.log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def wait_log(self, pattern):
        deadline = time.monotonic() + 10 * FACTOR
        while not re.search(pattern, self.log()):
            if time.monotonic() > deadline:
                raise Failure(f"Prosody's log has no {pattern!r}; it ends:\n" + self.log()[-3000:])
            time.sleep(0.02)

    # -- what Account and Client need of a server --

    def home(self, _jid):
        return 0

    def account(self, name):
        folder = self.path("data/" + self.domain.replace(".", "%2e") + "/accounts")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{name}.dat", "w", encoding="utf-8") as file:
            file.write(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
        return Account(self, name, self.domain)

    def connect(self, *, kind=Connection, domain=None, name="client"):
        connection = kind(self.c2s, source=loopback(), name=name, domain=domain or self.domain)
        self.connections.append(connection)
        connection.open()
        connection.starttls(context=tls.client_context([self.ca, self.certificate]))
        connection.open()
        return connection


def godwit(federation, names, domain, settings=""):
    """A server of ours that asks the same DNS."""
    server = federation.start(domain, settings=settings)
    names.places[domain] = server.ports["s2s"]
    server.settings += f'\ndns {{ forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = "" }}'
    server.reload("reloaded")
    assert isinstance(server, Server)
    return server
