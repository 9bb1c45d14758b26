#!/usr/bin/python3
"""DANE (RFC 6698, RFC 7671, RFC 7673): what signed DNS says of the certificate of another server."""
import hashlib
import json
import shutil
import ssl
import subprocess
from contextlib import contextmanager

from harness import *
from lib.federation import Authority
from lib.knot import Knot
from lib.network import Loopback

ONE, SIGNED, PLAIN = "montague.example", "capulet.example", "plain.example"
NOBODY = "00" * 32


def whole(certificate):
    """The SHA-256 of a certificate."""
    with open(certificate, encoding="ascii") as file:
        end = "-----END CERTIFICATE-----"
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read().split(end)[0] + end)).hexdigest()


def key(certificate):
    """The SHA-256 of its key, as doc/federation.md says that it is made."""
    return subprocess.run(
        f"openssl x509 -in {certificate} -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256",
        shell=True, check=True, capture_output=True, text=True).stdout.split()[-1]


class Place:
    """A domain of the server that is called: its certificate, what TLSA says of it, and what follows."""

    def __init__(self, domain, what, outcome, tlsa, names=None, private=False, **options):
        self.domain, self.what, self.outcome, self.tlsa = domain, what, outcome, tlsa
        self.names, self.private, self.options = names, private, options

    def is_good(self):
        return self.outcome in ("DANE", "authority")

    def proves_by(self):
        """What proves the domain when its server calls; records for the host called do not count against it."""
        if not self.private and self.options.get("signed", True):
            return "EXTERNAL"
        return "DANE" if self.is_good() else None


def places(private):
    """`outcome`: what a link says of the certificate, or the reason in the log why there is none."""
    own, refused = f"TLSA 3 1 1 {{key}}", "the TLSA records of its host in DNS are of another certificate"
    issuer = f"TLSA 2 0 1 {whole(private.certificate)}"
    return [
        Place(f"ee.{SIGNED}", "its own certificate", "DANE", own, signed=False),
        Place(f"old.{SIGNED}", "an expired one of its own for somebody else", "DANE", "TLSA 3 0 1 {whole}",
              names=["DNS:other.example"], signed=False, days=-1),
        Place(f"two.{SIGNED}", "one of two keys", "DANE", f"TLSA 3 1 1 {NOBODY}\n{{port}} {own}", signed=False),
        Place(f"ta.{SIGNED}", "one of an authority that nobody knows", "DANE", issuer, private=True),
        Place(f"host.{SIGNED}", "one of that authority for the host", "DANE", issuer, private=True,
              names=[f"DNS:xmpp.host.{SIGNED}"]),
        Place(f"pkix.{SIGNED}", "one of a known authority", "DANE", "TLSA 1 1 1 {key}"),
        Place(f"odd.{SIGNED}", "records that nobody understands", "authority", f"TLSA 3 1 9 {NOBODY}"),
        Place(f"none.{SIGNED}", "none", "authority", None),
        Place(f"other.{SIGNED}", "another key, whoever has issued this one", refused, f"TLSA 3 1 1 {NOBODY}"),
        Place(f"wrong.{SIGNED}", "an authority, for somebody else", refused, issuer, private=True,
              names=["DNS:other.example"]),
        Place(f"self.{SIGNED}", "what a known authority has to sign besides", refused, "TLSA 1 1 1 {key}",
              signed=False),
        Place(f"ignored.{PLAIN}", "another key, unsigned", "authority", f"TLSA 3 1 1 {NOBODY}"),
        Place(f"forged.{PLAIN}", "its own key, unsigned", "self-signed certificate", own, signed=False),
    ]


def records(place, certificate, port):
    label = place.domain.split(".")[0]
    lines = [f"_xmpp-server._tcp.{label} SRV 0 0 {port} xmpp.{label}", f"xmpp.{label} A 127.0.0.1"]
    owner = f"_{port}._tcp.xmpp.{label}"
    if place.tlsa is None:
        return lines
    return lines + [f"{owner} " + place.tlsa.format(key=key(certificate), whole=whole(certificate), port=owner)]


@contextmanager
def town(settings=""):
    """A server that finds all these places, and one where they are."""
    federation, private = Federation(settings=settings), Authority()
    with federation:
        all_places = places(private)
        one, two = federation.start(ONE), federation.start(*(place.domain for place in all_places))
        zones = {SIGNED: [], PLAIN: []}
        for place in all_places:
            issuer = private if place.private else federation.authority
            names = place.names or [f"DNS:{place.domain}"]
            files = issuer.issue(names, **place.options)
            for file, ending in zip(files, ("crt", "key")):
                shutil.copy(file, two.path(f"{place.domain}.{ending}"))
            zones[place.domain.partition(".")[2]] += records(place, files[0], two.ports["s2s"])
        try:
            with Knot(Loopback(1), zones) as knot:
                with open(knot.path("anchors"), "w", encoding="utf-8") as file:
                    file.write(knot.keys())
                federation.sections[ONE] = (f'dns {{ forward = {{ "{knot.place.ipv4}@{knot.place.dns_port}" }}'
                                            f' trust_anchor_file = "{knot.path("anchors")}" }}')
                federation.route(ONE, one.ports["s2s"])
                federation.reload()
                yield federation, one, all_places
        finally:
            private.close()


def write(client, place):
    client.send(f"<message to='nobody@{place.domain}' id='{place.domain}'><body>?</body></message>")


def expect_link(one, place):
    """Up, and proved so."""
    one.wait_log(f"link up.*to={place.domain} .*by=EXTERNAL certificate={place.outcome} ")
    listed = one.ctl_json("link", "list", place.domain)["links"]
    if [(link["state"], link["certificate"]) for link in listed if link["direction"] == "out"] != [
            ("up", place.outcome)]:
        raise Failure(f"{place.what}: {listed}")


def expect_test(one, place):
    """godwitctl link test comes to the same."""
    answer = json.loads(one.ctl("--json", "link", "test", place.domain, check=False).stdout)
    step = next(step for step in answer["steps"] if step["step"] == "certificate")
    by_dns = step["text"].startswith("as its TLSA records want it (DANE): for ")
    if (answer["passed"], step["ok"], by_dns) != (place.is_good(), place.is_good(), place.outcome == "DANE"):
        raise Failure(f"{place.what}: {answer}")
    if not place.is_good() and ("TLSA" in place.outcome) != (f'a route "{place.domain}"' in step["cure"]):
        raise Failure(f"{place.what}: {step}")


def expect_none(one, client, place):
    client.expect(f"<message type='error' id='{place.domain}'>"
                  f"<error><remote-server-not-found xmlns='{NS.stanzas}'/></error></message>")
    one.wait_log(f"link failed.*to={place.domain} .*{place.outcome}")


@test("RFC 7673: certificates as signed DNS wants them are enough, others are not; what is not signed does not count",
      when=shutil.which("knotd"))
def _():
    with town() as (federation, one, all_places):
        r = federation.account("romeo", ONE).login(presence=True)
        for place in all_places:
            note(f"{place.domain}: {place.what}")
            write(r, place)
            if place.is_good():
                expect_link(one, place)
            else:
                expect_none(one, r, place)
            expect_test(one, place)


@test("RFC 7673: who shows another certificate than signed DNS names is not talked to, dialback or not",
      when=shutil.which("knotd"))
def _():
    with town(settings="dialback = true") as (federation, one, all_places):
        r = federation.account("romeo", ONE).login(presence=True)
        for place in all_places:
            write(r, place)
            if place.outcome.startswith("the TLSA"):
                expect_none(one, r, place)
                one.wait_log(f"certificate refused by TLSA records.*host=xmpp.{place.domain} ")


@test("RFC 7712 5.1: who calls and shows a certificate that signed DNS names has proved its domain by that",
      when=shutil.which("knotd"))
def _():
    with town() as (federation, one, all_places):
        r = federation.account("romeo", ONE).login(presence=True)
        # Whose clients can log in.
        for place in filter(lambda place: place.names is None, all_places):
            note(f"{place.domain}: {place.what}")
            j = federation.account("juliet", place.domain).login(presence=True)
            j.send(f"<message to='{r.jid}' id='m' type='chat'><body>?</body></message>")
            if place.proves_by():
                r.expect(f"<message from='{j.jid}' id='m'/>")
                one.wait_log(f"server proved.*from={place.domain} .*by={place.proves_by()} ")
            else:
                j.expect("<message type='error' id='m'/>")
                one.wait_log(f"server refused.*from={place.domain} ")
            j.close()


main(server=False)
