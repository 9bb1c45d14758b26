#!/usr/bin/python3
"""godwitctl import openfire: accounts straight out of the database of an Openfire."""
import base64
import hashlib
import hmac
import os
import subprocess
import urllib.parse

from harness import *
from lib import database
from lib.blowfish import openfire_encrypt
from lib.client import PASSWORD
from lib.cluster import Cluster
from lib.tap import Skip

# The tables that an Openfire 4 has on PostgreSQL, as far as they are read: names, columns, types.
KEYS = "storedKey VARCHAR(32), serverKey VARCHAR(32), salt VARCHAR(32), iterations INTEGER,"
TABLES = """
CREATE TABLE ofUser (username VARCHAR(64) PRIMARY KEY, {keys} plainPassword VARCHAR(32),
 encryptedPassword VARCHAR(255), name VARCHAR(100), email VARCHAR(100), creationDate CHAR(15) NOT NULL,
 modificationDate CHAR(15) NOT NULL);
CREATE TABLE ofUserFlag (username VARCHAR(64) NOT NULL, name VARCHAR(100) NOT NULL, startTime CHAR(15),
 endTime CHAR(15), PRIMARY KEY (username, name));
CREATE TABLE ofOffline (username VARCHAR(64) NOT NULL, messageID INTEGER NOT NULL, creationDate CHAR(15) NOT NULL,
 messageSize INTEGER NOT NULL, stanza TEXT NOT NULL, PRIMARY KEY (username, messageID));
CREATE TABLE ofPresence (username VARCHAR(64) PRIMARY KEY, offlinePresence TEXT, offlineDate VARCHAR(15) NOT NULL);
CREATE TABLE ofRoster (rosterID INTEGER PRIMARY KEY, username VARCHAR(64) NOT NULL, jid VARCHAR(1024) NOT NULL,
 sub INTEGER NOT NULL, ask INTEGER NOT NULL, recv INTEGER NOT NULL, nick VARCHAR(255), stanza TEXT);
CREATE TABLE ofRosterGroups (rosterID INTEGER NOT NULL, rank INTEGER NOT NULL, groupName VARCHAR(255) NOT NULL,
 PRIMARY KEY (rosterID, rank));
CREATE TABLE ofVCard (username VARCHAR(64) PRIMARY KEY, vcard TEXT NOT NULL);
CREATE TABLE ofGroup (groupName VARCHAR(50) PRIMARY KEY, description VARCHAR(255));
CREATE TABLE ofGroupProp (groupName VARCHAR(50) NOT NULL, name VARCHAR(100) NOT NULL, propValue TEXT NOT NULL,
 PRIMARY KEY (groupName, name));
CREATE TABLE ofGroupUser (groupName VARCHAR(50) NOT NULL, username VARCHAR(100) NOT NULL,
 administrator INTEGER NOT NULL, PRIMARY KEY (groupName, username, administrator));
CREATE TABLE ofProperty (name VARCHAR(100) PRIMARY KEY, propValue VARCHAR(4000) NOT NULL, encrypted INTEGER,
 iv CHAR(24));
CREATE TABLE ofPrivacyList (username VARCHAR(64) NOT NULL, name VARCHAR(100) NOT NULL, isDefault INTEGER NOT NULL,
 list TEXT NOT NULL, PRIMARY KEY (username, name));
"""
# What later versions have instead.
SCRAM = """
CREATE TABLE ofUserScram (username VARCHAR(64) NOT NULL, mechanism VARCHAR(32) NOT NULL, storedKey VARCHAR(255),
 serverKey VARCHAR(255), salt VARCHAR(255), iterations INTEGER NOT NULL, PRIMARY KEY (username, mechanism));
"""
PRIVATE = """
CREATE TABLE ofPrivate (username VARCHAR(64) NOT NULL, name VARCHAR(100) NOT NULL, namespace VARCHAR(200) NOT NULL,
 privateData TEXT NOT NULL, PRIMARY KEY (username, name, namespace));
"""
ITEMS = """
CREATE TABLE ofPubsubNode (serviceID VARCHAR(100) NOT NULL, nodeID VARCHAR(100) NOT NULL,
 accessModel VARCHAR(10) NOT NULL, PRIMARY KEY (serviceID, nodeID));
CREATE TABLE ofPubsubItem (serviceID VARCHAR(100) NOT NULL, nodeID VARCHAR(100) NOT NULL, id VARCHAR(100) NOT NULL,
 jid VARCHAR(1024) NOT NULL, creationDate CHAR(15) NOT NULL, payload TEXT, PRIMARY KEY (serviceID, nodeID, id));
"""
PASSWORD_KEY = "m0re than a word"
CREATED = "001577836800000"  # 2020-01-01


def literal(value):
    return database.literal(value)


class Openfire:
    """A database as an Openfire leaves it behind."""

    made = 0

    def __init__(self, *, schema=TABLES.format(keys=KEYS) + PRIVATE, domain="example.org", key=PASSWORD_KEY):
        if "GODWIT_TEST_POSTGRESQL" not in os.environ:
            try:
                Cluster()
            except Failure as failure:
                raise Skip(str(failure)) from None
        Openfire.made += 1
        self.admin = os.environ["GODWIT_TEST_POSTGRESQL"]
        self.name = f"openfire_{os.getpid()}_{Openfire.made}"
        parts = urllib.parse.urlsplit(self.admin)
        self.uri = parts._replace(path="/" + self.name).geturl()
        self._psql(self.admin, f"CREATE DATABASE {self.name} TEMPLATE template0 ENCODING 'UTF8'")
        self.run(schema)
        for name, value in (("xmpp.domain", domain), ("passwordKey", key)):
            if value is not None:
                self.run(f"INSERT INTO ofProperty (name, propValue) VALUES ({literal(name)}, {literal(value)})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._psql(self.admin, f"DROP DATABASE {self.name} WITH (FORCE)")

    @staticmethod
    def _psql(uri, statements):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri, "-f", "-"], input=statements,
                       text=True, check=True, capture_output=True)

    def run(self, statements):
        self._psql(self.uri, statements)

    def insert(self, table, **row):
        self.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})")

    def user(self, username, **row):
        self.insert("ofUser", username=username, creationDate=CREATED, modificationDate=CREATED, **row)

    def contact(self, number, username, jid, sub=3, ask=-1, recv=-1, groups=(), **row):
        self.insert("ofRoster", rosterID=number, username=username, jid=jid, sub=sub, ask=ask, recv=recv, **row)
        for rank, group in enumerate(groups):
            self.insert("ofRosterGroups", rosterID=number, rank=rank, groupName=group)

    def group(self, name, **properties):
        self.insert("ofGroup", groupName=name, description="of ours")
        for key, value in properties.items():
            self.insert("ofGroupProp", groupName=name, name="sharedRoster." + key, propValue=value)


def scram(password, digest="sha1", iterations=4096):
    """The columns of a key."""
    salt = os.urandom(24)
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)
    client = hmac.digest(salted, b"Client Key", digest)
    encode = lambda raw: base64.b64encode(raw).decode()
    return {"salt": encode(salt), "iterations": iterations,
            "storedKey": encode(hashlib.new(digest, client).digest()),
            "serverKey": encode(hmac.digest(salted, b"Server Key", digest))}


def run(server, *arguments, status=0):
    done = server.ctl("import", "openfire", *arguments, check=False)
    if done.returncode != status:
        raise Failure(f"it ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in: {text}")


def lacks(text, *parts):
    for part in parts:
        if part in text:
            raise Failure(f"{part!r} is in: {text}")


def logs_in(server, username, password, *mechanisms):
    for mechanism in mechanisms:
        Account(server, username, "example.org", password).login("x", mechanism=mechanism).end()


@test("accounts with their keys, contacts, vCards, private XML, blocks and messages")
def _(server):
    with Openfire() as old:
        old.user("juliet", name="Juliet", **scram("balcony"))
        old.contact(1, "juliet", "romeo@example.net", nick="Romeo & Co", groups=("Lovers", "A"))
        old.contact(2, "juliet", "nurse@example.net", sub=0, ask=0)
        old.contact(3, "juliet", "gone@example.net", sub=-1)
        old.contact(4, "juliet", "mercutio@example.net", sub=0, recv=1,
                    stanza="<presence type=\"subscribe\" to=\"juliet@example.org\" from=\"mercutio@example.net\">"
                           "<status>hi</status></presence>")
        old.contact(5, "juliet", "benvolio@example.net", sub=1, recv=1, nick="Ben")
        old.contact(6, "nobody", "romeo@example.net")
        old.contact(7, "julia", "romeo@example.net")
        old.insert("ofVCard", username="juliet", vcard="<vCard xmlns=\"vcard-temp\"><FN>Juliet C.</FN></vCard>")
        old.insert("ofPrivate", username="juliet", name="storage", namespace="storage:bookmarks",
                   privateData="<storage xmlns=\"storage:bookmarks\"><conference jid=\"r@c\"/></storage>")
        old.insert("ofPrivacyList", username="juliet", name="mine", isDefault=1,
                   list="<list name=\"mine\"><item type=\"jid\" value=\"tybalt@example.net\" action=\"deny\" order=\"1\"/></list>")
        old.insert("ofPrivacyList", username="juliet", name="other", isDefault=0,
                   list="<list xmlns=\"jabber:iq:privacy\" name=\"other\"/>")
        for number, body in ((2, "second"), (1, "first")):
            old.insert("ofOffline", username="juliet", messageID=10 - number, messageSize=99,
                       creationDate=f"00157783680{number}000",
                       stanza=f"<message from=\"romeo@example.net/x\" to=\"juliet@example.org\" type=\"chat\"><body>{body}</body></message>")
        old.insert("ofPresence", username="juliet", offlineDate=CREATED,
                   offlinePresence="<presence type=\"unavailable\"><status>Asleep</status></presence>")
        told = run(server, old.uri)
        has(told, "accounts: 1 would be made", "contacts: 3 would be", "subscription requests: 2",
            'privacy list "other"', "skipped: ofUser: 2 accounts that have contacts are not in this table", "dry run")
        has(run(server, "--apply", old.uri), "accounts: 1 made")
        has(run(server, "--apply", old.uri), "nothing to do")
    if server.sql("SELECT status FROM last_activity WHERE username = 'juliet'") != [("Asleep",)]:
        raise Failure("when she was last here is forgotten")
    logs_in(server, "juliet", "balcony", "SCRAM-SHA-1")
    client = Account(server, "juliet", "example.org", "balcony").login("x", mechanism="SCRAM-SHA-1")
    roster = client.roster()
    if sorted(roster) != ["benvolio@example.net", "nurse@example.net", "romeo@example.net"]:
        raise Failure(f"the contacts are {sorted(roster)}")
    romeo = roster["romeo@example.net"]
    if (romeo.get("name"), romeo.get("subscription"), sorted(group.text for group in romeo)) \
            != ("Romeo & Co", "both", ["A", "Lovers"]):
        raise Failure(f"he is {romeo.attrib}")
    if roster["nurse@example.net"].get("ask") != "subscribe" or roster["benvolio@example.net"].get("subscription") != "to":
        raise Failure("subscriptions are not as they were")
    client.available()
    client.expect("<presence type='subscribe' from='mercutio@example.net'><status>hi</status></presence>")
    client.expect("<presence type='subscribe' from='benvolio@example.net'/>")
    for number, body in ((1, "first"), (2, "second")):
        client.expect(f"<message from='romeo@example.net/x'><body>{body}</body>"
                      f"<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:0{number}.000Z'/></message>")
    if [item.get("jid") for item in client.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]] != ["tybalt@example.net"]:
        raise Failure("nobody is blocked")
    export = server.ctl("export", "-").stdout
    has(export, "<FN>Juliet C.</FN>", "<storage xmlns='storage:bookmarks'><conference jid='r@c'/></storage>",
        "created='2020-01-01T00:00:00.000Z'")


@test("passwords: plain, encrypted, and what cannot be decrypted")
def _(server):
    with Openfire() as old:
        old.user("plain", plainPassword="in the clear")
        old.user("closed", encryptedPassword=openfire_encrypt(PASSWORD_KEY, "p\u00e4ss \U0001f426 \u540d"))
        old.user("both", encryptedPassword=openfire_encrypt(PASSWORD_KEY, "twofold"), **scram("twofold"))
        old.user("stale", encryptedPassword=openfire_encrypt(PASSWORD_KEY, "old"), **scram("fresh"))
        old.user("wrong", encryptedPassword=openfire_encrypt("another key", "x"), **scram("known"))
        for number, bad in enumerate(("zz" * 16, "00" * 8, "00" * 12, "0", "00" * 40)):
            old.user(f"bad{number}", encryptedPassword=bad)
        for number, padding in enumerate((b"\1\2\3\4", b"\4\4\0\4", b"\0\0\0\0", b"\3\3\3\3")):
            old.user(f"padded{number}", encryptedPassword=openfire_encrypt(PASSWORD_KEY, "ab", padding))
        old.user("none")
        old.user("halfkey", storedKey="AAAA", serverKey="AAAA", salt="AAAA", iterations=4096)
        told = run(server, "--apply", old.uri)
    has(told, "accounts: 16 made", "stale@example.org: password: it is not that of the SCRAM key",
        "wrong@example.org: encrypted password: it cannot be decrypted", "halfkey@example.org: key for SCRAM-SHA-1: it is not one",
        "none@example.org: password: none is known", *(f"bad{n}@example.org: encrypted password" for n in range(5)),
        *(f"padded{n}@example.org: encrypted password" for n in range(4)))
    logs_in(server, "plain", "in the clear", "SCRAM-SHA-1", "SCRAM-SHA-256")
    logs_in(server, "closed", "p\u00e4ss \U0001f426 \u540d", "SCRAM-SHA-1", "SCRAM-SHA-256")
    logs_in(server, "both", "twofold", "SCRAM-SHA-1", "SCRAM-SHA-256")
    logs_in(server, "stale", "fresh", "SCRAM-SHA-1")
    logs_in(server, "wrong", "known", "SCRAM-SHA-1")
    with Openfire(key=None) as old:
        old.user("keyless", encryptedPassword=openfire_encrypt(PASSWORD_KEY, "x"), **scram("known"))
        has(run(server, "--apply", old.uri), "keyless@example.org: encrypted password")
    logs_in(server, "keyless", "known", "SCRAM-SHA-1")


@test("later versions keep keys in a table of their own, and private XML among what is published")
def _(server):
    with Openfire(schema=TABLES.format(keys="") + SCRAM + ITEMS) as old:
        old.user("modern")
        old.insert("ofUserScram", username="modern", mechanism="SCRAM-SHA-1", **scram("new"))
        old.insert("ofUserScram", username="modern", mechanism="SCRAM-SHA-256", **scram("new", "sha256"))
        old.insert("ofUserScram", username="modern", mechanism="SCRAM-SHA-512", **scram("new", "sha512"))
        for node, access, item, payload in (
                ("storage:bookmarks", "whitelist", "current", "<storage xmlns='storage:bookmarks'/>"),
                ("broken", "whitelist", "current", "<storage"),
                ("urn:xmpp:avatar:data", "presence", "x", "<data xmlns='urn:xmpp:avatar:data'/>")):
            old.insert("ofPubsubNode", serviceID="modern@example.org", nodeID=node, accessModel=access)
            old.insert("ofPubsubItem", serviceID="modern@example.org", nodeID=node, id=item, jid="x", creationDate=CREATED,
                       payload=payload)
        told = run(server, "--apply", old.uri)
    has(told, "modern@example.org: key for SCRAM-SHA-512: that is not offered here", "private elements: 1 written",
        "modern@example.org: private element: it is not well-formed", "1 published items of urn:xmpp:avatar:data")
    logs_in(server, "modern", "new", "SCRAM-SHA-1", "SCRAM-SHA-256")


@test("shared groups: titles, who sees them, members")
def _(server):
    with Openfire() as old:
        for name in ("chief", "clerk", "guest"):
            old.user(name, **scram(PASSWORD))
        old.group("Managers", displayName="The managers", showInRoster="onlyGroup", groupList="Clerks, Managers,Nobody")
        old.group("Clerks", displayName="", showInRoster="everybody")
        old.group("Private", displayName="P", showInRoster="nobody")
        old.group("Plain")
        for group, member, administrator in (("Managers", "chief", 1), ("Managers", "chief", 0), ("Clerks", "clerk", 0),
                                             ("Private", "guest", 0), ("Clerks", "far@example.net", 0), ("Plain", "who", 0)):
            old.insert("ofGroupUser", groupName=group, username=member, administrator=administrator)
        told = run(server, old.uri)
        has(told, "groups: 4 would be written", "group memberships: 3 would be",
            'skipped: group Managers: group "Managers", to be seen by "Nobody": there is no such group',
            "skipped: group Clerks: member far@example.net", "skipped: group Plain: member who: ")
        guest = Account(server, "guest", "example.org")
        run(server, "--apply", old.uri)
        has(run(server, "--apply", old.uri), "nothing to do")
        client = Account(server, "clerk", "example.org", PASSWORD).login("x", mechanism="SCRAM-SHA-1")
        item = client.roster().get("chief@example.org")
        if item is None or [group.text for group in item] != ["The managers"]:
            raise Failure("a clerk does not see the chief")
        client = guest.login("x", mechanism="SCRAM-SHA-1")
        roster = client.roster()
        if sorted(roster) != ["clerk@example.org"] or [group.text for group in roster["clerk@example.org"]] != ["Clerks"]:
            raise Failure(f"a guest sees {sorted(roster)}")
        # Who joins is on the lists of who is online.
        old.insert("ofGroupUser", groupName="Clerks", username="chief", administrator=0)
        run(server, "--apply", old.uri)
        client.expect_push("chief@example.org", subscription="to", inside="<group>Clerks</group>")
    server.sql("DELETE FROM groups")


@test("names: escaped ones stay, what needs it is escaped, others are skipped")
def _(server):
    with Openfire() as old:
        for name in ("d\\27artagnan", "joe smith", "a@b", "Upper", "\u540d", "bell\x07"):
            old.user(name, plainPassword="x")
        old.contact(1, "joe smith", "d\\27artagnan@example.org")
        told = run(server, "--apply", old.uri)
    has(told, 'account "bell?@example.org": this is not an address', "accounts: 5 made", "contacts: 1 written")
    for name in ("d\\27artagnan", "joe\\20smith", "a\\40b", "upper", "\u540d"):
        logs_in(server, name, "x", "SCRAM-SHA-256")


@test("who is locked out stays out")
def _(server):
    with Openfire() as old:
        for name, start, end in (("forever", None, None), ("until", CREATED, "002208988800000"),
                                 ("later", "002208988800000", None)):
            old.user(name, plainPassword="x")
            old.insert("ofUserFlag", username=name, name="lockout", startTime=start, endTime=end)
        run(server, "--apply", old.uri)
    for name in ("forever", "until"):
        connection = Account(server, name, "example.org").connect()
        check_sasl_failure(connection.sasl("PLAIN", name, "x"), "account-disabled")
        connection.close()
    logs_in(server, "later", "x", "SCRAM-SHA-1")
    if server.sql("SELECT disabled_until FROM users WHERE username = 'until'") != [("2208988800000000",)]:
        raise Failure("not until then")


@test("rows that hold no XML have a line each")
def _(server):
    with Openfire() as old:
        old.user("odd", plainPassword="x")
        old.contact(1, "odd", "not an address")
        old.contact(2, "odd", "x@example.net", sub=9)
        old.contact(3, "odd", "y@example.net", sub=0, recv=1, stanza="<presence")
        old.insert("ofVCard", username="odd", vcard="<x/>")
        old.insert("ofPrivate", username="odd", name="n", namespace="s", privateData="</x><y>")
        old.insert("ofPrivacyList", username="odd", name="l", isDefault=1, list="&x;")
        old.insert("ofOffline", username="odd", messageID=1, creationDate="x", messageSize=1, stanza="<message from='a b'/>")
        old.insert("ofOffline", username="odd", messageID=2, creationDate="x", messageSize=1, stanza="<message>\x08</message>")
        told = run(server, "--apply", old.uri)
    has(told, 'contact "not an address": this is not', '"9" is no subscription', "vCard: it is not one",
        "private element: it is not well-formed", "privacy list: it is not one", "the sender is not an address",
        "message: it is not well-formed", "subscription requests: 1 written")


@test("more accounts than a page has")
def _(server):
    with Openfire() as old:
        old.run("INSERT INTO ofUser (username, plainPassword, creationDate, modificationDate)"
                f" SELECT 'page' || n, 'x', '{CREATED}', '{CREATED}' FROM generate_series(1, 250) AS n;"
                "INSERT INTO ofRoster (rosterID, username, jid, sub, ask, recv) SELECT n, 'page' || n,"
                " 'x' || n || '@example.net', 3, -1, -1 FROM generate_series(-5, 250) AS n;"
                # Between them some that are no accounts.
                "INSERT INTO ofRoster (rosterID, username, jid, sub, ask, recv) SELECT 1000 + n, 'page' || n || 'a',"
                " 'y@example.net', 3, -1, -1 FROM generate_series(1, 250, 20) AS n")
        has(run(server, "--apply", old.uri), "accounts: 250 made", "contacts: 250 written")
    if server.sql("SELECT count(*) FROM roster_items WHERE username LIKE 'page%' AND contact = 'x' || substr(username, 5) || '@example.net'") \
            != [("250",)]:
        raise Failure("contacts are not their owners'")


@test("what is no Openfire, not its domain, or not PostgreSQL")
def _(server):
    with Openfire(domain=None) as old:
        has(run(server, old.uri, status=1), "give the domain with --domain")
        old.user("given", plainPassword="x")
        has(run(server, "--domain", "Example.NET", "--apply", old.uri), "accounts: 1 made")
        has(run(server, "--domain", "example.com", old.uri, status=1), "this domain is not served here")
        if server.sql("SELECT domain FROM users WHERE username = 'given'") != [("example.net",)]:
            raise Failure("on another domain")
        old.run("DROP TABLE ofVCard")
        has(run(server, "--domain", "example.net", old.uri, status=1), "Openfire's database: ERROR", "ofvcard")
    with Openfire(schema="CREATE TABLE ofProperty (name TEXT, propValue TEXT)") as old:
        has(run(server, old.uri, status=1), "there is no table ofUser")
        wrong = old.uri.replace("://godwit:", "://godwit:x")
    told = run(server, wrong, status=1)
    has(told, "Openfire's database: postgresql://godwit@")
    lacks(told, urllib.parse.urlsplit(wrong).password)
    has(run(server, "mysql://root:secret@localhost/openfire", status=1), "only PostgreSQL can be read")
    has(server.ctl("import", "openfire", check=False).stderr, "usage: godwitctl import openfire URI")


main()
