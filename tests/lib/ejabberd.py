"""ejabberd.py - an ejabberd of our own. Its Erlang talks to no other: it has no name, and needs no epmd."""
import glob
import json
import os
import shutil

from .client import PASSWORD
from .other import OtherServer
from .wait import wait_until

# YAML takes JSON as it is.
CONFIG = """
loglevel: {level}
log_rotate_count: 0
hosts: {hosts}
certfiles: {certificates}
ca_file: {ca}
s2s_cafile: {ca}
listen: {listen}
s2s_use_starttls: required
s2s_dns_timeout: 2
s2s_dns_retries: 1
outgoing_s2s_timeout: 5
s2s_max_retry_delay: 1
outgoing_s2s_families: [ipv6, ipv4]
auth_password_format: plain
registration_timeout: infinity
acl: {{ trusting: {{ server: {trusting} }} }}
access_rules: {{ trusting: {{ allow: trusting }} }}
modules: {modules}
"""
# Whom to ask, and nobody else: for Erlang, and for libc, which knows but one port.
RESOLVER = """
{{lookup, [file, dns]}}.
{{resolv_conf, ""}}.
{{nameserver, {{{address}}}, {port}}}.
"""
LIBC = {"resolv.conf": "nameserver {}\noptions timeout:1 attempts:2\n", "nsswitch.conf": "hosts: files dns\n"}
LIBC_PORT = 53


class Ejabberd(OtherServer):
    name, program, log_name = "ejabberd", "ejabberd", "ejabberd.log"
    log_level = "debug"
    modules = {"mod_disco": {}, "mod_ping": {}, "mod_roster": {}, "mod_register": {"ip_access": "all"},
               "mod_muc": {"host": "rooms.@HOST@"}, "mod_s2s_dialback": {"access": "trusting"}}
    # Its schedulers wait without spinning: others want to work as well.
    flags = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]
    wrong = "."  # where it has no certificate for a domain, it takes any
    usage = "serverAuth,clientAuth"

    @staticmethod
    def is_installed():
        return shutil.which("ejabberdctl") is not None

    def configure(self):
        listen = [{"module": "ejabberd_c2s", "ip": "127.0.0.1", "port": self.c2s, "starttls_required": True}]
        listen += [{"module": "ejabberd_s2s_in", "ip": address, "port": port} for address, port in self.listens]
        files = sorted({path for pair in self.certificates.values() for path in pair})
        with open(self.path("ejabberd.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                level=self.log_level, hosts=json.dumps(self.domains), certificates=json.dumps(files),
                ca=json.dumps(self.ca), listen=json.dumps(listen), trusting=json.dumps(list(self.trusting)),
                modules=json.dumps(self.modules)))
        with open(self.path("inetrc"), "w", encoding="utf-8") as file:
            file.write(RESOLVER.format(address=self.dns[0].replace(".", ","), port=self.dns[1]))
        for name, text in LIBC.items():
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text.format(self.dns[0]))

    def command(self):
        return [*self.mounts(), "erl", *self.flags, "-noinput", "-mnesia", "dir", json.dumps(self.path("spool")),
                "-s", "ejabberd"]

    def mounts(self):
        """Shows it files of its own where libc looks, if there is a server for libc to ask."""
        if self.dns[1] != LIBC_PORT:
            return []
        orders = "".join(f"mount --bind {self.path(name)} /etc/{name} && " for name in LIBC)
        return ["unshare", "--mount", "sh", "-c", orders + 'exec "$@"', "sh"]

    def environment(self):
        libraries = os.path.dirname(sorted(glob.glob("/usr/lib/*/ejabberd-*"))[-1])
        return {"ERL_LIBS": libraries, "ERL_INETRC": self.path("inetrc"), "HOME": self.directory,
                "ERL_CRASH_DUMP_BYTES": "0", "EJABBERD_CONFIG_PATH": self.path("ejabberd.yml"),
                "EJABBERD_LOG_PATH": self.path("ejabberd.log")}

    def register(self, account):
        connection = self.connect(domain=account.domain, name=account.username)
        connection.send(f"<iq type='set' id='register' to='{account.domain}'><query xmlns='jabber:iq:register'>"
                        f"<username>{account.username}</username><password>{PASSWORD}</password></query></iq>")
        connection.expect("<iq type='result' id='register'/>")
        connection.end()

    def settle(self):
        """It writes contacts down later, in one file: what comes last is there last."""
        last = self.account("last").login()
        contact = f"of-{last.account.username}"
        last.roster_set(contact)

        def is_written():
            for path in glob.glob(self.path("spool/*.*")):
                with open(path, "rb") as file:
                    if contact.encode() in file.read():
                        return True
            return False
        wait_until(is_written, f"{self.name} to write down its contacts")
