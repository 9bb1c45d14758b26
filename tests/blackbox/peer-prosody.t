#!/usr/bin/python3
"""Federation with a real Prosody, found by DNS: certificates and dialback, both ways."""
import signal
from contextlib import ExitStack, contextmanager

from harness import *
from lib import prosody
from lib.names import Names

OURS, THEIRS = "montague.example", "capulet.example"
MUC = "http://jabber.org/protocol/muc"


@contextmanager
def both(settings="", **options):
    """A godwit and a Prosody, each with a user online."""
    if not prosody.available():
        raise Skip("Prosody, or lua-unbound, is not installed")
    with ExitStack() as stack:
        names = stack.enter_context(Names())
        federation = stack.enter_context(Federation())
        server = prosody.godwit(federation, names, OURS, settings)
        if not options.get("signed", True):
            federation.certify(server, OURS, [f"DNS:{OURS}"], signed=False)
            server.reload("reloaded")
        other = stack.enter_context(prosody.Prosody(THEIRS, names, federation.authority, **options))
        try:
            yield server, other, server.account("romeo").login(presence=True), other.account("juliet")
        except Exception as error:
            raise Failure(f"{error}\n--- Prosody\n" + other.log()[-6000:]) from error


def chat(one, other, text):
    one.send(f"<message to='{other.jid}' type='chat'><body>{text}</body></message>")
    other.expect(f"<message from='{one.jid}' type='chat'><body>{text}</body></message>")


@test("messages and iqs go both ways, by certificates", timeout=60)
def _():
    with both() as (server, other, r, juliet):
        j = juliet.login()
        j.send("<presence/>")
        chat(r, j, "to Prosody")
        chat(j, r, "to godwit")
        server.wait_log(f"link up.*to={THEIRS}.*by=EXTERNAL")
        server.wait_log(f"server proved.*from={THEIRS}.*by=EXTERNAL")
        r.get(f"<ping xmlns='{NS.ping}'/>", to=THEIRS)
        j.get(f"<ping xmlns='{NS.ping}'/>", to=OURS)
        r.iq_error("get", "<query xmlns='urn:nothing'/>", "service-unavailable", to=THEIRS)


@test("the same by dialback, where nobody trusts the certificates", timeout=60)
def _():
    with both("dialback = true", secure=False, signed=False) as (server, other, r, juliet):
        j = juliet.login()
        j.send("<presence/>")
        chat(r, j, "to Prosody")
        chat(j, r, "to godwit")
        server.wait_log(f"link up.*to={THEIRS}.*by=dialback")
        server.wait_log(f"server proved.*from={THEIRS}.*by=dialback")


@test("RFC 6121: subscription, presence, and its end", timeout=60)
def _():
    with both() as (server, other, r, juliet):
        j = juliet.login()
        j.send("<presence/>")
        r.get(f"<query xmlns='{NS.roster}'/>")
        j.get(f"<query xmlns='{NS.roster}'/>")
        r.send(f"<presence type='subscribe' to='{j.bare}'/>")
        j.expect(f"<presence type='subscribe' from='{r.bare}'/>")
        j.send(f"<presence type='subscribed' to='{r.bare}'/>")
        r.expect(f"<presence type='subscribed' from='{j.bare}'/>")
        r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>")
        j.send(f"<presence type='subscribe' to='{r.bare}'/>")
        r.expect(f"<presence type='subscribe' from='{j.bare}'/>")
        r.send(f"<presence type='subscribed' to='{j.bare}'/>")
        j.expect(f"<presence type='subscribed' from='{r.bare}'/>")
        j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
        j.send("<presence><show>away</show></presence>")
        r.expect(f"<presence from='{j.jid}'><show>away</show></presence>")
        again = r.account.login("second", presence=True)
        again.expect(f"<presence from='{j.jid}'><show>away</show></presence>")
        r.send("<presence type='unavailable'/>")
        j.expect(f"<presence from='{r.jid}' type='unavailable'/>")
        j.send("</stream:stream>")
        again.expect(f"<presence from='{j.jid}' type='unavailable'/>")
        third = juliet.login()
        third.send("<presence/>")
        third.expect(f"<presence from='{again.jid}' type='{ABSENT}'/>")
        server.stop()
        third.expect(f"<presence from='{again.jid}' type='unavailable'/>")
        server.start()


@test("XEP-0045: a room there is joined from here", timeout=60)
def _():
    with both() as (server, other, r, juliet):
        room = f"hall@rooms.{THEIRS}"
        r.send(f"<presence to='{room}/romeo'><x xmlns='{MUC}'/></presence>")
        r.expect(f"<presence from='{room}/romeo'><x xmlns='{MUC}#user'><status code='110'/></x></presence>")
        r.set(f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=room)
        j = juliet.login()
        j.send(f"<presence to='{room}/juliet'><x xmlns='{MUC}'/></presence>")
        r.expect(f"<presence from='{room}/juliet'/>")
        r.send(f"<message to='{room}' type='groupchat'><body>hear</body></message>")
        j.expect(f"<message from='{room}/romeo' type='groupchat'><body>hear</body></message>")
        r.expect(f"<message from='{room}/romeo' type='groupchat'><body>hear</body></message>")


@test("a Prosody that is killed, and comes again: errors meanwhile, then all is well", timeout=90)
def _():
    with both("retry_max = 1") as (server, other, r, juliet):
        j = juliet.login()
        j.send("<presence/>")
        chat(r, j, "before")
        other.end(signal.SIGKILL)
        server.wait_log(f"link ended.*to={THEIRS}|link failed.*to={THEIRS}")
        r.send(f"<message to='{j.bare}' id='lost'><body>meanwhile</body></message>")
        r.expect(f"<message type='error' id='lost' from='{j.bare}'>"
                 f"<error><remote-server-timeout xmlns='{NS.stanzas}'/></error></message>")
        other.start()
        again = juliet.login()
        again.send("<presence/>")
        wait_until(lambda: r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=THEIRS).get("type") == "result",
                   "an answer of the new Prosody")
        chat(r, again, "after")
        chat(again, r, "back")


main(server=False)
