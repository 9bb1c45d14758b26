#!/usr/bin/python3
"""SQL as the admin interface: contact lists, blocks."""
from harness import *
from lib.database import FLAVOUR


def item(owner, contact, subscription="both"):
    return f"('{owner.domain}', '{owner.username}', '{contact.jid}', '{subscription}')"


def insert(*rows):
    return ("INSERT INTO roster_items (domain, username, contact, subscription) VALUES "
            + ", ".join(rows))


def of(owner, contact):
    return (f"domain = '{owner.domain}' AND username = '{owner.username}'"
            f" AND contact = '{contact.jid}'")


@two_users("two rows make two people contacts: both are pushed, both see each other")
def _(server, romeo, juliet):
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    server.sql(insert(item(romeo, juliet), item(juliet, romeo)))
    r.expect_push(juliet.jid, subscription="both")
    j.expect_push(romeo.jid, subscription="both")
    r.expect(f"<presence from='{j.jid}'/>")
    j.expect(f"<presence from='{r.jid}'/>")


@two_users("a name and a group reach the clients")
def _(server, romeo, juliet):
    r = online(romeo, "orchard")
    server.sql(insert(item(romeo, juliet)))
    r.expect_push(juliet.jid, subscription="both")
    server.sql(f"UPDATE roster_items SET name = 'Jule' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="both", name="Jule")
    server.sql("INSERT INTO roster_groups (domain, username, contact, group_name) VALUES "
               f"('{romeo.domain}', '{romeo.username}', '{juliet.jid}', 'Lovers')")
    r.expect_push(juliet.jid, subscription="both", name="Jule", inside="<group>Lovers</group>")
    server.sql(f"DELETE FROM roster_groups WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="both", name="Jule")


@two_users("presence stops for who is no longer to see it, and that one's row changes as well")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    j.expect(f"<presence from='{r.jid}'/>")
    server.sql(f"UPDATE roster_items SET subscription = 'to' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="to")
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    j.expect(f"<presence type='unsubscribed' from='{romeo.jid}'/>")
    j.expect_push(romeo.jid, subscription="from")
    r.presence(inside="<show>away</show>")
    j.expect_nothing("<presence/>", after=r)
    subscriptions(server, romeo, "to", juliet, "from")


def subscriptions(server, one, ones, other, others):
    for owner, contact, wanted in ((one, other, ones), (other, one, others)):
        wait_until(lambda o=owner, c=contact, w=wanted: server.sql(
            f"SELECT subscription FROM roster_items WHERE {of(o, c)}") == [(w,)], f"{owner}'s row")


@two_users("who is to see somebody sees at once who is there")
def _(server, romeo, juliet):
    server.sql(insert(item(romeo, juliet, "none"), item(juliet, romeo, "from")))
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    k = online(juliet, "garden")
    for client in (r, j, k):
        client.sync()
    server.sql(f"UPDATE roster_items SET subscription = 'to' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="to")
    for client in (j, k):
        r.expect(f"<presence from='{client.jid}' type='{ABSENT}'/>")
    subscriptions(server, romeo, "to", juliet, "from")


@two_users("one side comes after the other, in either order: nobody is refused, each sees the other")
def _(server, romeo, juliet):
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    server.sql(insert(item(romeo, juliet)))
    r.expect_push(juliet.jid, subscription="both")
    j.expect(f"<presence from='{r.jid}'/>")
    r.expect_nothing("<presence/>", after=j)
    server.sql(insert(item(juliet, romeo)))
    j.expect_push(romeo.jid, subscription="both")
    r.expect(f"<presence from='{j.jid}'/>")
    subscriptions(server, romeo, "both", juliet, "both")


@two_users("who is no longer to see somebody sees that one go, and the other's row changes as well")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    r.expect(f"<presence from='{j.jid}'/>")
    j.expect(f"<presence from='{r.jid}'/>")
    server.sql(f"UPDATE roster_items SET subscription = 'from' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="from")
    r.expect(f"<presence type='unavailable' from='{j.jid}'/>")
    j.expect_push(romeo.jid, subscription="to")
    j.presence(inside="<show>away</show>")
    r.expect_nothing(f"<presence from='{j.jid}'/>", after=j)
    r.presence(inside="<show>dnd</show>")
    j.expect(f"<presence from='{r.jid}'><show>dnd</show></presence>")
    subscriptions(server, romeo, "from", juliet, "to")


@two_users("the same for who is away, and for a request that is taken back")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    server.sql(f"UPDATE roster_items SET subscription = 'none' WHERE {of(romeo, juliet)}")
    subscriptions(server, romeo, "none", juliet, "none")
    j = online(juliet, "balcony")
    r = online(romeo, "orchard")
    r.presence("subscribe", juliet.jid)
    j.expect(f"<presence type='subscribe' from='{romeo.jid}'/>")
    r.expect_push(juliet.jid, ask="subscribe", subscription="none")
    server.sql(f"UPDATE roster_items SET ask = {'false' if FLAVOUR == 'postgresql' else 0} "
               f"WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="none")
    j.expect(f"<presence type='unsubscribe' from='{romeo.jid}'/>")
    wait_until(lambda: server.sql(f"SELECT 1 FROM subscription_requests WHERE {of(juliet, romeo)}") == [],
               "no request")


@two_users("a blocked contact that somebody is to see is not asked")
def _(server, romeo, juliet):
    server.sql(insert(item(romeo, juliet, "none"), item(juliet, romeo, "from")))
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    r.expect(f"<presence from='{j.jid}'/>")
    r.set(f"<block xmlns='urn:xmpp:blocking'><item jid='{juliet.jid}'/></block>")
    server.sql(f"UPDATE roster_items SET subscription = 'to' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="to")
    j.sync()
    r.expect_nothing("<presence/>")


@two_users("a deleted row is a removed contact: the other is told and sees nothing more")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    r.expect(f"<presence from='{j.jid}'/>")
    server.sql(f"DELETE FROM roster_items WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="remove")
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    j.expect(f"<presence type='unsubscribed' from='{romeo.jid}'/>")
    j.expect_push(romeo.jid, subscription="none")


@two_users("rows that are deleted and inserted again in one transaction end nothing")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    r.expect(f"<presence from='{j.jid}'/>")
    server.sql("BEGIN")
    server.sql(f"DELETE FROM roster_items WHERE {of(romeo, juliet)}")
    server.sql(insert(item(romeo, juliet)))
    server.sql("COMMIT")
    server.sql(f"UPDATE roster_items SET name = 'Jule' WHERE {of(romeo, juliet)}")
    r.expect_push(juliet.jid, subscription="both", name="Jule")
    j.expect_nothing("<presence type='unsubscribed'/>", after=r)


@test("ten thousand rows in one statement reach the client, and nobody else waits")
def _(server, romeo, juliet):
    r = online(romeo, "orchard")
    j = juliet.login("balcony")
    count = 10000
    rows = ", ".join(f"('{romeo.domain}', '{romeo.username}', 'c{n}@example.net', 'none')"
                     for n in range(count))
    server.sql(f"INSERT INTO roster_items (domain, username, contact, subscription) VALUES {rows}")
    seen = set()
    while len(seen) < count:
        push = r.expect("<iq type='set'><query xmlns='jabber:iq:roster'/></iq>", timeout=30)
        seen.add(push[0][0].get("jid"))
        if len(seen) % 1000 == 0:
            j.get(f"<ping xmlns='{NS.ping}'/>")
    if len(r.roster()) != count:
        raise Failure("the roster is not what was pushed")


@test("a thousand changes while the server's connections are cut: all arrive, in order")
def _(server, romeo):
    r = online(romeo, "orchard")
    server.sql("INSERT INTO roster_items (domain, username, contact, name) VALUES "
               f"('{romeo.domain}', '{romeo.username}', 'tybalt@example.net', '0')")
    for number in range(1, 1001):
        server.sql(f"UPDATE roster_items SET name = '{number}' WHERE username = '{romeo.username}'")
        if number % 100 == 50:
            cut(server)
    seen = []
    while not seen or seen[-1] < 1000:
        push = r.expect("<iq type='set'><query xmlns='jabber:iq:roster'/></iq>", timeout=30)
        seen.append(int(push[0][0].get("name")))
    # Changes that follow each other closely may be told as one.
    if seen != sorted(set(seen)):
        raise Failure(f"not in order, or twice: {seen}")


def cut(server):
    """PostgreSQL ends the sessions of the server; SQLite has none."""
    if FLAVOUR == "postgresql":
        server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                   " WHERE usename = 'godwit_server' AND datname = current_database()")


@test("rows that are deleted and at once made anew stay as they were made")
def _(server):
    juliet, nurse = server.account("juliet"), server.account("nurse")
    people = [server.account("friend") for _ in range(20)]
    both = insert(*(item(juliet, one) for one in people), *(item(one, juliet) for one in people),
                  item(juliet, nurse), item(nurse, juliet))
    for number in range(20):
        server.sql(both)
        if number % 2 == 0:
            # Let it be read before the next is written, this time.
            server.sql(f"UPDATE roster_items SET subscription = 'from' WHERE {of(juliet, nurse)}")
            subscriptions(server, juliet, "from", nurse, "to")
        server.sql("DELETE FROM roster_items")
    server.sql(both)
    server.sql(f"UPDATE roster_items SET subscription = 'none' WHERE {of(juliet, nurse)}")
    subscriptions(server, juliet, "none", nurse, "none")
    found = server.sql("SELECT subscription, count(*) FROM roster_items GROUP BY subscription ORDER BY subscription")
    if found != [("both", "40"), ("none", "2")]:
        raise Failure(str(found))


@test("the end of a subscription waits for the row of who is online to be read", when=FLAVOUR == "postgresql")
def _(server):
    juliet = server.account("juliet")
    j = online(juliet, "balcony")
    # Some are at home on the other worker, and nothing there waits for the lock.
    people = [server.account("friend") for _ in range(20)]
    admin = server.database.another()
    admin.run("BEGIN")
    began, = admin.run("SELECT now()")[0]
    admin.run("LOCK TABLE blocked_jids")
    server.sql(insert(*(item(juliet, one) for one in people), *(item(one, juliet) for one in people)))
    server.sql(f"UPDATE roster_items SET subscription = 'none' WHERE contact = '{juliet.jid}'")
    wait_until(lambda: server.sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
                                  f" AND query LIKE 'WITH sides%' AND query_start > '{began}'"), "somebody's end")
    admin.run("ROLLBACK")
    for _ in people:
        j.expect("<presence type='unsubscribed'/>")
    wait_until(lambda: server.sql("SELECT DISTINCT subscription FROM roster_items"
                                  f" WHERE username = '{juliet.username}'") == [("none",)], "the rows")


@test("a removed contact is told once, though the server's connections are cut")
def _(server):
    count = 100
    juliet = server.account("juliet")
    j = online(juliet, "balcony")
    people = [server.account("friend") for _ in range(count)]
    server.sql(insert(*(item(one, juliet) for one in people)))
    server.sql(insert(*(item(juliet, one) for one in people)))
    for _ in people:
        j.expect("<iq type='set'><query xmlns='jabber:iq:roster'/></iq>")
    for number, one in enumerate(people):
        server.sql(f"DELETE FROM roster_items WHERE {of(one, juliet)}")
        if number % 20 == 10:
            cut(server)
    gone = []
    while len(gone) < count:
        gone.append(j.expect("<presence type='unsubscribed'/>", timeout=30).get("from"))
    j.expect_nothing("<presence type='unsubscribed'/>")
    if sorted(gone) != sorted(one.jid for one in people):
        raise Failure("not everybody, or somebody twice")


@two_users("a block in the table holds back at once, and ends with its row")
def _(server, romeo, juliet):
    r, j = online(romeo, "orchard"), online(juliet, "balcony")
    server.sql("INSERT INTO blocked_jids (domain, username, jid) VALUES "
               f"('{romeo.domain}', '{romeo.username}', '{juliet.jid}')")
    wait_until(lambda: blocked(r) == [juliet.jid], "the block")
    j.send(f"<message type='chat' id='m1' to='{romeo.jid}'><body>1</body></message>")
    expect_error(j.expect("<message type='error' id='m1'/>"), "service-unavailable")
    server.sql(f"DELETE FROM blocked_jids WHERE jid = '{juliet.jid}'")
    wait_until(lambda: blocked(r) == [], "no block")
    j.send(f"<message type='chat' id='m2' to='{romeo.jid}'><body>2</body></message>")
    r.expect("<message id='m2'/>")


@two_users("a block in the table hides the account, its end shows it, and clients are pushed both")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    r, j, other = online(romeo, "orchard"), online(juliet, "balcony"), juliet.login("window")
    r.expect(f"<presence from='{j.jid}'/>")
    j.expect(f"<presence from='{r.jid}'/>")
    blocked(r)
    other.available()
    r.expect(f"<presence from='{other.jid}'/>")
    server.sql("INSERT INTO blocked_jids (domain, username, jid) VALUES "
               f"('{romeo.domain}', '{romeo.username}', '{juliet.jid}'), "
               f"('{romeo.domain}', '{romeo.username}', 'spam.example')")
    j.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    other.expect(f"<presence type='unavailable' from='{r.jid}'/>")
    push = r.expect(f"<iq type='set'><block xmlns='urn:xmpp:blocking'><item jid='{juliet.jid}'/></block></iq>")
    if sorted(one.get("jid") for one in push[0]) != sorted((juliet.jid, "spam.example")):
        raise Failure(show(push))
    server.sql(f"DELETE FROM blocked_jids WHERE jid = '{juliet.jid}'")
    r.expect(f"<iq type='set'><unblock xmlns='urn:xmpp:blocking'><item jid='{juliet.jid}'/></unblock></iq>")
    j.expect(f"<presence from='{r.jid}'/>")
    r.expect(f"<presence from='{j.jid}'/>")
    server.sql("DELETE FROM blocked_jids")


def blocked(client):
    return [one.get("jid") for one in client.get("<blocklist xmlns='urn:xmpp:blocking'/>")[0]]


@test("the log says who has changed what, without what is secret")
def _(server, romeo):
    server.sql(f"UPDATE users SET disabled = false, password = 'geheim' WHERE username = '{romeo.username}'")
    rows = server.sql("SELECT subject, operation, username, before, after FROM changes "
                      f"WHERE username = '{romeo.username}' ORDER BY id DESC LIMIT 1")
    if rows[0][:3] != ("users", "update", romeo.username):
        raise Failure(f"the log's last row: {rows}")
    if "SCRAM" in str(rows) or "geheim" in str(rows) or "changed" not in rows[0][4]:
        raise Failure(f"what the log says: {rows}")


@test("the log forgets what is older than a year")
def _():
    with Server(workers=1) as server:
        account = server.account("romeo")
        server.stop()
        year = 366 * 86400 * 1000000
        server.sql(f"UPDATE changes SET changed_at = changed_at - {year} WHERE username = '{account.username}'")
        server.account("juliet")
        server.start()
        wait_until(lambda: server.sql("SELECT count(*) FROM changes WHERE username LIKE 'romeo%'") == [("0",)],
                   "old rows are gone")
        if server.sql("SELECT count(*) FROM changes WHERE username LIKE 'juliet%'") == [("0",)]:
            raise Failure("new rows are gone, too")
        server.stop()


@test("what the server writes itself is not in the log")
def _(server, romeo):
    r = online(romeo, "orchard")
    before = server.sql("SELECT count(*) FROM changes")
    r.roster_set("tybalt@example.org")
    r.expect_push("tybalt@example.org", subscription="none")
    if server.sql("SELECT count(*) FROM changes") != before:
        raise Failure("the server's own writes are logged as somebody else's")


main(limits={"roster_items": 20000, "output_soft_bytes": 4194304, "output_hard_bytes": 33554432})
