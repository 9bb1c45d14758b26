#!/usr/bin/python3
"""XEP-0030: Service Discovery."""
from harness import *

INFO = f"<query xmlns='{NS.disco_info}'/>"
ITEMS = f"<query xmlns='{NS.disco_items}'/>"
COMMANDS = "http://jabber.org/protocol/commands"


def info(client, to):
    """Identities as (category, type) and features of an entity."""
    query = child(client.get(INFO, to=to), "{%s}query" % NS.disco_info)
    identities = [(part.get("category"), part.get("type"))
                  for part in query.findall("{%s}identity" % NS.disco_info)]
    features = [part.get("var") for part in query.findall("{%s}feature" % NS.disco_info)]
    if len(set(features)) != len(features):
        raise Failure(f"a feature twice: {features}")
    return identities, set(features)


def with_node(query, node):
    return query.replace("/>", f" node='{quote(node)}'/>")


@test("XEP-0030 3.1: what the server is and offers")
def _(romeo):
    r = romeo.login()
    for domain in ("example.org", "example.net"):
        identities, features = info(r, domain)
        if identities != [("server", "im")]:
            raise Failure(f"identities: {identities}")
        wanted = {NS.disco_info, NS.disco_items, NS.ping, "jabber:iq:version", "urn:xmpp:time",
                  "jabber:iq:last", "jabber:iq:private", "vcard-temp", "jabber:iq:register",
                  "urn:xmpp:blocking", "msgoffline", "http://jabber.org/protocol/caps"}
        if wanted - features:
            raise Failure(f"missing: {wanted - features}")


@test("XEP-0030 3.1: a module that is not loaded is not offered")
def _():
    with Server(workers=1, modules=["disco", "ping"]) as server:
        romeo = server.account("romeo").login()
        _, features = info(romeo, "example.org")
        if "vcard-temp" in features or NS.ping not in features:
            raise Failure(f"features: {features}")
        romeo.iq_error("get", "<vCard xmlns='vcard-temp'/>", "service-unavailable")


@test("XEP-0030 3.1: one's own account is registered, and offers something")
def _(romeo):
    r = romeo.login()
    for to in (None, romeo.jid):
        identities, features = info(r, to)
        if ("account", "registered") not in identities:
            raise Failure(f"identities: {identities}")
        if {NS.disco_info, NS.disco_items, "vcard-temp"} - features:
            raise Failure(f"features: {features}")


@two_users("XEP-0030 8: an account answers those who may see its presence, and nobody else")
def _(romeo, juliet):
    r = romeo.login()
    for to in (juliet.jid, "nobody@example.org"):
        for query in (INFO, with_node(INFO, "x")):
            r.iq_error("get", query, "service-unavailable", to=to)
    befriend(romeo, juliet)
    identities, _ = info(r, juliet.jid)
    if identities != [("account", "registered")]:
        raise Failure(f"identities: {identities}")


@two_users("XEP-0030 4.1, 8: items of an account are its available resources, for who may know")
def _(romeo, juliet):
    r = romeo.login("orchard", presence=True)

    def items(client, to):
        query = child(client.get(ITEMS, to=to), "{%s}query" % NS.disco_items)
        return sorted(item.get("jid") for item in query)

    j = juliet.login("balcony", presence=True)
    hidden = juliet.login("chamber")
    if items(r, juliet.jid) != [] or items(j, juliet.jid) != [j.jid] or items(hidden, None) != [j.jid]:
        raise Failure("wrong before they are friends")
    befriend(romeo, juliet)
    if items(r, juliet.jid) != [j.jid]:
        raise Failure("not what is available")
    hidden.available()
    j.end()
    r.expect(f"<presence from='{j.jid}' type='unavailable'/>")
    if items(r, juliet.jid) != [hidden.jid]:
        raise Failure("not what is available later")


@test("XEP-0030 4.1: the server has no items yet, which is an empty list")
def _(romeo):
    query = child(romeo.login().get(ITEMS, to="example.org"), "{%s}query" % NS.disco_items)
    if len(query):
        raise Failure(show(query))


@test("XEP-0030 7: a node that does not exist")
def _(romeo):
    r = romeo.login()
    for to in ("example.org", romeo.jid):
        for query in (INFO, ITEMS):
            for node in (COMMANDS, "", "#", "urn:godwit:server", "urn:godwit:server#", "x" * 3000):
                r.iq_error("get", with_node(query, node), "item-not-found", to=to)


@test("XEP-0030 3.1: a set is refused")
def _(romeo):
    r = romeo.login()
    for to in ("example.org", romeo.jid):
        for query in (INFO, ITEMS):
            r.iq_error("set", query, "service-unavailable", to=to)


@two_users("XEP-0030 3.1: a client is asked itself, also by itself")
def _(romeo, juliet):
    befriend(romeo, juliet)
    r, j = romeo.login("orchard"), juliet.login("balcony", presence=True)
    for asker in (r, j):
        identifier = asker.send_iq("get", with_node(INFO, "http://pidgin.im/#x"), to=j.jid)
        request = j.expect(f"<iq type='get' from='{asker.jid}'>"
                           f"{with_node(INFO, 'http://pidgin.im/#x')}</iq>")
        j.send(f"<iq type='result' to='{asker.jid}' id='{request.get('id')}'>{INFO}</iq>")
        asker.expect(f"<iq type='result' id='{identifier}' from='{j.jid}'>{INFO}</iq>")


main()
