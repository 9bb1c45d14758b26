#!/usr/bin/python3
"""poezio in a terminal, with a client of the harness on the other side."""
import re

from harness import *


class Poezio(Terminal):
    """poezio with one account, and the server's certificate as its authority."""

    def __init__(self, account):
        super().__init__(account, "poezio")
        certificate = self.copy(account.server.certificate(account.domain)[0])
        config = self.write("poezio.cfg", f"""
[Poezio]
jid = {account.jid}/poezio
password = {account.password}
custom_host = 127.0.0.1
custom_port = {account.server.ports["c2s"]}
ca_cert_path = {certificate}
save_status = false
use_log = false
""")
        # It refuses to be run by root.
        self.start(self.unprivileged(["poezio", "-f", config]))

    def online(self):
        self.see(f"Your JID is {re.escape(self.account.jid)}/poezio")
        return self


@two_users("poezio: logs in, writes Chinese and emoji, and reads them")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    r = Poezio(romeo).online()
    r.type(f"/message {juliet.jid}")
    r.type(CHINESE)
    message = j.expect("<message type='chat'><body/></message>")
    if text(message, "{jabber:client}body") != CHINESE:
        raise Failure(show(message))
    j.message(message.get("from"), "再见，罗密欧 👋")
    r.see("再见，罗密欧 👋")


main()
