#!/usr/bin/python3
"""Gajim on a display of its own, with a client of the harness on the other side."""
import json
import sqlite3
import subprocess

from harness import *

# Gajim's own words for its settings, so that they fit the version that is installed.
SCHEMA = """
import gi
gi.require_version("Gtk", "3.0")
from gajim.common.settings import CREATE_SQL
print(CREATE_SQL)
"""


class Gajim(Desktop):
    """Gajim with one account, as if its user had made it and had accepted the certificate.

    `kind` is what Gajim calls STARTTLS, "START TLS", or direct TLS, "DIRECT TLS".
    """

    def __init__(self, account, kind="START TLS"):
        super().__init__(account, "gajim")
        server = account.server
        self.configure({
            "name": account.username, "hostname": account.domain, "password": account.password,
            "savepass": True, "autoconnect": True, "active": True, "account_label": "test",
            "resource": "gajim", "use_custom_host": True, "custom_host": "127.0.0.1",
            "custom_port": server.ports["c2s" if kind == "START TLS" else "c2s-tls"],
            "custom_type": kind})
        with open(server.certificate(account.domain)[0], encoding="ascii") as file:
            self.write(".local/share/gajim/cert_store/accepted", file.read())
        self.start("-l", "INFO")

    def configure(self, account):
        done = subprocess.run(["/usr/bin/python3", "-c", SCHEMA], env=self.desktop, text=True,
                              capture_output=True, check=True)
        path = self.write(".config/gajim/settings.sqlite", "")
        settings = sqlite3.connect(path)
        settings.executescript(done.stdout)
        settings.execute("UPDATE settings SET settings = ? WHERE name = 'app'",
                         (json.dumps({"use_keyring": False}),))
        settings.execute("INSERT INTO account_settings (account, settings) VALUES ('test', ?)",
                         (json.dumps({"account": account, "contact": {}, "group_chat": {}}),))
        settings.commit()
        settings.close()

    def history(self):
        """The messages it has shown and kept."""
        with sqlite3.connect(self.path(".local/share/gajim/logs.db")) as archive:
            return [row[0] for row in archive.execute("SELECT message FROM logs")]


def talk(romeo, juliet, kind):
    """Juliet sees Romeo come, writes to him, and he answers."""
    befriend(romeo, juliet)
    j = juliet.login("balcony", presence=True)
    r = Gajim(romeo, kind)
    j.expect(f"<presence from='{romeo.jid}/gajim' type='{ABSENT}'/>", timeout=20)
    j.message(romeo.jid, CHINESE, inside="<request xmlns='urn:xmpp:receipts'/>")
    j.expect(f"<message from='{romeo.jid}/gajim'><received xmlns='urn:xmpp:receipts'/></message>")
    r.wait_for(lambda: CHINESE in r.history(), "the message in the history")
    window = r.window("Gajim")
    r.call("gajim", f"xmpp:{juliet.jid}?message")
    r.say(window, EMOJI, j)


@two_users("Gajim: logs in by STARTTLS, reads Chinese and writes emoji", timeout=60)
def _(romeo, juliet):
    talk(romeo, juliet, "START TLS")


@test("Gajim: logs in by direct TLS, reads Chinese and writes emoji", timeout=60)
def _(romeo, juliet):
    talk(romeo, juliet, "DIRECT TLS")


main()
