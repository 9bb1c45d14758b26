"""prosody.py - a Prosody of our own."""
import os
import shutil
import subprocess

from .client import PASSWORD
from .other import OtherServer

CONFIG = """
run_as_root = true
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
log = {{ {{ levels = {{ min = "{level}" }}; to = "file"; filename = "{directory}/prosody.log" }} }}
modules_enabled = {{ "roster"; "saslauth"; "tls"; "dialback"; "disco"; "ping"; "presence"; "message"; "iq"; "s2s";
  "c2s"; "posix" }}
modules_disabled = {{ "offline" }}
authentication = "internal_plain"
storage = "internal"
c2s_ports = {{ {c2s} }}
c2s_interfaces = {{ "127.0.0.1" }}
s2s_ports = {{ {s2s_ports} }}
s2s_interfaces = {{ {s2s_addresses} }}
c2s_require_encryption = true
s2s_require_encryption = true
s2s_secure_auth = true
s2s_insecure_domains = {{ {trusting} }}
unbound = {{ resolvconf = false; hoststxt = false; forward = "{dns[0]}@{dns[1]}";
  options = {{ ["do-not-query-localhost:"] = "no"; }} }}
{settings}
"""
DOMAIN = """
{kind}
  modules_enabled = {{ {modules} }}
  ssl = {{ certificate = "{certificate}"; key = "{key}"; cafile = "{ca}"; capath = "/nowhere"; }}
"""


def _list(values):
    return "; ".join(f'"{value}"' for value in values)


class Prosody(OtherServer):
    name, program, log_name = "Prosody", "prosody", "prosody.log"
    log_level = "debug"
    settings = ""  # more lines for all domains
    modules = {}  # more of them, of single domains
    wrong = "names other domains"  # what is so with a certificate that it has for no domain of its own

    @staticmethod
    def is_installed():
        """With what it needs to ask our DNS server."""
        has_unbound = subprocess.run(["dpkg", "-s", "lua-unbound"], capture_output=True).returncode == 0
        return shutil.which("prosody") is not None and has_unbound

    def configure(self):
        # Each address gets each port, which does no harm.
        text = CONFIG.format(
            directory=self.directory, level=self.log_level, settings=self.settings, c2s=self.c2s, dns=self.dns,
            trusting=_list(self.trusting),
            s2s_ports="; ".join(str(port) for port in sorted({port for _, port in self.listens})),
            s2s_addresses=_list(address for address, _ in self.listens))
        kinds = [(f'VirtualHost "{domain}"', domain) for domain in self.domains]
        for kind, domain in kinds + [(f'Component "rooms.{self.domain}" "muc"', self.domain)]:
            certificate, key = self.certificates[domain]
            text += DOMAIN.format(kind=kind, modules=_list(self.modules.get(domain, ())), certificate=certificate, key=key, ca=self.ca)
        with open(self.path("prosody.cfg.lua"), "w", encoding="utf-8") as file:
            file.write(text)

    def command(self):
        return ["prosody", "--config", self.path("prosody.cfg.lua"), "-F"]

    def register(self, account):
        folder = self.path("data/" + account.domain.replace(".", "%2e") + "/accounts")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{account.username}.dat", "w", encoding="utf-8") as file:
            file.write(f'return {{ ["password"] = "{PASSWORD}"; }};\n')
