#!/usr/bin/python3
"""Every limit of the configuration, at the edge and one beyond; as shipped where a test can afford it."""
import socket
import time

from harness import *
from lib.hostile import *
from lib.server import loopback

FAST = {"bytes_per_second": 100000000, "burst_bytes": 100000000}
REGISTER = "jabber:iq:register"


def sized(size, before, after, fill="x"):
    """XML of exactly so many bytes."""
    return before + fill * (size - len(before) - len(after)) + after


def survives(client, data):
    client.send(data)
    client.sync()


def ends(client, data, condition="policy-violation"):
    client.try_send(data)
    client.expect_stream_error(condition)


def refused(server, connect):
    """Whether a connection is closed before it can be used."""
    try:
        connection = connect()
        connection.send(connection.stream_header())
        connection.expect("<stream:features/>")
        return False
    except (OSError, Closed):
        return True


@hostile("stanza_bytes (262144): at the edge, and one beyond; at least 10000 can be configured")
def _(romeo):
    for size, check in ((262144, survives), (262145, ends)):
        check(romeo.login(), sized(size, "<message to='x@example.net'><body>", "</body></message>"))
    with Server(limits={"stanza_bytes": 10000}) as server:
        account = server.account("romeo")
        for size, check in ((10000, survives), (10001, ends)):
            check(account.login(), sized(size, "<message to='x@example.net'><body>", "</body></message>"))


@hostile("stanza_bytes_before_login (16384): at the edge, and one beyond, headers too")
def _(server):
    for size in (16384, 16385):
        connection = server.connect()
        connection.send(sized(size, f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'>", "</auth>", "A"))
        if size == 16384:
            connection.expect_sasl_failure("not-authorized|malformed-request|incorrect-encoding")
        else:
            connection.expect_stream_error("policy-violation")
        connection = server.raw()
        header = connection.stream_header()
        connection.send(header[:-1] + sized(size - len(header) + 1, " x='", "'>"))
        if size == 16384:
            connection.expect("<stream:features/>")
        else:
            connection.expect_stream_error("policy-violation")


@hostile("xml_depth (64): at the edge, and one beyond")
def _(romeo):
    for depth, check in ((64, survives), (65, ends)):
        check(romeo.login(), "<message>" + "<a>" * (depth - 1) + "</a>" * (depth - 1) + "</message>")


@hostile("xml_attributes (64): at the edge, and one beyond; declarations count")
def _(romeo):
    for count, check in ((64, survives), (65, ends)):
        check(romeo.login(), "<message><x" + "".join(f" a{n}=''" for n in range(count)) + "/></message>")
        check(romeo.login(), "<message><x" + "".join(f" xmlns:a{n}='u'" for n in range(count)) + "/></message>")


@hostile("xml_elements (8192): at the edge, and one beyond")
def _(romeo):
    for count, check in ((8192, survives), (8193, ends)):
        check(romeo.login(), "<message>" + "<a/>" * (count - 1) + "</message>")


@hostile("xml_name_bytes (1024): at the edge, and one beyond, of elements, attributes and namespaces")
def _(romeo):
    for length, check in ((1024, survives), (1025, ends)):
        name = "n" * length
        for inside in (f"<{name}/>", f"<x {name}=''/>", f"<x xmlns='{name}'/>", f"<x xmlns:p='{name}' p:a=''/>"):
            check(romeo.login(), f"<message>{inside}</message>")


@hostile("login_timeout: one is cut after it, and not before")
def _():
    with Server(limits={"login_timeout": 2}) as server:
        connection, started = server.raw(), time.monotonic()
        connection.open()
        connection.expect_stream_error("connection-timeout")
        took = time.monotonic() - started
        note(f"{took:.2f} s")
        if took < 1.9:
            raise Failure("too early")
        check_others(server)


@hostile("login_failures (5): the fourth may be followed by another, the fifth ends it")
def _(romeo):
    abort = f"<abort xmlns='{NS.sasl}'/>"
    connection = romeo.connect()
    for _ in range(4):
        connection.send(abort)
        connection.expect_sasl_failure("aborted")
    if connection.sasl("PLAIN", romeo.username, romeo.password).tag != "{%s}success" % NS.sasl:
        raise Failure("no login after four")
    connection = romeo.connect()
    connection.send(abort * 5)
    for _ in range(5):
        connection.expect_sasl_failure("aborted")
    connection.expect_stream_error("policy-violation")


@hostile("pending_per_address (50): at the edge, and one beyond, with one log line; one gone makes room")
def _(server):
    source, mark = loopback(), server.log_mark()
    held = [server.raw(source=source) for _ in range(50)]
    for connection in held:
        connection.open()
    for _ in range(3):
        if not refused(server, lambda: server.raw(source=source)):
            raise Failure("51 at a time")
    expect_log_lines(server, mark, '"connection refused, limit reached"')
    if refused(server, server.raw):
        raise Failure("another address is refused, too")
    held.pop().end()
    wait_until(lambda: not refused(server, lambda: server.raw(source=source)), "room")


@hostile("connections_per_address: logged in ones count here, and no more as pending")
def _():
    with Server(limits={"connections_per_address": 6, "pending_per_address": 2}) as server:
        source, romeo = loopback(), server.account("romeo")
        clients = [romeo.login(source=source) for _ in range(6)]
        if not refused(server, lambda: server.raw(source=source)):
            raise Failure("seven connections")
        clients.pop().end()
        wait_until(lambda: not refused(server, lambda: server.raw(source=source)), "room")
        check_others(server)


@hostile("pending and connections: the totals, at the edge and one beyond")
def _():
    for limits in ({"pending": 5}, {"connections": 5}):
        with Server(limits=limits) as server:
            held = [server.raw() for _ in range(5)]
            for connection in held:
                connection.open()
            if not refused(server, server.raw):
                raise Failure(f"six with {limits}")
            for connection in held:
                connection.end()
            wait_until(lambda: not refused(server, server.raw), "room")


@hostile("sessions_per_account (20): at the edge, and one beyond; replacing one is no more")
def _(romeo):
    clients = [romeo.login(f"r{number}") for number in range(20)]
    client = romeo.connect(kind=Client)
    client.account = romeo
    client.log_in()
    client.iq_error("set", f"<bind xmlns='{NS.bind}'><resource>r20</resource></bind>", "resource-constraint")
    romeo.login("r0")
    clients[0].expect_stream_error("conflict")


@hostile("bind_failures (10): the ninth may be followed by another, the tenth ends it")
def _(romeo):
    bad = f"<iq type='set' id='{{}}'><bind xmlns='{NS.bind}'><resource>{'r' * 1024}</resource></bind></iq>"
    for count in (9, 10):
        client = romeo.connect(kind=Client)
        client.account = romeo
        client.log_in()
        for number in range(count):
            client.send(bad.format(number))
            client.expect(f"<iq type='error' id='{number}'/>")
        if count == 9:
            client.bind()
        else:
            client.expect_stream_error("policy-violation")


@hostile("bytes_per_second and burst_bytes: a burst passes at once, what follows at that rate")
def _():
    with Server(limits={"bytes_per_second": 20000, "burst_bytes": 40000}) as server:
        r = server.account("romeo").login()
        started = time.monotonic()
        for size in (20000, 60000):
            survives(r, sized(size, "<message to='x@example.net'><body>", "</body></message>"))
            note(f"{size} bytes more: after {time.monotonic() - started:.2f} s")
            if size == 20000 and time.monotonic() - started > 1 * FACTOR:
                raise Failure("the burst is held up")
        if time.monotonic() - started < 1.5:
            raise Failure("no throttle")
        check_others(server)


@hostile("roster_bytes: at the edge, and one beyond; what makes the list shorter is allowed")
def _():
    with Server(limits=dict(FAST, roster_bytes=4096)) as server:
        r = server.account("romeo").login()

        def put(jid, *groups, **attributes):
            return r.roster_set(jid, inside="".join(f"<group>{group}</group>" for group in groups), **attributes)

        def size(jid, *groups, name=""):
            return sum(len(text) + 1 for text in (jid, name) + groups) + 1

        first, second, one, two = "a@example.org", "b@example.org", "x" * 1000, "y" * 1000
        for groups, name in (((one, two), ""), ((one,), "z" * 1001)):
            if put(first, *groups, name=name).get("type") != "result":
                raise Failure("not the first")
        left = 4096 - size(first, one, two) - size(second, one, "g" * 100)
        expect_error(put(second, one, "g" * 100, name="n" * (left + 1)), "not-allowed")
        if put(second, one, "g" * 100, name="n" * left).get("type") != "result":
            raise Failure("not up to the edge")
        expect_error(put("c@example.org"), "not-allowed")
        expect_error(put(first, one, name="z" * 1002), "not-allowed")
        r.send("<presence type='subscribed' to='c@example.org'/>")
        expect_error(r.expect("<presence type='error' from='c@example.org'/>"), "not-allowed")
        if put(first, one, name="z" * 999).get("type") != "result":
            raise Failure("not the one that shrinks")
        expect_error(put(first, one, name="z" * 1002), "not-allowed")
        if put(first, one, name="z" * 1001).get("type") != "result" or len(r.roster()) != 2:
            raise Failure("not the edge again")


@hostile("roster_items: at the edge, and one beyond; a change of one that is there is none more")
def _():
    with Server(limits=dict(FAST, roster_items=10)) as server:
        r = server.account("romeo").login()
        identifiers = [r.send_iq("set", f"<query xmlns='{NS.roster}'><item jid='c{number}@example.org'/></query>")
                       for number in range(11)]
        answers = [r.answer(identifier) for identifier in identifiers]
        if [answer.get("type") for answer in answers] != ["result"] * 10 + ["error"]:
            raise Failure("\n".join(map(show, answers)))
        expect_error(answers[-1], "not-allowed")
        if r.roster_set("c0@example.org", name="x").get("type") != "result":
            raise Failure("no change")


@hostile("subscription_requests and directed_presences: at the edge, and one beyond")
def _():
    with Server(limits=dict(FAST, subscription_requests=3, directed_presences=10)) as server:
        juliet = server.account("juliet")
        for number in range(4):
            r = server.account("romeo").login()
            r.presence("subscribe", juliet.jid)
            r.sync()
            wait_until(lambda: int(server.sql("SELECT count(*) FROM subscription_requests")[0][0]), "rows",
                       wanted=lambda rows, number=number: rows == min(number + 1, 3))
        # A round trip by way of her account and of the database, which the fourth row would precede.
        r.iq("get", "<vCard xmlns='vcard-temp'/>", to=juliet.jid)
        if int(server.sql("SELECT count(*) FROM subscription_requests")[0][0]) != 3:
            raise Failure("a fourth request is kept")
        r = server.account("romeo").login()
        for number in range(11):
            r.presence(to=f"x{number}@example.org")
        expect_error(r.expect("<presence type='error' from='x10@example.org'/>"), "resource-constraint")
        r.expect_nothing("<presence type='error'/>")


@hostile("unwritten_stanzas: at the edge, and one beyond, of a client that reads nothing; taken over by a reload")
def _():
    def fill(r, j):
        """Sends what is large and not counted until nothing more leaves."""
        j.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(80):
            r.send(f"<presence to='{j.jid}'><status>{'x' * 100000}</status></presence>")
        r.sync()

    def send(r, j, count):
        r.send(f"<message to='{j.jid}' type='chat'><body/></message>" * count)
        r.sync()

    big = dict(FAST, output_hard_bytes=100000000, output_soft_bytes=100000000, unwritten_stanzas=200)
    with Server(workers=1, limits=big) as server:
        r, juliet = server.account("romeo").login(), server.account("juliet")
        for limit in (200, 300):
            if limit == 300:
                server.limits["unwritten_stanzas"] = 300
                server.reload(wait_for='"reloaded"')
            j, mark = juliet.login("balcony"), server.log_mark()
            fill(r, j)
            send(r, j, limit)
            if "session ended" in server.log(mark):
                raise Failure(f"cut off at {limit}")
            send(r, j, 1)
            expect_log_lines(server, mark, '"stream error sent".*resource-constraint text="too much is unread"')
            expect_log_lines(server, mark, '"session ended"')
        j = juliet.login("again", presence=True)
        for _ in range(502):
            j.expect("<message/>")


@hostile("unacked_stanzas: a burst of twice as many ends a stream that acknowledges nothing, one less does not")
def _():
    with Server(limits=dict(FAST, unacked_stanzas=20)) as server:
        romeo, juliet = server.account("romeo"), server.account("juliet")
        for count, lives in ((40, True), (41, False)):
            j = juliet.login("balcony")
            j.enable_sm()
            j.answers_requests = False
            r = romeo.login()
            r.send("".join(f"<message to='{j.jid}' type='chat'><body>{n}</body></message>" for n in range(count)))
            r.sync()
            if lives:
                j.sync()
                j.end()
            else:
                j.expect_stream_error("resource-constraint")


@hostile("private max_bytes (65536) and max_elements: at the edge, and one beyond, also in one set")
def _():
    with Server(limits=FAST, settings="private { max_elements = 5 }") as server:
        r = server.account("romeo").login()
        for size, kind in ((65536, "result"), (65537, "error")):
            element = sized(size, "<x xmlns='u:size'>", "</x>")
            if r.iq("set", f"<query xmlns='jabber:iq:private'>{element}</query>").get("type") != kind:
                raise Failure(f"{size} bytes")
        many = "".join(f"<x xmlns='u:{number}'/>" for number in range(6))
        r.iq_error("set", f"<query xmlns='jabber:iq:private'>{many}</query>", "policy-violation")
        if int(server.sql("SELECT count(*) FROM private_xml")[0][0]) != 5:
            raise Failure("more than five are stored")


@hostile("vcard max_bytes (65536): at the edge, and one beyond")
def _(romeo):
    r = romeo.login()
    for size, kind in ((65536, "result"), (65537, "error")):
        if r.iq("set", sized(size, "<vCard xmlns='vcard-temp'><N>", "</N></vCard>")).get("type") != kind:
            raise Failure(f"{size} bytes")


@hostile("blocking max_jids (1000): at the edge, one beyond, and not passed by many requests at once")
def _(server, romeo):
    def block(first, count):
        items = "".join(f"<item jid='b{number}@x'/>" for number in range(first, first + count))
        return f"<block xmlns='urn:xmpp:blocking'>{items}</block>"

    r = romeo.login()
    r.set(block(0, 1000))
    r.iq_error("set", block(1000, 1), "policy-violation")
    r.set("<unblock xmlns='urn:xmpp:blocking'/>")
    identifiers = [r.send_iq("set", block(first, 600)) for first in (0, 600, 1200, 1800)]
    answers = [r.answer(identifier).get("type") for identifier in identifiers]
    rows = int(server.sql(f"SELECT count(*) FROM blocked_jids WHERE username = '{romeo.username}'")[0][0])
    if rows > 1000 or answers.count("result") != 1:
        raise Failure(f"{rows} rows, {answers}")


@hostile("offline max_messages: at the edge, and one beyond; the sender is told")
def _():
    with Server(limits=FAST, settings="offline { max_messages = 5 }") as server:
        r, away = server.account("romeo").login(), server.account("away")
        sent = [r.message(away.jid, str(number)) for number in range(6)]
        error = r.expect("<message type='error'/>")
        if error.get("id") != sent[5]:
            raise Failure(show(error))
        j = away.login(presence=True)
        for identifier in sent[:5]:
            j.expect(f"<message id='{identifier}'/>")
        j.expect_nothing("<message/>")


@hostile("register per_hour: at the edge, and one beyond")
def _():
    with Server(settings="register { allow = true per_hour = 3 }") as server:
        for number in range(4):
            connection = server.connect()
            connection.send(f"<iq type='set' id='r'><query xmlns='{REGISTER}'><username>new{number}</username>"
                            "<password>secret</password></query></iq>")
            answer = connection.expect("<iq id='r'/>")
            if answer.get("type") != ("result" if number < 3 else "error"):
                raise Failure(show(answer))


check_footprint()
main()
