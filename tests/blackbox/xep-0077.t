#!/usr/bin/python3
"""XEP-0077: In-Band Registration."""
from harness import *

NS_REGISTER = "jabber:iq:register"
FEATURE = "{http://jabber.org/features/iq-register}register"
ALLOWED = "register { allow = true per_hour = 5 }"


def query(inside=""):
    return f"<query xmlns='{NS_REGISTER}'>{inside}</query>"


def fields(username, password):
    return query(f"<username>{quote(username)}</username><password>{quote(password)}</password>")


def early(connection, kind, payload):
    """An iq before login; returns its answer."""
    connection.send(f"<iq type='{kind}' id='early' to='{connection.domain}'>{payload}</iq>")
    return connection.expect("<iq id='early'/>")


def can_log_in(account, password):
    answer = account.connect(kind=Client).sasl("SCRAM-SHA-256", account.username, password)
    return answer.tag == "{%s}success" % NS.sasl


# -- who is logged in --

@test("XEP-0077 3.1: what is on file, without the password")
def _(romeo):
    r = romeo.login()
    for to in (None, "example.org"):
        form = child(r.get(query(), to=to), "{%s}query" % NS_REGISTER)
        if child(form, "registered") is None or text(form, "username") != romeo.username or \
                text(form, "password"):
            raise Failure(show(form))


@test("XEP-0077 3.3: a new password, by the server's address and without one")
def _(romeo):
    r = romeo.login()
    old = romeo.password
    for to, password in ((None, "one"), ("example.org", "zw\u00f6lf \U0001f426 <&'\"")):
        r.set(fields(romeo.username, password), to=to)
        if not can_log_in(romeo, password) or can_log_in(romeo, old):
            raise Failure(f"{password!r} is not the password")
        old = password
    r.set(fields(romeo.username.upper(), "three"))
    if not can_log_in(romeo, "three"):
        raise Failure("the name was not prepared")


@test("XEP-0077 3.3: a change that is not complete, or of another's password")
def _(romeo, juliet):
    r = romeo.login()
    name = f"<username>{romeo.username}</username>"
    for inside in ("", name, "<password>x</password>", name + "<password/>"):
        error = r.iq_error("set", query(inside), "bad-request")
        if child(error, "{%s}query" % NS_REGISTER) is not None:
            raise Failure("the error repeats the request: " + show(error))
    for username in (juliet.username, "a@b", "nobody"):
        r.iq_error("set", fields(username, "stolen"), "forbidden")
    r.iq_error("set", fields(juliet.username, "stolen"), "not-allowed", to="example.net")
    r.iq_error("set", query("<remove/>"), "registration-required", to="example.net")
    r.iq_error("get", query(), "service-unavailable", to="example.net")
    for to in (juliet.jid, "nobody@example.org"):
        for inside in ("<remove/>", f"<username>{juliet.username}</username><password>x</password>"):
            r.iq_error("set", query(inside), "service-unavailable", to=to)
        r.iq_error("get", query(), "service-unavailable", to=to)
    r.iq_error("set", fields(romeo.username, "\ue000"), "not-acceptable")
    for account in (romeo, juliet):
        if not can_log_in(account, account.password):
            raise Failure("a password has changed")


@test("XEP-0077 3.2: the account goes, with its sessions and everything it had")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, other = romeo.login("orchard", presence=True), romeo.login("garden", presence=True)
    j = juliet.login("balcony", presence=True)
    j.expect(f"<presence from='{r.jid}'/>")
    j.roster()
    r.set("<vCard xmlns='vcard-temp'/>")
    r.iq_error("set", query("<remove/><username/>"), "bad-request")
    identifier = r.send_iq("set", query("<remove/>"))
    r.expect(f"<iq type='result' id='{identifier}'/>")
    r.expect_stream_error("not-authorized")
    other.expect_stream_error("not-authorized")
    j.expect(f"<presence from='{r.jid}' type='unavailable'/>")
    for table in ("users", "roster_items", "vcards", "last_activity"):
        if server.sql(f"SELECT 1 FROM {table} WHERE username = '{romeo.username}'"):
            raise Failure(f"rows in {table}")
    if can_log_in(romeo, romeo.password):
        raise Failure("can log in")
    j.iq_error("get", "<vCard xmlns='vcard-temp'/>", "service-unavailable", to=romeo.jid)


@test("XEP-0077: password changes and removals can be switched off")
def _():
    with Server(workers=1, settings="register { change_password = false remove = false }") as server:
        romeo = server.account("romeo")
        r = romeo.login()
        r.iq_error("set", fields(romeo.username, "new"), "not-allowed")
        r.iq_error("set", query("<remove/>"), "not-allowed")
        if not can_log_in(romeo, romeo.password):
            raise Failure("changed all the same")


# -- who is not --

@test("XEP-0077 3.1: as shipped, nobody makes accounts")
def _(server):
    connection = server.connect()
    if connection.has_feature(FEATURE):
        raise Failure("offered")
    for kind, payload in (("get", query()), ("set", fields("tybalt", "x")),
                          ("set", query("<remove/>"))):
        answer = early(connection, kind, payload)
        if answer.get("type") != "error":
            raise Failure(show(answer))
    if server.sql("SELECT 1 FROM users WHERE username = 'tybalt'"):
        raise Failure("made")


@test("XEP-0077 3.1: where it is allowed, an account is made and can be used at once")
def _():
    with Server(workers=2, settings=ALLOWED) as server:
        connection = server.connect(kind=Client)
        if not connection.has_feature(FEATURE):
            raise Failure("not offered: " + show(connection.features))
        form = child(early(connection, "get", query()), "{%s}query" % NS_REGISTER)
        if child(form, "username") is None or child(form, "password") is None or \
                child(form, "registered") is not None:
            raise Failure(show(form))
        answer = early(connection, "set", fields("Tybalt", "pass"))
        if answer.get("type") != "result":
            raise Failure(show(answer))
        tybalt = Account(server, "tybalt", "example.org", "pass")
        connection.account = tybalt
        connection.log_in()
        connection.bind("x")
        connection.available()
        if child(connection.features, FEATURE) is not None:
            raise Failure("still offered after login")
        tybalt.login("y")
        expect_error(early(server.connect(), "set", fields("tybalt", "other")), "conflict")
        if not can_log_in(tybalt, "pass"):
            raise Failure("somebody took it over")


@test("XEP-0077 3.1: registrations that are refused, and the limit of an hour")
def _():
    with Server(workers=2, settings=ALLOWED) as server:
        connection = server.connect()
        for payload in (query(), query("<username>a</username>"), query("<password>a</password>"),
                        fields("a", ""), fields("", "a"), fields("a@b", "x"), fields("a b", "x"),
                        fields("a" * 1024, "x")):
            expect_error(early(connection, "set", payload), "not-acceptable")
        expect_error(early(connection, "set", query("<remove/>")), "unexpected-request")
        for number in range(5):
            connection = server.connect()
            answer = early(connection, "set", fields(f"user{number}", "x"))
            if answer.get("type") != "result":
                raise Failure(show(answer))
        expect_error(early(server.connect(), "set", fields("user5", "x")), "resource-constraint")
        if server.sql("SELECT count(*) FROM users WHERE username LIKE 'user%'") != [("5",)]:
            raise Failure("not five")


@test("XEP-0077: before login nothing else is answered")
def _():
    with Server(workers=1, settings=ALLOWED) as server:
        for payload in (f"<query xmlns='{NS.disco_info}'/>", f"<ping xmlns='{NS.ping}'/>",
                        "<query xmlns='jabber:iq:version'/>"):
            connection = server.connect()
            connection.send(f"<iq type='get' id='1' to='example.org'>{payload}</iq>")
            connection.expect_stream_error("not-authorized")


main()
