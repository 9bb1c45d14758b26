#!/usr/bin/python3
"""gateway.py - an external component (XEP-0114) made of slixmpp, led by lines as puppet.h describes.

Orders: message FROM TO BODY, subscribe FROM TO, approve FROM TO, presence FROM TO, disco TO, quit.
Events: online DOMAIN, message FROM TO BODY, presence FROM TO TYPE, subscribe FROM TO, offline; the
answer to an order begins with its name. What it is, it tells by service discovery.
"""
import asyncio
import sys
import threading

from slixmpp.componentxmpp import ComponentXMPP
from slixmpp.exceptions import IqError, IqTimeout


def say(*fields):
    sys.stdout.write("\t".join(str(field) for field in fields) + "\n")
    sys.stdout.flush()


class Gateway(ComponentXMPP):
    def __init__(self, domain, secret, port):
        super().__init__(domain, secret, "127.0.0.1", port)
        self.auto_authorize = self.auto_subscribe = None
        for plugin in ("xep_0030", "xep_0199"):
            self.register_plugin(plugin)
        self["xep_0030"].add_identity(category="gateway", itype="irc", name="A gateway")
        self.add_event_handler("session_start", lambda _: say("online", self.boundjid.bare))
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("presence", self.on_presence)
        self.add_event_handler("presence_subscribe",
                               lambda stanza: say("subscribe", stanza["from"], stanza["to"]))
        self.add_event_handler("disconnected", lambda _: self.loop.stop())

    def on_message(self, message):
        if message["body"]:
            say("message", message["from"], message["to"], message["body"])

    def on_presence(self, presence):
        if presence["type"] in ("available", "unavailable", "away", "dnd", "xa", "chat"):
            say("presence", presence["from"], presence["to"], presence["type"])

    async def obey(self, order, *fields):
        try:
            await getattr(self, "do_" + order)(*fields)
        except (IqError, IqTimeout) as error:
            say(order, "error", getattr(error, "condition", "timeout"))

    async def do_message(self, sender, to, body):
        self.send_message(mfrom=sender, mto=to, mbody=body, mtype="chat")

    async def do_subscribe(self, sender, to):
        self.send_presence(pfrom=sender, pto=to, ptype="subscribe")

    async def do_approve(self, sender, to):
        self.send_presence(pfrom=sender, pto=to, ptype="subscribed")

    async def do_presence(self, sender, to):
        self.send_presence(pfrom=sender, pto=to)

    async def do_disco(self, to):
        answer = await self["xep_0030"].get_info(jid=to, ifrom=self.boundjid.bare)
        say("disco", *sorted(f"{one[0]}/{one[1]}" for one in answer["disco_info"]["identities"]))

    async def do_quit(self):
        await self.disconnect()


def read_orders(gateway):
    """Runs beside the loop: standard input may be a pipe that asyncio cannot watch."""
    for line in sys.stdin:
        asyncio.run_coroutine_threadsafe(gateway.obey(*line.rstrip("\n").split("\t")), gateway.loop)
    gateway.loop.call_soon_threadsafe(gateway.disconnect)


def main():
    domain, secret, port = sys.argv[1:]
    gateway = Gateway(domain, secret, int(port))
    gateway.connect()
    threading.Thread(target=read_orders, args=(gateway,), daemon=True).start()
    gateway.loop.run_forever()
    say("offline")


main()
