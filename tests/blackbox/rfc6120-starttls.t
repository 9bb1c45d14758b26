#!/usr/bin/python3
"""RFC 6120 section 5: STARTTLS; XEP-0368: direct TLS; RFC 7590: how TLS is used."""
import ssl

from harness import *
from lib.tls import renegotiate

STARTTLS = f"<starttls xmlns='{NS.tls}'/>"


def weak_context(**options):
    """A client that would take anything, limited as the test wants."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(options.pop("ciphers", "ALL:@SECLEVEL=0"))
    context.minimum_version = options.pop("lowest", ssl.TLSVersion.MINIMUM_SUPPORTED)
    context.maximum_version = options.pop("highest", ssl.TLSVersion.MAXIMUM_SUPPORTED)
    return context


def handshake_fails(connection, context):
    try:
        connection.wrap_tls(context=context)
    except OSError:
        return
    raise Failure(f"the handshake went through: {connection.socket.version()} "
                  f"{connection.socket.cipher()}")


def proceeded(server):
    """A connection on which TLS may begin."""
    connection = server.raw()
    connection.open()
    connection.send(STARTTLS)
    connection.expect(f"<proceed xmlns='{NS.tls}'/>")
    return connection


def check_usable(connection):
    connection.open()
    if not connection.mechanisms():
        raise Failure("no mechanisms after TLS")


@test("RFC 6120 5.3.1: STARTTLS is offered as required, without anything that needs TLS")
def _(server):
    connection = server.raw()
    features = connection.open()
    if not matches(features, f"<stream:features><starttls xmlns='{NS.tls}'><required/></starttls>"
                             "</stream:features>"):
        raise Failure(show(features))
    if len(features) != 1:
        raise Failure(show(features))


@test("RFC 6120 5.4.2.3: after <proceed/> comes TLS, then a new stream with a new id")
def _(server):
    connection = server.raw()
    connection.open()
    first = connection.header.get("id")
    connection.starttls()
    connection.open()
    if connection.header.get("id") == first:
        raise Failure("the id is the same")


@test("RFC 6120 5.4.3.3: STARTTLS is not offered again inside TLS")
def _(server):
    for direct in (False, True):
        connection = server.connect(direct=direct)
        if connection.has_feature("{%s}starttls" % NS.tls):
            raise Failure(show(connection.features))


@test("RFC 6120 5.4.2.2: STARTTLS inside TLS is refused, and the stream ends")
def _(server):
    connection = server.connect()
    connection.send(STARTTLS)
    connection.expect_next(f"<failure xmlns='{NS.tls}'/>")
    connection.expect_end()
    connection.expect_close()


@test("RFC 6120 5.3.1: no SASL before TLS")
def _(server, romeo):
    connection = server.raw()
    connection.open()
    connection.auth("PLAIN", f"\0{romeo.username}\0{romeo.password}".encode())
    answer = connection.next()
    if not (matches(answer, f"<failure xmlns='{NS.sasl}'><encryption-required/></failure>")
            or answer.tag == "{%s}error" % NS.stream):
        raise Failure(show(answer))


@test("RFC 6120 5.4.2.1: what a client sends in the clear behind <starttls/> is never acted upon")
def _(server):
    injected = server.raw().stream_header() + f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'>AGEAYg==</auth>"
    connection = server.raw()
    connection.open()
    connection.send(STARTTLS + injected)
    connection.expect(f"<proceed xmlns='{NS.tls}'/>")
    try:
        connection.wrap_tls()
    except OSError:
        return  # taken for the beginning of TLS, which is as good
    connection.poll()
    if connection.queue or connection.closed:
        raise Failure("the injected stream was answered")
    check_usable(connection)


@test("RFC 6120 5.4.3.2: a failed handshake ends the connection; the next one works")
def _(server):
    for garbage in (b"this is no TLS at all, not a bit of it", b"\x16\x03\x01\x00\x05hello",
                    b"<stream:stream xmlns='jabber:client'>", b"\x00" * 100):
        connection = proceeded(server)
        connection.socket.sendall(garbage)
        answer = b""
        try:
            while data := connection.socket.recv(4096):
                answer += data
        except ConnectionError:
            pass
        if b"<" in answer:
            raise Failure(f"a word was said: {answer}")
    server.connect()


@test("RFC 6120 5.4.3.2: a client that hangs up within the handshake disturbs nobody")
def _(server):
    for _ in range(5):
        proceeded(server).abort()
        connection = proceeded(server)
        connection.socket.sendall(b"\x16\x03\x01")
        connection.abort()
    server.connect()


@test("RFC 7590 3.1: TLS 1.2 and 1.3 are there")
def _(server):
    for version in ("1.2", "1.3"):
        for direct in (False, True):
            connection = server.connect(version=version, direct=direct)
            if connection.socket.version() != "TLSv" + version:
                raise Failure(connection.socket.version())


@test("RFC 7590 3.1: TLS 1.0 and 1.1 are not")
def _(server):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        handshake_fails(proceeded(server), weak_context(lowest=version, highest=version))


@test("RFC 9325 4.2: with TLS 1.2, only ECDHE with AEAD")
def _(server):
    for ciphers in ("AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA",
                    "ECDHE-ECDSA-AES256-SHA384", "aNULL", "eNULL", "DHE"):
        context = weak_context(highest=ssl.TLSVersion.TLSv1_2, ciphers=ciphers + ":@SECLEVEL=0")
        handshake_fails(proceeded(server), context)


@test("RFC 7590 3.2: no TLS compression")
def _(server):
    connection = server.connect(version="1.2")
    if connection.socket.compression() is not None:
        raise Failure(connection.socket.compression())


@test("RFC 6120 13.7.1: SNI chooses the certificate of the domain")
def _(server):
    for direct in (False, True):
        for domain in server.domains:
            connection = server.connect(domain=domain, direct=direct)
            names = connection.socket.getpeercert()["subjectAltName"]
            if names != (("DNS", domain),):
                raise Failure(f"{domain}: {names}")


def certificate_of(server, domain):
    with open(server.certificate(domain)[0], encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


@test("RFC 6120 5.4.3.1: without SNI, or with a name we do not serve, the stream header chooses")
def _(server):
    context = weak_context(ciphers="DEFAULT")
    for name in (None, "nowhere.example"):
        for domain in server.domains:
            connection = server.raw(domain=domain)
            connection.open()
            connection.send(STARTTLS)
            connection.expect(f"<proceed xmlns='{NS.tls}'/>")
            connection.socket = context.wrap_socket(connection.socket, server_hostname=name)
            if connection.socket.getpeercert(binary_form=True) != certificate_of(server, domain):
                raise Failure(f"not the certificate of {domain}")
            check_usable(connection)


@test("RFC 6120 13.7.1: with direct TLS and without SNI, the first domain's")
def _(server):
    context = weak_context(ciphers="DEFAULT")
    for name in (None, "nowhere.example"):
        connection = server.raw(listener="c2s-tls")
        connection.socket = context.wrap_socket(connection.socket, server_hostname=name)
        if connection.socket.getpeercert(binary_form=True) != certificate_of(server, server.domains[0]):
            raise Failure("another certificate")
        check_usable(connection)


@test("RFC 6120 5.3.3: nothing stands between <starttls/> and TLS, not even white space")
def _(server):
    connection = server.raw()
    connection.open()
    connection.send(STARTTLS)
    data = b""
    while not data.endswith(b">"):
        data += connection.socket.recv(4096)
    if data != f"<proceed xmlns='{NS.tls}'/>".encode():
        raise Failure(f"sent: {data!r}")
    connection.wrap_tls()
    check_usable(connection)


@test("RFC 6120 5.3.5: who renegotiates is cut off, without a word")
def _(server):
    connection = server.connect(version="1.2")
    answer = renegotiate(connection.socket)
    # At most an alert: 5 bytes of a record's head, and what AES-GCM makes of 2 bytes.
    if len(answer) > 5 + 8 + 2 + 16:
        raise Failure(f"{len(answer)} bytes came")
    server.connect()


@test("RFC 6120 5.4.3.3: what was said before TLS is forgotten: to, from, language, and what waited")
def _(server, romeo):
    connection = server.raw()
    connection.open(from_=romeo.jid, xml_lang="de")
    connection.starttls()
    connection.open(to=server.domains[1])
    if connection.header.get("from") != server.domains[1] or connection.header.get("to") is not None:
        raise Failure(show(connection.header))


@test("XEP-0368 4: direct TLS with ALPN xmpp-client")
def _(server):
    connection = server.connect(direct=True, alpn="xmpp-client")
    if connection.socket.selected_alpn_protocol() != "xmpp-client":
        raise Failure(f"ALPN: {connection.socket.selected_alpn_protocol()}")


@test("XEP-0368 4: direct TLS without ALPN")
def _(server):
    connection = server.raw(listener="c2s-tls")
    connection.wrap_tls()
    check_usable(connection)


@test("XEP-0368 4: a client of another protocol is turned away")
def _(server):
    for protocol in ("http/1.1", "xmpp-server"):
        connection = server.raw(listener="c2s-tls")
        try:
            connection.wrap_tls(alpn=protocol)
        except OSError:
            continue
        if connection.socket.selected_alpn_protocol() is not None:
            raise Failure(f"{protocol} was chosen")


@test("XEP-0368 4: a stream in the clear on the port of direct TLS gets nothing")
def _(server):
    connection = server.raw(listener="c2s-tls")
    connection.send(connection.stream_header())
    try:
        data = connection.socket.recv(4096)
    except ConnectionError:
        return
    if b"stream" in data:
        raise Failure(f"answered: {data!r}")


@test("RFC 6120 5: messages go between STARTTLS and direct TLS, 1.2 and 1.3, of any size")
def _(romeo, juliet):
    r = romeo.login("orchard", version="1.2")
    j = juliet.login("balcony", direct=True, version="1.3")
    for size in (1, 1000, 16384, 16385, 100000, 250000):
        r.message(j.jid, "x" * size, id=f"m{size}")
        if len(text(j.expect(f"<message id='m{size}'/>"), "body")) != size:
            raise Failure("the body is cut")
        j.message(r.jid, "y" * size, id=f"m{size}")
        r.expect(f"<message id='m{size}'/>")


@test("RFC 6120 5: a handshake that does not come to an end is ended")
def _():
    with Server(limits={"tls_timeout": 1}) as server:
        silent = proceeded(server)
        direct = server.raw(listener="c2s-tls")
        for connection in (silent, direct):
            connection.expect_close(timeout=10)


main()
