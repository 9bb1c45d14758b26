#!/usr/bin/python3
"""SQL as the admin interface: one row of the table outbox to all members of a shared group."""
import os
import random
import time

from harness import *

from lib.database import FLAVOUR
from lib.outbox import *

POSTGRESQL = FLAVOUR == "postgresql"
KILLS = int(os.environ.get("GODWIT_TEST_ROUNDS", "5"))
SEED = int(os.environ.get("GODWIT_TEST_SEED", str(time.time_ns() % 1000000)))
ROOMY = "offline { max_messages = 100000 max_bytes = 1000000000 }"
names = iter(f"group {i}'s" for i in range(1000))


def group_of(server, accounts):
    """A group of these; returns its name."""
    name = next(names)
    quoted = name.replace("'", "''")
    server.sql(f"INSERT INTO groups (domain, name, visible_to) VALUES ('example.org', '{quoted}', 'nobody')")
    for account in accounts:
        server.sql("INSERT INTO group_members (domain, group_name, username) VALUES "
                   f"('example.org', '{quoted}', '{account.username}')")
    return name


def receivers(server, number, wanted):
    """Usernames of members for whom it is sent, or has failed."""
    return sorted(row[0] for row in server.sql("SELECT username FROM outbox_receivers WHERE "
                                               f"outbox_id = {number} AND state = '{wanted}'"))


def usernames(*accounts):
    return sorted(account.username for account in accounts)


@test("each member has it, online or not, and nobody else", timeout=60)
def _(server, romeo, juliet, nurse, paris):
    j, p = juliet.login("balcony", presence=True), paris.login("street", presence=True)
    name = group_of(server, [romeo, juliet, nurse])
    for sender in ("example.org", romeo.jid, romeo.jid + "/anywhere"):
        number = send(server, sender, None, to_group=name)
        j.expect(f"<message from='{sender}' to='{juliet.jid}' id='outbox-{number}'><body>hello</body></message>")
        wait_state(server, number, "sent")
        if receivers(server, number, "sent") != usernames(romeo, juliet, nurse):
            raise Failure(f"sent to {receivers(server, number, 'sent')}")
    n = nurse.login("chamber", presence=True)
    for _ in range(3):
        n.expect("<message><body>hello</body></message>")
    for client in (n, j, p):
        client.expect_nothing("<message/>")


@test("a group without members is served at once; one with more than a page, completely")
def _(server, romeo):
    wait_state(server, send(server, "example.org", None, to_group=group_of(server, [])), "sent")
    for size in (49, 50, 51, 101):
        crowd = server.accounts([(f"crowd{i}", None) for i in range(size)])
        number = send(server, "example.org", None, to_group=group_of(server, crowd))
        wait_state(server, number, "sent")
        if receivers(server, number, "sent") != usernames(*crowd):
            raise Failure(f"sent to {len(receivers(server, number, 'sent'))} of {size}")


@test("headlines and what must not be stored reach who is there")
def _(server, romeo, juliet, nurse):
    j = juliet.login("balcony", presence=True)
    name = group_of(server, [juliet, nurse])
    for columns in ({"type": "headline"}, {"body": None, "stanza": "<message type='chat'><body>x</body>"
                                           "<no-store xmlns='urn:xmpp:hints'/></message>"}):
        number = send(server, "example.org", None, to_group=name, **columns)
        j.expect(f"<message id='outbox-{number}'/>")
        wait_until(lambda n=number: state(server, n)[0] != "waiting", "its end")
    nurse.login("chamber", presence=True).expect_nothing("<message/>")
    j.expect_nothing("<message/>")


@test("a group that is unknown is refused by the database, with what to write instead")
def _(server, romeo, juliet):
    name = group_of(server, [romeo])
    good = {"sender": "example.org", "to_group": name, "body": "x"}
    for changes, reason in (({"to_group": "none"}, "INSERT INTO groups first"),
                            ({"to_group": ""}, "INSERT INTO groups first"),
                            ({"sender": "example.net"}, "INSERT INTO groups first"),
                            ({"to_online": "example.org"}, "either_recipient_or_to_online_or_to_group"),
                            ({"recipient": juliet.jid}, "either_recipient_or_to_online_or_to_group")):
        try:
            server.sql(values({**good, **changes}))
        except Exception as error:
            # psql prints the hint on a line of its own, which is not in the message.
            if reason not in str(error) and not (POSTGRESQL and "there is no group" in str(error)):
                raise Failure(f"{changes}: {error}") from error
            continue
        raise Failure(f"accepted: {changes}")


@test("a group that was deleted while the message waited: it fails")
def _(server, romeo):
    name = group_of(server, [romeo])
    server.stop()
    number = send(server, "example.org", None, to_group=name)
    server.sql("DELETE FROM groups")
    server.start()
    wait_state(server, number, "failed", "item-not-found: there is no such group any more")


@test("members who cannot have it are named; tried again, it goes to them alone")
def _(server, romeo, juliet, nurse):
    j, n = juliet.login("balcony", presence=True), nurse.login("chamber", presence=True)
    j.set(f"<block xmlns='urn:xmpp:blocking'><item jid='{romeo.jid}'/></block>")
    number = send(server, romeo, None, to_group=group_of(server, [juliet, nurse]))
    wait_state(server, number, "failed", "1 of the members")
    n.expect(f"<message id='outbox-{number}'/>")
    if receivers(server, number, "failed") != usernames(juliet):
        raise Failure(f"failed: {receivers(server, number, 'failed')}")
    error = server.sql(f"SELECT error FROM outbox_receivers WHERE outbox_id = {number} AND state = 'failed'")
    if not error[0][0].startswith("service-unavailable"):
        raise Failure(f"the reason: {error}")
    j.set(f"<unblock xmlns='urn:xmpp:blocking'><item jid='{romeo.jid}'/></unblock>")
    server.sql(f"UPDATE outbox SET state = 'waiting' WHERE id = {number}")
    j.expect(f"<message id='outbox-{number}'/>")
    wait_state(server, number, "sent")
    n.expect_nothing("<message/>")


@test("one with a sender of no address, or a stanza that is none, fails as a whole")
def _(server, romeo):
    name = group_of(server, [romeo])
    number = send(server, "example.org", None, None, to_group=name, stanza="<presence/>")
    wait_state(server, number, "failed", "bad-request")
    if server.sql(f"SELECT 1 FROM outbox_receivers WHERE outbox_id = {number}"):
        raise Failure("somebody has it")


@test("to each member, messages stay in order, to the group or to one", timeout=60)
def _(server, romeo, juliet, nurse):
    j, n = juliet.login("balcony", presence=True), nurse.login("chamber", presence=True)
    name = group_of(server, [juliet, nurse])
    server.sql("BEGIN")
    sent = [send(server, romeo, None, to_group=name) if i % 3 else send(server, romeo, juliet)
            for i in range(120)]
    server.sql("COMMIT")
    got = [j.expect("<message/>").get("id") for _ in sent]
    if got != [f"outbox-{number}" for number in sent]:
        raise Failure(f"out of order: {got}")
    for i, number in enumerate(sent):
        if i % 3:
            n.expect(f"<message id='outbox-{number}'/>")


@test("rows of one member that somebody has locked: the others have it, and the order stays", timeout=60)
def _(server, romeo, juliet, nurse):
    if not POSTGRESQL:
        return
    j, n = juliet.login("balcony", presence=True), nurse.login("chamber", presence=True)
    name = group_of(server, [juliet, nurse])
    admin = server.database.another()
    admin.run("BEGIN")
    admin.run(f"SELECT 1 FROM users WHERE username = '{juliet.username}' FOR UPDATE")
    sent = [send(server, romeo, None, to_group=name) for i in range(20)]
    for number in sent:
        n.expect(f"<message id='outbox-{number}'/>")
    if server.sql("SELECT 1 FROM outbox_receivers WHERE username = "
                  f"'{juliet.username}'"):
        raise Failure("there is no lock")
    # Others, who are not in it, are not held up.
    other = server.account("other")
    o = other.login("x", presence=True)
    o.expect(f"<message id='outbox-{send(server, romeo, other)}'/>")
    sent.append(send(server, romeo, juliet))
    admin.run("COMMIT")
    got = [j.expect("<message/>", timeout=30).get("id") for _ in sent]
    if got != [f"outbox-{number}" for number in sent]:
        raise Failure(f"out of order: {got}")
    for number in sent:
        wait_state(server, number, "sent")
    admin.disconnect()


@test("rows to groups come while others end", timeout=60)
def _(server, romeo):
    name = group_of(server, [romeo])
    numbers = [send(server, "example.org", None, to_group=name) for _ in range(60)]
    for number in numbers:
        wait_state(server, number, "sent")
    r = romeo.login("orchard", presence=True)
    for number in numbers:
        r.expect(f"<message id='outbox-{number}'/>")
    r.expect_nothing("<message/>")


@test("done rows are removed after a week, with those of the members")
def _(server, romeo, juliet):
    name = group_of(server, [romeo, juliet])
    numbers = [send(server, "example.org", None, to_group=name) for _ in range(3)]
    single = send(server, "example.org", juliet)
    for number in (*numbers, single):
        wait_state(server, number, "sent")
    server.stop()
    old = f"{numbers[0]}, {numbers[1]}, {single}"
    server.sql(f"UPDATE outbox SET sent_at = sent_at - {7 * 86400 * 1000000} WHERE id IN ({old})")
    server.start()
    wait_until(lambda: server.sql(f"SELECT id FROM outbox WHERE id IN ({old})") == [], "the old ones are removed")
    for number, left in zip(numbers, ([], [], usernames(romeo, juliet))):
        if receivers(server, number, "sent") != left:
            raise Failure(f"of row {number}: {receivers(server, number, 'sent')}")


# -- exactly once --

COPIES = {
    "sqlite": ("CREATE TABLE copies (username TEXT, stanza TEXT)",
               "CREATE TRIGGER copy AFTER INSERT ON offline_messages BEGIN "
               "INSERT INTO copies VALUES (NEW.username, NEW.stanza); END"),
    "postgresql": ("CREATE TABLE copies (username TEXT, stanza TEXT)", "GRANT INSERT ON copies TO PUBLIC",
                   "CREATE FUNCTION copy() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN "
                   "INSERT INTO copies VALUES (NEW.username, NEW.stanza); RETURN NULL; END $$",
                   "CREATE TRIGGER copy AFTER INSERT ON offline_messages FOR EACH ROW "
                   "EXECUTE FUNCTION copy()"),
}


def sent_so_far(server, number):
    return int(server.sql(f"SELECT count(*) FROM outbox_receivers WHERE outbox_id = {number}")[0][0])


@test(f"{KILLS} times kill -9 in the middle of a group: each member has it once", timeout=60 + 20 * KILLS)
def _():
    source = random.Random(SEED)
    size, middles = 600, 0
    with Server(settings=ROOMY) as server:
        romeo = server.account("romeo")
        crowd = server.accounts([(f"crowd{i:03}", None) for i in range(size)])
        for statement in COPIES[FLAVOUR]:
            server.sql(statement)
        name = group_of(server, crowd)
        for i in range(KILLS):
            number = send(server, romeo, None, to_group=name, message_id=f"round{i}")
            goal = source.randint(1, size - 100)
            wait_until(lambda n=number, g=goal: sent_so_far(server, n) >= g, "some members have it", 30)
            server.process.kill()
            server.kill()
            middles += sent_so_far(server, number) < size
            if state(server, number)[0] == "waiting":
                server.start()
                wait_state(server, number, "sent")
            else:
                server.start()
        copies = server.sql("SELECT username, count(*) FROM copies GROUP BY username")
        if sorted(copies) != sorted((account.username, str(KILLS)) for account in crowd):
            raise Failure(f"seed {SEED}: {[row for row in copies if row[1] != str(KILLS)][:10]}")
        if middles == 0:
            raise Failure("the server never died in the middle")
        member = crowd[0].login("x", presence=True)
        for i in range(KILLS):
            member.expect(f"<message id='round{i}'/>")
        member.expect_nothing("<message/>")
        print(f"# seed {SEED}: {middles} of {KILLS} in the middle")
        server.stop()


main()
