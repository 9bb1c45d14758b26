"""federation.py - several servers that talk to each other, and a peer that a test plays itself.

Each server has a domain of its own with a certificate of one private authority, which all of them
trust. Where the others are stands in routes, which a reload brings in once the ports are known.
"""
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile

from . import tls
from .client import Account
from .connection import TIMEOUT, Connection, Failure
from .element import NS
from .ports import keep_port
from .server import Server, loopback

DIALBACK = "jabber:server:dialback"
SERVER = "jabber:server"
BOTH_WAYS = "<bidi xmlns='urn:xmpp:bidi'/>"
_numbers = itertools.count(1)


class Authority:
    """Somebody who issues certificates to servers."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="godwit-ca-")
        self.certificate = os.path.join(self.directory, "ca.pem")
        self.key = os.path.join(self.directory, "ca.key")
        tls.make_authority(self.certificate, self.key, name="Servers")

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def issue(self, names, *, days=30, usage="serverAuth", signed=True):
        """Paths of a certificate for these names ("DNS:...", "otherName:...") and its key; its issuer
        stands behind it. `days` may be negative; `signed` False: by itself."""
        path = os.path.join(self.directory, f"server{next(_numbers)}")
        return tls.make_server_certificate((self.certificate, self.key), path, names, days=days,
                                           usage=usage, signed=signed)


class Federation:
    """Use as a context. `servers[domain]`, and `peers` that tests play."""

    def __init__(self, *domains, settings="", **options):
        self.authority = Authority()
        self.servers = {}
        self.routes = {}
        self.settings = {}  # more keys of section s2s
        self.sections = {}  # more sections
        self.domains = domains
        self.options = options
        self.common = settings

    def __enter__(self):
        for domain in self.domains:
            self.start(domain)
        self.connect()
        return self

    def __exit__(self, *_):
        try:
            for server in self.servers.values():
                if server.running():
                    server.stop()
                server.close()
        finally:
            self.authority.close()

    def start(self, *domains, settings="", **options):
        """A server for these domains; the first names it."""
        server = Server(domains=domains, **{"workers": 2, **self.options, **options})
        server.ports.update({"s2s": 0, "s2s-tls": 0})
        for domain in domains:
            self.certify(server, domain, [f"DNS:{domain}"])
        self.servers[domains[0]] = server
        self.settings[domains[0]] = settings
        self.write_settings()
        server.start()
        return server

    def certify(self, server, domain, names, **options):
        """Gives a domain another certificate, from the next reload on."""
        certificate, key = self.authority.issue(names, **options)
        shutil.copy(certificate, server.path(domain + ".crt"))
        shutil.copy(key, server.path(domain + ".key"))

    def route(self, domain, port, address="127.0.0.1", direct=False):
        """Where others find a domain."""
        self.routes[domain] = (f'route "{domain}" {{ address = "{address}" port = {port}'
                               f' direct_tls = {"true" if direct else "false"} }}')

    def refuse(self, *domains):
        """Nobody listens where others find these domains."""
        for domain in domains:
            self.route(domain, keep_port())
        self.reload()

    def write_settings(self):
        for name, server in self.servers.items():
            server.settings = "\n".join([
                f's2s {{ ca = "{self.authority.certificate}" {self.common} {self.settings[name]} }}',
                self.sections.get(name, ""),
                *(route for domain, route in self.routes.items() if domain not in server.domains)])

    def connect(self, direct=False):
        """Tells each where the others are."""
        for server in self.servers.values():
            for domain in server.domains:
                if domain not in self.routes:
                    self.route(domain, server.ports["s2s-tls" if direct else "s2s"], direct=direct)
        self.reload()

    def reload(self):
        self.write_settings()
        for server in self.servers.values():
            if server.running():
                server.reload("reloaded")

    def account(self, name, domain):
        """A fresh account on the server of that domain."""
        server = next(server for server in self.servers.values() if domain in server.domains)
        return server.account(name, domain=domain)


def peer(server, *, source=None, identity=None, direct=False, to=None, sender=None, verify=None):
    """A connection to a server's s2s port, with TLS and a stream, as from the domain `sender`."""
    connection = Connection(server.ports["s2s-tls" if direct else "s2s"], source=source or loopback(),
                            name="peer", domain=to or server.domains[0])
    server.connections.append(connection)
    context = tls.client_context([server.certificate(server.domains[0])[0]], identity=identity,
                                 alpn="xmpp-server" if direct else None)
    if direct:
        connection.wrap_tls(context=context)
    else:
        server_open(connection, sender)
        connection.starttls(context=context)
    server_open(connection, sender)
    return connection


def log_in(connection, sender, asks=""):
    """EXTERNAL, and the stream behind it; `asks` goes before."""
    connection.send(asks)
    connection.auth("EXTERNAL", sender.encode())
    if connection.outcome().tag != "{%s}success" % NS.sasl:
        raise Failure("no success")
    server_open(connection, sender)
    return connection


def proved(federation, sender="capulet.example", server=None, asks=""):
    """A connection to a server, else the first, that has logged in as that domain."""
    connection = peer(server or next(iter(federation.servers.values())), sender=sender,
                      identity=federation.authority.issue([f"DNS:{sender}"]))
    if connection.mechanisms() != ["EXTERNAL"]:
        raise Failure(f"offered: {connection.mechanisms()}")
    return log_in(connection, sender, asks)


def server_open(connection, sender=None):
    return connection.open(xmlns=SERVER, xmlns_db=DIALBACK, from_=sender)


class Called:
    """The server of `domain` that a test plays: those of the federation call it, with direct TLS. Use as a
    context."""

    def __init__(self, federation, domain, **options):
        self.domain = domain
        self.server = next(iter(federation.servers.values()))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(TIMEOUT)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*federation.authority.issue([f"DNS:{domain}"], **options))
        self.context.set_alpn_protocols(["xmpp-server"])
        federation.route(domain, self.socket.getsockname()[1], direct=True)
        federation.reload()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def accept(self):
        """The next one who calls, whose header was read."""
        plain = self.socket.accept()[0]
        plain.settimeout(TIMEOUT)
        connection = Connection(None, name=self.domain, domain=self.domain,
                                connected=self.context.wrap_socket(plain, server_side=True))
        self.server.connections.append(connection)
        connection.expect_header()
        return connection

    def answer(self, connection, features=""):
        """Our header, and features."""
        connection.send(f"<stream:stream xmlns='{SERVER}' xmlns:stream='{NS.stream}' xmlns:db='{DIALBACK}'"
                        f" from='{self.domain}' to='{connection.header.get('from')}' id='played' version='1.0'>"
                        f"<stream:features>{features}</stream:features>")

    def admit(self, connection, features="", after=""):
        """Believes a certificate (SASL EXTERNAL), up to the features after it."""
        self.answer(connection, f"<mechanisms xmlns='{NS.sasl}'><mechanism>EXTERNAL</mechanism></mechanisms>{features}")
        connection.expect("<auth xmlns='%s' mechanism='EXTERNAL'/>" % NS.sasl)
        connection.send(f"<success xmlns='{NS.sasl}'/>")
        connection.restart()
        connection.expect_header()
        self.answer(connection, after)
