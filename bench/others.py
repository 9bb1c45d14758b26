"""others.py - other XMPP servers, as Debian has them, in the place of the one that is measured: each serves
lab.DOMAIN with a certificate of the same authority, has the user u0, and finds others by a DNS server of ours."""
import contextlib
import subprocess

import lab

# What others' servers take for a proof.
CERTIFICATE = {"usage": "serverAuth,clientAuth"}


def version(name):
    """As the package calls it."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}", name], text=True,
                          capture_output=True, check=False)
    return done.stdout or name


def prosody(lib):
    class Prosody(lib.prosody.Prosody):
        log_level = "warn"
        # By itself it lets TCP keep what is small until there is more, or the other end acknowledges.
        settings = "network_settings = { nagle = false }"
    return Prosody


def ejabberd(lib):
    """Only what it takes, as ejabberdctl starts it."""
    class Ejabberd(lib.ejabberd.Ejabberd):
        log_level = "warning"
        modules = {"mod_disco": {}, "mod_roster": {}, "mod_register": {"ip_access": "all"}}
        flags = ["+K", "true", "+P", "250000"]
    return Ejabberd


NAMES = {"prosody": prosody, "ejabberd": ejabberd}


def installed(lib):
    """Those that can be measured here."""
    return [name for name, kind in NAMES.items() if kind(lib).is_installed()]


@contextlib.contextmanager
def start(name, world):
    """A context: ports for clients and for servers, and the process."""
    kind = NAMES[name](world.lib)
    with kind(world.authority, {lab.DOMAIN: CERTIFICATE}, ("127.0.0.1", world.names.port)) as server:
        server.register(world.lib.client.Account(server, "u0", lab.DOMAIN))
        server.forget()
        yield server.c2s, server.listens[0][1], server.process.pid
