"""peer_tests.py - what has to be true beside any real server: the tests of blackbox/peer-prosody.t and
peer-ejabberd.t. Each side has several domains, for what they shall think of each other's certificates.
"""
import json
import re
import signal

from . import peering
from .connection import Failure
from .element import ABSENT, NS
from .names import SRV, A, Names, address, srv
from .peering import arrive, befriend, chat, expect_refusal, test
from .wait import wait_until

OURS, THEIRS = "montague.example", "capulet.example"
# These have signed their certificates themselves. The other side is content with dialback, or is not.
OUR_OLD, THEIR_OLD = "old." + OURS, "old." + THEIRS
OUR_BAD = "bad." + OURS
SELF, EXPIRED, WRONG = ("%s.%s" % (word, THEIRS) for word in ("self", "expired", "wrong"))
# With what not every server can do.
MORE = "more." + THEIRS
CERTIFICATES = {THEIRS: {}, THEIR_OLD: {"signed": False}, SELF: {"signed": False}, EXPIRED: {"days": -1},
                WRONG: {"names": ["DNS:elsewhere.example"]}, MORE: {}}
MUC = "http://jabber.org/protocol/muc"


def main(kind):
    """Runs all tests beside a server of that class."""
    peering.main([kind], make_world)


def make_world(kind):
    world = peering.World()
    names = world.enter_context(Names())
    other = kind(world.federation.authority, CERTIFICATES, ("127.0.0.1", names.port), trusting=[OUR_OLD])
    announce(names, [*CERTIFICATES, "rooms." + THEIRS], other.listens[0][1])
    world.add(other)
    world.godwit([OURS, OUR_OLD, OUR_BAD], f'forward = {{ "127.0.0.1@{names.port}" }} trust_anchor_file = ""',
                 settings=f'insecure = {{ "{THEIR_OLD}" }} retry_max = 1')
    for domain in world.server.domains:
        world.federation.certify(world.server, domain, [f"DNS:{domain}"], signed=domain == OURS,
                                 usage=kind.usage)
    world.server.reload("reloaded")
    announce(names, world.server.domains, world.server.ports["s2s"])
    return world


def announce(names, domains, port):
    """Their server is at that port of a host that is called as its address is: who asks libc about hosts
    will find it, too."""
    names.records["127.0.0.1", A] = [address("127.0.0.1")]
    for domain in domains:
        names.records[f"_xmpp-server._tcp.{domain}", SRV] = [srv(port, "127.0.0.1")]


def join(client, room, nick, make=False):
    """Enters a room, and sets it up if it is new."""
    client.send(f"<presence to='{room}/{nick}'><x xmlns='{MUC}'/></presence>")
    client.expect(f"<presence from='{room}/{nick}'><x xmlns='{MUC}#user'><status code='110'/></x></presence>")
    if make:
        client.set(f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=room)


@test("messages and iqs go both ways, by certificates")
def _(world):
    r, j, server = world.ours(), world.theirs(THEIRS), world.server
    chat(r, j, "to them")
    chat(j, r, "to us")
    server.wait_log(f"link up.*to={THEIRS}.*by=EXTERNAL")
    server.wait_log(f"server proved.*from={THEIRS}.*by=EXTERNAL")
    r.get(f"<ping xmlns='{NS.ping}'/>", to=THEIRS)
    j.get(f"<ping xmlns='{NS.ping}'/>", to=OURS)
    r.iq_error("get", "<query xmlns='urn:nothing'/>", "service-unavailable", to=THEIRS)
    j.iq_error("get", "<query xmlns='urn:nothing'/>", "service-unavailable", to=OURS)


@test("the same by dialback, where nobody trusts the certificates")
def _(world):
    r, j, server = world.ours(OUR_OLD), world.theirs(THEIR_OLD), world.server
    chat(r, j, "to them")
    chat(j, r, "to us")
    server.wait_log(f"link up.*from={OUR_OLD} to={THEIR_OLD}.*by=dialback")
    server.wait_log(f"server proved.*from={THEIR_OLD} to={OUR_OLD}.*by=dialback")
    r.get(f"<ping xmlns='{NS.ping}'/>", to=THEIR_OLD)
    j.get(f"<ping xmlns='{NS.ping}'/>", to=OUR_OLD)


@test("RFC 6121: subscription, presence, and its end; iqs between contacts")
def _(world):
    r, j, server = world.ours(), world.theirs(THEIRS), world.server
    befriend(r, j)
    for one, other in ((r, j), (j, r)):
        asked = one.send_iq("set", "<order xmlns='urn:theatre'/>", to=other.jid)
        came = other.expect(f"<iq type='set' from='{one.jid}'><order xmlns='urn:theatre'/></iq>")
        other.send(f"<iq type='result' to='{one.jid}' id='{came.get('id')}'><done xmlns='urn:theatre'/></iq>")
        one.expect(f"<iq type='result' from='{other.jid}' id='{asked}'><done xmlns='urn:theatre'/></iq>")
    j.send("<presence><show>away</show></presence>")
    r.expect(f"<presence from='{j.jid}'><show>away</show></presence>")
    again = r.account.login("second", presence=True)
    again.expect(f"<presence from='{j.jid}'><show>away</show></presence>")
    r.send("<presence type='unavailable'/>")
    j.expect(f"<presence from='{r.jid}' type='unavailable'/>")
    j.send("</stream:stream>")
    again.expect(f"<presence from='{j.jid}' type='unavailable'/>")
    third = arrive(j.account)
    third.expect(f"<presence from='{again.jid}' type='{ABSENT}'/>")
    again.roster()
    for me, you in ((again, third), (third, again)):
        me.send(f"<presence type='unsubscribed' to='{you.bare}'/>")
        you.expect(f"<presence type='unsubscribed' from='{me.bare}'/>")
    befriend(again, third)
    server.stop()
    third.expect(f"<presence from='{again.jid}' type='unavailable'/>")
    server.start()


@test("XEP-0045: a room there is joined from here")
def _(world):
    room = f"hall@rooms.{THEIRS}"
    r, j = world.ours(), world.theirs(THEIRS)
    join(r, room, "romeo", make=True)
    join(j, room, "juliet")
    r.expect(f"<presence from='{room}/juliet'/>")
    for one, nick, other in ((r, "romeo", j), (j, "juliet", r)):
        one.send(f"<message to='{room}' type='groupchat'><body>{nick} speaks</body></message>")
        for client in (one, other):
            client.expect(f"<message from='{room}/{nick}' type='groupchat'><body>{nick} speaks</body></message>")
    r.get(f"<query xmlns='{NS.disco_info}'/>", to=room)
    r.end()
    j.expect(f"<presence from='{room}/romeo' type='unavailable'/>")


def check_refused(world, bad, why):
    """Neither side gets through to the other, and both are told."""
    r, j, server = world.ours(), world.theirs(bad), world.server
    r.message(j.jid, id="there")
    expect_refusal(r, "there", "remote-server-not-found")
    server.wait_log(f"link failed.*to={bad} .*{why}")
    j.message(r.jid, id="back")
    expect_refusal(j, "back")
    server.wait_log(f"certificate of the server does not count.*from={bad} .*{why}")
    for client in (r, j):
        client.expect_nothing("<message type='chat'/>")


@test("RFC 6120 13.7.2: a certificate of theirs that they have signed themselves proves nothing")
def _(world):
    check_refused(world, SELF, "self")


@test("RFC 6120 13.7.2: a certificate of theirs that has expired proves nothing")
def _(world):
    check_refused(world, EXPIRED, "expired")


@test("RFC 6120 13.7.2: a certificate of theirs for somebody else proves nothing")
def _(world):
    check_refused(world, WRONG, world.others[0].wrong)


@test("a domain of ours that they do not believe: what was sent comes back, and they reach it not either")
def _(world):
    r, j = world.ours(OUR_BAD), world.theirs(THEIRS)
    r.message(j.jid, id="there")
    expect_refusal(r, "there")
    j.message(r.jid, id="back")
    expect_refusal(j, "back")
    for client in (r, j):
        client.expect_nothing("<message type='chat'/>")


def tried(world, ours, theirs):
    """Whether godwitctl link test gets there, the step that it ends with, and what that says."""
    done = world.server.ctl("--json", "link", "test", theirs, "--from", ours, check=False)
    answer = json.loads(done.stdout)
    if answer["passed"] != (done.returncode == 0):
        raise Failure(f"ended with {done.returncode}: {answer}")
    return answer["passed"], answer["steps"][-1]["step"], answer["steps"][-1]["text"]


@test("godwitctl link test goes there, and says where it ends")
def _(world):
    for ours, theirs, passes, where, words in (
            (OURS, THEIRS, True, "authentication", "^EXTERNAL is accepted$"),
            (OUR_OLD, THEIR_OLD, True, "authentication", "EXTERNAL is .*; dialback: it judges our key valid$"),
            (OURS, SELF, False, "certificate", "^self.signed certificate"),
            (OURS, EXPIRED, False, "certificate", "^certificate has expired"),
            (OURS, WRONG, False, "certificate", world.others[0].wrong),
            (OUR_BAD, THEIRS, False, "authentication", ".")):
        found = tried(world, ours, theirs)
        if found[:2] != (passes, where) or not re.search(words, found[2]):
            raise Failure(f"from {ours} to {theirs}: {found}")


@test("godwit is killed in mid-stream, and there again: contacts see each other again")
def _(world):
    r, j, server = world.ours(), world.theirs(THEIRS), world.server
    befriend(r, j)
    # What it has told its client outlives it.
    r.expect_push(j.bare, subscription="both")
    for number in range(200):
        r.message(j.jid, id=f"burst{number}")
    j.expect("<message id='burst0'/>")
    server.kill()
    server.start()
    again = r.account.login(presence=True)
    again.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>", timeout=20)
    j.expect(f"<presence from='{again.jid}' type='{ABSENT}'/>", timeout=20)
    chat(again, j, "after")
    chat(j, again, "back")


@test("they are killed in mid-stream, and there again: gone and back, errors meanwhile, nobody else notices", timeout=120)
def _(world):
    r, bystander, server, other = world.ours(), world.ours(), world.server, world.others[0]
    j, room = world.theirs(THEIRS), f"ball@rooms.{THEIRS}"
    befriend(r, j)
    join(r, room, "romeo", make=True)
    other.settle()
    for number in range(200):
        r.message(j.jid, id=f"burst{number}")
    j.expect("<message id='burst0'/>")
    mark = server.log_mark()
    other.end(signal.SIGKILL)
    for gone in (j.bare, f"{room}/romeo"):
        r.expect(f"<presence from='{gone}' type='unavailable'/>", timeout=20)
    server.wait_log(f"link (ended|failed).*to={THEIRS}", since=mark)
    r.message(j.bare, id="meanwhile")
    expect_refusal(r, "meanwhile", "remote-server-timeout")
    chat(bystander, r, "we are here")
    other.start()
    again = arrive(j.account)
    r.expect(f"<presence from='{again.jid}' type='{ABSENT}'/>", timeout=20)
    again.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>", timeout=20)
    for domain in (THEIRS, f"rooms.{THEIRS}"):
        wait_until(lambda: r.iq("get", f"<query xmlns='{NS.disco_info}'/>", to=domain).get("type") == "result",
                   f"an answer of the new {domain}")
    chat(r, again, "after")
    chat(again, r, "back")
    join(r, f"new@rooms.{THEIRS}", "romeo", make=True)
