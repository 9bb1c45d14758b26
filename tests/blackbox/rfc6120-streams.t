#!/usr/bin/python3
"""RFC 6120 section 4: XML streams, and section 11: XML usage."""
import time

from harness import *

LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def opened(server):
    """A stream before TLS, its features received."""
    connection = server.raw()
    connection.open()
    return connection


def refused(server, data, conditions):
    """Bytes that a fresh connection must not survive."""
    connection = server.raw()
    connection.send(data)
    return connection.expect_stream_error(conditions)


@test("RFC 6120 4.2: the server answers with a stream header and features")
def _(server):
    connection = opened(server)
    features = connection.features
    if connection.header.tag != "{%s}stream" % NS.stream:
        raise Failure(f"no stream: {connection.header.tag}")
    if len(features) == 0:
        raise Failure("no features")


@test("RFC 6120 4.3.2: features come first and only once for each stream")
def _(server):
    connection = opened(server)
    connection.send(" ")
    connection.poll()
    if connection.queue:
        raise Failure("more came: " + show(connection.queue[0]))


@test("RFC 6120 4.4: the client's end of the stream is answered, and the connection closed")
def _(server):
    opened(server).end()


@test("RFC 6120 4.4: after login too")
def _(romeo):
    romeo.login("orchard", presence=True).end()


@test("RFC 6120 4.4: stanzas that the client sent before its end tag are processed")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    r.send(f"<message to='{j.jid}' id='last'><body>adieu</body></message></stream:stream>")
    r.expect_end()
    r.expect_close()
    j.expect(f"<message from='{r.jid}' id='last'><body>adieu</body></message>")


@test("RFC 6120 4.4: who was told the end may still speak; the connection ends with its answer")
def _(server):
    connection = opened(server)
    connection.send("<nonsense/>")
    connection.expect("<stream:error/>")
    connection.expect_end()
    for _ in range(3):
        connection.send("<presence/>")
    connection.send("</stream:stream>")
    connection.expect_close()
    if connection.closed != "end of file":
        raise Failure(f"the end is: {connection.closed}")


@test("RFC 6120 4.4: TLS ends with a close_notify, so that nobody can cut a stream short")
def _(romeo):
    for leave in ("</stream:stream>", "<nonsense/>"):
        r = romeo.login("orchard")
        r.socket.suppress_ragged_eofs = False
        r.send(leave)
        r.expect_end()
        r.expect_close()
        if r.closed != "end of file":
            raise Failure(f"the end is: {r.closed}")


@test("RFC 6120 4.6.1: white space between stanzas keeps the connection, before and after login")
def _(server, romeo):
    connection = server.raw()
    connection.open()
    connection.send(" \n\t \r\n")
    connection.starttls()
    connection.open()
    connection.send("\n \n")
    client = romeo.login()
    for _ in range(5):
        client.send(" \n")
    client.expect_nothing()


@test("RFC 6120 4.7.1: the header's from is the domain that was asked for")
def _(server):
    for domain in server.domains:
        connection = server.raw(domain=domain)
        connection.open()
        if connection.header.get("from") != domain:
            raise Failure(f"from is {connection.header.get('from')}, not {domain}")


@test("RFC 6120 4.7.1: that of a refusal too")
def _(server):
    for attributes in ({"version": "0.9"}, {"xmlns": "jabber:wrong"}, {"stream": "urn:wrong"}):
        connection = server.raw(domain=server.domains[1])
        connection.send(connection.stream_header(**attributes))
        connection.expect("<stream:error/>")
        if connection.header.get("from") != server.domains[1]:
            raise Failure(f"{attributes}: from is {connection.header.get('from')}")


@test("RFC 6120 4.7.1: a domain is prepared before it is compared")
def _(server):
    connection = server.raw()
    connection.open(to="EXAMPLE.Org")
    if connection.header.get("from") != "example.org":
        raise Failure(f"from is {connection.header.get('from')}")


@test("RFC 6120 4.7.1: a from in the client's header does no harm, before TLS and after")
def _(romeo):
    connection = romeo.server.raw()
    connection.open(from_=romeo.jid)
    connection.starttls()
    connection.open(from_=romeo.jid)
    if not connection.mechanisms():
        raise Failure("no mechanisms")


@test("RFC 6120 4.7.2: the to of the answer names the client that gave its from")
def _(romeo):
    for sender, to in ((romeo.jid, romeo.jid), (f"{romeo.jid}/orchard", romeo.jid), (None, None),
                       ("@", None)):
        connection = romeo.server.raw()
        connection.open(from_=sender)
        if connection.header.get("to") != to:
            raise Failure(f"{sender}: to is {connection.header.get('to')}")


@test("RFC 6120 4.7.3: the id is there, and another for each stream")
def _(server):
    seen = set()
    for _ in range(5):
        connection = opened(server)
        seen.add(connection.header.get("id"))
        connection.starttls()
        connection.open()
        seen.add(connection.header.get("id"))
    if len(seen) != 10 or None in seen or any(len(one) < 8 for one in seen):
        raise Failure(f"ids: {seen}")


@test("RFC 6120 4.7.3: an id that the client gives is ignored")
def _(server):
    connection = server.raw()
    connection.open(id="mine")
    if connection.header.get("id") == "mine":
        raise Failure("the id is the client's")


@test("RFC 6120 4.7.4: the header says English, for that is what the server writes")
def _(server):
    for lang in (None, "en", "en-GB", "de", "de-CH", "x" * 100, "&<'"):
        connection = server.raw()
        connection.open(xml_lang=lang)
        if connection.header.get(LANG) != "en":
            raise Failure(f"{lang}: xml:lang is {connection.header.get(LANG)}")


@test("RFC 6120 4.7.5: version 1.0 is answered by 1.0, a higher minor or major one too")
def _(server):
    for version in ("1.0", "1.1", "1.10", "01.0", "2.0"):
        connection = server.raw()
        connection.open(version=version)
        if connection.header.get("version") != "1.0":
            raise Failure(f"{version} was answered by {connection.header.get('version')}")


@test("RFC 6120 4.7.5: a lower version is answered by itself, none by none")
def _(server):
    for version, answer in ((None, None), ("0.9", "0.9"), ("00.09", "0.9"), ("0.0", "0.0"), ("x", None)):
        connection = server.raw()
        connection.send(connection.stream_header(version=version))
        connection.expect("<stream:error/>")
        if connection.header.get("version") != answer:
            raise Failure(f"{version} was answered by {connection.header.get('version')}")


@test("RFC 6120 4.7.5 and 4.9.3.25: no version, or one below 1.0, is an unsupported-version")
def _(server):
    for version in (None, "0.9", "x", ""):
        connection = server.raw()
        connection.send(connection.stream_header(version=version))
        connection.expect_stream_error("unsupported-version")


@test("RFC 6120 4.8.1 and 4.9.3.10: a wrong stream namespace is an invalid-namespace")
def _(server):
    connection = server.raw()
    connection.send(connection.stream_header(stream="http://wrong.namespace.example.org/"))
    connection.expect_stream_error("invalid-namespace")


@test("RFC 6120 4.8.2 and 4.9.3.10: a wrong content namespace is an invalid-namespace")
def _(server):
    for namespace in ("jabber:server", "jabber:wrong", None):
        connection = server.raw()
        connection.send(connection.stream_header(xmlns=namespace))
        connection.expect_stream_error("invalid-namespace")


@test("RFC 6120 4.8.3: other namespaces may be declared in the stream header")
def _(server):
    connection = server.raw()
    connection.send(f"<stream:stream xmlns='{NS.client}' xmlns:stream='{NS.stream}' xmlns:x='urn:x' "
                    "to='example.org' version='1.0'>")
    connection.expect("<stream:features/>")


@two_users("RFC 6120 4.8.5: a prefix that the stream header declares is declared again where it is used")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    r = romeo.connect(kind=Client)
    r.account = romeo
    r.sasl("PLAIN", romeo.username, romeo.password)
    r.send(r.stream_header(xmlns_x="urn:x"))
    r.expect("<stream:features/>")
    r.bind()
    r.send(f"<message to='{j.jid}' id='1'><x:a x:b='c'/></message>")
    j.expect("<message id='1'><a xmlns='urn:x' xmlns:p='urn:x' p:b='c'/></message>")


@two_users("RFC 6120 4.8.5: stanzas are written without a prefix, however they came")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    r.send(f"<c:message xmlns:c='jabber:client' to='{j.jid}' id='1'><c:body>x</c:body>"
           "<x xmlns='urn:x'><c:body/></x></c:message>")
    j.expect("<message id='1'><body>x</body></message>")
    if ":message" in j.transcript[-1] or ":body" in j.transcript[-1]:
        raise Failure(j.transcript[-1])


@test("RFC 6120 4.8.4: what is no stanza goes to nobody")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for element in ("<game xmlns='urn:x' to='{}'/>", "<message xmlns='urn:x' to='{}'/>"):
        r = romeo.login("orchard")
        r.send(element.format(j.jid))
        r.expect_stream_error("unsupported-stanza-type")
    j.expect_nothing()


@test("RFC 6120 4.8.5: quotes of either kind, any order of attributes, no XML declaration")
def _(server):
    for header in (f"<stream:stream version=\"1.0\" to=\"example.org\" xmlns:stream=\"{NS.stream}\" "
                   f"xmlns=\"{NS.client}\">",
                   f"<?xml version='1.0' encoding='UTF-8'?>\n<stream:stream\n to='example.org'\n"
                   f" version='1.0' xmlns='{NS.client}' xmlns:stream='{NS.stream}' >",
                   f"<?xml version=\"1.0\" encoding='utf-8' standalone='yes'?><stream:stream "
                   f"to='example.org' version='1.0' xmlns='{NS.client}' xmlns:stream='{NS.stream}'>",
                   f"<?xml version='1.0' standalone='no'?><stream:stream to='example.org' "
                   f"version='1.0' xmlns='{NS.client}' xmlns:stream='{NS.stream}'>"):
        connection = server.raw()
        connection.send(header)
        connection.expect("<stream:features/>")


@test("RFC 6120 4.8.5: a prefix other than stream is accepted or refused by its name")
def _(server):
    connection = server.raw()
    connection.send(connection.stream_header(prefix="s"))
    connection.wait(lambda: connection.queue, "features or an error")
    if connection.queue[0].tag == "{%s}features" % NS.stream:
        return
    connection.expect_stream_error("bad-namespace-prefix")


@test("RFC 6120 4.9.1.1: a stream error is unrecoverable: what follows it is not read")
def _(server, romeo, juliet):
    j = juliet.login(presence=True)
    r = romeo.login()
    r.send(f"<message to='{j.jid}'><!-- no --></message><message to='{j.jid}'/>")
    r.expect_stream_error("restricted-xml")
    j.expect_nothing()


@test("RFC 6120 4.9.1.2: an error in the header is answered by a header and the error")
def _(server):
    connection = server.raw()
    connection.send(connection.stream_header(to="nowhere.example"))
    connection.expect_stream_error("host-unknown")
    if not connection.header.get("id"):
        raise Failure("the header has no id")


@test("RFC 6120 4.9.1.3: to who names no host of ours, the header is from nobody")
def _(server):
    for to in ("", "nowhere.example"):
        connection = server.raw()
        connection.send(connection.stream_header(to=to))
        connection.expect_stream_error("host-unknown|improper-addressing")
        if connection.header.get("from") != "":
            raise Failure(f"from is {connection.header.get('from')}")


@test("RFC 6120 4.9.2: an error is one condition, and a text that says its language")
def _(server):
    connection = server.raw()
    connection.send(connection.stream_header(to="a@b/c"))
    error = connection.expect_stream_error("improper-addressing")
    names = [part.tag for part in error]
    if names != ["{%s}improper-addressing" % NS.streams, "{%s}text" % NS.streams]:
        raise Failure(show(error))
    if error[1].get(LANG) != "en" or not error[1].text:
        raise Failure(show(error))


@test("RFC 6120 4.9.3.1: what is no stream header is refused")
def _(server):
    refused(server, "<message/>", "bad-format|invalid-namespace|invalid-xml|not-well-formed")
    refused(server, f"<stream:foo xmlns:stream='{NS.stream}' xmlns='{NS.client}' to='example.org' "
                    "version='1.0'>", "bad-format|invalid-namespace|invalid-xml")


@test("RFC 6120 4.9.3.2: a prefix that is not declared")
def _(server, romeo):
    refused(server, "<stream:stream to='example.org' version='1.0' xmlns='jabber:client'>",
            "bad-namespace-prefix|not-well-formed|invalid-namespace")
    for stanza in ("<foo:message/>", "<message><foo:body/></message>", "<message foo:bar='x'/>"):
        client = romeo.login()
        client.send(stanza)
        client.expect_stream_error("bad-namespace-prefix|not-well-formed")


@test("RFC 6120 4.9.3.3: a session whose resource another one binds ends with conflict")
def _(romeo):
    first = romeo.login("orchard", presence=True)
    second = romeo.login("orchard")
    first.expect_stream_error("conflict")
    second.expect_nothing("<stream:error/>")


@test("RFC 6120 4.9.3.4: who does not log in in time gets connection-timeout, whatever it sends")
def _():
    with Server(limits={"login_timeout": 2}) as server:
        silent = server.raw()
        opened_only = server.raw()
        opened_only.open()
        dribbling = server.raw()
        dribbling.open()
        started = time.monotonic()
        while not dribbling.closed and time.monotonic() - started < 6 * FACTOR:
            dribbling.try_send(" ")
            time.sleep(0.2)
            dribbling.poll()
        dribbling.expect_stream_error("connection-timeout")
        opened_only.expect_stream_error("connection-timeout")
        silent.expect_close()


@test("RFC 6120 4.9.3.5: host-gone for who is at a domain that a reload removes; others stay")
def _():
    with Server() as server:
        stays = server.account("romeo").login("orchard", presence=True)
        goes = server.account("paris", domain="example.net").login("troy", presence=True)
        early = server.connect(domain="example.net")
        server.domains.remove("example.net")
        server.reload("reloaded")
        goes.expect_stream_error("host-gone")
        early.expect_stream_error("host-gone")
        late = server.raw(domain="example.net")
        late.send(late.stream_header())
        late.expect_stream_error("host-unknown|host-gone")
        stays.expect_nothing()
        server.domains.append("example.net")
        server.reload("reloaded")
        while not _serves(server, "example.net"):
            pass  # the workers take it over one after the other
        stays.expect_nothing()


def _serves(server, domain):
    connection = server.raw(domain=domain)
    connection.send(connection.stream_header())
    answer = connection.next()
    return answer.tag == "{%s}features" % NS.stream


@test("RFC 6120 4.9.3.6: a domain we do not serve is host-unknown")
def _(server):
    for domain in ("nowhere.example", "sub.example.org", "example.org.evil.example", "127.0.0.1"):
        connection = server.raw()
        connection.send(connection.stream_header(to=domain))
        connection.expect_stream_error("host-unknown")


@test("RFC 6120 4.9.3.6: a header without to, or with one that is no domain")
def _(server):
    for to in ("", "a@example.org/b", "exa mple", "x" * 300):
        connection = server.raw()
        connection.send(connection.stream_header(to=to))
        connection.expect_stream_error("host-unknown|improper-addressing")


@test("RFC 6120 4.9.3.9: a from that is not the client's own")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for sender in (juliet.jid, f"{romeo.jid}/other", "example.org", "romeo@example.net/orchard"):
        r = romeo.login("orchard")
        r.send(f"<message from='{sender}' to='{j.jid}'><body>forged</body></message>")
        r.expect_stream_error("invalid-from")
    j.expect_nothing("<message/>")


@test("RFC 6120 4.9.3.12: nothing but negotiation before login")
def _(server):
    for stanza in ("<message to='a@example.org'><body>x</body></message>", "<presence/>",
                   "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
                   "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"):
        for connection in (opened(server), server.connect()):
            connection.send(stanza)
            connection.expect_stream_error("not-authorized")


@test("RFC 6120 4.9.3.13: what is not well-formed, before login")
def _(server):
    header = server.raw().stream_header()
    for bad in ("<a></b>", "</wrong>", "<a b=c/>", "<a b='1' b='2'/>", "<a>&</a>", "<a>\x01</a>",
                "<1/>", "<a b='<'/>", "<a><b></a>", "<a>]]></a>"):
        connection = server.raw()
        connection.send(header + bad)
        connection.expect_stream_error("not-well-formed|invalid-xml|bad-format")


@test("RFC 6120 4.9.3.13: what is not well-formed, after login; others are not disturbed")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for bad in ("<message><body></message>", "<message to='x' to='y'/>", "<message>\x02</message>",
                "<message><body>&#0;</body></message>", "<message>&#xD800;</message>",
                "<message><a:b:c/></message>", "<message></message></stream:stream></x>"):
        r = romeo.login("orchard")
        r.send(bad)
        if "</stream:stream>" in bad:
            r.expect_close()
        else:
            r.expect_stream_error("not-well-formed|bad-namespace-prefix")
    j.expect_nothing()


@test("RFC 6120 4.9.3.13 and 11.6: bytes that are no UTF-8")
def _(romeo):
    for bad in (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf",
                b"\xf4\x90\x80\x80", b"\xef\xbf\xbe"):
        r = romeo.login("orchard")
        r.send(b"<message><body>" + bad + b"</body></message>")
        r.expect_stream_error("not-well-formed|bad-format|invalid-xml")


@test("RFC 6120 4.9.3.13: text between stanzas, before login and after")
def _(server, romeo):
    connection = opened(server)
    connection.send("hello")
    connection.expect_stream_error("not-well-formed|bad-format|invalid-xml")
    r = romeo.login()
    r.send("<presence/>hello<presence/>")
    r.expect_stream_error("not-well-formed|bad-format|invalid-xml")


@test("RFC 6120 4.9.3.14: more than the limits allow is a policy-violation, after login")
def _(romeo):
    deep = "<a>" * 100 + "</a>" * 100
    wide = "<a " + " ".join(f"a{i}='1'" for i in range(200)) + "/>"
    huge = "<body>" + "x" * 300000 + "</body>"
    for inside in (deep, wide, huge):
        r = romeo.login()
        r.try_send(f"<message>{inside}</message>")
        r.expect_stream_error("policy-violation")


@test("RFC 6120 4.9.3.14: and much less is allowed before login")
def _(server):
    for data in ("<auth xmlns='" + NS.sasl + "' mechanism='PLAIN'>" + "A" * 40000 + "</auth>",
                 "<auth a='" + "x" * 40000):
        connection = server.connect()
        connection.try_send(data)
        connection.expect_stream_error("policy-violation")
    connection = server.raw()
    connection.try_send("<stream:stream x='" + "y" * 40000)
    connection.expect_stream_error("policy-violation")


@test("RFC 6120 4.9.3.18 and 11.1: comments, processing instructions, DTDs and entities, before login")
def _(server):
    header = server.raw().stream_header().split("?>", 1)[1]
    for bad in ("<!-- x -->", "<?pi x?>", "<a>&nbsp;</a>", "<a><!-- x --></a>"):
        connection = server.raw()
        connection.send(header + bad)
        connection.expect_stream_error("restricted-xml|not-well-formed" if "&" in bad
                                       else "restricted-xml")
    for bad in ("<!DOCTYPE a>", "<!DOCTYPE a [<!ENTITY x 'y'>]>", "<?pi x?>", "<!-- x -->",
                "<?xml version='1.0'?><!DOCTYPE a SYSTEM 'file:///etc/passwd'>"):
        refused(server, bad + header, "restricted-xml")


@test("RFC 6120 4.9.3.18 and 11.1: the same after login")
def _(romeo):
    for bad in ("<!-- x -->", "<?pi x?>", "<message><!-- x --></message>",
                "<message><body><?pi x?></body></message>"):
        r = romeo.login()
        r.send(bad)
        r.expect_stream_error("restricted-xml")
    for bad in ("<message><body>&nbsp;</body></message>", "<message to='&x;'/>", "<!DOCTYPE a>"):
        r = romeo.login()
        r.send(bad)
        r.expect_stream_error("restricted-xml|not-well-formed")


@test("RFC 6120 11.1: predefined entities, character references and CDATA sections are fine")
def _(romeo):
    r = romeo.login()
    r.send(f"<message to='{r.jid}'><body>&lt;&gt;&amp;&apos;&quot;&#65;&#x1F426;<![CDATA[<b>]]></body>"
           "</message>")
    message = r.expect("<message/>")
    if text(message, "body") != "<>&'\"A\U0001f426<b>":
        raise Failure(show(message))


@test("RFC 6120 4.9.3.21: the server that stops says system-shutdown to everybody")
def _():
    server = Server()
    with server:
        romeo = server.account("romeo")
        clients = [opened(server), server.connect(), romeo.login("orchard", presence=True)]
        server.process.terminate()
        for client in clients:
            client.expect_stream_error("system-shutdown")
        server.wait_stopped()


@test("RFC 6120 4.9.3.22 and 11.6: an encoding that is not UTF-8")
def _(server):
    header = server.raw().stream_header().split("?>", 1)[1]
    for encoding in ("ISO-8859-1", "UTF-16", "us-ascii", "windows-1252"):
        refused(server, f"<?xml version='1.0' encoding='{encoding}'?>{header}", "unsupported-encoding")
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        refused(server, ("\ufeff" + header).encode(encoding),
                "unsupported-encoding|bad-format|not-well-formed|invalid-xml")


@test("RFC 6120 11.6: a byte order mark is text, and so no beginning of a stream")
def _(server):
    connection = server.raw()
    connection.send(b"\xef\xbb\xbf" + connection.stream_header().encode())
    connection.expect_stream_error("not-well-formed")


@test("RFC 6120 11.6: elsewhere the same character is text")
def _(romeo):
    r = romeo.login("orchard")
    r.message(r.jid, "\ufeffa\ufeff", id="z")
    if text(r.expect("<message id='z'/>"), "body") != "\ufeffa\ufeff":
        raise Failure("it was taken for a byte order mark")


@test("RFC 6120 11.5: the server's headers begin with an XML declaration, which says version only")
def _(server, romeo):
    connection = server.raw()
    connection.open()
    connection.starttls()
    connection.open()
    connection.sasl("PLAIN", romeo.username, romeo.password)
    connection.open()
    headers = [line for line in connection.transcript if "<< " in line and "<stream:stream" in line]
    if len(headers) != 3 or not all("<< <?xml version='1.0'?><stream:stream " in line for line in headers):
        raise Failure("\n".join(headers))


@test("RFC 6120 4.8.3: a stanza of servers' namespace is none of a client's")
def _(server, romeo):
    for connection in (opened(server), server.connect(), romeo.login()):
        connection.send("<message xmlns='jabber:server'/>")
        connection.expect_stream_error("invalid-namespace")


@test("RFC 6120 4.9.3.24: a first-level child that is no stanza")
def _(romeo):
    for bad in ("<pubsub/>", "<item xmlns='urn:x'/>", "<message xmlns='urn:x'/>", "<Message/>"):
        r = romeo.login()
        r.send(bad)
        r.expect_stream_error("unsupported-stanza-type")


@test("RFC 6120 4.9.2: an unknown child of the stream namespace is refused")
def _(romeo):
    r = romeo.login()
    r.send("<stream:nonsense/>")
    r.expect_stream_error("unsupported-stanza-type|invalid-namespace|bad-format|invalid-xml")


@test("RFC 6120 4.9: a stream error from the client ends the stream")
def _(romeo, juliet):
    for inside in (f"<undefined-condition xmlns='{NS.streams}'/>", f"<made-up xmlns='{NS.streams}'/>", "",
                   f"<conflict xmlns='{NS.streams}'/><x xmlns='urn:x'/>"):
        r = romeo.login("orchard", presence=True)
        r.send(f"<stream:error>{inside}</stream:error></stream:stream>")
        r.expect_end()
        r.expect_close()
        if r.queue:
            raise Failure(show(r.queue[0]))
    romeo.login("orchard", presence=True)


@test("RFC 6120 4.9: a client that vanishes with a reset disturbs nobody")
def _(server, romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for cut in (lambda: opened(server), lambda: server.raw(), romeo.login, server.connect):
        cut().abort()
    j.expect_nothing()


@test("RFC 6120 3.3: bytes one by one make the same stream")
def _(server, romeo):
    connection = server.raw()
    for byte in connection.stream_header().encode():
        connection.socket.sendall(bytes([byte]))
    connection.expect("<stream:features/>")
    r = romeo.login()
    for byte in f"<message to='{r.jid}' id='slow'><body>\u9d6b\U0001f426</body></message>".encode():
        r.socket.sendall(bytes([byte]))
    r.expect("<message id='slow'><body>\u9d6b\U0001f426</body></message>")


@test("RFC 6120 4.2: many stanzas in one write, and features answered at once")
def _(romeo):
    r = romeo.login()
    count = 300
    r.send("".join(f"<message to='{r.jid}' id='m{i}'/>" for i in range(count)))
    for i in range(count):
        r.expect_next(f"<message id='m{i}'/>")


main()
