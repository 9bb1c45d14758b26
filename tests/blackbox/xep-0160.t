#!/usr/bin/python3
"""XEP-0160: Offline Messages, with XEP-0203 stamps; and what the server owes for them: a message that
was acknowledged is not lost."""
import datetime
import time

from harness import *


def rows(account):
    """How many messages wait for an account."""
    return int(account.server.sql("SELECT count(*) FROM offline_messages"
                                  f" WHERE username = '{account.username}'")[0][0])


def expect_rows(account, count):
    if rows(account) != count:
        raise Failure(f"{rows(account)} rows for {account}, not {count}")


def wait_rows(account, asker, count):
    """Rows are deleted after delivery, by a statement of the account's worker: wait for that."""
    deadline = time.monotonic() + 10 * FACTOR
    while rows(account) != count and time.monotonic() < deadline:
        asker.sync()
    expect_rows(account, count)


def wait_room(account, asker, count):
    """The same, and until the server's only worker knows: it learns of its writes in their order."""
    wait_rows(account, asker, count)
    asker.set("<vCard xmlns='vcard-temp'/>")


class Sender(Client):
    """A client that counts its stanzas, to know when the server has handled all of them."""

    sent = 0

    def send(self, data):
        if self.counting and f"xmlns='{NS.sm}'" not in data:
            self.sent += len(parse(f"<w>{data}</w>"))
        super().send(data)

    def settle(self):
        """Waits until all is acknowledged; errors have arrived before that."""
        self.expect_ack(self.sent)

    def ask_until_settled(self):
        """The same where the server may need a second, and tells by itself."""
        self.send(f"<r xmlns='{NS.sm}'/>")
        self.wait(lambda: self.acks and self.acks[-1] >= self.sent, f"an <a/> for {self.sent}")

    def errors(self):
        self.settle()
        return [part.get("id") for part in self.queue if part.get("type") == "error"]

    def numbered(self, account, count, first=0, body="{}"):
        """Sends numbered messages."""
        self.send("".join(f"<message to='{account.jid}' type='chat' id='m{number}'>"
                          f"<body>{body.format(number)}</body></message>"
                          for number in range(first, first + count)))


def sender(account):
    client = account.connect(kind=Sender)
    client.account = account
    client.log_in()
    client.bind("orchard")
    client.enable_sm()
    return client


def silent(account, priority=None):
    """A client that never acknowledges by itself what it gets."""
    client = account.login("balcony")
    client.answers_requests = False
    client.enable_sm()
    client.available(priority)
    return client


def kept(client, account, count, **options):
    """Sends numbered messages, which the server takes, all of them."""
    client.numbered(account, count, **options)
    if client.errors():
        raise Failure(f"refused: {client.errors()}")


def bodies(client, count):
    """The bodies of the next messages, in the order of their arrival."""
    return [text(client.expect("<message><body/></message>"), "body") for _ in range(count)]


def expect_numbers(client, count):
    found = bodies(client, count)
    if found != [str(number) for number in range(count)]:
        raise Failure(f"not in order, or not all: {found}")


# -- the flow --

@two_users("XEP-0160 2: a message waits until its receiver comes, with the time of its arrival; once")
def _(romeo, juliet):
    r = sender(romeo)
    before = datetime.datetime.now(datetime.timezone.utc)
    r.message(juliet.jid, "O blessed, blessed night! \U0001f319", id="m")
    r.settle()
    j = juliet.login("balcony")
    j.expect_nothing("<message/>", after=r)
    j.available()
    message = j.expect(f"<message from='{r.jid}' to='{juliet.jid}' type='chat' id='m'>"
                       "<body>O blessed, blessed night! \U0001f319</body>"
                       f"<delay xmlns='{NS.delay}' from='example.org'/></message>")
    stamp = child(message, "{%s}delay" % NS.delay).get("stamp")
    when = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    if not stamp.endswith("Z") or abs((when - before).total_seconds()) > 20 * FACTOR:
        raise Failure(f"stamp {stamp}")
    j.available(inside="<show>away</show>")
    j.expect_nothing("<message/>", after=r)
    wait_rows(juliet, r, 0)
    j.end()
    again = juliet.login("balcony", presence=True)
    again.expect_nothing("<message/>", after=r)


@test("XEP-0160 3: which types wait")
def _(romeo, juliet):
    r = sender(romeo)
    for kind in (None, "normal", "chat", "nonsense", "groupchat", "headline"):
        r.message(juliet.jid, f"{kind}", kind=kind, id=f"{kind}")
    r.message(juliet.jid, kind="error", id="e", inside="<error type='cancel'/>")
    if r.errors() != ["groupchat"]:
        raise Failure(f"errors: {r.errors()}")
    j = juliet.login(presence=True)
    found = bodies(j, 4)
    if found != ["None", "normal", "chat", "nonsense"]:
        raise Failure(f"{found}")
    j.expect_nothing("<message/>", after=r)


@two_users("XEP-0160 2: to a full JID that is not there; other payloads than a body")
def _(romeo, juliet):
    r = sender(romeo)
    r.message(f"{juliet.jid}/gone", "to gone", id="1")
    r.message(juliet.jid, None, id="2", inside="<received xmlns='urn:xmpp:receipts' id='x'/>")
    r.message(juliet.jid, None, id="3", kind=None, inside="<subject>no body</subject>")
    if r.errors():
        raise Failure(f"errors: {r.errors()}")
    j = juliet.login("balcony", presence=True)
    j.expect("<message id='1'><body>to gone</body></message>")
    j.expect("<message id='2'><received xmlns='urn:xmpp:receipts' id='x'/></message>")
    j.expect("<message id='3'><subject>no body</subject></message>")


@two_users("XEP-0160 2: a negative priority does not take them; raising it does")
def _(romeo, juliet):
    j = juliet.login("balcony", presence=-1)
    r = sender(romeo)
    kept(r, juliet, 2)
    j.expect_nothing("<message/>", after=r)
    j.available(0)
    expect_numbers(j, 2)
    j.available(-1)
    j.available(5)
    j.expect_nothing("<message/>", after=r)


@test("XEP-0203 2: a message that was delayed before keeps its stamp, and only that")
def _(romeo, juliet):
    delay = f"<delay xmlns='{NS.delay}' from='capulet.example' stamp='2002-09-10T23:08:25Z'/>"
    romeo.login().message(juliet.jid, inside=delay, id="m")
    message = juliet.login(presence=True).expect("<message id='m'/>")
    if [dict(part.attrib) for part in message.findall("{%s}delay" % NS.delay)] != \
            [dict(parse(delay).attrib)]:
        raise Failure(show(message))


@test("XEP-0160: nobody waits for an account that does not exist")
def _(romeo):
    r = romeo.login()
    r.message("nobody@example.org", id="m")
    expect_error(r.expect("<message type='error' id='m'/>"), "service-unavailable")


# -- many --

@two_users("XEP-0160 2: several hundred, in order, and live ones behind them", timeout=60)
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 450)
    j = juliet.login("balcony")
    j.send("<presence/>")
    for start in range(450, 650, 20):
        r.numbered(juliet, 20, first=start)
    expect_numbers(j, 650)
    j.expect_nothing("<message/>", after=r)
    wait_rows(juliet, r, 0)


@test("XEP-0160 2: megabytes, without hurting the connection", timeout=60)
def _():
    fast = {"bytes_per_second": 100000000, "burst_bytes": 100000000}
    with Server(workers=2, limits=fast) as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = sender(romeo)
        kept(r, juliet, 40, body="{} " + "x" * 200000)
        j = juliet.login("balcony", presence=True)
        found = [body.split()[0] for body in bodies(j, 40)]
        if found != [str(number) for number in range(40)]:
            raise Failure(f"{found}")
        wait_rows(juliet, r, 0)


@two_users("XEP-0160 2: two resources that come at once get each message once in all")
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 150)
    clients = [juliet.login(name) for name in ("one", "two")]
    for client in clients:
        client.send("<presence/>")
    for client in clients:
        client.expect(f"<presence from='{client.jid}'/>")
    wait_rows(juliet, r, 0)
    found = []
    for client in clients:
        client.sync(r)
        found += [text(part, "body") for part in client.queue if part.tag == "{jabber:client}message"]
    if sorted(found, key=int) != [str(number) for number in range(150)]:
        raise Failure(f"{len(found)} messages: {found}")


@two_users("XEP-0160 2: what one resource has and has not acknowledged is not given to another as well")
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 30)
    one = silent(juliet)
    expect_numbers(one, 30)
    two = juliet.login("two", presence=True)
    two.expect_nothing("<message/>", after=r)
    expect_rows(juliet, 30)
    one.send(f"<a xmlns='{NS.sm}' h='{one.handled}'/>")
    wait_rows(juliet, r, 0)


@two_users("XEP-0160 2: what one resource did not get, another does", timeout=60)
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 300)
    one, two = silent(juliet, priority=10), juliet.login("two")
    one.expect("<message><body>0</body></message>")
    two.available(0)
    one.abort()
    expect_numbers(two, 300)
    wait_rows(juliet, r, 0)


@two_users("XEP-0160 2: a client that does not acknowledge gets the next slice when it does")
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 250)
    j = silent(juliet)
    expect_numbers(j, 100)
    r.numbered(juliet, 5, first=250)
    r.settle()
    j.expect_nothing("<message><body/></message>")
    for first in (100, 200):
        j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
        wanted = min(100, 255 - first)
        if bodies(j, wanted) != [str(number) for number in range(first, first + wanted)]:
            raise Failure("not in order")
    j.expect_nothing("<message><body/></message>")
    wait_rows(juliet, r, 55)
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    wait_rows(juliet, r, 0)


@two_users("XEP-0160 2: what cannot be read goes on by itself when it can, and live ones meanwhile")
def _(server, romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 150)
    j = silent(juliet)
    expect_numbers(j, 100)
    server.sql("ALTER TABLE offline_messages RENAME TO away")
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    j.sync()
    r.message(juliet.jid, "live")
    if bodies(j, 1) != ["live"]:
        raise Failure("not the live one")
    server.sql("ALTER TABLE away RENAME TO offline_messages")
    if bodies(j, 50) != [str(number) for number in range(100, 150)]:
        raise Failure("not the rest")
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    wait_rows(juliet, r, 0)


@two_users("XEP-0160 2: the order holds though the clock was set back before a restart")
def _(server, romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 3)
    # As if kept a century from now.
    server.sql(f"UPDATE offline_messages SET id = id + {(100 * 365 * 86400 * 10**6) << 8}")
    server.restart()
    r = sender(romeo)
    kept(r, juliet, 3, first=3)
    expect_numbers(juliet.login("balcony", presence=True), 6)


@test("XEP-0160: a number as high as there are does no harm")
def _(server, romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 1)
    server.sql(f"UPDATE offline_messages SET id = {2**63 - 1}")
    server.restart()
    r = sender(romeo)
    kept(r, juliet, 2, first=1)
    if sorted(bodies(juliet.login("balcony", presence=True), 3)) != ["0", "1", "2"]:
        raise Failure("not all")


# -- limits --

@test("XEP-0160 2: a full mailbox refuses, and the sender is told; once emptied it takes again")
def _():
    with Server(workers=1, settings="offline { max_messages = 3 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = sender(romeo)
        r.numbered(juliet, 4)
        if r.errors() != ["m3"]:
            raise Failure(f"errors: {r.errors()}")
        expect_error(r.expect("<message type='error' id='m3'/>"), "service-unavailable")
        server.restart()
        r = sender(romeo)
        r.message(juliet.jid, id="full")
        expect_error(r.expect("<message type='error' id='full'/>"), "service-unavailable")
        j = juliet.login(presence=True)
        expect_numbers(j, 3)
        wait_room(juliet, r, 0)
        j.end()
        kept(r, juliet, 3)
        expect_rows(juliet, 3)


@test("XEP-0160 2: who floods full mailboxes floods no log: one line for each of them")
def _():
    with Server(workers=1, settings="offline { max_messages = 0 }") as server:
        romeo, *full = server.accounts([("romeo", None), ("juliet", None), ("nurse", None)])
        r = sender(romeo)
        for account in full:
            for number in range(200):
                r.message(account.jid, id=f"m{number}")
            r.expect("<message type='error' id='m199'/>")
        lines = [line for line in server.log().splitlines() if "at their limit" in line]
        if len(lines) != len(full) or not all("refused=1" in line for line in lines):
            raise Failure(f"in the log: {lines[:5]}")


@test("XEP-0160 2: a full mailbox that is being emptied takes live messages, up to twice its size")
def _():
    with Server(workers=1, settings="offline { max_messages = 120 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = sender(romeo)
        kept(r, juliet, 120)
        j = silent(juliet)
        expect_numbers(j, 100)
        r.numbered(juliet, 121, first=120)
        if r.errors() != ["m240"]:
            raise Failure(f"errors: {r.errors()}")
        j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
        for first in (100, 200):
            wanted = min(100, 240 - first)
            if bodies(j, wanted) != [str(number) for number in range(first, first + wanted)]:
                raise Failure("not in order")
            j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
        wait_rows(juliet, r, 0)


@test("XEP-0160 2: the limit of bytes, at the edge and one beyond")
def _():
    with Server(workers=1, settings="offline { max_bytes = 2000 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = sender(romeo)
        kept(r, juliet, 1, body="")
        size = int(server.sql("SELECT bytes FROM offline_messages")[0][0])
        server.sql("DELETE FROM offline_messages")
        server.restart()
        r = sender(romeo)
        # `<body/>` becomes `<body>...</body>`.
        fill = 2000 - size - len("<body></body>") + len("<body/>")
        r.numbered(juliet, 1, body="x" * (fill + 1))
        expect_error(r.expect("<message type='error'/>"), "service-unavailable")
        kept(r, juliet, 1, body="x" * fill)
        if server.sql("SELECT bytes FROM offline_messages") != [("2000",)]:
            raise Failure(f"{server.sql('SELECT bytes FROM offline_messages')}")
        r.message(juliet.jid, id="more")
        expect_error(r.expect("<message type='error' id='more'/>"), "service-unavailable")


@test("XEP-0160: what has expired is not delivered, and makes room")
def _():
    with Server(workers=1, settings="offline { max_messages = 2 expire_days = 1 }") as server:
        romeo, juliet = server.accounts([("romeo", None), ("juliet", None)])
        r = sender(romeo)
        kept(r, juliet, 2)
        (age,), = server.sql("SELECT DISTINCT expires_at - stored_at FROM offline_messages")
        if age != str(86400 * 10**6):
            raise Failure(f"expires after {age} us")
        server.sql("UPDATE offline_messages SET expires_at = 1 WHERE stanza LIKE '%>0<%'")
        server.restart()
        r = sender(romeo)
        r.message(juliet.jid, "loads the account", kind="headline")
        wait_room(juliet, r, 1)
        kept(r, juliet, 1, first=2)
        r.numbered(juliet, 1, first=3)
        if r.errors() != ["m3"]:
            raise Failure(f"errors: {r.errors()}")
        r.expect("<message type='error' id='m3'/>")
        j = juliet.login(presence=True)
        if bodies(j, 2) != ["1", "2"]:
            raise Failure("not what is left")
        wait_room(juliet, r, 0)
        j.end()
        kept(r, juliet, 2)
        server.sql("UPDATE offline_messages SET expires_at = 1 WHERE stanza LIKE '%>0<%'")
        j = juliet.login(presence=True)
        if bodies(j, 1) != ["1"]:
            raise Failure("what expired was delivered")
        j.expect_nothing("<message/>", after=r)


# -- what was acknowledged is not lost --

@two_users("XEP-0198 3: the acknowledgement of a message to an absent account follows the commit")
def _(server, romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 20)
    expect_rows(juliet, 20)
    server.kill()
    server.start()
    expect_numbers(juliet.login("balcony", presence=True), 20)


@two_users("XEP-0198 3: what a client has not acknowledged is kept within a second or so")
def _(server, romeo, juliet):
    j = silent(juliet)
    r = sender(romeo)
    r.numbered(juliet, 5)
    expect_numbers(j, 5)
    r.ask_until_settled()
    expect_rows(juliet, 5)
    server.kill()
    server.start()
    expect_numbers(juliet.login("balcony", presence=True), 5)


@two_users("XEP-0198 3: what must not be stored holds up the sender no longer than what is")
def _(romeo, juliet):
    j = silent(juliet)
    r = sender(romeo)
    no_store = "<no-store xmlns='urn:xmpp:hints'/>"
    r.message(j.jid, kind="headline", id="headline")
    r.message(j.jid, kind="groupchat", id="groupchat")
    r.message(juliet.jid, id="hint", inside=no_store)
    r.message(juliet.jid, None, id="state", inside="<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    for name in ("headline", "groupchat", "hint", "state"):
        j.expect(f"<message id='{name}'/>")
    r.ask_until_settled()
    expect_rows(juliet, 0)
    # It is not lost without a word (RFC 6121 section 8.5.3.2.1).
    j.abort()
    for name in ("headline", "groupchat", "hint"):
        expect_error(r.expect(f"<message type='error' id='{name}'/>"), "service-unavailable")


@two_users("XEP-0198 3: a row goes when the client acknowledges, late as that may be")
def _(romeo, juliet):
    j = silent(juliet)
    r = sender(romeo)
    r.numbered(juliet, 5)
    expect_numbers(j, 5)
    r.ask_until_settled()
    expect_rows(juliet, 5)
    j.send(f"<a xmlns='{NS.sm}' h='{j.handled}'/>")
    wait_rows(juliet, r, 0)
    j.end()
    juliet.login("balcony", presence=True).expect_nothing("<message/>", after=r)


@two_users("XEP-0198 3: a client that dies without acknowledging gets it at its next login, once")
def _(romeo, juliet):
    j = silent(juliet)
    r = sender(romeo)
    r.numbered(juliet, 5)
    expect_numbers(j, 5)
    j.abort()
    r.ask_until_settled()
    j = juliet.login("chamber", presence=True)
    expect_numbers(j, 5)
    if r.errors():
        raise Failure(f"errors: {r.errors()}")
    j.expect_nothing("<message/>", after=r)


@two_users("XEP-0160 2: kept ones that a client did not acknowledge come again, in order")
def _(romeo, juliet):
    r = sender(romeo)
    kept(r, juliet, 30)
    j = silent(juliet)
    expect_numbers(j, 30)
    expect_rows(juliet, 30)
    j.abort()
    kept(r, juliet, 5, first=30)
    expect_numbers(juliet.login("balcony", presence=True), 35)


@test("XEP-0198 3: an orderly stop loses nothing")
def _(server, romeo, juliet):
    j = silent(juliet)
    r = sender(romeo)
    r.numbered(juliet, 30)
    expect_numbers(j, 30)
    server.restart()
    expect_numbers(juliet.login("balcony", presence=True), 30)


main()
