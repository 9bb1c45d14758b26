#!/usr/bin/python3
"""XEP-0199: XMPP Ping."""
from harness import *

PING = f"<ping xmlns='{NS.ping}'/>"


@test("XEP-0199 4.2: a ping to the server, to one's own account, to nobody")
def _(romeo):
    r = romeo.login("orchard")
    for to in (None, romeo.domain, romeo.jid):
        answer = r.get(PING, to=to)
        if len(answer) or (to and answer.get("from") != to):
            raise Failure(show(answer))


@test("XEP-0199 4.2: every domain that is served answers")
def _(romeo):
    romeo.login("orchard").get(PING, to="example.net")


@two_users("XEP-0199 4.4: a ping to a client is answered by that client")
def _(romeo, juliet):
    r, j = romeo.login("orchard"), juliet.login("balcony")
    j.presence(to=r.jid)
    r.expect(f"<presence from='{j.jid}'/>")
    identifier = r.send_iq("get", PING, to=j.jid)
    ping = j.expect(f"<iq type='get' from='{r.jid}'>{PING}</iq>")
    j.send(f"<iq type='result' to='{r.jid}' id='{ping.get('id')}'/>")
    r.expect(f"<iq type='result' id='{identifier}' from='{j.jid}'/>")
    j.expect_nothing(after=r)


@two_users("XEP-0199 4.2: an account answers those who may see its presence")
def _(romeo, juliet):
    befriend(romeo, juliet)
    romeo.login("orchard").get(PING, to=juliet.jid)


@two_users("XEP-0199 8: a stranger learns neither who exists nor who is there")
def _(romeo, juliet):
    r, _ = romeo.login("orchard"), juliet.login("balcony", presence=True)
    answers = {show(r.iq("get", PING, to=to)[0])
               for to in (juliet.jid, f"{juliet.jid}/x", "nobody@example.org")}
    if len(answers) != 1:
        raise Failure(f"different answers: {answers}")
    r.iq_error("get", PING, "service-unavailable", to=juliet.jid)


@test("XEP-0199 3: a set is not a ping")
def _(romeo):
    romeo.login("orchard").iq_error("set", PING, "service-unavailable", to="example.org")


main()
