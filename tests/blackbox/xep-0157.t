#!/usr/bin/python3
"""XEP-0157: Contact Addresses for XMPP Services."""
import subprocess

from harness import *
from lib.server import binary

NS_FORM = "jabber:x:data"
SETTINGS = ('contact { admin = {"mailto:xmpp@example.org", "xmpp:admin@example.org"} '
            'abuse = {"mailto:abuse@example.org"} status = {"https://status.example.org"} }')


def forms(client):
    answer = client.get(f"<query xmlns='{NS.disco_info}'/>", to="example.org")
    return child(answer, "{%s}query" % NS.disco_info).findall("{%s}x" % NS_FORM)


@test("XEP-0157 3: without addresses there is no form")
def _(romeo):
    if forms(romeo.login()):
        raise Failure("a form")


@test("XEP-0157 3: the addresses as a form of service discovery")
def _():
    with Server(workers=1, settings=SETTINGS) as server:
        (form,) = forms(server.account("romeo").login())
        fields = {field.get("var"): [value.text for value in field]
                  for field in form}
        if fields != {"FORM_TYPE": ["http://jabber.org/network/serverinfo"],
                      "admin-addresses": ["mailto:xmpp@example.org", "xmpp:admin@example.org"],
                      "abuse-addresses": ["mailto:abuse@example.org"],
                      "status-addresses": ["https://status.example.org"]}:
            raise Failure(show(form))
        if form.get("type") != "result" or form[0].get("type") != "hidden":
            raise Failure(show(form))


@test("XEP-0157 3: an address that is no URI is refused, with a reason")
def _():
    server = Server(workers=1, settings='contact { admin = {"admin@example.org"} }')
    try:
        server.write_config()
        done = subprocess.run([binary("godwit"), "--config", server.config, "--check"],
                              capture_output=True, text=True, timeout=30)
        if done.returncode == 0 or "mailto:" not in done.stdout + done.stderr:
            raise Failure(f"{done.returncode}: {done.stdout}{done.stderr}")
    finally:
        server.close()


main()
