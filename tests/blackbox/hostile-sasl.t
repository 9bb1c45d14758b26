#!/usr/bin/python3
"""Hostile logins: mechanisms, names and passwords that are none of one's own, and guessing."""
import base64
import os
import re
import time

from harness import *
from lib.hostile import *
from lib.server import SOURCE, loopback

SUCCESS, FAILURE, CHALLENGE = ("{%s}%s" % (NS.sasl, name) for name in ("success", "failure", "challenge"))
FREE_FAILURES = 3  # of one address, before answers are held back


def plain(username, password, authzid=""):
    return f"{authzid}\0{username}\0{password}".encode()


def guess(connection, username, password="wrong"):
    """Seconds until PLAIN is refused."""
    started = time.monotonic()
    connection.auth("PLAIN", plain(username, password))
    connection.expect_sasl_failure("not-authorized")
    return time.monotonic() - started


def refusal_time(connection, mechanism, username):
    """Seconds the server took over a login with a wrong password, without ours."""
    if mechanism == "PLAIN":
        return guess(connection, username)
    scram = Scram(mechanism, username, "wrong")
    started = time.monotonic()
    connection.auth(mechanism, scram.first())
    challenge = connection.outcome()
    spent = time.monotonic() - started
    final = scram.final(base64.b64decode(challenge.text))
    started = time.monotonic()
    connection.respond(final)
    connection.expect_sasl_failure("not-authorized")
    return spent + time.monotonic() - started


@hostile("CVE-2018-10847: the domain cannot be changed over the restart after login")
def _(server, romeo):
    twin = server.accounts([("x", None)])[0]
    twin.username, twin.domain = romeo.username, server.domains[1]
    server.insert_users([twin])
    for to in (server.domains[1], "EXAMPLE.NET", "nowhere.example", "a@" + romeo.domain, "x" * 300):
        connection = romeo.connect()
        connection.sasl("PLAIN", romeo.username, romeo.password)
        connection.send(connection.stream_header(to=to))
        connection.expect_stream_error("not-authorized|host-unknown|improper-addressing|invalid-from")


@hostile("CVE-2018-10847: the to of a bind or of a stanza changes nobody's domain either")
def _(server, romeo):
    client = romeo.connect(kind=Client)
    client.account = romeo
    client.log_in()
    client.send(f"<iq type='set' id='b' to='{server.domains[1]}' from='x@{server.domains[1]}/r'>"
                f"<bind xmlns='{NS.bind}'/></iq>")
    client.wait(lambda: client.queue, "an answer")
    if server.domains[1] in (text(client.queue[0], "{%s}bind" % NS.bind, "jid") or ""):
        raise Failure(show(client.queue[0]))


@hostile("CVE-2017-10807: what is not offered is not accepted: one table drives both")
def _():
    names = ("ANONYMOUS", "EXTERNAL", "DIGEST-MD5", "CRAM-MD5", "GSSAPI", "OAUTHBEARER", "X-OAUTH2", "LOGIN",
             "NTLM", "SCRAM-SHA-512", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "SCRAM-SHA-256",
             "PLAIN", "plain", "scram-sha-1", "PLAIN\u0000".strip("\0") + " ", "", "SCRAM-SHA-1-PLUS-PLUS")
    for settings in ("allow_plain = false", "tls_required = false", ""):
        with Server(settings=settings) as server:
            romeo = server.account("romeo")
            for make in (server.raw, server.connect):
                offered = make()
                if offered.features is None:
                    offered.open()
                for name in set(names) - set(offered.mechanisms()):
                    connection = make()
                    if connection.features is None:
                        connection.open()
                    connection.send(f"<auth xmlns='{NS.sasl}' mechanism='{name}'>"
                                    f"{base64.b64encode(plain(romeo.username, 'secret')).decode()}</auth>")
                    connection.expect_sasl_failure("invalid-mechanism|encryption-required|malformed-request")
                    connection.close()
            check_others(server)


@hostile("CVE-2006-1329: SASL is a state machine: each element at each wrong moment")
def _(server, romeo):
    elements = [f"<{name} xmlns='{NS.sasl}'>{data}</{name}>" for name in
                ("response", "abort", "success", "challenge", "failure", "nonsense") for data in ("", "=", "AGEAYg==")]
    elements += [f"<auth xmlns='{NS.sasl}'/>", f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'><x/></auth>",
                 f"<response xmlns='{NS.sasl}'><a/>AAA</response>"]
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)

    def clear():
        connection = server.raw()
        connection.open()
        return connection

    def in_exchange():
        connection = romeo.connect()
        connection.auth("SCRAM-SHA-256", scram.first())
        connection.outcome()
        return connection

    def first_awaited():
        connection = romeo.connect()
        connection.auth("PLAIN")
        connection.outcome()
        return connection

    def succeeded():
        connection = romeo.connect()
        connection.sasl("PLAIN", romeo.username, romeo.password)
        return connection

    def restarted():
        connection = succeeded()
        connection.open()
        return connection

    for place in (clear, romeo.connect, in_exchange, first_awaited, restarted, romeo.login):
        for element in elements:
            connection = place()
            connection.send(element)
            answer = connection.next()
            if answer.tag not in (FAILURE, "{%s}error" % NS.stream):
                raise Failure(f"{place.__name__}: {element} was answered by {show(answer)}")
            connection.close()
    for element in elements:
        connection = succeeded()
        connection.send(element)
        connection.expect_stream_error("bad-format|invalid-namespace")


@hostile("ejabberd 23.01: nobody becomes another by an authzid, six ways and more")
def _(server, romeo, juliet):
    for authzid in (juliet.jid, juliet.jid + "/x", juliet.username, "nobody@example.org", "example.org",
                    f"{romeo.username}@example.net", f"{romeo.username}@", f"@{romeo.domain}",
                    romeo.jid + "x", "x" + romeo.jid, " " + romeo.jid, romeo.jid + "@", "@@"):
        for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            connection = romeo.connect()
            answer = connection.sasl(mechanism, romeo.username, romeo.password, authzid=authzid)
            check_sasl_failure(answer, "invalid-authzid|not-authorized|malformed-request")
            connection.close()
    for authcid in (romeo.jid, f"{romeo.username}@{romeo.domain}/x"):
        check_sasl_failure(romeo.connect().sasl("PLAIN", authcid, romeo.password), "not-authorized")


@hostile("a proof seen on one connection is worth nothing on another")
def _(romeo):
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    connection = romeo.connect()
    connection.auth("SCRAM-SHA-256", scram.first())
    final = scram.final(base64.b64decode(connection.outcome().text))
    connection.respond(final)
    if connection.outcome().tag != SUCCESS:
        raise Failure("the first login failed")
    for _ in range(3):
        connection = romeo.connect()
        connection.auth("SCRAM-SHA-256", scram.first())
        connection.outcome()
        connection.respond(final)
        connection.expect_sasl_failure("not-authorized|malformed-request")


@hostile("unknown user or wrong password: the same answer in the same time (goal: ratio <= 1.2)", timeout=60)
def _(server, romeo):
    random = random_of("time")
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1"):
        times = {"unknown": [], "wrong": []}
        for _ in range(80):
            connection = server.connect()  # each from another address: nothing is held back
            for which in random.sample(["unknown", "wrong"], 2):
                username = romeo.username if which == "wrong" else f"nobody{random.randrange(10**6)}"
                times[which].append(refusal_time(connection, mechanism, username))
            connection.close()
        # What else the machine does only adds to a time.
        unknown, wrong = (min(times[which]) for which in ("unknown", "wrong"))
        ratio = max(unknown, wrong) / min(unknown, wrong)
        note(f"{mechanism}: unknown user {1000 * unknown:.2f} ms, wrong password {1000 * wrong:.2f} ms, ratio "
             f"{ratio:.2f}")
        # Where one of them derives nothing it is four and more; a sanitizer has a time of its own.
        if ratio > 3 and abs(unknown - wrong) > 0.0005 and not SANITIZED:
            raise Failure(f"{mechanism} tells who exists: ratio {ratio:.2f}")


@hostile("5 failures are the end of a connection, also when they come in one write")
def _(server, romeo):
    for auth in (f"<auth xmlns='{NS.sasl}' mechanism='NONE'/>", f"<auth xmlns='{NS.sasl}' mechanism='PLAIN'>*</auth>",
                 f"<abort xmlns='{NS.sasl}'/>"):
        mark = server.log_mark()
        connection = romeo.connect()
        connection.send(auth * 200)
        connection.expect_stream_error("policy-violation")
        failures = len([part for part in connection.queue if part.tag == FAILURE])
        if failures != 5:
            raise Failure(f"{failures} failures")
        expect_log_lines(server, mark, f"too many failed logins|policy-violation.*{connection.source}")


@hostile("the delay grows by address, for who fails; neither the account nor other addresses wait", timeout=60)
def _(server, romeo, juliet):
    source, times = loopback(), []
    for _ in range(3):
        connection = romeo.connect(source=source)
        times += [guess(connection, romeo.username) for _ in range(2)]
        if len(times) > 4:
            # Meanwhile: the owner, from there and from elsewhere, and somebody else from there.
            for account, address in ((romeo, source), (romeo, None), (juliet, source)):
                started = time.monotonic()
                account.login(source=address)
                if time.monotonic() - started > 1 * FACTOR:
                    raise Failure(f"{account} waited {time.monotonic() - started:.1f} s from {address or 'elsewhere'}")
        connection.close()
    note("answers to failures of one address after " + ", ".join(f"{seconds:.2f}" for seconds in times) + " s")
    if max(times[:FREE_FAILURES]) > 0.4 * FACTOR or times[3] < 0.45 or times[4] < 0.95 or times[5] < 1.9:
        raise Failure("no growing delay")
    if guess(romeo.connect(), romeo.username) > 0.4 * FACTOR:
        raise Failure("another address waits, too")


@hostile("the delay is not escaped by many connections, nor by hanging up", timeout=60)
def _(server, romeo):
    for patient in (True, False):
        source, mark, waiting = loopback(), server.log_mark(), []
        started = time.monotonic()
        while time.monotonic() - started < 3:
            try:
                connection = server.connect(source=source)
            except (OSError, Closed):
                time.sleep(0.01)  # more than are allowed
                continue
            connection.auth("PLAIN", plain(romeo.username, "guess"))
            if patient:
                waiting.append(connection)
            else:
                connection.abort()
        tried = len(re.findall(f'"login failed".* address={re.escape(source)} ', server.log(mark)))
        note(f"guesses of one address in 3 s, {'waiting' if patient else 'hanging up'}: {tried}")
        if tried > 80:
            raise Failure(f"{tried} guesses")
        for connection in waiting:
            connection.abort()


@hostile("whoever does not log in is cut off in time, whatever it does meanwhile (goal: 30 s)", timeout=60)
def _():
    limit = 3
    with Server(limits={"login_timeout": limit, "login_failures": 100}) as server:
        romeo = server.account("romeo")

        def blanks(connection):
            return connection.try_send(" ")

        def silence(_):
            return True

        def aborts(connection):
            return connection.try_send(f"<abort xmlns='{NS.sasl}'/>")

        def header(connection):
            return connection.try_send("<stream:stream " if not connection.transcript else "x='1' "[:1])

        def opened():
            connection = server.raw()
            connection.open()
            return connection

        def admitted():
            connection = romeo.connect()
            connection.sasl("PLAIN", romeo.username, romeo.password)
            return connection

        def bindable():
            connection = admitted()
            connection.open()
            return connection

        mark = server.log_mark()
        cases = [(make(), act, time.monotonic()) for make, act in
                 ((server.raw, silence), (server.raw, blanks), (server.raw, header), (opened, silence),
                  (opened, blanks), (romeo.connect, silence), (romeo.connect, blanks), (romeo.connect, aborts),
                  (admitted, silence), (admitted, blanks), (bindable, silence), (bindable, blanks))]
        left, ends = list(cases), []
        while left and time.monotonic() - cases[0][2] < (limit + 5) * FACTOR:
            for case in list(left):
                connection, act, since = case
                act(connection)
                connection.poll()
                if connection.closed:
                    left.remove(case)
                    ends.append(time.monotonic() - since)
            time.sleep(0.05)
        if left:
            raise Failure(f"{len(left)} are still there: " + ", ".join(act.__name__ for _, act, _ in left))
        note(f"ended after {min(ends):.2f} to {max(ends):.2f} s, with a limit of {limit} s")
        if max(ends) > limit + 1 * FACTOR:
            raise Failure("too late")
        expect_log_lines(server, mark, '"stream error sent".*connection-timeout', len(cases))
        check_others(server)


@hostile("names in the log are one line each, and cannot pass for another's address (fail2ban)")
def _(server, romeo):
    with open(os.path.join(SOURCE, "etc", "godwit.fail2ban"), encoding="utf-8") as file:
        pattern = re.search(r"^failregex\s*=\s*(.*)$", file.read(), re.M).group(1)
    pattern = re.compile(pattern.replace("<ADDR>", r"(?P<host>\S+)"))
    for username in ("a address=6.6.6.6 b", 'a" address=6.6.6.6 username="b', "a\n2026-01-01T00:00:00.000Z info c2s "
                     '"login failed" stream=c2s-1 address=6.6.6.6 username=b', "a\\\" address=6.6.6.6", "\u202e\u2028x",
                     "\x1b[2J", "a\raddress=6.6.6.6", "x" * 2000, "\u00fc", "'; DROP TABLE users; --"):
        mark = server.log_mark()
        connection = server.connect()
        connection.auth("PLAIN", plain(username, "x"))
        connection.expect_sasl_failure("not-authorized|malformed-request")
        server.wait_log(f"address={re.escape(connection.source)} ", since=mark)
        lines = server.log(mark).splitlines()
        if len(lines) != 1:
            raise Failure(f"{username!r} made {len(lines)} lines:\n" + "\n".join(lines))
        # fail2ban cuts the date out first.
        found = pattern.search(re.sub(r"^\S+Z", "", lines[0]))
        if found is None or found.group("host") != connection.source:
            raise Failure(f"fail2ban reads {found and found.group('host')} from {lines[0]!r}")
        connection.close()


def garbage(random, romeo):
    """A SASL message that was one once."""
    parts = [random.choice((b"n", b"y", b"p=tls-exporter", b"p=tls-unique", b"p=", b"", b"N", b"p=" + b"x" * 300)),
             random.choice((b"", b"a=" + romeo.jid.encode(), b"a=", b"a==2C", b"a=" + b"y" * 2000)),
             random.choice((b"n=" + romeo.username.encode(), b"n=", b"n==2C=3D", b"n==00", b"n=\xff", b"m=x",
                            b"n=" + b"u" * 2000, b"n=\xf0\x9f\x90\xa6", b"c=biws")),
             random.choice((b"r=abc", b"r=", b"r=" + b"n" * 4000, b"r=a\0b", b"r=,,", b"p=AAAA"))]
    random.shuffle(parts) if random.random() < .2 else None
    data = bytearray(b",".join(parts[:random.choice((4, 4, 4, 3, 2, 1))]))
    if random.random() < .4:
        for _ in range(random.randrange(1, 6)):
            at = random.randrange(len(data) + 1)
            data[at:at + random.randrange(3)] = random.randbytes(random.randrange(4))
    if random.random() < .2:
        data = bytearray(b"\0".join(random.randbytes(random.randrange(30)) for _ in range(random.randrange(1, 5))))
    return bytes(data)


@hostile("garbage in SASL: refused or challenged, never let in", timeout=90)
def _(server, romeo):
    random = random_of("sasl")
    answers = {}
    for _ in range(100):
        connection = romeo.connect()
        for _ in range(5):
            mechanism = random.choice(("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
                                       "SCRAM-SHA-256-PLUS"))
            connection.auth(mechanism, garbage(random, romeo))
            connection.wait(lambda: connection.queue, "an answer", 15)
            answer = connection.queue.pop(0)
            if answer.tag == CHALLENGE:
                connection.respond(garbage(random, romeo))
                connection.wait(lambda: connection.queue, "an answer", 15)
                answer = connection.queue.pop(0)
            answers[answer.tag.split("}")[1] if len(answer) == 0 else answer[0].tag.split("}")[1]] = \
                answers.get(answer[0].tag.split("}")[1] if len(answer) else "?", 0) + 1
            if answer.tag != FAILURE:
                raise Failure(show(answer))
            if random.random() < .5:
                break
        connection.close()
    note("answers: " + ", ".join(f"{name} {count}" for name, count in sorted(answers.items())))


@hostile("a disabled or deleted account is out at once, wherever it stands")
def _(server, romeo):
    session, admitted = romeo.login(presence=True), romeo.connect()
    scram = Scram("SCRAM-SHA-256", romeo.username, romeo.password)
    admitted.auth("SCRAM-SHA-256", scram.first())
    challenge = base64.b64decode(admitted.outcome().text)
    server.ctl("user", "delete", romeo.jid)
    session.expect_stream_error("not-authorized|policy-violation|conflict")
    admitted.respond(scram.final(challenge))
    answer = admitted.outcome()
    if answer.tag == SUCCESS:
        admitted.open()
        admitted.send(f"<iq type='set' id='b'><bind xmlns='{NS.bind}'/></iq>")
        if matches(admitted.next(), "<iq type='result'/>"):
            raise Failure("a deleted account has a session")


check_footprint()
main()
