#!/usr/bin/python3
"""SQL as the admin interface: the table of links to other servers."""
import socket
import time
from contextlib import contextmanager

from harness import *
from lib.database import FLAVOUR
from lib.federation import DIALBACK, peer

POSTGRESQL = FLAVOUR == "postgresql"
ONE, TWO, DEAD = "montague.example", "capulet.example", "dead.example"


def rows(server, columns, where="true"):
    return server.sql(f"SELECT {columns} FROM links WHERE {where} ORDER BY direction, domain, peer")


def until_rows(server, expected, columns="direction, peer, state", where="true", timeout=10):
    """Waits until the rows are these."""
    wait_until(lambda: rows(server, columns, where), f"the rows {expected}", timeout=timeout,
               wanted=lambda found: found == expected)


def apart(more=""):
    """Two servers, with a connection for either direction."""
    return Federation(ONE, TWO, settings="bidi = false " + more)


def chat(one, other, number=1):
    """Both write to each other, so that there are links both ways."""
    for client, to in ((one, other), (other, one)):
        for _ in range(number):
            client.send(f"<message to='{to.jid}'><body>hello</body></message>")
        for _ in range(number):
            to.expect("<message><body>hello</body></message>")


@contextmanager
def silence(federation):
    """Somebody who takes connections for DEAD and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        federation.route(DEAD, listening.getsockname()[1])
        federation.reload()
        yield


def logged(server):
    return int(server.sql("SELECT count(*) FROM changes WHERE subject = 'links'")[0][0])


@test("links and connections have rows as long as they last, with what is known of them")
def _():
    before = time.time()
    with apart() as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        if rows(one, "peer"):
            raise Failure("there are rows before anybody has written")
        chat(r, j)
        until_rows(one, [(direction, ONE, TWO, "up", "EXTERNAL", certificate, "127.0.0.1", "TLSv1.3", None, "0")
                         for direction, certificate in (("in", None), ("out", "authority"))],
                   "direction, domain, peer, state, proved_by, certificate, address, tls, error, waiting")
        for since, expires, worker, stream, direction in rows(
                one, "since, certificate_expires, worker, stream, direction"):
            if not before - 1 < int(since) / 1000000 < time.time() + 1:
                raise Failure(f"since {since}")
            if not 29 < (int(expires) / 1000000 - time.time()) / 86400 < 31:
                raise Failure(f"expires {expires}")
            if not 0 <= int(worker) < one.workers or not stream.startswith(f"s2s-{direction}-"):
                raise Failure(f"worker {worker}, stream {stream}")
        federation.servers[TWO].stop()
        until_rows(one, [])


@test("traffic is counted for each connection, stanzas and bytes", timeout=60)
def _():
    with apart() as federation:
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        chat(r, j)
        for server in federation.servers.values():
            until_rows(server, [("in",), ("out",)], "direction", "state = 'up'")
        chat(r, j, 9)
        for server in federation.servers.values():
            until_rows(server, [("in", "10", "0"), ("out", "0", "10")], "direction, stanzas_in, stanzas_out",
                       timeout=25)
        outgoing = rows(federation.servers[ONE], "bytes_in, bytes_out", "direction = 'out'")
        incoming = rows(federation.servers[TWO], "bytes_out, bytes_in", "direction = 'in'")
        if outgoing != incoming or not 2000 < int(outgoing[0][1]) < 20000:
            raise Failure(f"bytes: {outgoing}, the other end says {incoming}")
        listed = {link["direction"]: link for link in federation.servers[ONE].ctl_json("link", "list")["links"]}
        if (listed["in"]["stanzas_in"], listed["out"]["stanzas_out"]) != (10, 10) or not listed["in"]["since"]:
            raise Failure(f"listed: {listed}")


@test("XEP-0288: either direction of a connection has a row; to delete one ends both")
def _():
    with Federation(ONE, TWO) as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        for direction in ("in", "out"):
            chat(r, j)
            until_rows(one, [("in", "up", "bidi"), ("out", "up", "EXTERNAL")], "direction, state, proved_by")
            until_rows(two, [("in", "up", "EXTERNAL"), ("out", "up", "bidi")], "direction, state, proved_by")
            if len(set(rows(one, "stream"))) != 1 or len(set(rows(two, "stream"))) != 1:
                raise Failure(f"not one connection: {rows(one, 'stream')}, {rows(two, 'stream')}")
            one.sql(f"DELETE FROM links WHERE direction = '{direction}'")
            until_rows(one, [])
            until_rows(two, [])


@test("a link that fails says why, and since when; one that works does not suffer")
def _():
    with apart("retry_max = 300") as federation:
        federation.refuse(DEAD)
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        r.send(f"<message to='x@{DEAD}'><body>?</body></message>")
        r.expect("<message type='error'/>")
        until_rows(one, [("out", DEAD, "Connection refused", None, None, None, None)],
                   "direction, peer, error, address, tls, certificate_expires, stream")
        chat(r, j)
        until_rows(one, [("in", TWO), ("out", TWO)], "direction, peer", "state = 'up'")


@test("what waits for a link is in its row")
def _():
    with Federation(ONE, settings="link_timeout = 60") as federation, silence(federation):
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        for _ in range(3):
            r.send(f"<message to='x@{DEAD}'><body>?</body></message>")
        until_rows(one, [("out", "greeting", "3")], "direction, state, waiting", timeout=25)


@test("a row that is deleted ends that connection, and no other; the next stanza makes another")
def _():
    with apart() as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        chat(r, j)
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        [(stream,)] = rows(one, "stream", "direction = 'in'")
        before = logged(one)
        one.sql("DELETE FROM links WHERE direction = 'out'")
        one.wait_log("link ended.*ended by the server")
        until_rows(one, [("in", TWO, stream)], "direction, peer, stream")
        until_rows(two, [("out", ONE, "up")])
        if logged(one) != before + 1:
            raise Failure("what the server writes is in the log of changes")
        chat(r, j)
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        one.sql(f"DELETE FROM links WHERE peer = '{TWO}'")
        until_rows(one, [])
        until_rows(two, [])
        chat(r, j)
        until_rows(two, [("in", ONE, "up"), ("out", ONE, "up")])


@test("a link that rests after a failure is tried again at once when its row is deleted")
def _():
    with apart("retry_max = 86400") as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        port = federation.routes[TWO]
        federation.refuse(TWO)
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)

        def failed():
            r.send(f"<message to='{j.jid}'><body>?</body></message>")
            r.expect("<message type='error'/>")
            return one.log().count("link failed") == 4
        wait_until(failed, "a rest of some seconds", timeout=30)
        until_rows(one, [("out", TWO, "resting")])
        federation.routes[TWO] = port
        federation.reload()
        one.sql("DELETE FROM links WHERE state = 'resting'")
        # It had been lost: our users ask whether it is back.
        until_rows(one, [("out", TWO, "up")], where="direction = 'out'")
        r.send(f"<message to='{j.jid}'><body>again</body></message>")
        j.expect("<message><body>again</body></message>")
        two.stop()


@test("each pair of domains of a connection has a row; they share its name")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        domains = ["a.example", "b.example"]
        identity = federation.authority.issue([f"DNS:{domain}" for domain in domains])
        connection = peer(one, sender=domains[0], identity=identity)
        for domain in domains:
            connection.send(f"<db:result from='{domain}' to='{ONE}'>00</db:result>")
            connection.expect(f"<result xmlns='{DIALBACK}' from='{ONE}' to='{domain}' type='valid'/>")
        until_rows(one, [(domain, "up", "certificate") for domain in domains], "peer, state, proved_by",
                   "direction = 'in'")
        if len(set(rows(one, "stream", "direction = 'in'"))) != 1:
            raise Failure("the pairs are on several connections")
        one.sql(f"DELETE FROM links WHERE peer = '{domains[1]}'")
        connection.expect_close()
        until_rows(one, [], where="direction = 'in'")


@test("rows that are held locked delay nobody, and are right in the end", when=POSTGRESQL)
def _():
    with apart() as federation:
        one, two = federation.servers[ONE], federation.servers[TWO]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        chat(r, j)
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        one.sql("BEGIN")
        one.sql("DELETE FROM links")
        two.stop()
        one.wait_log("link ended")
        two.start()
        j = j.account.login("again", presence=True)
        chat(r, j)
        one.sql("ROLLBACK")
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        if "lock" in one.log():
            raise Failure("a statement has waited for a lock")


@test("after kill -9 and a restart the rows are those of the links that there are")
def _():
    with apart() as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        chat(r, j)
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        one.kill()
        one.start()
        # The other server may have called back by now.
        wait_until(lambda: rows(one, "1", "direction = 'out' AND state = 'up'") == [], "no row of before")
        r = r.account.login("again", presence=True)
        wait_until(lambda: r.iq("get", f"<ping xmlns='{NS.ping}'/>", to=TWO).get("type") == "result", "an answer")
        until_rows(one, [("out", TWO, "up")], where="direction = 'out'")
        one.restart()
        until_rows(one, [], where="direction = 'out'")


@test("a table that was emptied is filled again, though nobody writes", timeout=90, when=POSTGRESQL)
def _():
    with apart("keepalive = 10") as federation:
        one = federation.servers[ONE]
        r = federation.account("romeo", ONE).login(presence=True)
        j = federation.account("juliet", TWO).login(presence=True)
        chat(r, j)
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")])
        one.sql("TRUNCATE links")
        until_rows(one, [("in", TWO, "up"), ("out", TWO, "up")], timeout=60)


@test("an administrator makes no rows and changes none")
def _():
    with Federation(ONE) as federation:
        one = federation.servers[ONE]
        federation.refuse(DEAD)
        r = federation.account("romeo", ONE).login(presence=True)
        r.send(f"<message to='x@{DEAD}'><body>?</body></message>")
        until_rows(one, [("out", DEAD)], "direction, peer")
        for statement in ("UPDATE links SET state = 'up'",
                          "INSERT INTO links (id, direction, domain, peer, state, waiting, stanzas_in, stanzas_out,"
                          " bytes_in, bytes_out, since, worker)"
                          " VALUES (1, 'out', 'a', 'b', 'up', 0, 0, 0, 0, 0, 0, 0)"):
            with one.sql_role("godwit_admin"):
                one.sql_refused(statement, "permission denied", "can only be deleted")


main(server=False)
