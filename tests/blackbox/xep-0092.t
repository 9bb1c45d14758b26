#!/usr/bin/python3
"""XEP-0092: Software Version."""
import re

from harness import *

NS_VERSION = "jabber:iq:version"
QUERY = f"<query xmlns='{NS_VERSION}'/>"


def ask(client):
    answer = child(client.get(QUERY, to=client.account.domain), "{%s}query" % NS_VERSION)
    return {part.tag.split("}")[1]: part.text for part in answer}


@test("XEP-0092 2: name and version, and no operating system unless it is wanted")
def _(romeo):
    told = ask(romeo.login())
    if set(told) != {"name", "version"} or told["name"] != "godwit":
        raise Failure(f"told: {told}")
    if not re.match(r"\d+\.\d+", told["version"]):
        raise Failure(f"no version: {told}")


@test("XEP-0092 5: the operating system if the admin wants it told")
def _():
    with Server(workers=1, settings="version { show_os = true }") as server:
        told = ask(server.account("romeo").login())
        if "Linux" not in told.get("os", ""):
            raise Failure(f"told: {told}")


main()
