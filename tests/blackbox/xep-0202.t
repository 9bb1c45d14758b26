#!/usr/bin/python3
"""XEP-0202: Entity Time."""
import datetime
import os

from harness import *

NS_TIME = "urn:xmpp:time"
QUERY = f"<time xmlns='{NS_TIME}'/>"


def ask(server):
    client = server.account("romeo").login()
    answer = client.get(QUERY, to="example.org")
    return text(answer, "{%s}time" % NS_TIME, "tzo"), text(answer, "{%s}time" % NS_TIME, "utc")


@test("XEP-0202 3: the time in UTC, and the distance from it")
def _(server):
    zone, utc = ask(server)
    if not utc.endswith("Z"):
        raise Failure(utc)
    there = datetime.datetime.fromisoformat(utc.replace("Z", "+00:00"))
    away = abs((datetime.datetime.now(datetime.timezone.utc) - there).total_seconds())
    if away > 30 * FACTOR:
        raise Failure(f"{utc} is {away} s away")
    local = datetime.datetime.now().astimezone().strftime("%z")
    if zone.replace(":", "") != local:
        raise Failure(f"{zone} is not {local}")


@test("XEP-0202 3: zones on both sides of Greenwich, and of half an hour")
def _():
    for name, wanted in (("UTC", "+00:00"), ("ABC+03:30", "-03:30"), ("ABC-05:45", "+05:45")):
        before = os.environ.get("TZ")
        os.environ["TZ"] = name
        try:
            with Server(workers=1) as server:
                zone, _ = ask(server)
        finally:
            os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        if zone != wanted:
            raise Failure(f"{name}: {zone}")


main()
