#!/usr/bin/python3
"""Hostile stanzas: forged senders, odd addresses, handlers that are asked anything, and floods."""
import itertools
import time

from harness import *
from lib.hostile import *

FAST = {"bytes_per_second": 100000000, "burst_bytes": 100000000}


def payloads(jid, element):
    """A message, presences and iqs of every type that carry an element."""
    for kind in ("chat", "normal", "headline", "groupchat", "error"):
        yield f"<message to='{jid}' type='{kind}' id='x'>{element}</message>"
    for kind in ("", " type='unavailable'", " type='subscribe'", " type='subscribed'", " type='unsubscribe'",
                 " type='unsubscribed'", " type='probe'", " type='error'"):
        yield f"<presence to='{jid}'{kind} id='x'>{element}</presence>"
    for kind in ("get", "set", "result", "error"):
        yield f"<iq to='{jid}' type='{kind}' id='x'>{element}</iq>"


def check_honest(client, senders):
    """All that has arrived came from one of these, or from the server to a request of the client's."""
    for element in client.queue:
        if element.get("from") not in senders:
            raise Failure(f"{client.name} got: {show(element)}")


def with_from(stanza, sender):
    return stanza.replace(" to=", f" from='{sender}' to=", 1)


@hostile("CVE-2017-5589, CVE-2015-8688: whatever a peer sends arrives from that peer, of every kind and type")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    j.roster()
    carbon = (f"<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message from='{j.jid}' "
              f"to='{r.jid}' xmlns='jabber:client'><body>forged</body></message></forwarded></sent>")
    push = (f"<query xmlns='{NS.roster}'><item jid='evil@example.net' subscription='both' name='Mother'/></query>")
    block = "<block xmlns='urn:xmpp:blocking'><item jid='evil@example.net'/></block>"
    archive = ("<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><message "
               f"from='{j.bare}' xmlns='jabber:client'/></forwarded></result>")
    for element in (carbon, carbon.replace("sent", "received"), push, block, archive):
        for to in (j.jid, j.bare):
            for stanza in payloads(to, element):
                r.send(stanza)
    j.sync(r)
    r.sync()
    check_honest(j, (r.jid, r.bare))
    for template in (f"<iq from='{ABSENT}'/>", f"<iq from='{j.bare}'/>", f"<message from='{ABSENT}'/>"):
        if any(matches(element, template) for element in j.queue):
            raise Failure(f"{template} came")
    if j.roster():
        raise Failure(f"the roster was changed: {list(j.roster())}")


@hostile("a from that is another's ends the sender's stream, on every kind and type, errors too", timeout=60)
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    forged = itertools.cycle((j.jid, j.bare, "example.org", "example.net", f"{romeo.jid}/other", "romeo@example.net",
                              "", "@", "x" * 2000, f"{romeo.username}@EXAMPLE.NET", "example.org/x"))
    for stanza in payloads(j.jid, "<body>forged</body>"):
        for _ in range(3):
            r = romeo.login("orchard")
            r.send(with_from(stanza, next(forged)))
            r.expect_stream_error("invalid-from")
    j.expect_nothing()


@hostile("what is nobody's answer stays nobody's: iq results and errors of strangers keep their sender")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for kind in ("result", "error"):
        r.send(f"<iq type='{kind}' to='{j.jid}' id='wanted'><query xmlns='{NS.roster}'/></iq>")
    j.sync(r)
    identifier = j.send_iq("get", f"<query xmlns='{NS.roster}'/>", id="wanted")
    answers = [j.expect(lambda element: element.get("id") == identifier) for _ in range(3)]
    if [answer.get("from") for answer in answers].count(r.jid) != 2:
        raise Failure("\n".join(map(show, answers)))
    j.expect_nothing("<iq/>")


@hostile("CVE-2012-3525's lesson: approvals and cancellations that nobody asked for change nothing")
def _(server, romeo, juliet):
    r, j = romeo.login(presence=True), juliet.login("balcony", presence=True)
    j.roster()
    r.roster()
    for kind in ("subscribed", "unsubscribed", "unsubscribe", "probe", "error"):
        r.presence(kind, j.bare)
        r.presence(kind, j.jid)
    j.sync(r)
    r.sync()
    if j.roster() or j.take("<presence type='subscribed'/>"):
        raise Failure(f"roster {list(j.roster())}, queue {[show(element) for element in j.queue]}")
    r.presence(to=romeo.jid)
    r.presence("subscribe", romeo.jid)
    r.presence("subscribed", romeo.jid)
    r.sync()
    if r.roster().get(romeo.jid) is not None:
        raise Failure("subscribed to oneself")


@hostile("nobody reads or writes what is another's, whatever the address")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    j.set("<vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard>")
    j.set("<query xmlns='jabber:iq:private'><x xmlns='urn:secret'>hers</x></query>")
    j.roster_set("nurse@example.org", name="Nurse")
    r = romeo.login()
    for to in (juliet.jid, j.jid, juliet.jid + "/nobody", "example.org", juliet.jid.upper()):
        for kind, payload in (("set", "<vCard xmlns='vcard-temp'><FN>Evil</FN></vCard>"),
                              ("set", "<query xmlns='jabber:iq:private'><x xmlns='urn:secret'>evil</x></query>"),
                              ("get", "<query xmlns='jabber:iq:private'><x xmlns='urn:secret'/></query>"),
                              ("get", f"<query xmlns='{NS.roster}'/>"),
                              ("set", f"<query xmlns='{NS.roster}'><item jid='evil@example.org'/></query>"),
                              ("set", f"<query xmlns='{NS.roster}'><item jid='nurse@example.org' "
                                      "subscription='remove'/></query>"),
                              ("set", f"<query xmlns='jabber:iq:register'><username>{juliet.username}</username>"
                                      "<password>evil</password></query>"),
                              ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"),
                              ("set", f"<block xmlns='urn:xmpp:blocking'><item jid='{romeo.jid}'/></block>")):
            identifier = r.send_iq(kind, payload, to=to)
            answer = r.answer(identifier)
            if answer.get("type") != "error":
                raise Failure(f"{kind} {payload} to {to}: {show(answer)}")
    # Nor is she asked by somebody who must not know that she is there (RFC 6121 section 8.5.3.1).
    j.expect_nothing(f"<iq from='{r.jid}'/>", after=r)
    if show(j.get("<query xmlns='jabber:iq:private'><x xmlns='urn:secret'/></query>")[0][0]) != \
            "<x xmlns='urn:secret'>hers</x>" or list(j.roster()) != ["nurse@example.org"]:
        raise Failure("something was changed")
    j.expect("<iq type='result'><vCard xmlns='vcard-temp'><FN>Juliet</FN></vCard></iq>"
             if j.send_iq("get", "<vCard xmlns='vcard-temp'/>") else "")
    juliet.login("again")


@hostile("jabberd2's 327-byte domain, and all other lengths, labels and scripts: an error, and no more")
def _(server, romeo):
    labels = ["a" * 63] * 5
    domains = [".".join(labels) + "x" * 8, ".".join(labels)[:327], ".".join(["b" * 63] * 15), "c" * 64 + ".example",
               "d" * 253, "e." * 500 + "f", "g" * 1023, "h" * 1024, "i" * 100000, ".", "..", "a..b", "-a.b", "a-.b",
               "xn--", "xn--a", "xn--" + "z" * 60, "\u00fc" * 400, "\U0001f426" * 300, "[::1]", "[::1", "1.2.3.4",
               "localhost", "a\u200bb", "\u202ea", "a b", "a\tb", "\u0130.example", "\ufdfa" * 60, "example.org.",
               "a/b/c", "a@b@c", "@b", "a@", "a@/b", "/b", "a" * 1024 + "@example.org", "a@example.org/" + "r" * 1024,
               "\u00e9" * 512 + "@example.org", "a@example.org/" + "\U0001f426" * 256, "&", "'\"<>"]
    r = romeo.login()
    for domain in domains:
        to = quote(domain)
        for stanza in (f"<iq type='get' id='{{}}' to='{to}'><ping xmlns='{NS.ping}'/></iq>",
                       f"<iq type='set' id='{{}}'><query xmlns='{NS.roster}'><item jid='{to}'/></query></iq>",
                       f"<iq type='set' id='{{}}'><block xmlns='urn:xmpp:blocking'><item jid='{to}'/></block></iq>",
                       f"<message id='{{}}' to='{to}'><body>x</body></message>"):
            identifier = r.new_id()
            r.send(stanza.format(identifier))
            if "<message" in stanza:
                continue  # one to a server of ours without such an account may be told or not
            r.answer(identifier)
        for kind in ("", " type='subscribe'", " type='unsubscribe'", " type='probe'", " type='unavailable'"):
            r.send(f"<presence{kind} to='{to}'/>")
        r.drain()
    r.roster()
    romeo.login("again", presence=True).sync()


@hostile("iq without id, without type, without a child, with three: an error at most, and the session goes on")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for to in ("", f" to='{j.jid}'", f" to='{j.bare}'", " to='example.org'"):
        for attributes in ("", " type='get'", " type='set'", " type='result'", " type='error'", " type='x'",
                           " type=''", " id='1'", " id='' type='get'", " id='1' type='get'"):
            for inside in ("", "text", "<a/>", "<a xmlns='u'/><b xmlns='u'/>", "<error/>"):
                r.send(f"<iq{to}{attributes}>{inside}</iq>")
    r.sync()
    for element in r.queue:
        if element.get("type") != "error":
            raise Failure(show(element))
    j.sync(r)
    for element in j.queue:
        if element.get("id") is None or element.get("from") != r.jid:
            raise Failure(show(element))


NAMESPACES = ("http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", NS.ping,
              "jabber:iq:version", "urn:xmpp:time", "jabber:iq:last", "jabber:iq:private", "vcard-temp", NS.roster,
              "jabber:iq:register", "urn:xmpp:blocking", NS.bind, NS.session, "http://jabber.org/protocol/pubsub",
              "http://jabber.org/protocol/commands", "jabber:iq:auth", "jabber:iq:search", "urn:xmpp:mam:2",
              "urn:xmpp:carbons:2", "http://jabber.org/protocol/muc#owner", NS.sm, NS.stream, "jabber:client", "",
              "urn:unknown")
NAMES = ("query", "ping", "time", "vCard", "block", "unblock", "blocklist", "bind", "session", "pubsub", "command",
         "item", "x", "error")


def random_payload(random, depth=0):
    attributes = "".join(f" {name}='{value}'" for name, value in
                         ((random.choice(("jid", "node", "name", "subscription", "ver", "id", "type", "xml:lang")),
                           random.choice(("", "a@b", "remove", "both", "x" * 300, "@", "-1", "99999999999999999999",
                                          "\u202e", "&lt;", "a@b/c", "%s%n", "../../etc/passwd", "'".replace("'", "&apos;"))))
                          for _ in range(random.choice((0, 0, 1)))))
    namespace = f" xmlns='{random.choice(NAMESPACES)}'" if depth == 0 or random.random() < .4 else ""
    name = random.choice(NAMES + ("group", "username", "password", "FN", "resource", "publish", "storage"))
    inside = "".join(random_payload(random, depth + 1) for _ in range(random.choice((0, 0, 1, 2, 3)))) \
        if depth < 4 else random.choice(("", "text", " ", "\u00e9" * 200))
    return f"<{name}{namespace}{attributes}>{inside}</{name}>"


@hostile("CVE-2011-4320: every handler is asked anything, and every iq gets one answer", timeout=120)
def _():
    with Server(limits=FAST) as server:
        random = random_of("handlers")
        victim, juliet = server.accounts([("victim", None), ("juliet", None)])
        juliet.login("balcony", presence=True)
        systematic = [f"<{name} xmlns='{namespace}'{extra}>{inside}</{name}>"
                      for namespace in NAMESPACES for name in NAMES
                      for extra in ("", " node='x'") for inside in ("", "<item/>", "<item jid='a@b'/><item jid='a@b'/>")]
        asked = 0
        for batch in range(0, len(systematic) + 600, 60):
            # A removed account, or a changed password, is what it asked for.
            if batch % 600 == 0:
                client = server.account("victim").login(presence=True)
            here = systematic[batch:batch + 60] or [random_payload(random) for _ in range(60)]
            wanted = set()
            text_of = []
            for payload in here:
                for kind, to in (("get", ""), ("set", ""), (random.choice(("get", "set")), random.choice(
                        (" to='example.org'", f" to='{client.bare}'", f" to='{juliet.jid}'", " to='example.org/x'",
                         f" to='{juliet.jid}/nobody'", " to='nobody@example.org'", " to='example.net'")))):
                    identifier = client.new_id()
                    wanted.add(identifier)
                    text_of.append(f"<iq type='{kind}' id='{identifier}'{to}>{payload}</iq>")
            asked += len(wanted)
            client.answers_pushes = False
            client.send("".join(text_of))
            seen = set()
            while seen != wanted:
                answer = client.next()
                if answer.get("type") not in ("result", "error") or answer.get("id") not in wanted:
                    continue
                if answer.get("id") in seen:
                    raise Failure(f"a second answer: {show(answer)}")
                seen.add(answer.get("id"))
            victim = client.account
        note(f"{asked} iqs, {asked} answers")
        check_others(server)


@hostile("SQL, paths, formats and controls in names that are stored: they come back as they were")
def _(server, romeo):
    r = romeo.login()
    evil = ["'; DROP TABLE users; --", "\"; DELETE FROM roster_items; --", "../../../etc/passwd", "%s%n%x", "\\0\\x00",
            "$1$2", "\u202eevil", "a\u0301", "\U0001f426" * 50, "NULL", "' OR '1'='1", "`id`", "$(id)", "|id"]
    for name in evil:
        jid = f"contact{evil.index(name)}@example.org"
        r.roster_set(jid, name=name, inside=f"<group>{quote(name)}</group>")
        element = f"<x xmlns='{quote(name)}' a='{quote(name)}'>{quote(name)}</x>"
        r.set(f"<query xmlns='jabber:iq:private'>{element}</query>")
        found = r.get(f"<query xmlns='jabber:iq:private'><x xmlns='{quote(name)}'/></query>")[0][0]
        if found.text != name or found.get("a") != name:
            raise Failure(show(found))
        r.set(f"<vCard xmlns='vcard-temp'><FN>{quote(name)}</FN></vCard>")
        if text(r.get("<vCard xmlns='vcard-temp'/>"), "{vcard-temp}vCard", "FN") != name:
            raise Failure(name)
    roster = r.roster()
    names = [roster[f"contact{index}@example.org"].get("name") for index in range(len(evil))]
    groups = [text(roster[f"contact{index}@example.org"], "group") for index in range(len(evil))]
    if names != evil or groups != evil:
        raise Failure(f"{names}\n{groups}")
    for resource in ("'; DROP TABLE users; --", "../..", "%s", "\u00e9", "<>&'\""):
        if not romeo.login(resource, presence=True).jid.endswith("/" + resource):
            raise Failure(resource)
    for username in ("../../etc/passwd", "';drop", "a b", "%00", "\u00ad", "."):
        connection = server.connect()
        check_sasl_failure(connection.sasl("PLAIN", username, "secret"), "not-authorized")
        connection.close()


@hostile("requests of strangers as large as stanzas may be do not keep anybody from logging in", timeout=60)
def _(server, juliet):
    for number in range(10):
        evil = server.account("evil").login()
        evil.send(f"<presence type='subscribe' to='{juliet.jid}'><status>{'>' * 250000}</status></presence>")
        evil.iq("get", f"<query xmlns='{NS.roster}'/>")
        evil.end()
    stored = wait_until(lambda: int(server.sql("SELECT count(*) FROM subscription_requests WHERE "
                                               + juliet.row)[0][0]),
                        "10 rows", wanted=lambda count: count == 10)
    for _ in range(2):
        j = juliet.login("balcony")
        j.roster()
        j.presence()
        for _ in range(stored):
            j.expect("<presence type='subscribe'/>", timeout=20)
        j.sync()
        j.end()


@hostile("and neither if she reads slowly", timeout=60)
def _(server, juliet):
    stanza = f"<presence xmlns=''jabber:client'' type=''subscribe''><status>{'&gt;' * 250000}</status></presence>"
    server.sql("INSERT INTO subscription_requests (domain, username, contact, stanza, requested_at) VALUES "
               + ", ".join(f"('{juliet.domain}', '{juliet.username}', 'evil{number}@example.org', '{stanza}', 1)"
                           for number in range(30)))
    other, slow = juliet.login("chamber"), juliet.login("balcony")
    slow.send(f"<presence/><message to='{other.jid}'/>")
    other.expect(f"<message from='{slow.jid}'/>")
    # The server's reads are in order: it has read requests, and sent what it would.
    other.iq("get", "<vCard xmlns='vcard-temp'/>")
    other.sync()
    for number in range(30):
        slow.expect(f"<presence type='subscribe' from='evil{number}@example.org'/>", timeout=20)
    slow.sync()


@hostile("and neither do large presences of contacts, however many log in with one", timeout=60)
def _(server, juliet):
    friends = [server.account("friend") for _ in range(8)]
    rows = []
    for friend in friends:
        rows.append(f"('{juliet.domain}', '{juliet.username}', '{friend.jid}', 'both')")
        rows.append(f"('{friend.domain}', '{friend.username}', '{juliet.jid}', 'both')")
    server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES " + ", ".join(rows))
    clients = []
    for friend in friends:
        client = friend.login()
        client.send(f"<presence><status>{'>' * 240000}</status></presence>")
        client.sync()
        clients.append(client)
    for _ in range(2):
        j = juliet.login("balcony")
        j.presence()
        for friend in friends:
            j.expect(lambda element, friend=friend: element.tag == "{jabber:client}presence"
                     and (element.get("from") or "").startswith(friend.jid), timeout=20)
        j.sync()
        j.end()


@hostile("floods of presence: to contacts, to strangers, probes, subscriptions, from all at once", timeout=60)
def _(server, romeo, juliet, nurse):
    befriend(romeo, juliet)
    j, n = juliet.login("balcony", presence=True), nurse.login(presence=True)
    one, other = (server.account("calm").login(presence=True) for _ in range(2))
    calm = latencies(one, other, 50)
    note_times("message between others, calm", calm)
    r, before = romeo.login(presence=True), memory(server)
    flood = "".join(f"<presence><status>{number}</status></presence><presence to='s{number}@example.org'/>"
                    f"<presence type='probe' to='{nurse.jid}'/><presence type='subscribe' to='t{number}@example.org'/>"
                    f"<presence type='unavailable' to='{n.jid}'/><presence to='{n.jid}'/>"
                    f"<presence type='unsubscribe' to='t{number}@example.org'/>" for number in range(500))
    r.socket.settimeout(60 * FACTOR)
    r.socket.sendall(flood[:250000].rsplit("<presence", 1)[0].encode())
    times = latencies(one, other, 100)
    note_times("message between others, in the flood", times)
    r.sync()
    note(f"{len(flood)} bytes of presence, memory {mib(memory(server) - before)}")
    j.expect("<presence/>")
    if quantile(times, 0.5) > 0.05 * FACTOR:
        raise Failure("others wait for a flood")


@hostile("more than the database takes, for addresses that do not exist: errors, and no trace in memory", timeout=60)
def _():
    with Server(workers=2, limits=dict(FAST, accounts_cached=100)) as server:
        r = server.account("romeo").login()
        sizes = []
        for turn in range(4):
            r.send("".join(f"<message to='n{turn}x{number}@example.org'/><presence type='probe' "
                           f"to='p{turn}x{number}@example.org'/>" for number in range(5000)))
            wanted = 5000
            while wanted > 0:
                wanted -= sum(matches(element, "<message type='error'/>") for element in r.drain())
            sizes.append(memory(server))
            r.transcript.clear()
        note("memory " + ", ".join(mib(size) for size in sizes))
        if sizes[3] - sizes[1] > 8 * 2**20 and not SANITIZED:
            raise Failure("memory grows")
        check_others(server)


@hostile("a thousand directed presences, then silence: all are told, and nobody else")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    r = romeo.login()
    r.send("".join(f"<presence to='x{number}@example.org'/>" for number in range(500)))
    r.presence(to=j.jid)
    j.expect(f"<presence from='{r.jid}' type='{ABSENT}'/>")
    r.abort()
    j.expect(f"<presence from='{r.jid}' type='unavailable'/>")


@hostile("twenty sessions of one account that bind and vanish under fire", timeout=60)
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for turn in range(5):
        clients = [romeo.login(f"r{number}", presence=True) for number in range(10)]
        for number in range(100):
            j.message(romeo.jid, f"{turn} {number}")
        for client in clients[::2]:
            client.abort()
        for client in clients[1::2]:
            client.close()
    last = romeo.login("last", presence=True)
    identifier = j.message(last.jid, "over")
    last.expect(f"<message id='{identifier}'/>", timeout=20)


check_footprint()
main()
