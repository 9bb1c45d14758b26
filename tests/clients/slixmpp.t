#!/usr/bin/python3
"""slixmpp, as tests/clients/slix.py leads it."""
from harness import *
from lib import tls


@two_users("slixmpp: rosters and subscriptions, and who comes and goes")
def _(romeo, juliet):
    r, j = slixmpp(romeo).online(), slixmpp(juliet).online()
    acquaint(r, j)
    j.do("presence", "dnd")
    r.sees(j, "dnd")
    j.quit()
    r.sees(j, "unavailable")
    j = slixmpp(juliet).online()
    for client, other in ((r, j), (j, r)):
        client.do("roster")
        client.expect("roster", f"{other.jid} both")


@two_users("slixmpp: messages in Chinese and emoji, live and from the night")
def _(romeo, juliet):
    r, j = slixmpp(romeo).online(), slixmpp(juliet).online()
    r.say(j, CHINESE)
    j.say(r, EMOJI)
    j.quit()
    r.do("message", juliet.jid, EMOJI)
    wait_stored(juliet)
    slixmpp(juliet).online().hear(r, EMOJI, "delayed")


@test("slixmpp: disco, of the server, its items, and the own account")
def _(romeo):
    r = slixmpp(romeo).online()
    r.do("disco", romeo.domain)
    found = r.expect("disco", "server/im")
    for feature in ("urn:xmpp:ping", "urn:xmpp:blocking", "vcard-temp"):
        if feature not in found:
            raise Failure(f"no {feature} in {found}")
    r.do("disco", romeo.jid)
    r.expect("disco", "account/registered")
    r.do("items", romeo.domain)
    r.expect("items")


@test("slixmpp: pings of the server and of the own account")
def _(romeo):
    r = slixmpp(romeo).online()
    for jid in (romeo.domain, romeo.jid):
        r.do("ping", jid)
        r.expect("ping", jid)


@two_users("slixmpp: a vCard is stored, and read by another")
def _(romeo, juliet):
    r, j = slixmpp(romeo).online(), slixmpp(juliet).online()
    r.do("vcard-set", CHINESE)
    r.expect("vcard-set")
    j.do("vcard-get", romeo.jid)
    j.expect("vcard-get", CHINESE)


@two_users("slixmpp: who is blocked is not heard until unblocked")
def _(romeo, juliet):
    r, j = slixmpp(romeo).online(), slixmpp(juliet).online()
    r.do("block", juliet.jid)
    r.expect("block")
    r.do("blocked")
    r.expect("blocked", juliet.jid)
    j.do("message", romeo.jid, "unheard")
    j.expect_wire("in", "<message[^>]* type=.error.*service-unavailable")
    r.do("unblock", juliet.jid)
    r.expect("unblock")
    j.say(r, "heard")
    r.expect_none("message")


@test("slixmpp: stream management is enabled and acknowledges")
def _(romeo):
    r = slixmpp(romeo).online()
    r.expect("sm-enabled")
    r.expect_wire("in", "^<enabled ")
    for number in range(10):
        r.do("message", romeo.jid, f"{number} {EMOJI}")
    for number in range(10):
        r.hear(r, f"{number} {EMOJI}")
    # It asks before it sends each fifth stanza, so what it asks for may lack that one.
    r.wait(lambda: r.acknowledged() >= r.asked() >= 9, "acknowledgements")


@test("slixmpp: logs in by a certificate, to an account that has no password")
def _():
    with Server() as server:
        authority = server.path("users.pem"), server.path("users.key")
        tls.make_authority(*authority)
        server.domain_settings["example.org"] = f' client_ca = "{authority[0]}"'
        server.reload("reloaded")
        romeo = server.account("romeo")
        server.sql("UPDATE users SET scram_sha_1 = NULL, scram_sha_256 = NULL")
        r = slixmpp(romeo, tls.make_client_certificate(authority, server.path("romeo"), [romeo.jid]))
        r.online()
        r.expect_wire("out", "<auth [^>]*mechanism=.EXTERNAL")
        r.quit()


@test("slixmpp: a component, which people write to and who writes to them")
def _():
    domain, secret = "irc.example.org", "a secret"
    server = Server()
    server.ports["component"] = 0
    server.settings = f'component "{domain}" {{ secret = "{secret}" }}'
    with server:
        romeo = server.account("romeo")
        r, gateway = slixmpp(romeo).online(), Gateway(server, domain, secret).online()
        bot = f"nick@{domain}"
        r.do("items", "example.org")
        r.expect("items", domain)
        r.do("disco", domain)
        r.expect("disco", lambda text: "gateway/irc" in text)
        r.do("ping", domain)
        r.expect("ping", domain)
        gateway.do("disco", "example.org")
        gateway.expect("disco", "server/im")
        r.do("add", bot)
        gateway.expect("subscribe", romeo.jid, bot)
        gateway.do("approve", bot, romeo.jid)
        gateway.do("presence", bot, romeo.jid)
        r.expect("presence", bot, "available")
        r.do("message", bot, EMOJI)
        gateway.expect("message", lambda jid: jid.startswith(romeo.jid), bot, EMOJI)
        gateway.do("message", bot, romeo.jid, CHINESE)
        r.expect("message", bot, CHINESE)
        gateway.quit()
        r.do("ping", domain)
        r.expect("ping", "error", "remote-server-timeout")


main()
