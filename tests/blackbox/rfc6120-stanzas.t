#!/usr/bin/python3
"""RFC 6120 section 8: stanzas and their errors; section 10: how a server routes them."""
from harness import *

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
UNKNOWN = "<query xmlns='urn:godwit:nobody-knows'/>"


def together(romeo, juliet):
    """Both see each other, logged in and available, with nothing left to read."""
    befriend(romeo, juliet)
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony", presence=True)
    r.drain(j), j.drain(r)
    return r, j


def same_tree(one, other):
    """Whether two elements are the same XML, text and order included."""
    return (one.tag == other.tag and dict(one.attrib) == dict(other.attrib)
            and (one.text or "") == (other.text or "") and len(one) == len(other)
            and all(same_tree(a, b) and (a.tail or "") == (b.tail or "") for a, b in zip(one, other)))


# -- section 8.1: attributes --

@two_users("RFC 6120 8.1.2.1: the server stamps from with the full JID, on every kind and type")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    stanzas = ["<message to='{}' id='1'/>", "<message to='{}' id='2' type='chat'/>",
               "<message to='{}' id='3' type='headline'/>", "<message to='{}' id='4' type='groupchat'/>",
               "<message to='{}' id='5' type='error'><error type='cancel'/></message>",
               "<presence to='{}' id='6'/>", "<presence to='{}' id='7' type='unavailable'/>",
               f"<iq to='{{}}' id='8' type='get'>{UNKNOWN}</iq>",
               f"<iq to='{{}}' id='9' type='set'>{UNKNOWN}</iq>",
               "<iq to='{}' id='10' type='result'/>",
               "<iq to='{}' id='11' type='error'><error type='cancel'/></iq>"]
    for number, stanza in enumerate(stanzas, 1):
        r.send(stanza.format(j.jid))
        kind = stanza[1:stanza.index(" ")]
        j.expect(f"<{kind} id='{number}' from='{r.jid}' to='{j.jid}'/>")


@two_users("RFC 6120 8.1.2.1: one's own full or bare JID as from is accepted, and made full")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    for sender in (r.jid, romeo.jid):
        r.send(f"<message from='{sender}' to='{j.jid}' id='{sender[-5:]}'/>")
        j.expect(f"<message from='{r.jid}' id='{sender[-5:]}'/>")


@test("RFC 6120 8.1.1.1: a message without to is for one's own account")
def _(romeo):
    r = romeo.login("orchard", presence=True)
    r.send("<message id='1' type='chat'><body>note to myself</body></message>")
    r.expect(f"<message id='1' from='{r.jid}'><body>note to myself</body></message>")


@two_users("RFC 6120 8.1.3: the id is kept as it is")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    for identifier in ("x", "\u9d6b\U0001f426", "a b  c", "&<>\"'", "x" * 500, ""):
        r.send(f"<message to='{j.jid}' id='{quote(identifier)}'><body>i</body></message>")
        found = j.expect("<message><body>i</body></message>").get("id")
        if found != identifier:
            raise Failure(f"{identifier!r} became {found!r}")


@two_users("RFC 6120 8.1.4: a message type that is unknown is taken as normal")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    r.send(f"<message to='{juliet.jid}' type='nonsense' id='1'><body>x</body></message>")
    j.expect("<message id='1'/>")


@test("RFC 6120 8.1.4: a presence type that is unknown is a bad-request")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    for to in (f" to='{j.jid}'", f" to='{juliet.jid}'", ""):
        r.send(f"<presence{to} type='nonsense' id='p'/>")
        expect_error(r.expect("<presence type='error' id='p'/>"), "bad-request")
    j.expect_nothing("<presence id='p'/>", after=r)


def speaking(account, lang):
    """A client whose stream after login has that xml:lang."""
    client = account.connect(kind=Client)
    client.account = account
    client.sasl("PLAIN", account.username, account.password)
    client.open(xml_lang=lang)
    client.bind("orchard")
    return client


@two_users("RFC 6120 8.1.5: xml:lang is kept; a stanza without gets that of its stream")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    r = speaking(romeo, "de")
    r.send(f"<message to='{j.jid}' id='1' xml:lang='cs'><body>a</body></message>"
           f"<message to='{j.jid}' id='2'><body>b</body><body xml:lang='fr'>c</body></message>")
    j.expect("<message id='1' xml:lang='cs'/>")
    j.expect("<message id='2' xml:lang='de'><body>b</body><body xml:lang='fr'>c</body></message>")


@two_users("RFC 6120 4.7.4: an xml:lang of the stream that is no language is not put on stanzas")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=True)
    for lang in ("", "no language", "x" * 100, "\u4e2d\u6587"):
        r = speaking(romeo, lang)
        r.message(j.jid, id="1")
        if j.expect("<message id='1'/>").get(LANG) is not None:
            raise Failure(f"{lang!r} was put on a stanza")


@two_users("RFC 6120 8: half a stanza is none")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    r.send(f"<message to='{j.jid}' id='1'/><message to='{j.jid}' id='2'><body>to be or not")
    j.expect("<message id='1'/>")
    r.close()
    j.expect_nothing("<message/>", after=romeo.login("fence"))


# -- section 8.2: semantics --

@test("RFC 6120 8.2.3: an iq request must have an id, a known type, and one child")
def _(romeo):
    r = romeo.login("orchard")
    for to in ("", " to='example.org'", f" to='{romeo.jid}'"):
        r.send(f"<iq type='get'{to}>{UNKNOWN}</iq>")
        expect_error(r.expect("<iq type='error' id=''/>"), "bad-request")
    bad = ["<iq id='b' type='nonsense'><query xmlns='urn:x'/></iq>",
           "<iq id='b'><query xmlns='urn:x'/></iq>", "<iq id='b' type='get'/>", "<iq id='b' type='set'/>",
           "<iq id='b' type='get'><a xmlns='urn:x'/><b xmlns='urn:x'/></iq>",
           "<iq id='b' type='set'>text only</iq>"]
    for stanza in bad:
        for to in ("", " to='example.org'", f" to='{r.jid}'", f" to='{romeo.jid}'"):
            r.send(stanza.replace("<iq", "<iq" + to, 1))
            sender = to.replace(" to=", " from=") or f" from='{ABSENT}'"
            expect_error(r.expect(f"<iq type='error' id='b'{sender}/>"), "bad-request")


@test("RFC 6120 8.2.3: a result or error is never answered")
def _(romeo):
    r = romeo.login("orchard")
    for to in ("", " to='example.org'", f" to='{romeo.jid}'", " to='nobody@example.org'",
               " to='nobody@example.org/x'", " to='example.org/x'"):
        r.send(f"<iq type='result' id='1'{to}/><iq type='result' id='1'{to}>{UNKNOWN}</iq>"
               f"<iq type='error' id='1'{to}><error type='cancel'/></iq>")
    r.expect_nothing()


@test("RFC 6120 8.2.3: the answer has the request's id, and addresses turned around")
def _(romeo):
    r = romeo.login("orchard")
    for to in ("example.org", romeo.jid, "nobody@example.org", "nobody@example.org/x"):
        for identifier in ("1", "\u9d6b", "a&b"):
            r.send(f"<iq type='get' id='{quote(identifier)}' to='{to}'>{UNKNOWN}</iq>")
            r.expect(f"<iq type='error' id='{quote(identifier)}' from='{to}' to='{r.jid}'/>")


@two_users("RFC 6120 8.2.3: iq between two clients, request and both answers")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    for kind in ("get", "set"):
        for outcome in ("result", "error"):
            identifier = r.send_iq(kind, UNKNOWN, to=j.jid)
            request = j.expect(f"<iq type='{kind}' from='{r.jid}'>{UNKNOWN}</iq>")
            inside = "" if outcome == "result" else \
                f"<error type='modify'><not-acceptable xmlns='{NS.stanzas}'/></error>"
            j.send(f"<iq type='{outcome}' id='{request.get('id')}' to='{r.jid}'>{inside}</iq>")
            r.expect(f"<iq type='{outcome}' id='{identifier}' from='{j.jid}'>{inside}</iq>")


# -- section 8.3: errors --

@test("RFC 6120 8.3.1: an error names the request's id, kind and recipient, with type and condition")
def _(romeo):
    r = romeo.login("orchard")
    error = r.iq("get", UNKNOWN, to="example.org")
    expect_error(error, "service-unavailable", "cancel")
    if error.get("from") != "example.org":
        raise Failure(show(error))
    r.message("nobody@example.org", id="m")
    error = r.expect(f"<message type='error' id='m' from='nobody@example.org' to='{r.jid}'/>")
    expect_error(error, "service-unavailable|item-not-found")


@test("RFC 6120 8.3.1: an error is never answered with an error")
def _(romeo):
    r = romeo.login("orchard")
    for to in ("nobody@example.org", "nobody@example.org/x", "example.org", "nobody@nowhere.example"):
        r.send(f"<message type='error' to='{to}' id='1'><error type='cancel'/></message>"
               f"<iq type='error' to='{to}' id='1'><error type='cancel'/></iq>"
               f"<presence type='error' to='{to}' id='1'><error type='cancel'/></presence>")
    r.expect_nothing()


@test("RFC 6120 8.3.3.8: an address that is none is a jid-malformed")
def _(romeo):
    r = romeo.login("orchard")
    for to in ("@example.org", "a@", "a@b@", "/x", "a@example.org/", "a b@example.org", "x" * 1024,
               "a" * 1024 + "@example.org", "a@example.org/" + "r" * 1024, "a\"b@example.org",
               "<@example.org", "\ue000@example.org", "a\u00a0b@example.org", "a@exa mple.org", "@/"):
        r.send(f"<iq type='get' id='1' to='{quote(to)}'>{UNKNOWN}</iq>")
        expect_error(r.expect(f"<iq type='error' id='1' from='{ABSENT}'/>"), "jid-malformed")
        r.send(f"<message id='2' to='{quote(to)}'><body>x</body></message>")
        expect_error(r.expect(f"<message type='error' id='2' from='{ABSENT}'/>"), "jid-malformed")
    r.expect_nothing()


@test("RFC 6120 8.3.3.16: a domain that nobody serves here")
def _(romeo):
    r = romeo.login("orchard")
    conditions = "remote-server-not-found"
    for to in ("nowhere.invalid", "a@nowhere.invalid", "a@nowhere.invalid/x", "a.b.c.d.invalid",
               ".".join(["x" * 50] * 4) + ".invalid"):
        expect_error(r.iq("get", UNKNOWN, to=to), conditions)
        r.message(to, id="m")
        expect_error(r.expect("<message type='error' id='m'/>"), conditions)


@test("RFC 6120 8.3.3.19: what is not understood is service-unavailable, with any address of ours")
def _(romeo):
    r = romeo.login("orchard")
    for kind in ("get", "set"):
        for to in (None, "example.org", "example.net", romeo.jid):
            r.iq_error(kind, UNKNOWN, "service-unavailable", to=to)


# -- section 8.4: extended content --

@two_users("RFC 6120 8.4: any payload arrives as the same XML")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    payloads = [
        "<x xmlns='urn:x'>text <b>mixed</b> text<c/> end</x>",
        "<p:x xmlns:p='urn:p' p:a='1' a='2'><p:y/><z xmlns='urn:z'><q xmlns=''/></z></p:x>",
        "<body>&lt;tag&gt; &amp; 'quote' \"double\"</body>",
        "<body>\u4f60\u597d \U0001f426 \u05e9\u05dc\u05d5\u05dd</body>",
        "<body>line\none&#13;two\ttab  spaces </body>",
        "<x xmlns='urn:x' a='&#10;&#9; b' c='&quot;&apos;&lt;'/>",
        "<q:x xmlns:q='urn:q' xmlns:r='urn:r' r:a='\u4f60' q:b='x'/>",
        "<x xmlns='urn:x'>]]&gt;</x>",
        "<a xmlns='urn:1'><a xmlns='urn:2'><a xmlns='urn:1'/></a></a>",
        "<body/><body xml:lang='de'>a</body><subject/><thread>t</thread>",
    ]
    for number, payload in enumerate(payloads):
        sent = parse(f"<message>{payload}</message>")
        r.send(f"<message to='{j.jid}' id='p{number}'>{payload}</message>")
        found = j.expect(f"<message id='p{number}'/>")
        found.attrib.clear()
        if not same_tree(sent, found):
            raise Failure(f"{show(sent)}\nbecame {show(found)}")


@two_users("RFC 6120 8.4: a prefix that only an attribute uses is declared where it arrives")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    r.send(f"<message xmlns:q='urn:q' to='{j.jid}' id='1' q:z='0'><y q:a='1'><q:b/></y></message>")
    message = j.expect("<message id='1'/>")
    if message[0].get("{urn:q}a") != "1" or message[0][0].tag != "{urn:q}b":
        raise Failure(show(message))


@two_users("RFC 6120 8.4: a stanza as large as allowed gets through, one beyond does not")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    frame = f"<message to='{j.jid}' id='big'><body></body></message>"
    r.send(frame.replace("></body>", ">" + "x" * (262144 - len(frame)) + "</body>"))
    j.expect("<message id='big'/>")
    r.try_send(frame.replace("></body>", ">" + "x" * (262145 - len(frame)) + "</body>"))
    r.expect_stream_error("policy-violation")


# -- section 10: routing --

@two_users("RFC 6120 10.1: stanzas from one to another stay in order, whatever they are")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    count = 200
    r.send("".join((f"<message to='{j.jid}' id='s{i}'/>", f"<presence to='{j.jid}' id='s{i}'/>",
                    f"<iq to='{j.jid}' id='s{i}' type='get'>{UNKNOWN}</iq>",
                    f"<message to='{juliet.jid}' id='s{i}'><body>x</body></message>")[i % 4]
                   for i in range(count)))
    seen = []
    while len(seen) < count:
        identifier = j.next().get("id")
        if identifier and identifier.startswith("s"):
            seen.append(identifier)
    if seen != [f"s{i}" for i in range(count)]:
        raise Failure(f"order: {seen}")


@test("RFC 6120 10.1: answers of the server to one client stay in order")
def _(romeo):
    r = romeo.login("orchard")
    requests = [f"<ping xmlns='{NS.ping}'/>", f"<query xmlns='{NS.roster}'/>", UNKNOWN,
                f"<query xmlns='{NS.disco_info}'/>"]
    r.send("".join(f"<iq type='get' id='o{i}'>{requests[i % len(requests)]}</iq>" for i in range(80)))
    for number in range(80):
        answer = r.next()
        if answer.get("id") != f"o{number}":
            raise Failure(f"expected the answer to o{number}, got {show(answer)}")


@test("RFC 6120 10.3.1: a message without to, while not available")
def _(romeo):
    r = romeo.login("orchard")
    r.send("<message id='1' type='headline'><body>x</body></message>")
    r.expect_nothing("<message type='error'/>")


@test("RFC 6120 10.3.3: an iq without to is for the server, as for one's own account")
def _(romeo):
    r = romeo.login("orchard")
    for to in (None, romeo.jid):
        answer = r.get(f"<query xmlns='{NS.roster}'/>", to=to)
        if answer.get("from") not in (None, romeo.jid):
            raise Failure(show(answer))


@test("RFC 6120 10.5.1: what is for the domain itself")
def _(romeo):
    r = romeo.login("orchard", presence=True)
    r.message("example.org", id="m", inside="<x xmlns='urn:x'/>")
    expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")
    r.presence(to="example.org")
    r.iq("get", f"<ping xmlns='{NS.ping}'/>", to="example.org")
    r.expect_nothing("<presence type='error'/>")


@test("RFC 6120 10.5.2: a resource of the domain is handled by the server, or unavailable")
def _(romeo):
    r = romeo.login("orchard")
    r.iq_error("get", UNKNOWN, "service-unavailable", to="example.org/x")
    r.message("example.org/x", id="m")
    expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")
    r.presence(to="example.org/x")
    r.expect_nothing()


@test("RFC 6120 10.5.3.1: for an account that does not exist, as for one that hears nothing")
def _(romeo, juliet):
    r = romeo.login("orchard", presence=True)
    answers = []
    for to in ("nobody@example.org", juliet.jid, "nobody@example.org/x", f"{juliet.jid}/x"):
        answer = r.iq("get", UNKNOWN, to=to)
        expect_error(answer, "service-unavailable")
        answers.append(show(answer[0]))
    if len(set(answers)) != 1:
        raise Failure(f"an account can be told from none: {answers}")


@two_users("RFC 6120 10.5.4: a full JID that is connected gets it, available or not")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony")
    r.message(j.jid, id="1")
    j.expect("<message id='1'/>")
    j.presence(to=r.jid)
    r.expect(f"<presence from='{j.jid}'/>")
    r.send_iq("get", UNKNOWN, to=j.jid, id="2")
    j.expect("<iq id='2'/>")
    r.presence(to=j.jid)
    j.expect(f"<presence from='{r.jid}'/>")


@two_users("RFC 6120 13.10.1: nobody learns from where another is connected")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    r.available(inside="<show>away</show>")
    r.message(j.jid, id="1")
    j.expect("<message id='1'/>")
    for namespace in ("jabber:iq:last", "jabber:iq:version", NS.disco_info, NS.disco_items, "vcard-temp"):
        name = "vCard" if namespace == "vcard-temp" else "query"
        j.iq("get", f"<{name} xmlns='{namespace}'/>", to=romeo.jid)
    r.abort()
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    if any(r.source in line for line in j.transcript):
        raise Failure(f"{r.source} is in what was sent")


@test("RFC 6120 10: the other domains that are served, with the same name at both")
def _(server, romeo):
    twin = server.account("paris", domain="example.net")
    r, t = romeo.login("orchard", presence=True), twin.login("troy", presence=True)
    r.message(t.jid, id="1")
    t.expect(f"<message id='1' from='{r.jid}'/>")
    t.message(romeo.jid, id="2")
    r.expect(f"<message id='2' from='{t.jid}'/>")
    r.iq_error("get", UNKNOWN, "service-unavailable", to=f"{romeo.username}@example.net")


@two_users("RFC 7622 3: addresses are prepared before they are compared")
def _(romeo, juliet):
    r, j = together(romeo, juliet)
    r.message(f"{juliet.username.upper()}@EXAMPLE.ORG/balcony", id="1")
    j.expect(f"<message id='1' to='{j.jid}'/>")
    r.message(f"{juliet.jid}./balcony", id="2")
    j.expect("<message id='2'/>")
    r.message(f"{juliet.jid}/Balcony", id="3", kind="headline")
    j.expect_nothing("<message id='3'/>", after=r)


main()
