#!/usr/bin/python3
"""Dino on a display of its own, with a client of the harness on the other side."""
import contextlib
import os
import shutil
import sqlite3
import tempfile

from harness import *
from lib.server import BUILD

PRELOAD = os.path.join(BUILD, "tests", "clients", ".libs", "preload.so")


class Dino(Desktop):
    """Dino with one account, as if its user had made it.

    It asks the DNS for its server and knows no certificates but the system's: see preload.c.
    """

    def __init__(self, account, service, listener):
        super().__init__(account, "dino-im")
        server = account.server
        self.database = self.path(".local/share/dino/dino.db")
        self.make_database()
        self.execute("INSERT INTO account (bare_jid, resourcepart, password, alias, enabled)"
                     " VALUES (?, 'dino', ?, '', 1)", account.jid, account.password)
        port, (certificate, _) = server.ports[listener], server.certificate(account.domain)
        self.start("--print-xmpp=all", LD_PRELOAD=self.copy(PRELOAD),
                   GODWIT_TEST_SRV=f"_{service}._tcp.{account.domain} {port}",
                   GODWIT_TEST_CERTIFICATE=self.copy(certificate))

    def make_database(self):
        """Lets Dino make its database, and ends it."""
        self.start()
        self.wait_for(lambda: self.look("SELECT 1 FROM _meta WHERE name = 'version'"), "the database")
        self.process.terminate()
        self.process.wait()

    def execute(self, statement, *parameters):
        """Runs a statement on the database of a Dino that does not run."""
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute(statement, parameters)

    def look(self, statement):
        """Rows of the database of a Dino that runs; none as long as the tables are not there. It is a copy that is
        looked at, since Dino ends when it finds its database locked."""
        with tempfile.TemporaryDirectory() as directory:
            copy = os.path.join(directory, "dino.db")
            for suffix in ("", "-wal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy(self.database + suffix, copy + suffix)
            try:
                with contextlib.closing(sqlite3.connect(copy)) as database:
                    return database.execute(statement).fetchall()
            except sqlite3.DatabaseError:
                return []

    def history(self):
        """The messages it has shown and kept."""
        return [row[0] for row in self.look("SELECT body FROM message")]


def talk(romeo, juliet, service, listener):
    """Juliet sees Romeo come, writes to him, and he answers."""
    befriend(romeo, juliet)
    j = juliet.login("balcony", presence=True)
    r = Dino(romeo, service, listener)
    j.expect(f"<presence from='{romeo.jid}/dino' type='{ABSENT}'/>", timeout=20)
    j.message(romeo.jid, CHINESE, inside="<request xmlns='urn:xmpp:receipts'/>")
    j.expect(f"<message from='{romeo.jid}/dino'><received xmlns='urn:xmpp:receipts'/></message>")
    r.wait_for(lambda: CHINESE in r.history(), "the message in the history")
    window = r.window("Dino")
    r.call("dino-im", f"xmpp:{juliet.jid}?message")
    r.say(window, EMOJI, j)


@two_users("Dino: finds STARTTLS by SRV, logs in, reads Chinese and writes emoji", timeout=60)
def _(romeo, juliet):
    talk(romeo, juliet, "xmpp-client", "c2s")


@test("Dino: finds direct TLS by SRV, logs in, reads Chinese and writes emoji", timeout=60)
def _(romeo, juliet):
    talk(romeo, juliet, "xmpps-client", "c2s-tls")


main()
