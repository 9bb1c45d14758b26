#!/usr/bin/python3
"""XEP-0115: Entity Capabilities of the server, with a verification of our own making."""
import base64
import hashlib

from harness import *

NS_CAPS = "http://jabber.org/protocol/caps"
NS_FORM = "jabber:x:data"


def verification(query):
    """XEP-0115 section 5.1."""
    parts = sorted((part.get("category"), part.get("type"),
                    part.get("{http://www.w3.org/XML/1998/namespace}lang", ""), part.get("name", ""))
                   for part in query.findall("{%s}identity" % NS.disco_info))
    text = "".join("/".join(part) + "<" for part in parts)
    text += "".join(name + "<" for name in sorted(part.get("var") for part in
                                                  query.findall("{%s}feature" % NS.disco_info)))
    forms = []
    for form in query.findall("{%s}x" % NS_FORM):
        fields = {field.get("var"): sorted(value.text for value in field) for field in form}
        forms.append((fields.pop("FORM_TYPE")[0], sorted(fields.items())))
    for kind, fields in sorted(forms):
        text += kind + "<"
        for name, values in fields:
            text += "".join(part + "<" for part in [name] + values)
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def caps(client):
    found = child(client.features, "{%s}c" % NS_CAPS)
    if found is None or found.get("hash") != "sha-1" or not found.get("node"):
        raise Failure("no capabilities in " + show(client.features))
    return found.get("node"), found.get("ver")


def ask(client, node=None):
    node = "" if node is None else f" node='{quote(node)}'"
    return child(client.get(f"<query xmlns='{NS.disco_info}'{node}/>", to=client.account.domain),
                 "{%s}query" % NS.disco_info)


def check(client):
    node, ver = caps(client)
    query = ask(client)
    if verification(query) != ver:
        raise Failure(f"{ver} is not {verification(query)} of {show(query)}")
    again = ask(client, f"{node}#{ver}")
    if again.get("node") != f"{node}#{ver}" or verification(again) != ver:
        raise Failure(f"the node is answered with {show(again)}")
    return ver


@test("XEP-0115 6.3: the features after login carry the digest of what service discovery answers")
def _(romeo):
    check(romeo.login())


@test("XEP-0115 5.1: forms are part of the digest, and a change of configuration changes it")
def _():
    settings = ('contact { support = {"xmpp:b@example.org", "xmpp:a@example.org", "mailto:c@example.org"}'
                ' abuse = {"xmpp:x@example.org"} }')
    with Server(workers=2, settings=settings) as server:
        romeo = server.account("romeo")
        r = romeo.login()
        first = check(r)
        server.settings = settings.replace("xmpp:x@", "xmpp:y@") + ' disco { name = "Gr\u00fc\u00dfe" }'
        server.reload("reloaded")
        second = check(romeo.login())
        if first == second:
            raise Failure("the digest has not changed")
        r.iq_error("get", f"<query xmlns='{NS.disco_info}' node='urn:godwit:server#{first}'/>",
                   "item-not-found", to="example.org")


@two_users("XEP-0115 6.1: capabilities in a client's presence arrive as they were sent")
def _(romeo, juliet):
    befriend(romeo, juliet)
    inside = f"<c xmlns='{NS_CAPS}' hash='sha-1' node='urn:x' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>"
    r, j = romeo.login("orchard", presence=True), juliet.login("balcony")
    j.available(inside=inside)
    r.expect(f"<presence from='{j.jid}'>{inside}</presence>")


main()
