#!/usr/bin/python3
"""XEP-0198: stream management without resumption; what an acknowledgement promises."""
from harness import *

SM2 = "urn:xmpp:sm:2"


def enabled(account, **options):
    client = account.login("sm", **options)
    client.enable_sm()
    return client


def expect_failed(client, conditions):
    failed = client.expect(f"<failed xmlns='{NS.sm}'/>")
    for condition in conditions.split("|"):
        if matches(failed, f"<failed xmlns='{NS.sm}'><{condition} xmlns='{NS.stanzas}'/></failed>"):
            return
    raise Failure(f"expected {conditions}: {show(failed)}")


def silent(account, **options):
    """A client that counts but does not answer the server's requests."""
    client = enabled(account, **options)
    client.answers_requests = False
    return client


@test("XEP-0198 2: offered after login, not before")
def _(romeo):
    connection = romeo.connect()
    if connection.has_feature("{%s}sm" % NS.sm):
        raise Failure("offered before login")
    r = romeo.login()
    for namespace in (NS.sm, SM2):
        if not r.has_feature("{%s}sm" % namespace):
            raise Failure(f"no {namespace}: {show(r.features)}")


@test("XEP-0198 3: enabled, also when resumption is asked for, which is not granted yet")
def _(romeo):
    for inside in ("", " resume='true'", " resume='1' max='600'", " resume='false'"):
        r = romeo.login("sm")
        answer = r.enable_sm(inside)
        if answer.get("resume") in ("true", "1"):
            raise Failure(show(answer))
        r.end()


@test("XEP-0198 3: not before a resource is bound")
def _(romeo):
    r = romeo.connect(kind=Client)
    r.account = romeo
    r.log_in()
    r.send(f"<enable xmlns='{NS.sm}'/>")
    expect_failed(r, "unexpected-request")
    r.bind("orchard")
    r.enable_sm()


@test("XEP-0198 3: not twice")
def _(romeo):
    r = enabled(romeo)
    r.send(f"<enable xmlns='{NS.sm}'/>")
    expect_failed(r, "unexpected-request")
    r.expect_ack(0)


@test("XEP-0198 3: not before login")
def _(server):
    connection = server.connect()
    connection.send(f"<enable xmlns='{NS.sm}'/>")
    connection.wait(lambda: connection.queue, "a refusal")
    if connection.queue[0].tag == "{%s}enabled" % NS.sm:
        raise Failure("enabled")


@test("XEP-0198 5: a resumption is refused, and one can go on")
def _(romeo):
    r = romeo.connect(kind=Client)
    r.account = romeo
    r.log_in()
    r.send(f"<resume xmlns='{NS.sm}' previd='some-id' h='0'/>")
    expect_failed(r, "item-not-found|feature-not-implemented|unexpected-request")
    r.bind("orchard")


@test("XEP-0198 4: r and a before anything was enabled")
def _(romeo):
    r = romeo.login()
    r.send(f"<r xmlns='{NS.sm}'/>")
    expect_failed(r, "unexpected-request")


@test("XEP-0198 4: the server's h counts messages, presences and iqs from enable on, and nothing else")
def _(romeo):
    r = romeo.login("sm")
    r.available()
    r.iq("get", f"<ping xmlns='{NS.ping}'/>", to="example.org")
    r.enable_sm()
    r.expect_ack(0)
    r.message(r.jid)
    r.expect_ack(1)
    r.available()
    r.expect_ack(2)
    r.iq("get", f"<ping xmlns='{NS.ping}'/>", to="example.org")
    r.expect_ack(3)
    r.send(f" \n<a xmlns='{NS.sm}' h='{r.handled}'/> <r xmlns='{NS.sm}'/>")
    r.expect_ack(3)
    r.send("<iq type='result' id='nobody-asked'/>")
    r.message("nobody@example.org")
    r.message("@@")
    r.expect_ack(6)


@test("XEP-0198 4: stanzas sent right behind <enable/> are counted")
def _(romeo):
    r = romeo.login("sm")
    r.send(f"<enable xmlns='{NS.sm}'/><message to='{r.jid}' id='1'/><message to='{r.jid}' id='2'/>"
           f"<r xmlns='{NS.sm}'/>")
    r.expect(f"<enabled xmlns='{NS.sm}'/>")
    r.counting = True
    r.expect_ack(2)


@test("XEP-0198 4: every request gets an answer")
def _(romeo):
    r = enabled(romeo)
    for number in range(30):
        r.send(f"<message to='{r.jid}' id='{number}'/><r xmlns='{NS.sm}'/>")
    r.wait(lambda: len(r.acks) >= 30, "30 answers")
    r.expect_ack(30)
    if r.acks != sorted(r.acks):
        raise Failure(f"h goes back: {r.acks}")


@two_users("XEP-0198 4: the server asks when messages were delivered; the count starts at enabled")
def _(romeo, juliet):
    r, j = romeo.login(), juliet.login("sm", presence=True)
    j.drain()
    j.enable_sm()
    r.message(j.jid, id="1")
    j.expect("<message id='1'/>")
    j.wait(lambda: j.requests > 0, "<r/>")
    if j.handled != 1:
        raise Failure(f"counted {j.handled}")
    r.message(j.jid, id="2")
    j.expect("<message id='2'/>")
    j.expect_nothing("<stream:error/>")


@test("XEP-0198 4: an h of more than was sent ends the stream")
def _(romeo):
    for h in (1, 5, 4294967295):
        r = enabled(romeo)
        r.send(f"<a xmlns='{NS.sm}' h='{h}'/>")
        error = r.expect_stream_error("undefined-condition")
        if not matches(error, f"<stream:error><handled-count-too-high xmlns='{NS.sm}' h='{h}' "
                              "send-count='0'/></stream:error>"):
            raise Failure(show(error))


@test("XEP-0198 4: an a without a proper h")
def _(romeo):
    for attribute in ("", "h=''", "h='x'", "h='-1'", "h='4294967296'", "h='1.0'", "h=' 0'"):
        r = enabled(romeo)
        r.send(f"<a xmlns='{NS.sm}' {attribute}/>")
        r.wait(lambda: r.queue or r.closed, "a stream error")
        r.expect("<stream:error/>")


@test("XEP-0198 2: the older namespace works alike")
def _(romeo):
    r = romeo.login("sm")
    r.send(f"<enable xmlns='{SM2}'/>")
    r.expect(f"<enabled xmlns='{SM2}'/>")
    r.send(f"<iq type='get' id='1'><ping xmlns='{NS.ping}'/></iq><r xmlns='{SM2}'/>")
    r.expect(f"<a xmlns='{SM2}' h='1'/>")
    r.send(f"<a xmlns='{SM2}' h='1'/>")
    r.expect_nothing("<stream:error/>")


@two_users("XEP-0198: h passes a message to who is away only when it is stored")
def _(server, romeo, juliet):
    r = enabled(romeo)
    for number in range(1, 6):
        r.message(juliet.jid, id=f"m{number}")
        r.expect_ack(number)
        rows = server.sql("SELECT count(*) FROM offline_messages WHERE username = "
                          f"'{juliet.username}'")
        if int(rows[0][0]) < number:
            raise Failure(f"{number} acknowledged, {rows[0][0]} stored")


@two_users("XEP-0198: h passes a message to a client without acknowledgements once it is sent")
def _(romeo, juliet):
    r, j = enabled(romeo), juliet.login(presence=True)
    r.message(j.jid, id="m")
    r.expect_ack(1)
    j.expect("<message id='m'/>")


@two_users("XEP-0198: h passes a message to a client that acknowledges, when it has")
def _(romeo, juliet):
    r, j = enabled(romeo), enabled(juliet, presence=True)
    r.message(j.jid, id="m")
    j.expect("<message id='m'/>")
    j.wait(lambda: j.requests > 0, "<r/>")
    r.expect_ack(1)


@two_users("XEP-0198: what a client does not acknowledge is stored in time, and then h moves by itself")
def _(server, romeo, juliet):
    r, j = enabled(romeo), silent(juliet, presence=True)
    r.message(juliet.jid, id="m")
    j.expect("<message id='m'/>")
    r.send(f"<r xmlns='{NS.sm}'/>")
    r.wait(lambda: r.acks and r.acks[-1] == 1, "an acknowledgement without asking again", 5)
    rows = server.sql(f"SELECT count(*) FROM offline_messages WHERE username = '{juliet.username}'")
    if rows != [("1",)]:
        raise Failure(f"{rows} stored")
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    j.sync()
    j.close()
    j = juliet.login(presence=True)
    j.expect_nothing("<message/>", after=r)


@two_users("XEP-0198: h waits for what comes before: it never passes a message that is not safe")
def _(romeo, juliet):
    r, j = enabled(romeo), silent(juliet, presence=True)
    r.message(j.jid, id="m")
    j.expect("<message id='m'/>")
    for _ in range(3):
        r.iq("get", f"<ping xmlns='{NS.ping}'/>", to="example.org")
    r.send(f"<r xmlns='{NS.sm}'/>")
    r.wait(lambda: r.acks, "an answer")
    if r.acks[0] != 0:
        raise Failure(f"acknowledged {r.acks[0]} before the receiver did")
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    r.wait(lambda: r.acks[-1] == 4, "an unsolicited acknowledgement", 5)


@two_users("XEP-0198: what a lost client had not acknowledged is delivered to the next")
def _(romeo, juliet):
    r = romeo.login("writer")
    j = silent(juliet, presence=True)
    j.drain(r)
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    j.sync()
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    for number in range(10):
        r.message(juliet.jid, id=f"m{number}")
    j.expect("<message id='m4'/>")
    j.wait(lambda: any(one.get("id") == "m9" for one in j.queue), "all of them")
    # Five of the ten, and what came before them, are acknowledged.
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled - 5}'/>")
    j.sync()
    j.abort()
    j = juliet.login("next", presence=True)
    for number in range(5, 10):
        j.expect(f"<message id='m{number}'/>")
    j.expect_nothing("<message/>", after=r)


@two_users("XEP-0198: and to another resource that is there, at once")
def _(romeo, juliet):
    r = romeo.login("writer")
    other = juliet.login("other", presence=0)
    j = silent(juliet, presence=5)
    r.message(juliet.jid, id="m")
    j.expect("<message id='m'/>")
    j.abort()
    other.expect("<message id='m'/>")


@two_users("XEP-0198: a full JID's message is not lost with its client either")
def _(romeo, juliet):
    r = romeo.login("writer")
    j = silent(juliet, presence=True)
    r.message(j.jid, id="m", kind="chat")
    j.expect("<message id='m'/>")
    j.abort()
    juliet.login("next", presence=True).expect("<message id='m'/>")


@two_users("XEP-0198: a burst both ways keeps the counts right")
def _(romeo, juliet):
    r, j = enabled(romeo), enabled(juliet, presence=True)
    count = 200
    r.send("".join(f"<message to='{j.jid}' type='chat' id='m{i}'><body>{i}</body></message>"
                   for i in range(count)))
    for number in range(count):
        j.expect(f"<message id='m{number}'/>")
    j.sync()
    r.expect_ack(count)


main()
