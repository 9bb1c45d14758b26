#!/usr/bin/python3
"""Profanity in a terminal, two instances at a time."""
import os
import re
import shutil
import subprocess

from harness import *


class Profanity(Terminal):
    """Profanity with one account, and the server's certificate as its authority."""

    def __init__(self, account):
        super().__init__(account, "profanity")
        authorities = self.path("authorities")
        os.makedirs(authorities)
        shutil.copy(account.server.certificate(account.domain)[0],
                    os.path.join(authorities, "server.pem"))
        subprocess.run(["openssl", "rehash", authorities], check=True, capture_output=True)
        self.write(".local/share/profanity/accounts", f"""
[{account.username}]
enabled=true
jid={account.jid}
server=127.0.0.1
port={account.server.ports["c2s"]}
resource=profanity
password={account.password}
tls.policy=force
""")
        self.write(".config/profanity/profrc", f"""
[connection]
tls.certpath={authorities}
[ui]
splash=false
[logging]
chlog=false
""")
        self.start(["profanity", "-l", "DEBUG", "-a", account.username])

    def online(self):
        self.see(f"{re.escape(self.account.jid)}/profanity logged in successfully")
        return self

    def open_chat(self, other):
        self.type(f"/msg {other.account.jid}")


@two_users("Profanity: two exchange messages in Chinese and emoji")
def _(romeo, juliet):
    r, j = Profanity(romeo), Profanity(juliet)
    r.online()
    j.online()
    r.type(f"/msg {juliet.jid} 你好，朱丽叶 😀")
    j.see(f"chat message: {re.escape(romeo.jid)}")
    j.open_chat(r)
    j.see("你好，朱丽叶 😀")
    j.type("罗密欧，再见 👋")
    r.see(f"{re.escape(juliet.jid)}.*罗密欧，再见 👋")


@two_users("Profanity: two become contacts, and one finds what was said in the night")
def _(romeo, juliet):
    r, j = Profanity(romeo).online(), Profanity(juliet).online()
    for me, other in ((r, j), (j, r)):
        me.type(f"/sub request {other.account.jid}")
        other.see(f"Received authorization request from {re.escape(me.account.jid)}")
        other.type(f"/sub allow {me.account.jid}")
    j.see(f"{re.escape(romeo.jid)}.* is online")
    j.type("/quit")
    r.see(f"{re.escape(juliet.jid)}.* is offline")
    r.type(f"/msg {juliet.jid} 晚安 🌙")
    wait_stored(juliet)
    j = Profanity(juliet).online()
    j.see(f"chat message: {re.escape(romeo.jid)}")
    j.type(f"/msg {romeo.jid}")
    j.see("晚安 🌙")


main()
