#!/usr/bin/python3
"""XEP-0227: godwitctl import and export: what is taken and what is not, twice and beside a running
server; there and back over both databases; files that are not what they should be."""
import base64
import contextlib
import json
import os
import re
import resource
import stat
import subprocess

from harness import *
from lib import database
from lib.client import PASSWORD
from lib.cluster import Cluster
from lib.server import SANITIZED, binary
from lib.tap import Skip

JULIET = """
<user name='Juliet' password='correct horse'>
 <query xmlns='jabber:iq:roster'>
  <item jid='Romeo@Example.NET' name='Romeo' subscription='both'><group>b</group><group>A&amp;B</group></item>
  <item jid='nurse@example.net' subscription='none' ask='subscribe' approved='true'/>
  <item jid='gone@example.net' subscription='remove'/>
 </query>
 <presence xmlns='jabber:client' type='subscribe' from='mercutio@example.net'><nick
  xmlns='http://jabber.org/protocol/nick'>Merc</nick></presence>
 <vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>
 <query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><nick>J</nick></exodus></query>
 <query xmlns='jabber:iq:privacy'><default name='mine'/><list name='mine'>
  <item type='jid' value='tybalt@example.net' action='deny' order='1'/><item action='allow' order='2'/></list>
 </query>
 <offline-messages>
  <message xmlns='jabber:client' from='romeo@example.net/orchard' to='juliet@example.org/balcony' type='chat'>
   <body>first</body><delay xmlns='urn:xmpp:delay' from='example.org' stamp='2020-07-21T00:32:29Z'/></message>
  <message xmlns='jabber:client' from='romeo@example.net/orchard'><body>second</body>
   <x xmlns='jabber:x:delay' stamp='20200721T00:32:30'/></message>
 </offline-messages>
</user>
"""


def data(*users, domain="example.org", head=""):
    return (f"<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>{head}"
            f"<host jid='{domain}'>{''.join(users)}</host></server-data>\n")


def save(server, name, text):
    path = server.path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def load(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run(server, *arguments, status=0, input=None):
    done = server.ctl(*arguments, check=False, input=input)
    if done.returncode != status:
        raise Failure(f"godwitctl {' '.join(arguments)} ended with {done.returncode}, not {status}:\n"
                      f"{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in: {text}")


def rows(server, table):
    return sorted(server.sql(f"SELECT * FROM {table}"), key=str)


TABLES = ("users", "roster_items", "roster_groups", "subscription_requests", "vcards", "private_xml",
          "blocked_jids", "last_activity", "offline_messages", "groups", "group_members",
          "group_viewers", "imports")


def everything(server):
    return {table: rows(server, table) for table in TABLES}


def export(server, name="export.xml", *arguments):
    path = server.path(name)
    if os.path.exists(path):
        os.unlink(path)
    run(server, "export", path, *arguments)
    return load(path)


def user_of(server, name):
    """What is exported of one account."""
    return re.search(f"<user name='{name}'>.*?</user>", export(server), re.DOTALL).group()


def named(*pairs):
    return "".join(f"<user name='{name}' password='{password}'/>" for name, password in pairs)


# ---- what is taken ----

@test("an import without --apply tells what it would do, and changes nothing")
def _(server):
    path = save(server, "dry.xml", data(JULIET.replace("Juliet'", "dry'", 1)))
    before = everything(server)
    told = run(server, "import", path)
    has(told, "accounts: 1 would be made", "contacts: 2 would be written", "messages: 2 would be",
        "--apply does it")
    if everything(server) != before:
        raise Failure("something was changed")


@test("--apply brings all of it: who it is can log in, and has what she had")
def _(server):
    told = run(server, "import", "--apply", save(server, "juliet.xml", data(JULIET)))
    has(told, "accounts: 1 made", "contacts: 2 written", "blocked addresses: 1 written")
    juliet = Account(server, "juliet", "example.org", "correct horse")
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
        juliet.login("town", mechanism=mechanism).end()
    client = juliet.login("balcony")
    roster = client.roster()
    if sorted(roster) != ["nurse@example.net", "romeo@example.net"]:
        raise Failure(f"the contacts are {sorted(roster)}")
    groups = sorted(group.text for group in roster["romeo@example.net"])
    if groups != ["A&B", "b"] or roster["romeo@example.net"].get("subscription") != "both":
        raise Failure(f"the contact has {roster['romeo@example.net'].attrib} in {groups}")
    if roster["nurse@example.net"].get("ask") != "subscribe":
        raise Failure("what was asked for is forgotten")
    client.available()
    client.expect("<presence type='subscribe' from='mercutio@example.net'>"
                  "<nick xmlns='http://jabber.org/protocol/nick'>Merc</nick></presence>")
    client.expect("<message from='romeo@example.net/orchard'><body>first</body>"
                  "<delay xmlns='urn:xmpp:delay' stamp='2020-07-21T00:32:29Z'/></message>")
    client.expect("<message from='romeo@example.net/orchard'><body>second</body></message>")
    client.get("<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>")
    answer = client.get("<vCard xmlns='vcard-temp'/>")
    if "Juliet Capulet" not in "".join(answer.itertext()):
        raise Failure("there is no vCard")
    answer = client.get("<blocklist xmlns='urn:xmpp:blocking'/>")
    if [item.get("jid") for item in answer[0]] != ["tybalt@example.net"]:
        raise Failure("nobody is blocked")


@test("SCRAM keys are taken as they are")
def _(server):
    maker = server.account("maker")
    keys = re.findall("<scram-credentials.*</scram-credentials>", user_of(server, maker.username))
    save(server, "keys.xml", data(f"<user name='taker'>{''.join(keys)}</user>"))
    run(server, "import", "--apply", server.path("keys.xml"))
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        Account(server, "taker", "example.org").login("town", mechanism=mechanism).end()
    # A password beside them makes what is missing, if it is the same.
    save(server, "keys.xml", data(f"<user name='half' password='{PASSWORD}'>{keys[0]}</user>",
                                  f"<user name='other' password='another'>{keys[0]}</user>"))
    has(run(server, "import", "--apply", server.path("keys.xml")),
        "skipped: other@example.org: password: it is not that of the SCRAM key")
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        Account(server, "half", "example.org").login("town", mechanism=mechanism).end()
    Account(server, "other", "example.org").login("town", mechanism="SCRAM-SHA-1").end()


def twice(element):
    """The same with each base64 encoded once more."""
    return re.sub("<(salt|server-key|stored-key)>(.*?)<", lambda found: f"<{found[1]}>"
                  + base64.b64encode(found[2].encode()).decode() + "<", element)


@test("files are taken as Prosody 0.12 and ejabberd 23.01 write them")
def _(server):
    maker = server.account("maker")
    one, other = re.findall("<scram-credentials.*</scram-credentials>", user_of(server, maker.username))
    save(server, "others.xml", data(
        f"<user name='prosody'>{one}<query xmlns='jabber:iq:roster' version='3'/>"
        "<presence from='mercutio@example.net' type='subscribe'/></user>",
        f"<user name='ejabberd'>{twice(one)}{twice(other)}</user>"))
    has(run(server, "import", "--apply", server.path("others.xml")), "2 made", "subscription requests: 1 written")
    Account(server, "prosody", "example.org").login("x", mechanism="SCRAM-SHA-1", presence=True).expect(
        "<presence type='subscribe' from='mercutio@example.net'/>")
    for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
        Account(server, "ejabberd", "example.org").login("x", mechanism=mechanism).end()


@test("what cannot be taken is skipped, a line for each, and the rest is taken")
def _(server):
    good = "<server-key>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</server-key><stored-key>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</stored-key>"
    scram = "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='{}'>{}</scram-credentials>"
    inside = (
        ("<query xmlns='jabber:iq:roster'><item jid='a b@example.org'/></query>", '"a b@example.org": this is not an address'),
        ("<query xmlns='jabber:iq:roster'><item jid='a@example.org/x'/></query>", "the address of one client"),
        ("<query xmlns='jabber:iq:roster'><item jid='full@example.org'/></query>", "the account itself"),
        ("<query xmlns='jabber:iq:roster'><item/></query>", 'contact "": this is not an address'),
        ("<query xmlns='jabber:iq:roster'><item jid='x@example.org' subscription='never'/></query>", '"never" is no subscription'),
        ("<query xmlns='jabber:iq:roster'><x xmlns='urn:x'/></query>", "<x xmlns='urn:x'/>: there is no place"),
        ("<presence xmlns='jabber:client' type='subscribed' from='x@example.org'/>", "subscription request of x@example.org"),
        ("<presence xmlns='jabber:client' type='subscribe'/>", 'subscription request "": this is not an address'),
        ("<query xmlns='jabber:iq:private'><x xmlns=''/></query>", "it has no namespace"),
        ("<vCard xmlns='vcard-temp'/><vCard xmlns='vcard-temp'/>", "more than one"),
        ("<query xmlns='jabber:iq:privacy'><list name='l'/></query>", 'privacy list "l": it is not the default'),
        ("<query xmlns='jabber:iq:privacy'><default name='l'/><list name='l'><item type='group' value='x' action='deny' order='1'/></list></query>", "1 of its rules"),
        ("<blocklist xmlns='urn:xmpp:blocking'><item jid='@'/></blocklist>", 'blocked address "@"'),
        ("<offline-messages><message xmlns='jabber:client' from='a b@x'/></offline-messages>", "the sender is not an address"),
        ("<offline-messages><message xmlns='jabber:client' from='a@x' type='groupchat'/></offline-messages>", "of its type"),
        ("<offline-messages><message/></offline-messages>", "there is no place for this"),
        ("<archive xmlns='urn:xmpp:pie:0#mam'><result xmlns='urn:xmpp:mam:2'>text<x/><![CDATA[y]]></result></archive>", "urn:xmpp:pie:0#mam"),
        ("<pubsub xmlns='http://jabber.org/protocol/pubsub'/>", "http://jabber.org/protocol/pubsub"),
        (scram.format("SCRAM-SHA-512", good), "SCRAM-SHA-512: that is not offered"),
        (scram.format("SCRAM-SHA-1", good + "<salt>AAAA</salt><iter-count>0</iter-count>"), "SCRAM-SHA-1: it is not one"),
        (scram.format("SCRAM-SHA-1", good + "<salt>A</salt><iter-count>4096</iter-count>"), "SCRAM-SHA-1: it is not one"),
        (scram.format("SCRAM-SHA-256", good + "<salt>AAAA</salt><iter-count>4096</iter-count>"), "SCRAM-SHA-256: it is not one"),
        ("<account xmlns='urn:godwit:export:0'><member group='none'/></account>", 'membership of "none"'),
    )
    told = run(server, "import", "--apply", save(server, "full.xml", data(
        "<user name='full'>", *(part for part, _ in inside), "</user>",
        "<user name='full of spaces'/>", "<user/>", f"<user name='{'x' * 1024}'/>",
        "<user name='bell' password='a&#x85;b'/>", "<user name='last' password='x'/>",
        "<y xmlns='urn:y'/>")))
    has(told, *(why for _, why in inside), "\"full of spaces@example.org\": this is not an address",
        "full@example.org: password: none is known", "forbidden characters", "<y xmlns='urn:y'/>",
        "accounts: 3 made, 0 changed, 0 as they are, 3 left out")
    if len(re.findall("^skipped: .*:", told, re.MULTILINE)) != len(inside) + 7:
        raise Failure(told)
    Account(server, "last", "example.org", "x").login().end()


@test("accounts of a domain that is not served are left out, with a line for the domain")
def _(server):
    path = save(server, "domain.xml", data("<user name='a'/><user name='b'/>", domain="example.com"))
    told = run(server, "import", "--apply", path)
    has(told, '"example.com" and all its accounts: this domain is not served here', "nothing to do")


@test("a domain that was inserted with SQL is served, too")
def _():
    with Server(workers=1) as server:
        path = save(server, "domain.xml", data(named(("early", "x")), domain="example.com"))
        has(run(server, "import", "--apply", path), "this domain is not served here")
        certificate, key = server.certificate("example.com")
        server.sql("INSERT INTO domains (domain, certificate, key) VALUES"
                   f" ('example.com', '{certificate}', '{key}')")
        has(run(server, "import", "--apply", path), "accounts: 1 made")


@test("the answer in JSON is one document, with all lines and sums")
def _(server):
    path = save(server, "json.xml", data("<user name='j\u00e4son' password='x'/><user name='&quot;'/>"))
    answer = server.ctl_json("import", path)
    if answer["ok"] is not True or answer["applied"] is not False or len(answer["skipped"]) != 1 \
            or answer["totals"]["accounts_made"] != 1 or answer["totals"]["accounts_left_out"] != 1:
        raise Failure(str(answer))
    if server.ctl_json("import", "--apply", path)["applied"] is not True:
        raise Failure("it says nothing was applied")
    if server.ctl_json("import", "--apply", path)["totals"]["accounts_same"] != 1:
        raise Failure("the second time is as the first")


# ---- twice, and over what is newer ----

@test("a second import changes nothing, says so, and brings nothing back")
def _(server):
    path = save(server, "twice.xml", data(JULIET.replace("Juliet'", "twice'", 1).replace("juliet@", "twice@")))
    run(server, "import", "--apply", path)
    before = everything(server)
    has(run(server, "import", "--apply", path), "accounts: 0 made, 0 changed, 1 as they are", "nothing to do")
    if everything(server) != before:
        raise Failure("something was changed")
    client = Account(server, "twice", "example.org", "correct horse").login("balcony", presence=True)
    client.expect("<message><body>first</body></message>")
    client.expect("<message><body>second</body></message>")
    client.set(f"<query xmlns='{NS.roster}'><item jid='nurse@example.net' subscription='remove'/></query>")
    client.sync()
    has(run(server, "import", "--apply", path), "nothing to do")
    client.expect_nothing("<message/>")
    if "nurse@example.net" in client.roster():
        raise Failure("who was removed is back")
    # When there is news in the file, what was read is still not brought again.
    third = load(path).replace("</offline-messages>", "<message xmlns='jabber:client' from='x@example.net'>"
                               "<body>third</body></message></offline-messages>")
    has(run(server, "import", "--apply", save(server, "thrice.xml", third)), "messages: 1 written",
        "accounts: 0 made, 1 changed")
    client.expect("<message><body>third</body></message>")
    client.expect_nothing("<message/>")


@test("what is newer here stays, with a line for it; --replace takes what the file has")
def _(server, newer):
    old, new = newer.password, "another one"
    inside = ("<query xmlns='jabber:iq:roster'><item jid='x@example.net' name='old' subscription='to'>"
              "<group>old</group></item></query><vCard xmlns='vcard-temp'><FN>old</FN></vCard>"
              "<query xmlns='jabber:iq:private'><p xmlns='urn:p'>old</p></query>")
    path = save(server, "newer.xml", data(f"<user name='{newer.username}' password='{new}'>{inside}</user>"))
    client = newer.login("here")
    client.roster_set("x@example.net", name="new", inside="<group>new</group>")
    client.set("<vCard xmlns='vcard-temp'><FN>new</FN></vCard>")
    client.set("<query xmlns='jabber:iq:private'><p xmlns='urn:p'>new</p></query>")
    told = run(server, "import", "--apply", path)
    has(told, f"skipped: {newer.jid}: password: there is another one here",
        f"skipped: {newer.jid}: contact x@example.net: there is another one here",
        f"skipped: {newer.jid}: vCard: there is", f"skipped: {newer.jid}: private element p: there is",
        "accounts: 0 made, 0 changed, 1 as they are")
    newer.login("still").end()
    if client.roster()["x@example.net"].get("name") != "new":
        raise Failure("the contact was changed")
    has(run(server, "import", "--replace", path), "0 would be made, 1 would be changed")
    has(run(server, "import", "--replace", "--apply", path), "accounts: 0 made, 1 changed")
    # Whoever had the password that is gone is out.
    client.expect_stream_error("not-authorized")
    client.expect_close()
    newer.password = new
    client = newer.login("here")
    item = client.roster()["x@example.net"]
    if item.get("name") != "old" or [group.text for group in item] != ["old"]:
        raise Failure("the contact was not changed")
    if "<FN>old</FN>" not in user_of(server, newer.username):
        raise Failure("the vCard was not changed")
    has(run(server, "import", "--replace", "--apply", path), "nothing to do")


@test("the same password under another salt is the same, and misses nothing")
def _(server, same):
    path = save(server, "same.xml", data(named((same.username, same.password))))
    has(run(server, "import", "--apply", path), "1 as they are", "nothing to do")


@test("messages of the same second come from two files, and none is lost")
def _(server):
    for body in ("one", "two"):
        path = save(server, "second.xml", data(
            "<user name='seconds' password='x'><offline-messages><message xmlns='jabber:client' from='romeo@example.net'>"
            f"<body>{body}</body><delay xmlns='urn:xmpp:delay' stamp='2020-07-21T00:32:29Z'/></message>"
            "</offline-messages></user>"))
        for words in ("messages: 1 written", "nothing to do"):
            has(run(server, "import", "--apply", path), words)
    kept = "".join(row[0] for row in server.sql("SELECT stanza FROM offline_messages WHERE username = 'seconds'"))
    has(kept, "<body>one</body>", "<body>two</body>")


@test("a name that is reserved since its account was deleted is left out")
def _(server):
    path = save(server, "reserved.xml", data(named(("reserved", "x"))))
    run(server, "import", "--apply", path)
    server.sql("DELETE FROM users WHERE username = 'reserved'")
    has(run(server, "import", "--apply", path), "reserved@example.org: account: one of this name was deleted",
        "table deleted_users", "1 left out")
    server.sql("DELETE FROM deleted_users WHERE username = 'reserved'")
    has(run(server, "import", "--apply", path), "1 made")


@contextlib.contextmanager
def refusal_of_vcards(server, part):
    """Meanwhile the database takes none that has this in it."""
    if database.FLAVOUR == "postgresql":
        server.sql(f"ALTER TABLE vcards ADD CONSTRAINT not_r CHECK (vcard !~ '{part}')")
    else:
        server.sql(f"CREATE TRIGGER not_r BEFORE INSERT ON vcards WHEN NEW.vcard LIKE '%{part}%'"
                   " BEGIN SELECT RAISE(ABORT, 'not_r'); END")
    try:
        yield
    finally:
        server.sql("ALTER TABLE vcards DROP CONSTRAINT not_r" if database.FLAVOUR == "postgresql"
                   else "DROP TRIGGER not_r")


@test("what the database refuses is said, and tried again the next time")
def _(server):
    name = "refused"
    path = save(server, "refused.xml", data(f"<user name='{name}' password='x'><vCard xmlns='vcard-temp'><FN>R</FN></vCard>"
                                            "</user>"))
    with refusal_of_vcards(server, "<FN>R<"):
        has(run(server, "import", "--apply", path, status=1), f"{name}@example.org: the database refuses it", "not_r")
    has(run(server, "import", "--apply", path), "vCards: 1 written", "1 changed")
    has(run(server, "import", "--apply", path), "nothing to do")


@test("the answer in JSON is that, whatever the file has in it, and says what went wrong")
def _(server):
    # Of a long name a part is told, which may end within a character.
    names = ("a" + "\u540d" * 400, "b" * 1025)
    for domain in ("\u540d" * 90, "a" + "\u540d" * 90, "ab" + "\u540d" * 90):
        path = save(server, b"\xff.xml".decode("utf-8", "surrogateescape"),
                    data(named(*((name, "x") for name in names))) [:-len("</server-data>\n")]
                    + f"<host jid='{domain}'/></server-data>")
        answer = json.loads(run(server, "import", "--json", path))
        if len(answer["skipped"]) != 3 or not answer["ok"]:
            raise Failure(str(answer))
    path = save(server, "bad.xml", data("<user name='json' password='x'><vCard xmlns='vcard-temp'><FN>J</FN></vCard></user>"))
    with refusal_of_vcards(server, "<FN>J<"):
        answer = json.loads(server.ctl("import", "--json", "--apply", path, check=False).stdout)
    if answer["ok"] or len(answer["skipped"]) != 1:
        raise Failure(str(answer))


# ---- beside a running server, and without one ----

@two_users("an import takes effect on who is online")
def _(server, romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony")
    for client in (r, j):
        client.roster()
        client.available()
    # What was changed before is dealt with when this is: what follows is the import's doing.
    for account, client in ((romeo, r), (juliet, j)):
        server.sql("INSERT INTO roster_items (domain, username, contact) VALUES"
                   f" ('{account.domain}', '{account.username}', 'settled@example.net')")
        client.expect_push("settled@example.net")
    r.message("late@example.org", id="early")
    r.expect("<message type='error' id='early'/>")
    item = ("<user name='{}'><query xmlns='jabber:iq:roster'><item jid='{}' subscription='both'/></query></user>")
    head = ("<group xmlns='urn:godwit:export:0' name='{0}' title='The {0}' visible-to='members'/>"
            .format(romeo.username))
    member = ("<user name='{}'><account xmlns='urn:godwit:export:0'><member group='{}'/></account></user>")
    run(server, "import", "--apply", save(server, "live.xml", data(
        item.format(romeo.username, juliet.jid), item.format(juliet.username, romeo.jid),
        named(("late", "x")))))
    r.expect_push(juliet.jid, subscription="both")
    j.expect_push(romeo.jid, subscription="both")
    r.expect(f"<presence from='{j.jid}'/>")
    j.expect(f"<presence from='{r.jid}'/>")
    late = Account(server, "late", "example.org", "x").login("x", presence=True)
    r.message("late@example.org", body="now")
    late.expect("<message><body>now</body></message>")
    late.end()
    run(server, "import", "--apply", save(server, "live.xml", data(
        head, member.format(romeo.username, romeo.username), member.format(juliet.username, romeo.username))))
    r.expect_push(juliet.jid, subscription="both", inside=f"<group>The {romeo.username}</group>")
    server.sql("DELETE FROM users WHERE username = 'late'")
    server.sql("DELETE FROM deleted_users WHERE username = 'late'")


@test("without a server, import and export work on the database alone")
def _():
    with Server(workers=1) as server:
        run(server, "import", "--apply", save(server, "a.xml", data(JULIET)))
        server.stop()
        has(run(server, "import", server.path("a.xml")), "nothing to do")
        run(server, "import", "--apply", save(server, "b.xml", data(named(("romeo", "x")))))
        if export(server).count("<user ") != 2:
            raise Failure("not both are exported")
        server.start()
        Account(server, "romeo", "example.org", "x").login().end()


# A database on PostgreSQL is made by its administrator.
@test("a dry run makes no database; --apply does", when=database.FLAVOUR == "sqlite")
def _():
    with Server(workers=1) as server:
        server.stop()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(server.database.path + suffix):
                os.unlink(server.database.path + suffix)
        path = save(server, "a.xml", data(named(("romeo", "x"))))
        has(run(server, "import", path, status=1), "start the server once")
        if os.path.exists(server.database.path):
            raise Failure("there is one")
        has(run(server, "import", "--apply", path), "1 made")


# ---- there and back ----

def other_flavour(server):
    """Gives the server, which was not started, a database of the other kind."""
    server.database.drop()
    if database.FLAVOUR == "postgresql":
        server.database = database.Sqlite(server.directory)
        return
    if "GODWIT_TEST_POSTGRESQL" not in os.environ:
        try:
            Cluster()
        except Failure as failure:
            raise Skip(str(failure)) from None
    server.database = database.Postgresql(server.directory)


RICH = data(
    JULIET, "<user name='zo\u00eb' password='p\u00e4ss'/>", "<user name='\u540d'/>",
    "<user name='d\\27artagnan'><account xmlns='urn:godwit:export:0' created='2020-01-02T03:04:05.678Z'"
    " disabled='true' disabled-until='2040-01-01T00:00:00Z'><last at='2021-01-01T00:00:00.5Z'>so &lt;long&gt;</last>"
    "<member group='musketeers'/><member group='\u540d'/></account>"
    "<vCard xmlns='vcard-temp'><NOTE> space \n\t&#13;&amp; line </NOTE><x:y xmlns:x='urn:x' a='&#10;' x:b='c'/></vCard>"
    "<query xmlns='jabber:iq:private'><a xmlns='urn:b'/><a xmlns='urn:a'/><A xmlns='urn:a'/></query></user>",
    head="").replace("<user", "<group xmlns='urn:godwit:export:0' name='musketeers' title='All for one'"
                     " visible-to='everybody'/><group xmlns='urn:godwit:export:0' name='\u540d' visible-to='nobody'/>"
                     "<group-viewer xmlns='urn:godwit:export:0' group='\u540d' viewer='musketeers'/><user", 1)


@test("export, import into an empty server, export: the same file, over both databases and back", timeout=90)
def _():
    with Server(workers=1) as one, Server(workers=1) as three:
        two = Server(workers=1)
        other_flavour(two)
        with two:
            run(one, "import", "--apply", save(one, "rich.xml", RICH))
            # An account whose things were made by clients, not by an import.
            tybalt = one.account("tybalt")
            client = tybalt.login("x")
            client.roster_set("juliet@example.org", name="J", inside="<group>x</group>")
            client.set("<query xmlns='jabber:iq:private'><p xmlns='urn:p'> x </p></query>")
            client.end()
            other = Account(one, "juliet", "example.org", "correct horse").login("y")
            other.message(tybalt.jid, body="later <&> \u540d", id="m1")
            other.send(f"<presence type='subscribe' to='{tybalt.jid}' id='s1'/>")
            other.sync()
            other.end()
            # The server writes when she was last here a moment later: not while one looks.
            one.stop()
            files = [export(one)]
            for source, server in ((one, two), (two, three)):
                run(server, "import", "--apply", source.path("export.xml"))
                server.stop()
                files.append(export(server))
            for index, file in enumerate(files[1:]):
                if file != files[0]:
                    raise Failure(f"the export after {index + 1} imports differs:\n{files[0]}\n{file}")
            has(files[0], "later &lt;&amp;&gt; \u540d", "id='s1'", "disabled-until='2040", "title='All for one'",
                "so &lt;long&gt;", "name='d\\27artagnan'", "<nick>J</nick>")
            # Its own file is no news to a server.
            has(run(one, "import", "--apply", one.path("export.xml")), "nothing to do")


@test("the file is for its owner alone, is not written over another, and one domain may be asked for")
def _(server):
    server.account("elsewhere", domain="example.net")
    path = server.path("mine.xml")
    has(run(server, "export", path, "EXAMPLE.net"), "exported 1 accounts")
    if stat.S_IMODE(os.stat(path).st_mode) != 0o600:
        raise Failure("others can read it")
    if "jid='example.org'" in load(path) or "elsewhere" not in load(path):
        raise Failure(load(path))
    has(run(server, "export", path, status=1), "File exists; remove it")
    if server.ctl("export", "-", "example.net").stdout != load(path):
        raise Failure("on standard output it is another one")
    has(run(server, "export", server.path("no/where"), status=1), "No such file")
    has(run(server, "export", server.path("x"), "a b", status=1), "is not a domain")
    if os.path.exists(server.path("x")):
        raise Failure("the file was made")


@test("many accounts: pages and windows meet their edges")
def _():
    with Server(workers=1) as server, Server(workers=1) as other:
        users = named(*((f"u{n:04}", "x") for n in range(3))) + "".join(
            f"<user name='v{n:04}'><query xmlns='jabber:iq:roster'>"
            + "".join(f"<item jid='c{m}@example.net'><group>g</group></item>" for m in range(n % 4))
            + "</query><offline-messages>" + "".join(
                f"<message xmlns='jabber:client' from='x@y' id='{m}'><body>{m}</body><delay xmlns='urn:xmpp:delay'"
                " stamp='2020-01-01T00:00:00Z'/></message>" for m in range(0 if n % 100 else 201))
            + "</offline-messages></user>" for n in range(401))
        told = run(server, "import", "--apply", save(server, "many.xml", data(users)))
        has(told, "accounts: 404 made", "messages: 1005 written")
        first = export(server)
        if first.count("<user ") != 404 or re.findall("<body>(.*?)</body>", first)[:201] != [str(m) for m in range(201)]:
            raise Failure("some are missing, or not in order")
        run(other, "import", "--apply", server.path("export.xml"))
        if export(other) != first:
            raise Failure("the copy differs")


# Under a sanitizer what is freed stays in quarantine.
@test("memory does not grow with the file", timeout=120, when=not SANITIZED)
def _(server):
    def peak(count):
        path = server.path("large.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>")
            for n in range(count):
                file.write(f"<user name='n{n}'><query xmlns='jabber:iq:roster'>" + "".join(
                    f"<item jid='contact-{m}@example.net' name='Contact {m}'><group>Friends</group></item>"
                    for m in range(20)) + "</query><archive xmlns='urn:xmpp:pie:0#mam'>"
                    + "<r>archived</r>" * 100 + "</archive></user>")
            file.write("</host></server-data>")
        process = subprocess.Popen([binary("godwitctl"), "--config", server.config, "import", path],
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise Failure(f"it ended with {status}")
        return usage.ru_maxrss

    few, many = peak(400), peak(8000)
    if many > few + 8192:
        raise Failure(f"{few} kB for 400 accounts, {many} kB for 8000")


@test("memory does not grow with an account that is too large", timeout=120, when=not SANITIZED)
def _(server):
    def peak(count):
        path = server.path("large.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'><user name='n'>"
                       "<query xmlns='jabber:iq:roster'>")
            file.writelines(f"<item jid='c{n}@example.net'/>" for n in range(count))
            file.write("</query></user></host></server-data>")
        process = subprocess.Popen([binary("godwitctl"), "--config", server.config, "import", "--max-account-bytes",
                                    "65536", path], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise Failure(f"it ended with {status}")
        return usage.ru_maxrss

    few, many = peak(2000), peak(1000000)
    if many > few + 8192:
        raise Failure(f"{few} kB for 2000 contacts, {many} kB for a million")


# ---- other shapes of the format ----

XI = "xmlns:xi='http://www.w3.org/2001/XInclude'"


@test("files in files (XInclude) are read in their place")
def _(server):
    save(server, "split/example.org.xml", f"<host xmlns='urn:xmpp:pie:0' {XI} jid='example.org'>"
         "<xi:include href='example.org/split%201.xml'/><user name='split2' password='x'/></host>")
    save(server, "split/example.org/split 1.xml", "\ufeff<?xml version='1.0'?>\n<user xmlns='urn:xmpp:pie:0'"
         " name='split1' password='x'><vCard xmlns='vcard-temp'><FN>S</FN></vCard></user>\n")
    save(server, "split/example.com.xml", "<host xmlns='urn:xmpp:pie:0' jid='example.com'><user name='x'/></host>")
    main = save(server, "split/main.xml", f"<server-data xmlns='urn:xmpp:pie:0' {XI}>"
                "<xi:include href='example.org.xml'/><xi:include href='example.com.xml'/></server-data>")
    told = run(server, "import", "--apply", main)
    has(told, "accounts: 2 made", "vCards: 1 written", '"example.com" and all its accounts')
    # What clients have stored is theirs, whatever it looks like.
    run(server, "import", "--apply", save(server, "private.xml", data(
        f"<user name='sly'><query xmlns='jabber:iq:private'><a xmlns='urn:a' {XI}><xi:include href='/etc/passwd'/>"
        "</a></query></user>")))
    has(user_of(server, "sly"), "<include xmlns='http://www.w3.org/2001/XInclude' href='/etc/passwd'/>")


@test("files in files that lead elsewhere are refused")
def _(server):
    save(server, "way/out.xml", data(named(("out", "x"))))
    for href in ("/etc/passwd", "../way/out.xml", "x/../../way/out.xml", "%2e%2e/way/out.xml", "..",
                 "http://example.org/x.xml", "file:out.xml", "", "%2Fetc/passwd"):
        told = run(server, "import", save(server, "in/main.xml", f"<server-data xmlns='urn:xmpp:pie:0' {XI}>\n"
                   f"<xi:include href='{href}'/></server-data>"), status=1)
        has(told, "main.xml:2:", "cannot be included")
    os.symlink("../way", server.path("in/folder"))
    os.symlink("../way/out.xml", server.path("in/link.xml"))
    save(server, "in-side/out.xml", load(server.path("way/out.xml")))
    os.symlink("../in-side/out.xml", server.path("in/beside.xml"))
    save(server, "in/deep/host.xml", f"<host xmlns='urn:xmpp:pie:0' jid='example.org'>{named(('in', 'x'))}</host>")
    os.symlink("deep/host.xml", server.path("in/within.xml"))
    for href in ("folder/out.xml", "link.xml", "beside.xml", "within.xml"):
        told = run(server, "import", save(server, "in/main.xml", f"<server-data xmlns='urn:xmpp:pie:0' {XI}>\n"
                   f"<xi:include href='{href}'/></server-data>"), status=int(href != "within.xml"))
        has(told, "accounts: 1 would be made" if href == "within.xml" else "cannot be included")
    for inside in (f"<xi:include {XI} href='main.xml'/>", f"<xi:include {XI} parse='text' href='x.xml'/>",
                   f"<xi:include {XI} href='none.xml'/>"):
        told = run(server, "import", save(server, "in/main.xml",
                   f"<server-data xmlns='urn:xmpp:pie:0'>{inside}</server-data>"), status=1)
        has(told, "xml")
    # A file that includes itself comes to an end.
    path = save(server, "in/example.org.xml", f"<host xmlns='urn:xmpp:pie:0' {XI} jid='example.org'>"
                "<xi:include href='example.org.xml'/></host>")
    has(run(server, "import", save(server, "in/main.xml", f"<server-data xmlns='urn:xmpp:pie:0' {XI}>"
            "<xi:include href='example.org.xml'/></server-data>"), status=1), path, "is not what a file of XEP-0227")


@test("a folder is read file by file, and standard input is one")
def _(server):
    for name in ("one", "two"):
        save(server, f"folder/{name}@example.org.xml", data(named((name, "x"))))
    save(server, "folder/readme.txt", "no XML")
    has(run(server, "import", "--apply", server.path("folder")), "accounts: 2 made")
    has(run(server, "import", "--apply", "-", input=data(named(("three", "x")))), "accounts: 1 made")
    has(run(server, "import", save(server, "x.xml", data(named(("four", "x")))), server.path("folder")),
        "accounts: 1 would be made, 0 would be changed, 2 as they are")


# ---- files that are not what they should be ----

BOMB = ("<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaaaaaaaaaaaa'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1 if n else str()};' * 10}'>" for n in range(9)) + "]>")


@test("hostile and broken files are refused with the place and what to do")
def _(server):
    whole = data(named(("first", "x")), "\n", named(("second", "x")))
    head = "<server-data xmlns='urn:xmpp:pie:0'>\n<host jid='example.org'>\n"
    large = "<vCard xmlns='vcard-temp'><FN>" + "x" * 70000 + "</FN></vCard>"
    cases = (
        ("", "not whole"), ("   ", "not whole"), ("text", "not well-formed"), ("\0\0\0", "not well-formed"),
        (whole.encode("utf-16"), "not well-formed"), ("<?xml version='1.1'?><x/>", "version other than 1.0"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><x/>", "with iconv"),
        (data("<user name='x'>\xff</user>").encode("latin-1"), "not well-formed"),
        ("<x/>", "is not what a file of XEP-0227 begins with"),
        ("<server-data/>", "is not what a file of XEP-0227 begins with"),
        ("<user xmlns='urn:xmpp:pie:0' name='x'/>", "is not what a file of XEP-0227 begins with"),
        (BOMB + "<server-data xmlns='urn:xmpp:pie:0'>&a8;</server-data>", "a document type or an entity"),
        (head + "<user name='&a;'/>", ":3: a document type or an entity"),
        (head + "<user name='x'>\n<vCard xmlns='vcard-temp'>&x;", ":4: a document type or an entity"),
        (head + "<user name='x'>text</user>", ":3: it is not well-formed"),
        (head + "<user name='x'></host>", ":3: it is not well-formed"),
        (head + "<p:user/>", ":3: a prefix that is not declared"),
        (head + "<" + "u" * 5000 + "/>", "larger than"),
        (head + f"<user {' '.join(f'a{n}=' + chr(39) * 2 for n in range(70))}/>", "larger than"),
        (head + f"<user name='{'x' * 70000}'/>", "larger than"),
        (head + "<user name='x'><q xmlns='urn:q'>" + "<d>" * 200, "larger than"),
        (head + "<user name='x'><vCard xmlns='vcard-temp'>" + "<d>" * 200, "larger than"),
        (head + f"<user name='x'>{large}", "larger than --max-account-bytes"),
        (whole[:-30], "not whole"), (whole[:len(whole) // 2], "not whole"),
    )
    for content, why in cases:
        path = save(server, "hostile.xml", content)
        has(run(server, "import", "--max-account-bytes", "65536", path, status=1), why, "hostile.xml:")
    has(run(server, "import", server.path("none.xml"), status=1), "none.xml: No such file")
    has(run(server, "import", server.path("."), "--max-account-bytes", "1", status=2), "between 65536")


@test("an account that is too large is left out, with a line, and no other")
def _(server):
    item = "<query xmlns='urn:{}'>" + "x" * 30000 + "</query>"
    big = "<user name='big'><query xmlns='jabber:iq:private'>" + item.format("a") + "</query>" + "".join(
        f"<query xmlns='jabber:iq:private'>{item.format(n)}</query>" for n in range(4)) + "</user>"
    told = run(server, "import", "--apply", "--max-account-bytes", "65536",
               save(server, "big.xml", data(big, named(("small", "x")))))
    has(told, "skipped: big@example.org: account: it has more than 65536 bytes; raise --max-account-bytes",
        "accounts: 1 made, 0 changed, 0 as they are, 1 left out")
    has(run(server, "import", "--apply", server.path("big.xml")), "accounts: 1 made", "1 as they are")


@test("what is in a file cannot write anything but text to a terminal")
def _(server):
    told = run(server, "import", save(server, "escape.xml", data("<user name='a&#x9b;b&#10;c&#x7f;'/>")))
    if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", told) or len(told.split("skipped: ")) != 3:
        raise Failure(repr(told))


@test("options that a command does not take are refused")
def _(server):
    has(run(server, "status", "--apply", status=2), '"status" takes no --apply')
    has(run(server, "export", "x", "--replace", status=2), '"export" takes no --replace')
    has(run(server, "import", status=2), "usage: godwitctl import")


main()
