#!/usr/bin/python3
"""Hostile TLS: STARTTLS, handshakes that go wrong, records that break off, and OpenSSL's own traps."""
import base64
import ctypes
import os
import socket
import ssl
import time

from harness import *
from lib.hostile import *
from lib.tls import channel_binding

STARTTLS = f"<starttls xmlns='{NS.tls}'/>"


def proceeded(server, **options):
    """A connection on which TLS may begin."""
    connection = server.raw(**options)
    connection.open()
    connection.send(STARTTLS)
    connection.expect(f"<proceed xmlns='{NS.tls}'/>")
    return connection


def client_hello(name="example.org"):
    """The first flight of an ordinary client."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    handshake = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        handshake.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def below(client):
    """The TCP connection under a client's TLS, to write what TLS would not."""
    return socket.socket(fileno=os.dup(client.socket.fileno()))


def raw_ssl(client):
    """The SSL of OpenSSL behind a socket, and its library."""
    library = ctypes.CDLL("libssl.so.3")
    address = id(client.socket._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
    return library, ctypes.c_void_p(ctypes.c_void_p.from_address(address).value)


def read_to_end(connection):
    """All that arrives up to the end of the connection, however it ends."""
    data = b""
    connection.socket.settimeout(10 * FACTOR)
    try:
        while True:
            more = connection.socket.recv(65536)
            if not more:
                return data
            data += more
    except ConnectionError:
        return data


@hostile("CVE-2011-0411: what is injected behind <starttls/> is never acted upon, in one write or in many")
def _(server, romeo):
    plain = "<auth xmlns='%s' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>" % NS.sasl
    header = server.raw().stream_header()
    for injected in (header, header + plain, plain, "<presence/>", "</stream:stream>", STARTTLS,
                     "<iq type='get' id='injected'><query xmlns='jabber:iq:register'/></iq>",
                     "<" * 10000, "<!DOCTYPE x>", " "):
        connection = server.raw()
        connection.open()
        connection.send(STARTTLS + injected)
        connection.expect(f"<proceed xmlns='{NS.tls}'/>")
        try:
            connection.wrap_tls()
        except OSError:
            continue  # taken as the start of TLS, which it is not
        connection.open()
        if not connection.mechanisms() or connection.queue:
            raise Failure(f"after {injected!r}: " + show(connection.features))
        connection.poll()
        if connection.queue:
            raise Failure(f"{injected!r} was answered inside TLS: " + show(connection.queue[0]))


@hostile("CVE-2011-0411: the first flight of TLS right behind <starttls/> harms nobody")
def _(server):
    for _ in range(5):
        connection = server.raw()
        connection.open()
        connection.send(STARTTLS.encode() + client_hello())
        half_close(connection)
        read_to_end(connection)


@hostile("after <proceed/> only TLS is spoken: XML in the clear ends the connection")
def _(server):
    for data in (b"<stream:stream>", server.raw().stream_header().encode(), b"\0" * 1000, b"</stream:stream>",
                 b"\x17\x03\x03\x00\x05hello", b"\x16\x03\x03\xff\xff" + b"x" * 70000,
                 b"\x16\x03\x01\x00\x00" * 100, b"\x15\x03\x03\x00\x02\x02\x28", b"\x80\x2e\x01\x00\x02"):
        mark = server.log_mark()
        connection = proceeded(server)
        connection.try_send(data)
        half_close(connection)
        if b"stream:features" in read_to_end(connection):
            raise Failure(f"{data[:20]} was answered as XML")
        server.wait_log(f"address={connection.source} ", since=mark)


@hostile("CVE-2013-6169: TLS 1.0, 1.1, weak ciphers and compression are refused, each with a log line")
def _(server):
    versions = [("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1), ("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_1)]
    weak = [(cipher + ":@SECLEVEL=0", ssl.TLSVersion.TLSv1_2)
            for cipher in ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384",
                           "NULL-SHA256", "ADH-AES128-SHA256", "PSK-AES128-CBC-SHA", "DHE-RSA-AES128-GCM-SHA256",
                           "ECDHE-ECDSA-AES128-CCM8", "AECDH-NULL-SHA")]
    for ciphers, version in versions + weak:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            context.set_ciphers(ciphers)
        except ssl.SSLError:
            continue  # our own OpenSSL has it no more
        context.minimum_version = context.maximum_version = version
        for listener in ("c2s", "c2s-tls"):
            mark = server.log_mark()
            connection = proceeded(server) if listener == "c2s" else server.raw(listener=listener)
            try:
                connection.wrap_tls(context=context)
            except OSError:
                expect_log_lines(server, mark, f"address={connection.source} ")
                continue
            raise Failure(f"{ciphers} of {version.name}: {connection.socket.cipher()}")
    connection = server.connect()
    if connection.socket.compression() is not None:
        raise Failure("compression")


@hostile("CVE-2021-32920 and CVE-2009-3555: renegotiation by the client is refused, and costs nothing")
def _(server, romeo):
    spent, attempts = cpu_seconds(server), 0
    for _ in range(5):
        client = romeo.connect(version="1.2")
        library, handle = raw_ssl(client)
        for _ in range(20):
            library.SSL_renegotiate(handle)
            client.socket.settimeout(0.05)
            attempts += 1
            try:
                client.socket.do_handshake()
            except ssl.SSLWantReadError:
                raise Failure("the server began to renegotiate") from None
            except TimeoutError:
                raise Failure("the server does not refuse") from None
            except OSError:
                break
            raise Failure("renegotiated")
        client.close()
    note(f"{attempts} attempts, {cpu_seconds(server) - spent:.2f} s of processor")


@hostile("TLS 1.3: a flood of key updates from a peer that does not read their answers")
def _(server, romeo):
    before, spent = memory(server), cpu_seconds(server)
    client = romeo.login()
    library, handle = raw_ssl(client)
    client.socket.settimeout(0.2)
    count = 0
    try:
        while count < 20000:
            if library.SSL_key_update(handle, 1) != 1:
                break
            client.socket.send(b" ")
            count += 1
    except OSError:
        pass
    note(f"{count} key updates, memory {mib(memory(server) - before)}, "
         f"processor {cpu_seconds(server) - spent:.2f} s")
    if memory(server) - before > 8 * 2**20 and not SANITIZED:
        raise Failure("memory grew")
    client.abort()


@hostile("empty TLS records by the thousand")
def _(server, romeo):
    for version in ("1.2", "1.3"):
        client = romeo.login(version=version)
        tcp = below(client)
        try:
            tcp.sendall(b"\x17\x03\x03\x00\x00" * 20000)
        except OSError:
            pass
        tcp.close()
        client.abort()


@hostile("jabberd2: TLS cut in mid-handshake at every place, reset or ended, then logins work", timeout=90)
def _():
    # One worker, one queue of errors of OpenSSL.
    with Server(workers=1) as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r, j = romeo.login(), juliet.login("balcony", presence=True)
        hello = client_hello()
        for cut in sorted({*range(0, 12), *range(12, len(hello), 37), len(hello)}):
            for reset in (True, False):
                connection = proceeded(server)
                connection.socket.sendall(hello[:cut])
                if cut == len(hello):
                    connection.socket.recv(1)
                connection.abort() if reset else connection.close()
                r.message(j.jid, f"after {cut}")
                j.expect(f"<message><body>after {cut}</body></message>")
        for alert in (b"\x02\x00", b"\x02\x28", b"\x02\x2a", b"\x02\x30", b"\x01\x00", b"\x02\x64"):
            for first in (b"", hello):
                connection = proceeded(server)
                connection.socket.sendall(first + b"\x15\x03\x03\x00\x02" + alert)
                connection.close()
                if not romeo.login().jid:
                    raise Failure("no login")
                r.message(j.jid, "after an alert")
                j.expect("<message><body>after an alert</body></message>")


@hostile("jabberd2: TLS cut in mid-record, and records that are none, then logins work")
def _():
    with Server(workers=1) as server:
        romeo, juliet, victim = server.accounts([("romeo", None), ("juliet", None), ("victim", None)])
        r, j = romeo.login(), juliet.login("balcony", presence=True)
        for data in (b"\x17\x03\x03\x00\x50" + b"x" * 10, b"\x17\x03\x03\x00\x50" + b"x" * 0x50, b"\x17", b"\x17\x03",
                     b"\x17\x03\x03\xff\xff" + b"x" * 1000, b"\x99" * 100, b"\x15\x03\x03\x00\x02\x02\x00",
                     b"\x16\x03\x03\x00\x04\0\0\0\0", b"\x14\x03\x03\x00\x01\x01", b"\x17\x02\x00\x00\x50" + b"x" * 0x50):
            for version in ("1.2", "1.3"):
                for reset in (True, False):
                    client = victim.login("v", version=version)
                    tcp = below(client)
                    tcp.sendall(data)
                    tcp.close()
                    client.abort() if reset else client.close()
                    r.message(j.jid, "still here")
                    j.expect("<message><body>still here</body></message>")
        check_others(server)


@hostile("a record of garbage ends its own connection, with a log line, and no other")
def _(server, romeo):
    for version in ("1.2", "1.3"):
        client = romeo.login("orchard", version=version)
        mark = server.log_mark()
        tcp = below(client)
        tcp.sendall(b"\x17\x03\x03\x00\x50" + b"x" * 0x50)
        tcp.close()
        expect_log_lines(server, mark, f'"session ended".* address={client.source} ')
        client.close()


@hostile("SNI: names that are unknown, huge or odd get the first domain's certificate or a refusal")
def _(server):
    expected = ssl.PEM_cert_to_DER_cert(open(server.certificate("example.org")[0], encoding="ascii").read())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name in ("unknown.example", "x" * 63 + ".example", ".".join(["y" * 60] * 4), "EXAMPLE.org", "a_b.example",
                 "xn--zzz.example", "localhost", "org", "sub.example.org", "example.org.evil.example"):
        for listener in ("c2s", "c2s-tls"):
            connection = proceeded(server) if listener == "c2s" else server.raw(listener=listener)
            connection.wrap_tls(context=context, server_name=name)
            if connection.socket.getpeercert(binary_form=True) != expected:
                raise Failure(f"{name} got another certificate")
            connection.open()
    hello = client_hello("example.org")
    for other in (b"example\0org", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"../../etc/x", b"           "):
        connection = proceeded(server)
        connection.socket.sendall(hello.replace(b"example.org", other))
        half_close(connection)
        read_to_end(connection)


@hostile("many domains: each with its certificate, and none answers for another", timeout=60)
def _():
    domains = [f"d{number}.example" for number in range(40)]
    with Server(domains=domains) as server:
        accounts = [server.account("user", domain=domain) for domain in domains]
        clients = [account.login(presence=True) for account in accounts]
        for index, client in enumerate(clients):
            der = ssl.PEM_cert_to_DER_cert(open(server.certificate(domains[index])[0], encoding="ascii").read())
            if client.socket.getpeercert(binary_form=True) != der:
                raise Failure(f"wrong certificate for {domains[index]}")
            clients[index - 1].message(client.jid, str(index))
            client.expect(f"<message from='{clients[index - 1].jid}'><body>{index}</body></message>")
        for number in range(50):
            connection = server.raw(domain=f"x{number}.example")
            connection.send(connection.stream_header())
            connection.expect_stream_error("host-unknown")
        for domain in domains[:5]:
            failure = server.connect(domain=domain).sasl("PLAIN", accounts[7].username, "secret")
            check_sasl_failure(failure, "not-authorized")


@hostile("half-open handshakes end at their deadline, with a log line; dribbling does not extend it")
def _():
    with Server(limits={"tls_timeout": 2, "login_timeout": 20}) as server:
        hello = client_hello()
        mark, started = server.log_mark(), time.monotonic()
        silent, direct, dribbling = proceeded(server), server.raw(listener="c2s-tls"), proceeded(server)
        for byte in hello:
            if not dribbling.try_send(bytes((byte,))):
                break
            time.sleep(0.05)
            if time.monotonic() - started > 6 * FACTOR:
                raise Failure("dribbling goes on")
        for connection in (silent, direct, dribbling):
            read_to_end(connection)
            expect_log_lines(server, mark, f"address={connection.source} ")
        note(f"ended after {time.monotonic() - started:.1f} s of 2")
        check_others(server)


@hostile("a storm of handshakes leaves those alone who are there", timeout=60)
def _(server, romeo, juliet):
    r, j = romeo.login(), juliet.login("balcony", presence=True)
    calm = latencies(r, j, 100)
    note_times("message, calm", calm)
    hello = client_hello()
    storm, times = [], []
    for wave in range(10):
        for _ in range(30):
            connection = proceeded(server)
            connection.socket.sendall(hello)
            storm.append(connection)
        times += latencies(r, j, 10)
    note_times(f"message, during {len(storm)} handshakes left open", times)
    for connection in storm:
        connection.abort()
    server.connections = [connection for connection in server.connections if connection not in storm]
    if quantile(times, 0.5) > 0.1 * FACTOR:
        raise Failure("messages wait for handshakes")


def garbled(random, data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(data))
        kind = random.randrange(4)
        if kind == 0:
            data[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[at:at] = random.randbytes(random.randrange(1, 40))
        elif kind == 2:
            del data[at:at + random.randrange(1, 40)]
        else:
            data[at] = random.choice((0, 255))
        if not data:
            return b"\0"
    return bytes(data)


@hostile("garbled handshakes and records: none does more than end its connection", timeout=90)
def _(server, romeo):
    random = random_of("handshakes")
    hello = client_hello()
    for number in range(300):
        connection = server.raw(listener="c2s-tls") if number % 2 else proceeded(server)
        connection.socket.sendall(garbled(random, hello))
        if random.random() < .5:
            half_close(connection)
            read_to_end(connection)
        connection.close()
    for _ in range(40):
        client = romeo.login("r", version=random.choice(("1.2", "1.3")))
        tcp = below(client)
        record = bytes((random.choice((20, 21, 22, 23, 24, 0, 128)), 3, random.choice((1, 3, 3, 4)))) + \
            random.choice((10, 100, 16384, 20000)).to_bytes(2, "big")
        try:
            tcp.sendall(record + random.randbytes(random.randrange(200)))
        except OSError:
            pass
        tcp.close()
        client.abort()


@hostile("connections that end at once, by the thousand", timeout=60)
def _(server):
    started, before = time.monotonic(), descriptors(server)
    for number in range(1500):
        connection = socket.create_connection(("127.0.0.1", server.ports["c2s-tls" if number % 2 else "c2s"]),
                                              source_address=(f"127.9.{number // 200}.{number % 200 + 1}", 0))
        if number % 3 == 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    note(f"1500 connections in {time.monotonic() - started:.2f} s")
    wait_until(lambda: descriptors(server), "descriptors", wanted=lambda count: count <= before + 2)


@hostile("the channel binding of one connection is none for another, nor is one over a proxy (jabber.ru)")
def _(romeo):
    one, other = romeo.connect(), romeo.connect()
    for kind in ("tls-exporter", "tls-unique"):
        scram = Scram("SCRAM-SHA-256-PLUS", romeo.username, romeo.password,
                      binding=(kind, channel_binding(other.socket, kind)))
        one.auth("SCRAM-SHA-256-PLUS", scram.first())
        answer = one.outcome()
        if answer.tag == "{%s}challenge" % NS.sasl:
            one.respond(scram.final(base64.b64decode(answer.text)))
            answer = one.outcome()
        check_sasl_failure(answer, "not-authorized|malformed-request")


check_footprint()
main()
