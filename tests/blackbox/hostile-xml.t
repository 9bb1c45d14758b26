#!/usr/bin/python3
"""Hostile XML: what security.md's history of others teaches about parsers."""
import time
import xml.etree.ElementTree as ET

from harness import *
from lib.hostile import *

LAUGHS = ("<!DOCTYPE lolz [<!ENTITY a 'ha'>" +
          "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)) + "]>")
DOCTYPES = ("<!DOCTYPE x>", "<!DOCTYPE x [<!ENTITY e 'expanded'>]>", LAUGHS,
            "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
            "<!DOCTYPE x [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/'> %p;]>",
            "<!DOCTYPE x [<!ATTLIST x a CDATA 'default'>]>")

STAGES = ("before the header", "in the clear", "direct TLS, before the header", "TLS, before the header",
          "TLS", "restart, before the header", "before bind", "bound")
HEADER_STAGES = [stage for stage in STAGES if "header" in stage]


def arrive(account, stage):
    """A connection at that point of its life."""
    server = account.server
    if stage in ("before the header", "in the clear"):
        connection = server.raw()
        if stage == "in the clear":
            connection.open()
        return connection
    if stage == "direct TLS, before the header":
        connection = server.raw(listener="c2s-tls")
        connection.wrap_tls(alpn="xmpp-client")
        return connection
    if stage == "TLS, before the header":
        connection = server.raw()
        connection.open()
        connection.starttls()
        return connection
    client = account.connect(kind=Client)
    client.account = account
    if stage == "TLS":
        return client
    client.sasl("PLAIN", account.username, account.password)
    if stage == "restart, before the header":
        return client
    client.open()
    if stage == "bound":
        client.bind()
    return client


def same_tree(one, other):
    """Whether two elements are the same to whoever reads them."""
    return (one.tag == other.tag and one.attrib == other.attrib
            and (one.text or "") == (other.text or "")
            and len(one) == len(other)
            and all(same_tree(a, b) and (a.tail or "") == (b.tail or "") for a, b in zip(one, other)))


@hostile("CVE-2011-1753 and others: a DOCTYPE ends the stream, at every stage and on every transport")
def _(romeo):
    for stage in STAGES:
        for doctype in DOCTYPES:
            connection = arrive(romeo, stage)
            header = connection.stream_header().split("?>", 1)[1]
            connection.send(doctype + (header if stage in HEADER_STAGES else "<message>&j;</message>"))
            connection.expect_stream_error("restricted-xml|not-well-formed"
                                           if stage not in HEADER_STAGES else "restricted-xml")


@hostile("CVE-2013-0340: entities are never expanded, and nobody's memory or time is spent on them")
def _(server, romeo):
    before, started, spent = memory(server), time.monotonic(), cpu_seconds(server)
    for stage in HEADER_STAGES:
        for attack in (LAUGHS + "<x>&j;</x>", "<!DOCTYPE x [<!ENTITY a '" + "a" * 10000 + "'>]><x>"
                       + "&a;" * 1000):
            connection = arrive(romeo, stage)
            connection.try_send(attack)
            connection.expect_stream_error("restricted-xml")
    note(f"time {time.monotonic() - started:.2f} s, processor {cpu_seconds(server) - spent:.2f} s, "
         f"memory {mib(memory(server) - before)}")
    if memory(server) - before > 16 * 2**20 and not SANITIZED:
        raise Failure(f"memory grew by {mib(memory(server) - before)}")


@hostile("XEP-0138: compression is not offered and not accepted, before login and after")
def _(romeo):
    compress = "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>"
    for stage in ("in the clear", "TLS", "before bind", "bound"):
        connection = arrive(romeo, stage)
        if "compress" in show(connection.features):
            raise Failure(show(connection.features))
        connection.send(compress)
        connection.expect_stream_error("unsupported-stanza-type|not-authorized")


@hostile("CVE-2022-25235 and Zoom's CVE-2022-22784: malformed UTF-8 is refused, and reaches nobody")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for bad in (b"\xeb<", b"\xe3\x80<", b"\xf0\x9f\x90<", b"\xc0\xbc", b"\xe0\x80\xbc", b"\xed\xa0\x80",
                b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xff\xfe", b"\x80", b"\xc3", b"\xef\xbf\xbf"):
        to = juliet.jid.encode()
        for stanza in (b"<message to='" + to + b"'><body>" + bad + b"</body></message>",
                       b"<message to='" + to + b"' x='" + bad + b"'><body>x</body></message>",
                       b"<message to='" + to + b"'><x" + bad + b"/></message>",
                       b"<message to='" + to + b"'><x xmlns='urn:" + bad + b"'/></message>",
                       b"<message to='" + to + b"'><body>" + bad + b"/body></message>"
                       b"<message to='" + to + b"' from='example.org'><body>smuggled</body></message>"):
            r = romeo.login()
            r.send(stanza)
            r.expect_stream_error("not-well-formed|bad-namespace-prefix")
        j.expect_nothing("<message/>")


@hostile("CVE-2022-25236: no byte in a namespace takes the place of the separator")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for separator in (" ", "|", "\u00ff", "&#10;", "\x7f", "^", "\u2028", ":"):
        namespace = f"jabber:iq:roster{separator}query"
        payload = f"<x xmlns='{namespace}'><y xmlns:p='{namespace}' p:a{'' if ':' else ''}='b'/></x>"
        r.send(f"<message to='{j.jid}'>{payload}</message>")
        got = j.expect("<message/>")
        if not same_tree(got[0], parse(payload)):
            raise Failure(f"{payload} became {show(got)}")
    r.send(b"<message to='" + j.jid.encode() + b"'><x xmlns='jabber:client\xffmessage'/></message>")
    r.expect_stream_error("not-well-formed")


@hostile("ejabberd's <q:x q:a=''/>: prefixes are declared where they are used, or refused")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for payload in ("<q:x xmlns:q='urn:q' q:a=''/>", "<x xmlns:q='urn:q' q:a=''/>",
                    "<q:x xmlns:q='urn:q'><q:y q:a=''/><z q:a='' q:b=''/></q:x>",
                    "<x xmlns:a0='urn:a'><y xmlns:a1='urn:b' a0:k='1' a1:k='2'/></x>",
                    "<x xmlns:a='urn:1'><y xmlns:a='urn:2' a:k=''/><z a:k=''/></x>",
                    "<x xmlns='urn:d' xmlns:d='urn:d' d:k='' k=''/>",
                    "<x xmlns='urn:d'><y xmlns=''><z xmlns='jabber:client'/></y></x>",
                    "<stream:x stream:a=''/>", "<x xml:lang='de' xml:space='preserve' xml:id='i'/>"):
        r = romeo.login()
        r.send(f"<message to='{j.jid}'>{payload}</message>")
        got = j.expect("<message/>")
        if not same_tree(got[0], parse(payload)):
            raise Failure(f"{payload} became {show(got)}")
    for payload in ("<q:x q:a=''/>", "<x q:a=''/>", "<x xmlns:q='urn:q'/><y q:a=''/>", "<q:x xmlns:q=''/>",
                    "<x xmlns:xmlns='urn:q'/>", "<x xmlns:xml='urn:q'/>", "<x xml:lang='' xml:lang=''/>",
                    "<x xmlns:a='u' xmlns:b='u' a:k='' b:k=''/>", "<a:b:c xmlns:a='u'/>", "<xml:x/>"):
        r = romeo.login()
        r.send(f"<message to='{j.jid}'>{payload}</message>")
        r.expect_stream_error("not-well-formed|bad-namespace-prefix")
    j.expect_nothing("<message/>")


@hostile("prefixes of the sender's stream header are known to the receiver too, also after a rest")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    client = romeo.connect(kind=Client)
    client.account = romeo
    client.sasl("PLAIN", romeo.username, romeo.password)
    client.restart()
    client.send(f"<?xml version=\"1.0\"?><s:stream xmlns:s=\"{NS.stream}\" version='1.0' "
                f"xmlns='jabber:client'\n to='example.org' xmlns:q='urn:&apos;&lt;&amp;q' >")
    client.features = client.expect("<stream:features/>")
    client.bind()
    for _ in range(2):
        client.send(f"<message to='{j.jid}'><q:x q:a=''><body/></q:x></message>")
        got = j.expect("<message/>")
        if not same_tree(got[0], parse("<q:x xmlns:q='urn:&apos;&lt;&amp;q' q:a=''><body/></q:x>")):
            raise Failure(show(got))
        time.sleep(2.2)  # the server gives the parser of a silent stream back
    client.send("</s:stream>")
    client.expect_end()


@hostile("a prefix for a long namespace is no lever: neither on a receiver nor on who is away")
def _(server, romeo, juliet, nurse):
    j = juliet.login("balcony", presence=True)
    long = "urn:" + "n" * 1000
    before = memory(server)
    for to in (j.jid, nurse.jid):
        for inside in ("<p:a/>" * 8000, "<a p:b=''/>" * 8000, "<p:a>" * 60 + "</p:a>" * 60,
                       ("<p:a><b xmlns=''/></p:a>" + "<p:a/>") * 3000):
            r = romeo.login()
            r.send(f"<message to='{to}' id='lever'><x xmlns:p='{long}'>{inside}</x></message>")
            r.send(f"<presence to='{to}'/>")
            r.poll()
    for _ in range(2):
        nurse.login(presence=True).sync()
    j.sync()
    taken = sum(len(line) for line in j.transcript)
    note(f"receiver was sent {taken} bytes, memory {mib(memory(server) - before)}")
    if taken > 2**20:
        raise Failure(f"the receiver was sent {taken} bytes")


@hostile("what one escaped byte becomes six of is bounded, and comes through")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for body in ("<body>" + ">" * 250000 + "</body>", "<x a=\"" + "'" * 250000 + "\"/>"):
        r.send(f"<message to='{j.jid}'>{body}</message>")
        if not same_tree(j.expect("<message/>", timeout=30)[0], parse(body)):
            raise Failure("changed on its way")


def random_tree(random, depth=0):
    """XML text of a random tree, in one of the many ways to write it."""
    spaces = ("", " ", "\n\t")
    names = ("x", "body", "message", "stream", "\u00e9l\u00e9ment", "a-b.c", "_")
    urns = ("urn:x", "jabber:client", "jabber:iq:roster", "urn:'\u00fc", NS.stream, "u r n")
    texts = ("", "a", "]]&gt;", "&lt;message/&gt;", "&#x1F426;", "<![CDATA[<x>&]]]>", "\u202e", "&#13;\r\n",
             "&quot;'", " ", "\u00e9", "]]", "&amp;lt;")
    prefix = random.choice(("", "p", "q"))
    name = (prefix + ":" if prefix else "") + random.choice(names)
    pairs = [f"xmlns{':' + prefix if prefix else ''}={quoted(random, random.choice(urns))}"]
    for number in range(random.choice((0, 0, 1, 3))):
        pairs.append(f"{prefix + ':' if prefix and random.random() < .5 else ''}k{number}="
                     + quoted(random, random.choice(("", "v", "a b", "\u00e9", "<>&'\"\n\t"))))
    random.shuffle(pairs)
    inside = "".join(random.choice(texts) + (random_tree(random, depth + 1)
                                             if random.random() < .5 and depth < 6 else "")
                     for _ in range(random.choice((0, 1, 2, 3))))
    opening = name + random.choice((" ", "\n")) + random.choice((" ", "\n  ")).join(pairs)
    if not inside and random.random() < .7:
        return f"<{opening}{random.choice(spaces)}/>"
    return f"<{opening}>{inside}</{name}{random.choice(spaces)}>"


def quoted(random, value):
    quote = random.choice("'\"")
    for character, name in (("&", "&amp;"), ("<", "&lt;"), ("\n", "&#10;"), ("\t", "&#x9;"),
                            (quote, "&apos;" if quote == "'" else "&quot;")):
        value = value.replace(character, name)
    return quote + value + quote


@hostile("smuggling: random trees arrive as the same trees, in whatever way they were written", timeout=60)
def _(romeo, juliet):
    random = random_of("trees")
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    count = 0
    for _ in range(20):
        trees = [random_tree(random) for _ in range(20)]
        r.send("".join(f"<message to='{j.jid}'>{tree}</message>" for tree in trees))
        for tree in trees:
            got = j.expect("<message/>")
            if len(got) != 1 or not same_tree(got[0], parse(tree)):
                raise Failure(f"{tree!r}\nbecame\n{ET.tostring(got)!r}")
            count += 1
    note(f"{count} trees")


@hostile("every stanza split at every byte: none stalls, none changes", timeout=60)
def _(romeo):
    r = romeo.login("orchard", presence=True)
    stanzas = [f"<message to='{r.jid}' id='split' xml:lang='de'><body>h\u00e9&amp;&#x1F426;<![CDATA[<>]]></body>"
               "<q:x xmlns:q='urn:q' q:a=\"'\"/></message>",
               f"<presence to='{r.jid}' id='split'><show>away</show>\n<priority>1</priority></presence>",
               f"<iq type='get' id='split'><ping xmlns='{NS.ping}'/></iq>"]
    longest = 0
    for stanza in stanzas:
        data = stanza.encode()
        for split in range(1, len(data)):
            r.send(data[:split])
            started = time.monotonic()
            r.send(data[split:])
            r.expect(lambda element: element.get("id") == "split")
            longest = max(longest, time.monotonic() - started)
        for byte in data:
            r.send(bytes((byte,)))
        r.expect(lambda element: element.get("id") == "split")
    note(f"longest wait for a complete stanza: {1000 * longest:.1f} ms")
    if longest > 5:
        raise Failure(f"a complete stanza waited {longest:.1f} s")


@hostile("the same before login: headers and SASL split at every byte")
def _(server, romeo):
    header = server.raw().stream_header().encode()
    for split in range(1, len(header)):
        connection = server.raw()
        connection.send(header[:split])
        connection.send(header[split:])
        connection.expect("<stream:features/>")
        connection.close()
    auth = f"<abort xmlns='{NS.sasl}'/>".encode()
    for first in range(1, len(auth), 5):
        connection = romeo.connect()
        for split in range(first, min(first + 4, len(auth))):
            connection.send(auth[:split])
            connection.send(auth[split:])
            connection.expect_sasl_failure("aborted")
        connection.close()


@hostile("expat's reparse deferral: a long attribute in pieces stalls neither its stream nor others")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for size, step in ((1000, 1), (3000, 100), (5000, 500), (9000, 1000), (40000, 1500), (200000, 4000)):
        r = romeo.login()
        data = f"<message to='{j.jid}' id='long'><x a='{'v' * size}'/></message>".encode()
        for start in range(0, len(data) - 1, step):
            r.send(data[start:min(start + step, len(data) - 1)])
        j.expect_nothing("<message id='long'/>")
        started = time.monotonic()
        r.send(data[-1:])
        j.expect("<message id='long'/>", timeout=3)
        if size == 200000:
            note(f"{size} bytes in pieces of {step}: {1000 * (time.monotonic() - started):.1f} ms "
                 "after the last byte")


@hostile("CVE-2023-52425: long tokens in small pieces cost no more than their bytes")
def _(server, romeo):
    def cost(piece, fill):
        """Processor time for tokens of 200 kB in pieces: the worst of the ways to write one."""
        r = romeo.login()
        spent = cpu_seconds(server)
        r.send(f"<message to='{r.jid}'><x a='")
        for _ in range(200000 // piece):
            if not r.try_send(fill * piece):
                break
        r.try_send("'/></message>")
        try:
            r.expect("<message/>")
        except Failure:
            r.expect_stream_error("policy-violation")
        return cpu_seconds(server) - spent

    whole, pieces, tags = cost(200000, "x"), cost(400, "x"), cost(400, ">")
    note(f"200 kB attribute: at once {whole:.2f} s of processor, in 500 pieces {pieces:.2f} s, with > in "
         f"each {tags:.2f} s")
    if max(pieces, tags) > 1 * FACTOR:
        raise Failure("small pieces are dear")


@hostile("CVE-2024-8176: nesting of 80,000 elements, open and closed, in a stanza and before login")
def _(server, romeo):
    for stage in ("in the clear", "TLS", "before bind", "bound"):
        for attack in ("<a>" * 80000, "<a>" * 4000 + "</a>" * 4000, "<a xmlns='b'>" * 10000,
                       "<message>" * 20000):
            connection = arrive(romeo, stage)
            connection.try_send(attack)
            connection.expect_stream_error("policy-violation|not-authorized")


@hostile("CVE-2022-25315 and others: names, attributes and declarations by the ten thousand")
def _(romeo):
    for attack in ("<message " + " ".join(f"a{i}=''" for i in range(20000)) + "/>",
                   "<message " + " ".join(f"xmlns:a{i}='u'" for i in range(10000)) + "/>",
                   "<message><" + "n" * 200000 + "/></message>", "<message " + "n" * 200000 + "=''/>",
                   "<message><x xmlns='" + "u" * 200000 + "'/></message>",
                   "<message>" + "<a/>" * 60000 + "</message>", "</" + "e" * 300000,
                   "<message>&#" + "0" * 300000 + "65;</message>", "&" + "e" * 300000, "<" + "<" * 100,
                   "<![CDATA[" + "]" * 1000, "<?" + "p" * 300000):
        r = romeo.login()
        r.try_send(attack)
        r.expect_stream_error("policy-violation|not-well-formed|restricted-xml")
    r = romeo.login()
    r.send("<message xmlns:" + "p" * 100000 + "='u' id='prefix'/>")
    r.sync()


@hostile("CVE-2021-32918: before login little is taken, whatever it is and however it comes")
def _(server, romeo):
    before = memory(server)
    for stage in ("before the header", "in the clear", "direct TLS, before the header",
                  "TLS, before the header", "TLS"):
        for attack in ("<a b='" + "x" * 10**6, "<a>" + "x" * 10**6, "<" + "x" * 10**6,
                       f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'>" + "A" * 10**6,
                       " " * 20000 + "<a b='" + " " * 10**6):
            connection = arrive(romeo, stage)
            for start in range(0, len(attack), 4096):
                if not connection.try_send(attack[start:start + 4096]):
                    break
            connection.expect_stream_error("policy-violation|not-well-formed|invalid-namespace|bad-format"
                                           "|restricted-xml|unsupported-stanza-type")
            sent = sum(len(line) for line in connection.transcript if " >> " in line)
            connection.transcript.clear()
            connection.close()
    note(f"memory {mib(memory(server) - before)}; of the last one {sent} bytes were sent before the end")


@hostile("stanzas within stanzas, and ends of streams within them, are just payload")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    for payload in (f"<message xmlns='jabber:client' from='example.org' to='{j.jid}'><body>in</body></message>",
                    "<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='evil@example.net'/>"
                    "</query></iq>",
                    "<stream:stream/>", "<stream:error><conflict/></stream:error>",
                    "<body><![CDATA[</body></message></stream:stream><message from='example.org'>]]></body>",
                    "<x xmlns='jabber:server'><message/></x>",
                    f"<success xmlns='{NS.sasl}'/>", f"<a xmlns='{NS.sm}' h='5'/>"):
        r.send(f"<message to='{j.jid}'>{payload}</message>")
        got = j.expect_next("<message/>")
        if got.get("from") != r.jid or not same_tree(got[0], parse(payload)):
            raise Failure(show(got))
    j.expect_nothing()


@hostile("a client of HTTP, of SSH, of TLS in the clear, of nothing at all")
def _(server):
    for data in (b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\x00\x01",
                 b"\x80\x2e\x01\x00\x02", b"\0" * 100, b"\xff\xfe<\0s\0", b"\xef\xbb\xbf", b"<?xml version='9'?>",
                 b"EHLO x\r\n", b"{\"a\":1}", b"<"):
        for listener in ("c2s", "c2s-tls"):
            connection = server.raw(listener=listener)
            connection.send(data)
            half_close(connection)
            while connection.socket.recv(4096):
                pass


CORPUS = [f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{NS.stream}' "
          "to='example.org' version='1.0'>", "<presence/>", "</stream:stream>",
          f"<starttls xmlns='{NS.tls}'/>", f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'>AGEAYg==</auth>",
          f"<auth xmlns='{NS.sasl}' mechanism='SCRAM-SHA-1'>biwsbj1hLHI9Yg==</auth>",
          f"<response xmlns='{NS.sasl}'>Yz1iaXdz</response>", f"<abort xmlns='{NS.sasl}'/>",
          f"<iq type='set' id='b'><bind xmlns='{NS.bind}'><resource>r</resource></bind></iq>",
          "<message to='a@example.org'><body>&lt;&#65;</body></message>",
          f"<iq type='get' id='1'><query xmlns='{NS.roster}'/></iq>", f"<enable xmlns='{NS.sm}'/>",
          f"<r xmlns='{NS.sm}'/>", f"<a xmlns='{NS.sm}' h='0'/>", "<stream:error/>",
          "<presence type='subscribe' to='a@example.org'/>", "<x xmlns:p='u' p:a='b'><![CDATA[x]]></x>"]


def garbage(random):
    """Bytes that were a client's once."""
    data = bytearray("".join(random.choice(CORPUS) for _ in range(random.randrange(1, 5))).encode())
    for _ in range(random.choice((0, 1, 1, 2, 5, 20))):
        at = random.randrange(len(data))
        kind = random.randrange(5)
        if kind == 0:
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:at + random.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = data[at:at + random.randrange(1, 200)]
        elif kind == 3:
            data[at:at] = random.choice((b"<", b">", b"'", b"&", b"\0", b"\xff", b"]]>", b"<!--", b"<?", b"&#x0;",
                                         b"xmlns='", b"/", b" " * 100, b"\xf0\x9f\x90\xa6"))
        else:
            data[at:at] = random.randbytes(random.randrange(1, 50))
        if not data:
            return b"<"
    return bytes(data)


@hostile("garbage at every stage of a stream: an error, an end, or patience, never a death", timeout=120)
def _(server, romeo):
    random = random_of("garbage")
    for stage in STAGES:
        for _ in range(40):
            connection = arrive(romeo, stage)
            for _ in range(random.randrange(1, 4)):
                if not connection.try_send(garbage(random)):
                    break
            if random.random() < .3:
                connection.poll()
            if random.random() < .3:
                connection.abort()
            else:
                connection.close()
        check_others(server)


check_footprint()
main()
