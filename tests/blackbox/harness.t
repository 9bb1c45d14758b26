#!/usr/bin/python3
"""The harness itself: XML, templates, SCRAM and homes, without a server."""
import tempfile

from harness import *
from lib.database import FLAVOUR, fresh
from lib.element import StreamParser
from lib.home import fnv1a, mix


def same(found, expected):
    if found != expected:
        raise Failure(f"found {found!r}, expected {expected!r}")


@test("stream parser: the same events at any split")
def _():
    stream = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='x' "
              "xmlns:stream='http://etherx.jabber.org/streams'>"
              " <message><body>h\u00e9 &amp; \U0001f426</body>tail</message>\n<presence/>"
              "</stream:stream>").encode()
    for split in range(len(stream)):
        parser = StreamParser()
        events = parser.feed(stream[:split]) + parser.feed(stream[split:])
        same([kind for kind, _ in events], ["open", "element", "element", "close"])
        same(events[0][1].get("id"), "x")
        same(text(events[1][1], "body"), "h\u00e9 & \U0001f426")
        same(events[2][1].tag, "{jabber:client}presence")


@test("stream parser: an element is reported with its last byte, also a long one in pieces")
def _():
    parser = StreamParser()
    parser.feed(b"<stream:stream xmlns='jabber:client' xmlns:stream='s'>")
    whole = b"<message id='" + b"x" * 9000 + b"'/>"
    for start in range(0, len(whole) - 1, 1000):
        same(parser.feed(whole[start:min(start + 1000, len(whole) - 1)]), [])
    same(len(parser.feed(whole[-1:])), 1)


@test("stream parser: refuses what a server must not send")
def _():
    for bad in (b"<!-- x -->", b"<?pi x?>", b"</wrong>", b"\xff"):
        parser = StreamParser()
        parser.feed(b"<stream:stream xmlns='jabber:client' xmlns:stream='s'>")
        try:
            parser.feed(bad)
        except ValueError:
            continue
        raise Failure(f"{bad!r} was let through")


@test("templates: what is there must be there, more may be")
def _():
    element = parse("<message to='a' id='1' xml:lang='de'><body>hi</body><x xmlns='u:x'><y/></x>"
                    "<body xml:lang='fr'>salut</body></message>")
    good = ["<message/>", "<message to='a'/>", f"<message id='{ANY}'/>", f"<message type='{ABSENT}'/>",
            "<message><body>hi</body></message>", "<message><body>salut</body><body>hi</body></message>",
            "<message><x xmlns='u:x'><y/></x></message>", f"<message><body>{ANY}</body></message>",
            "<message xml:lang='de'/>"]
    bad = ["<presence/>", "<message to='b'/>", "<message from='a'/>", f"<message to='{ABSENT}'/>",
           "<message><body>ho</body></message>", "<message><y xmlns='u:x'/></message>",
           "<message><body/><body/><body/></message>", "<message xmlns='jabber:server'/>",
           f"<message from='{ANY}'/>", "<message><x xmlns='u:z'/></message>"]
    same([template for template in good if not matches(element, template)], [])
    same([template for template in bad if matches(element, template)], [])


@test("templates: elements are shown as one would write them")
def _():
    for xml in ("<message to='a&apos;b' xml:lang='de'><body>a&amp;b &lt;</body></message>",
                "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='x'/></query></iq>",
                "<stream:features><bind xmlns='u:b'/></stream:features>"):
        same(show(parse(xml)), xml)


@test("RFC 5802 5: the example with SCRAM-SHA-1")
def _():
    scram = Scram("SCRAM-SHA-1", "user", "pencil", nonce="fyko+d2lbbFgONRv9qkxdawL")
    same(scram.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
    same(scram.final(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
         b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
    scram.verify(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")


@test("RFC 7677 3: the example with SCRAM-SHA-256")
def _():
    scram = Scram("SCRAM-SHA-256", "user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    final = scram.final(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    same(final.split(b",p=")[1], b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@test("SCRAM keys have the form of the table users")
def _():
    key = scram_key("SCRAM-SHA-256", "secret")
    kind, rest, keys = key.split("$")
    same(kind, "SCRAM-SHA-256")
    same(rest.split(":")[0], "4096")
    same(len(keys.split(":")), 2)


@test("an end of the connection is not taken for rows of the statement")
def _():
    if FLAVOUR != "postgresql":  # only psql is another process
        return
    with tempfile.TemporaryDirectory() as directory:
        database = fresh(directory)
        try:
            same(database.run("SELECT 1"), [("1",)])
            found = database.run("\\echo some\n\\echo words\n\\q\nSELECT 1")
        except RuntimeError:
            return
        finally:
            database.drop()
        raise Failure(f"found {found!r}")


@test("homes: the published vectors of FNV-1a and of MurmurHash3's finaliser")
def _():
    same(fnv1a(b""), 0xcbf29ce484222325)
    same(fnv1a(b"a"), 0xaf63dc4c8601ec8c)
    same(fnv1a(b"foobar"), 0x85944171f73967e8)
    same(mix(0), 0)
    same(mix(1), 0xb456bcfc34c2cb2c)
    counts = [0] * 4
    for number in range(1000):
        counts[home(f"user{number}@example.org", 4)] += 1
    if min(counts) < 200:
        raise Failure(f"homes are spread badly: {counts}")


main(server=False)
