#!/usr/bin/python3
"""SQL as the admin interface: shared groups, who sees whom by them, and what clients make of it."""
import itertools
import time

from harness import *
from lib.database import literal

ROSTER_PUSH = "<iq type='set'><query xmlns='jabber:iq:roster'/></iq>"
numbers = itertools.count()


class Group:
    """A row of groups, with a name of its own, on the domain of an account."""

    def __init__(self, server, account, *members, title="Office", visible_to="members"):
        self.server, self.domain = server, account.domain
        self.name = f"group-{next(numbers)}"
        server.sql("INSERT INTO groups (domain, name, title, visible_to) VALUES "
                   f"('{self.domain}', '{self.name}', {literal(title)}, '{visible_to}')")
        if members:
            self.join(*members)

    def join(self, *members):
        rows = ", ".join(f"('{self.domain}', '{self.name}', '{one.username}')" for one in members)
        self.server.sql(f"INSERT INTO group_members (domain, group_name, username) VALUES {rows}")

    def leave(self, member):
        self.server.sql(f"DELETE FROM group_members WHERE group_name = '{self.name}'"
                        f" AND username = '{member.username}'")

    def show_to(self, viewer):
        self.server.sql("INSERT INTO group_viewers (domain, group_name, viewer_group) VALUES "
                        f"('{self.domain}', '{self.name}', '{viewer.name}')")

    def change(self, assignment):
        self.server.sql(f"UPDATE groups SET {assignment} WHERE name = '{self.name}'")

    def delete(self):
        self.server.sql(f"DELETE FROM groups WHERE name = '{self.name}'")


def groups_of(item):
    return sorted(group.text for group in item)


def expect_groups(item, *wanted):
    if groups_of(item) != sorted(wanted):
        raise Failure(f"not in {wanted}: {show(item)}")


def expect_contact(client, contact, subscription, *groups):
    """As the client would be told of it if it asked."""
    item = client.roster().get(contact.jid)
    if item is None:
        raise Failure(f"{contact.jid} is not on the list of {client.name}")
    if item.get("subscription") != subscription:
        raise Failure(f"subscription is not {subscription}: {show(item)}")
    expect_groups(item, *groups)


def expect_stranger(client, contact):
    if contact.jid in client.roster():
        raise Failure(f"{contact.jid} is on the list of {client.name}")


def expect_there(client, other):
    client.expect(f"<presence from='{other.jid}'/>", without=["type"])


def expect_gone(client, other):
    client.expect(f"<presence type='unavailable' from='{other.jid}'/>")


def error_of(server, statement):
    try:
        server.sql(statement)
    except Exception as error:  # the database's own, of two kinds
        return str(error)
    raise Failure(f"not refused: {statement}")


# ---- joining and leaving ----

@two_users("who is in one group has each other on the list and sees each other")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r = online(romeo)
    expect_contact(r, juliet, "both", "Office")
    j = online(juliet)
    expect_contact(j, romeo, "both", "Office")
    expect_there(r, j)
    expect_there(j, r)
    if romeo.jid in r.roster():
        raise Failure("on one's own list")


@two_users("joining and leaving is pushed to both, and presence begins and ends")
def _(server, romeo, juliet):
    r, j = online(romeo), online(juliet)
    group = Group(server, romeo, romeo)
    r.expect_nothing(ROSTER_PUSH, after=j)
    group.join(juliet)
    expect_groups(r.expect_push(juliet.jid, subscription="both"), "Office")
    expect_groups(j.expect_push(romeo.jid, subscription="both"), "Office")
    expect_there(r, j)
    expect_there(j, r)
    group.leave(juliet)
    r.expect_push(juliet.jid, subscription="remove")
    j.expect_push(romeo.jid, subscription="remove")
    expect_gone(r, j)
    expect_gone(j, r)
    r.presence(inside="<show>away</show>")
    j.expect_nothing("<presence/>", after=r)


@two_users("changes of presence, and the end of a session, reach the others of the group")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    r.presence(inside="<show>away</show>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")
    r.end()
    j.expect(f"<presence type='unavailable' from='{romeo.jid}/desk'/>")


@two_users("a group that is deleted takes its contacts along")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    group.delete()
    r.expect_push(juliet.jid, subscription="remove")
    j.expect_push(romeo.jid, subscription="remove")
    expect_gone(r, j)
    expect_gone(j, r)


@two_users("an account that is deleted with SQL leaves all lists")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    server.sql(f"DELETE FROM users WHERE username = '{juliet.username}'")
    r.expect_push(juliet.jid, subscription="remove")
    expect_gone(r, j)
    j.expect_stream_error("not-authorized")


@two_users("an account that removes itself leaves all lists")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    # The log is read up to here, so that it is not what tells of it.
    group.change("title = 'Firm'")
    r.expect_push(juliet.jid, subscription="both")
    j.expect_push(romeo.jid, subscription="both")
    j.send("<iq type='set' id='bye'><query xmlns='jabber:iq:register'><remove/></query></iq>")
    r.expect_push(juliet.jid, subscription="remove")
    expect_gone(r, j)
    expect_stranger(r, juliet)


@two_users("who is in two groups stands under both titles, and stays with one of them")
def _(server, romeo, juliet):
    one = Group(server, romeo, romeo, juliet, title="Office")
    Group(server, romeo, romeo, juliet, title="Football")
    r, j = online(romeo), online(juliet)
    expect_contact(r, juliet, "both", "Football", "Office")
    expect_there(r, j)
    one.leave(juliet)
    expect_groups(r.expect_push(juliet.jid, subscription="both"), "Football")
    expect_groups(j.expect_push(romeo.jid, subscription="both"), "Football")
    r.expect_nothing("<presence type='unavailable'/>", after=j)


@two_users("two groups of one title are one")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    Group(server, romeo, romeo, juliet)
    expect_contact(online(romeo), juliet, "both", "Office")


# ---- titles, and who sees ----

@two_users("a title is pushed when it changes; without one it is the name")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo, juliet)
    r = online(romeo)
    expect_contact(r, juliet, "both", "Office")
    group.change("title = 'Head Office'")
    expect_groups(r.expect_push(juliet.jid, subscription="both"), "Head Office")
    group.change("title = NULL")
    expect_groups(r.expect_push(juliet.jid, subscription="both"), group.name)
    group.change(f"name = '{group.name}-b'")
    expect_groups(r.expect_push(juliet.jid, subscription="both"), group.name + "-b")


@two_users("visible to nobody, members, nobody: it comes and goes")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo, juliet, visible_to="nobody")
    r, j = online(romeo), online(juliet)
    expect_stranger(r, juliet)
    group.change("visible_to = 'members'")
    r.expect_push(juliet.jid, subscription="both")
    j.expect_push(romeo.jid, subscription="both")
    expect_there(r, j)
    expect_there(j, r)
    group.change("visible_to = 'nobody'")
    r.expect_push(juliet.jid, subscription="remove")
    j.expect_push(romeo.jid, subscription="remove")
    expect_gone(r, j)
    expect_gone(j, r)


@two_users("viewers see a group whose members do not see them")
def _(server, romeo, juliet):
    shown = Group(server, romeo, juliet, title="Support")
    viewers = Group(server, romeo, romeo, visible_to="nobody")
    r, j = online(romeo), online(juliet)
    shown.show_to(viewers)
    expect_groups(r.expect_push(juliet.jid, subscription="to"), "Support")
    expect_there(r, j)
    expect_stranger(j, romeo)
    r.presence(inside="<show>away</show>")
    j.expect_nothing("<presence/>", after=r)
    j.presence(inside="<show>dnd</show>")
    r.expect(f"<presence from='{j.jid}'><show>dnd</show></presence>")
    server.sql(f"DELETE FROM group_viewers WHERE viewer_group = '{viewers.name}'")
    r.expect_push(juliet.jid, subscription="remove")
    expect_gone(r, j)
    j.expect_nothing(ROSTER_PUSH, after=r)


@two_users("two groups that see each other, and one who begins and ceases to be seen back")
def _(server, romeo, juliet):
    one = Group(server, romeo, romeo, title="One", visible_to="nobody")
    two = Group(server, romeo, juliet, title="Two", visible_to="nobody")
    two.show_to(one)
    r, j = online(romeo), online(juliet)
    expect_contact(r, juliet, "to", "Two")
    expect_there(r, j)
    one.show_to(two)
    r.expect_push(juliet.jid, subscription="both")
    expect_groups(j.expect_push(romeo.jid, subscription="both"), "One")
    expect_there(j, r)
    server.sql(f"DELETE FROM group_viewers WHERE group_name = '{one.name}'")
    r.expect_push(juliet.jid, subscription="to")
    j.expect_push(romeo.jid, subscription="remove")
    expect_gone(j, r)


@two_users("who joins a group of viewers sees, and who leaves it does not any more")
def _(server, romeo, juliet):
    shown = Group(server, romeo, juliet, title="Support", visible_to="nobody")
    viewers = Group(server, romeo, visible_to="nobody")
    shown.show_to(viewers)
    r, j = online(romeo), online(juliet)
    viewers.join(romeo)
    expect_groups(r.expect_push(juliet.jid, subscription="to"), "Support")
    expect_there(r, j)
    j.expect_nothing(ROSTER_PUSH, after=r)
    viewers.leave(romeo)
    r.expect_push(juliet.jid, subscription="remove")
    expect_gone(r, j)


@two_users("everybody on the domain sees a group, those who come later, too")
def _(server, romeo, juliet):
    r, j = online(romeo), online(juliet)
    group = Group(server, romeo, juliet, title="Reception", visible_to="everybody")
    try:
        expect_groups(r.expect_push(juliet.jid, subscription="to"), "Reception")
        expect_there(r, j)
        late = online(server.account("late"))
        expect_there(late, j)
        j.presence(inside="<show>dnd</show>")
        late.expect(f"<presence from='{j.jid}'><show>dnd</show></presence>")
        r.expect(f"<presence from='{j.jid}'><show>dnd</show></presence>")
        group.leave(juliet)
        r.expect_push(juliet.jid, subscription="remove")
        expect_gone(r, j)
        expect_gone(late, j)
    finally:
        group.delete()


@test("whoever comes and goes, on whichever worker: a member of a group for everybody is shown to those who are there")
def _(server, juliet):
    group = Group(server, juliet, juliet, title="Reception", visible_to="everybody")
    people = [server.account("guest", worker=worker) for worker in range(server.workers) for _ in range(2)]
    try:
        first = {account: online(account) for account in people[::2]}
        j = online(juliet)
        clients = {**first, **{account: online(account) for account in people[1::2]}}
        for status in range(3):
            there = f"<presence from='{j.jid}' type='{ABSENT}'/>"
            for client in clients.values():
                client.expect(there)
            # Another session of the same account neither begins nor ends anything.
            second = people[0].login("second", presence=True)
            second.expect(there)
            second.end()
            j.presence(inside=f"<status>{status}</status>")
            for client in clients.values():
                client.expect(f"<presence from='{j.jid}'><status>{status}</status></presence>")
                client.expect_nothing(f"<presence from='{j.jid}'/>")
            for account in people[status::3]:
                clients[account].end()
            for account in people:
                if account in people[status::3]:
                    clients[account] = online(account)
                else:
                    clients[account].end()
                    clients[account] = online(account)
        j.end()
        for client in clients.values():
            expect_gone(client, j)
            client.end()
    finally:
        group.delete()


@test("an account that a client makes sees the groups for everybody")
def _(server, juliet):
    group = Group(server, juliet, juliet, title="Reception", visible_to="everybody")
    try:
        j = online(juliet)
        new = Account(server, f"{juliet.username}-new", juliet.domain)
        connection = juliet.connect()
        connection.send("<iq type='set' id='new' to='{}'><query xmlns='jabber:iq:register'>"
                        "<username>{}</username><password>{}</password></query></iq>".format(
                            juliet.domain, new.username, new.password))
        connection.expect("<iq type='result' id='new'/>")
        n = online(new)
        expect_contact(n, juliet, "to", "Reception")
        expect_there(n, j)
        j.presence(inside="<show>dnd</show>")
        n.expect(f"<presence from='{j.jid}'><show>dnd</show></presence>")
    finally:
        group.delete()


# ---- presence of who is away ----

@two_users("a probe for who is not there is answered as the groups have it")
def _(server, romeo, juliet):
    stranger, seen = server.account("stranger"), server.account("seen")
    shown = Group(server, romeo, juliet, visible_to="nobody")
    viewers = Group(server, romeo, romeo, visible_to="nobody")
    others = Group(server, romeo, seen, visible_to="nobody")
    shown.show_to(viewers)
    others.show_to(shown)
    for account, answer in ((stranger, "unsubscribed"), (seen, "unsubscribed"), (romeo, "unavailable")):
        # A row of its own, which its server asks after.
        server.sql("INSERT INTO roster_items (domain, username, contact, subscription) VALUES "
                   f"('{account.domain}', '{account.username}', '{juliet.jid}', 'to')")
        online(account).expect(f"<presence type='{answer}' from='{juliet.jid}'/>")


@two_users("what only contacts may ask is answered to who is one by a group")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    r.send(f"<iq type='get' id='p1' to='{j.jid}'><ping xmlns='{NS.ping}'/></iq>")
    j.expect("<iq type='get' id='p1'/>")


@two_users("a blocked contact of a group sees the account go, and come again")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(j, r)
    r.set(f"<block xmlns='urn:xmpp:blocking'><item jid='{juliet.jid}'/></block>")
    expect_gone(j, r)
    r.presence(inside="<show>away</show>")
    j.expect_nothing("<presence/>", after=j)
    r.set("<unblock xmlns='urn:xmpp:blocking'/>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")


# ---- what clients do with it ----

@two_users("a client renames a contact of a group and puts it into own groups")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo, juliet)
    r = online(romeo)
    r.roster_set(juliet.jid, "<group>Office</group><group>Lovers</group>", name="Jule")
    expect_groups(r.expect_push(juliet.jid, subscription="both", name="Jule"), "Lovers", "Office")
    rows = server.sql("SELECT name, subscription, g.group_name FROM roster_items JOIN roster_groups g"
                      " USING (domain, username, contact) WHERE username = "
                      f"'{romeo.username}'")
    if rows != [("Jule", "none", "Lovers")]:
        raise Failure(f"the rows: {rows}")
    group.leave(juliet)
    expect_groups(r.expect_push(juliet.jid, subscription="none", name="Jule"), "Lovers")


@two_users("removing a contact leaves what groups give, and that cannot be removed")
def _(server, romeo, juliet):
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    remove = f"<query xmlns='jabber:iq:roster'><item jid='{juliet.jid}' subscription='remove'/></query>"
    r.iq_error("set", remove, "not-allowed")
    r.roster_set(juliet.jid, name="Jule")
    r.expect_push(juliet.jid, subscription="both", name="Jule")
    r.set(remove)
    item = r.expect_push(juliet.jid, subscription="both")
    if item.get("name") is not None:
        raise Failure(f"still with a name: {show(item)}")
    r.iq_error("set", remove, "not-allowed")
    j.expect_nothing("<presence type='unavailable'/>", after=r)
    if server.sql(f"SELECT count(*) FROM roster_items WHERE username = '{romeo.username}'") != [("0",)]:
        raise Failure("a row is left")


@two_users("own subscriptions and those of groups do not get into each other's way")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    group = Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_contact(r, juliet, "both", "Office")
    expect_there(r, j)
    expect_there(j, r)
    r.presence("unsubscribed", juliet.jid)
    j.expect_push(romeo.jid, subscription="both")
    r.presence(inside="<show>away</show>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")
    group.leave(juliet)
    r.expect_push(juliet.jid, subscription="to")
    j.expect_push(romeo.jid, subscription="from")
    expect_gone(j, r)
    r.expect_nothing(f"<presence type='unavailable' from='{j.jid}'/>", after=j)


@two_users("who removes a contact of a group that was one before is still seen by it")
def _(server, romeo, juliet):
    befriend(romeo, juliet)
    Group(server, romeo, romeo, juliet)
    r, j = online(romeo), online(juliet)
    expect_there(r, j)
    expect_there(j, r)
    expect_contact(r, juliet, "both", "Office")
    r.set(f"<query xmlns='jabber:iq:roster'><item jid='{juliet.jid}' subscription='remove'/></query>")
    r.expect_push(juliet.jid, subscription="both")
    j.expect_push(romeo.jid, subscription="both")
    j.expect_nothing(f"<presence type='unavailable' from='{r.jid}'/>", after=r)
    r.expect_nothing(f"<presence type='unavailable' from='{j.jid}'/>", after=j)
    r.presence(inside="<show>away</show>")
    j.expect(f"<presence from='{r.jid}'><show>away</show></presence>")


@two_users("contacts of groups do not count for the limit")
def _(server, romeo, juliet):
    people = [server.account("crowd") for _ in range(12)]
    Group(server, romeo, romeo, *people)
    r = online(romeo)
    if len(r.roster()) != 12:
        raise Failure("not everybody is on the list")
    for number in range(10):
        r.set(f"<query xmlns='jabber:iq:roster'><item jid='c{number}@example.net'/></query>")
    r.iq_error("set", "<query xmlns='jabber:iq:roster'><item jid='more@example.net'/></query>",
               "not-allowed")


@test("the version of a list changes with its groups, and only with them")
def _(server, romeo, juliet):
    group = Group(server, romeo, romeo)
    r = online(romeo)

    def version():
        return r.get("<query xmlns='jabber:iq:roster'/>")[0].get("ver")

    before = version()
    group.join(juliet)
    push = r.expect(ROSTER_PUSH)
    joined = version()
    if joined == before or push[0].get("ver") != joined:
        raise Failure(f"{before}, then {push[0].get('ver')}, then {joined}")
    if len(r.get(f"<query xmlns='jabber:iq:roster' ver='{joined}'/>")) != 0:
        raise Failure("the whole list, to a client that has it")
    group.leave(juliet)
    r.expect_push(juliet.jid, subscription="remove")
    if version() != before:
        raise Failure("as it was, and not the same version")


@two_users("the last of many pushes brings the version of the whole list, those before do not")
def _(server, romeo, juliet):
    group = Group(server, romeo, *[server.account("crowd") for _ in range(5)])
    r = online(romeo)

    def pushes(count):
        return [r.expect(ROSTER_PUSH)[0].get("ver") for _ in range(count)]

    def expect_last(versions):
        version = r.get("<query xmlns='jabber:iq:roster'/>")[0].get("ver")
        if versions[-1] != version or version in versions[:-1]:
            raise Failure(f"{versions}, the list has {version}")

    group.join(romeo)
    expect_last(pushes(5))
    group.join(juliet, server.account("crowd"))
    expect_last(pushes(2))
    group.change("title = 'All'")
    expect_last(pushes(7))
    group.delete()
    expect_last(pushes(7))


# ---- the tables ----

@test("what cannot be is refused with a message that says why")
def _(server, romeo):
    group = Group(server, romeo, romeo)
    for statement, word in (
            (f"UPDATE groups SET visible_to = 'friends' WHERE name = '{group.name}'",
             "visible_to_is_nobody_members_or_everybody"),
            (f"UPDATE groups SET title = '' WHERE name = '{group.name}'",
             "title_is_not_empty_write_null_for_the_name"),
            (f"INSERT INTO groups (domain, name) VALUES ('{romeo.domain}', '')", "name_is_not_empty"),
            ("INSERT INTO groups (domain, name) VALUES ('Example.Org', 'x')", "lower_case"),
            ("INSERT INTO group_members (domain, group_name, username) VALUES "
             f"('{romeo.domain}', 'no-such-group', '{romeo.username}')", "group"),
            ("INSERT INTO group_members (domain, group_name, username) VALUES "
             f"('{romeo.domain}', '{group.name}', 'no-such-user')", "user"),
            ("INSERT INTO group_viewers (domain, group_name, viewer_group) VALUES "
             f"('{romeo.domain}', '{group.name}', 'no-such-group')", "group")):
        message = error_of(server, statement)
        if word not in message:
            raise Failure(f"{statement}: {message}")


@two_users("the views say what clients see")
def _(server, romeo, juliet):
    shown = Group(server, romeo, juliet, title="Support")
    viewers = Group(server, romeo, romeo, visible_to="nobody")
    shown.show_to(viewers)
    rows = server.sql("SELECT contact, title, subscription FROM shared_contacts"
                      f" WHERE domain = '{romeo.domain}' AND username = '{romeo.username}'")
    if rows != [(juliet.jid, "Support", "to")]:
        raise Failure(f"shared_contacts: {rows}")
    viewers.show_to(shown)
    rows = server.sql("SELECT contact, subscription FROM shared_contacts"
                      f" WHERE domain = '{romeo.domain}' AND username = '{romeo.username}'")
    if rows != [(juliet.jid, "both")]:
        raise Failure(f"shared_contacts: {rows}")


# ---- many ----

def crowd(server, domain, prefix, count):
    """Rows of accounts that never log in; quickly."""
    rows = ", ".join(f"('{domain}', '{prefix}{number}')" for number in range(count))
    server.sql(f"INSERT INTO users (domain, username) VALUES {rows}")


def read(client):
    """What is there, without waiting."""
    try:
        client.read(time.monotonic() + 0.001)
    except Timeout:
        pass


def chat(one, other, until, times):
    """One word and its answer, as long as `until` says."""
    while not until():
        began = time.monotonic()
        one.message(other.jid, "Lark?", id=one.new_id())
        other.expect("<message><body>Lark?</body></message>")
        times.append(time.monotonic() - began)


@test("ten thousand members: whoever is online is told within two seconds, and others chat on",
      timeout=180)
def _(server, romeo, juliet):
    count = 10000
    watchers = [server.account("watcher") for _ in range(4)]
    crowd(server, romeo.domain, "m", count)
    group = Group(server, romeo, *watchers)
    server.sql("INSERT INTO group_members (domain, group_name, username) SELECT domain, "
               f"'{group.name}', username FROM users WHERE domain = '{romeo.domain}'"
               " AND username LIKE 'm%'")
    began = time.monotonic()
    clients = [online(one) for one in watchers]
    logged_in = time.monotonic() - began
    if len(clients[0].roster()) != count + len(watchers) - 1:
        raise Failure("not everybody is on the list")
    r, j = online(romeo), online(juliet)
    newcomer = server.account("newcomer")
    n = online(newcomer)
    began = time.monotonic()
    group.join(newcomer)
    for client in clients:
        client.expect_push(newcomer.jid, subscription="both")
    told = time.monotonic() - began
    if told > 2 * FACTOR:
        raise Failure(f"told after {told:.2f} s")
    seen, times = set(), []

    def is_done():
        read(n)
        seen.update(push[0][0].get("jid") for push in n.queue if matches(push, ROSTER_PUSH))
        n.queue.clear()
        return len(seen) == count + len(watchers)

    chat(r, j, is_done, times)
    whole = time.monotonic() - began
    times.sort()
    print(f"# 4 logins {logged_in:.2f} s, joining told after {told:.3f} s, the newcomer's whole list"
          f" after {whole:.2f} s, a chat message meanwhile {1000 * times[len(times) // 2]:.1f} ms, at"
          f" most {1000 * times[-1]:.1f} ms")
    if whole > 10 * FACTOR:
        raise Failure(f"the newcomer has its list after {whole:.2f} s")
    group.change("title = 'All'")
    pushes = 0
    while pushes < count + len(watchers):
        push = clients[0].expect(ROSTER_PUSH, timeout=30)
        pushes += groups_of(push[0][0]) == ["All"]


main(settings="register { allow = true }", limits={"roster_items": 10, "output_soft_bytes": 8388608, "output_hard_bytes": 33554432})
