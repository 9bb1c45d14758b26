#!/usr/bin/python3
"""slix.py - a client made of slixmpp, led by lines as puppet.h describes.

Orders: message TO BODY, add JID, approve JID, presence SHOW, roster, disco JID, items JID, ping JID,
vcard-set NAME, vcard-get JID, block JID, unblock JID, blocked, quit.
Events: online JID, message FROM BODY (delayed), presence FROM SHOW, subscribe FROM, offline; the
answer to an order begins with its name; in XML and out XML.
"""
import asyncio
import logging
import sys
import threading

from slixmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout

PLUGINS = ("xep_0030", "xep_0054", "xep_0191", "xep_0198", "xep_0199", "xep_0203")


def say(*fields):
    line = "\t".join(" ".join(str(field).split("\t")).replace("\n", " ") for field in fields)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Wire(logging.Handler):
    """Turns slixmpp's log of its stream into events."""

    def emit(self, record):
        for prefix, name in (("RECV: ", "in"), ("SEND: ", "out")):
            if record.msg.startswith(prefix):
                say(name, record.getMessage()[len(prefix):])


class Client(ClientXMPP):
    def __init__(self, jid, password, certificate):
        super().__init__(jid, password)
        self.ca_certs = certificate
        self.auto_authorize = self.auto_subscribe = None
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("presence", self.on_presence)
        self.add_event_handler("presence_subscribe", lambda stanza: say("subscribe", stanza["from"]))
        self.add_event_handler("sm_enabled", lambda stanza: say("sm-enabled"))
        self.add_event_handler("disconnected", lambda _: self.loop.stop())

    # -- events --

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        say("online", self.boundjid.full)

    def on_message(self, message):
        if message["body"]:
            late = ["delayed"] if message["delay"]["stamp"] else []
            say("message", message["from"], message["body"], *late)

    def on_presence(self, presence):
        if presence["type"] in ("available", "unavailable", "away", "dnd", "xa", "chat"):
            say("presence", presence["from"], presence["type"])

    # -- orders --

    async def obey(self, order, *fields):
        try:
            await getattr(self, "do_" + order.replace("-", "_"))(*fields)
        except (IqError, IqTimeout) as error:
            say(order, "error", getattr(error, "condition", "timeout"))

    async def do_message(self, to, body):
        self.send_message(to, body, mtype="chat")

    async def do_add(self, jid):
        self.send_presence_subscription(jid, ptype="subscribe")

    async def do_approve(self, jid):
        self.send_presence_subscription(jid, ptype="subscribed")

    async def do_presence(self, show):
        self.send_presence(pshow=show)

    async def do_roster(self):
        # An answer without items says that the version slixmpp has got by pushes is the last one.
        await self.get_roster()
        say("roster", *sorted(f"{jid} {self.client_roster[jid]['subscription']}"
                              for jid in self.client_roster.keys() if jid != self.boundjid.bare))

    async def do_disco(self, jid):
        answer = await self["xep_0030"].get_info(jid=jid)
        info = answer["disco_info"]
        say("disco", *sorted(f"{one[0]}/{one[1]}" for one in info["identities"]),
            *sorted(info["features"]))

    async def do_items(self, jid):
        answer = await self["xep_0030"].get_items(jid=jid)
        say("items", *sorted(one[0] for one in answer["disco_items"]["items"]))

    async def do_ping(self, jid):
        await self["xep_0199"].send_ping(jid)
        say("ping", jid)

    async def do_vcard_set(self, name):
        vcard = self["xep_0054"].make_vcard()
        vcard["FN"] = name
        await self["xep_0054"].publish_vcard(vcard)
        say("vcard-set")

    async def do_vcard_get(self, jid):
        answer = await self["xep_0054"].get_vcard(jid)
        say("vcard-get", answer["vcard_temp"]["FN"])

    async def do_block(self, jid):
        await self["xep_0191"].block(jid)
        say("block")

    async def do_unblock(self, jid):
        await self["xep_0191"].unblock(jid)
        say("unblock")

    async def do_blocked(self):
        answer = await self["xep_0191"].get_blocked()
        say("blocked", *sorted(map(str, answer["blocklist"]["items"])))

    async def do_quit(self):
        await self.disconnect()


def read_orders(client):
    """Runs beside the loop: standard input may be a pipe that asyncio cannot watch."""
    for line in sys.stdin:
        fields = line.rstrip("\n").split("\t")
        asyncio.run_coroutine_threadsafe(client.obey(*fields), client.loop)
    client.loop.call_soon_threadsafe(client.disconnect)


def main():
    *identity, jid, password, port, certificate, _ = sys.argv[1:]
    logger = logging.getLogger("slixmpp.xmlstream.xmlstream")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(Wire())
    client = Client(jid, password, certificate)
    if identity:
        client.certfile, client.keyfile = identity
    client.connect(address=("127.0.0.1", int(port)))
    threading.Thread(target=read_orders, args=(client,), daemon=True).start()
    client.loop.run_forever()
    say("offline")


main()
