#!/usr/bin/python3
"""Federation in a network of hosts: two godwits, a Prosody, an ejabberd and a knot with a signed zone, each on
one of its own, on the ports of the RFCs, by IPv4 and IPv6; and cables that are cut."""
from contextlib import contextmanager

from harness import *
from lib import database, network, peering
from lib.ejabberd import Ejabberd
from lib.knot import Knot
from lib.network import S2S_PORT
from lib.peering import befriend, chat, expect_refusal, test
from lib.prosody import Prosody

# PostgreSQL is on none of these hosts.
database.FLAVOUR = "sqlite"
OURS, SECOND = "montague.example", "mantua.example"


class Counting(Prosody):
    """Acknowledges what it gets (XEP-0198)."""

    modules = {"capulet.example": ["smacks"]}


# ejabberd asks libc for addresses, which asks a server that has a host of its own only.
THEIRS = {"capulet.example": Counting, **({"verona.example": Ejabberd} if network.can_cut() else {})}
# What a name says of the way to it: by one family only; with an address that leads nowhere as well;
# without an SRV record.
FAMILIES = {"": ("AAAA", "A"), "four.": ("A",), "six.": ("AAAA",), "half.": ("A",), "bare.": ("A",),
            "late.": ("A",)}
NOWHERE = "fd77::dead"
# Signed by nobody, though who is above it says that it is, and with which key.
FORGED = "forged.example"


def service(domain, place):
    """What DNS knows of the server of a domain and of its other names."""
    where = {"A": (S2S_PORT, place.ipv4), "AAAA": (place.port6, place.ipv6)}
    records = set()
    for prefix, families in FAMILIES.items():
        name = prefix + domain
        if prefix == "bare.":
            records.add(f"{name}. A {place.ipv4}")
            continue
        for family in families:
            port, address = where[family]
            records.add(f"_xmpp-server._tcp.{name}. SRV 0 5 {port} at{port}.{name}.")
            records.add(f"at{port}.{name}. {family} {address}")
        if prefix == "half.":
            records.add(f"at{S2S_PORT}.{name}. AAAA {NOWHERE}")
    return records


class Hosts(peering.World):
    """`hosts` by what they run."""

    def __init__(self, *_):
        super().__init__()
        self.network = self.enter_context(network.Network())
        self.hosts = {name: self.network.host() for name in ("dns", OURS, SECOND, *THEIRS)}
        self.serve_names()
        dns = self.hosts["dns"].ipv4, self.hosts["dns"].dns_port
        for domain, kind in THEIRS.items():
            self.add(kind(self.federation.authority, {prefix + domain: {} for prefix in FAMILIES}, dns,
                          place=self.hosts[domain]))
        self.start_godwit([SECOND], dns)
        self.start_godwit([prefix + OURS for prefix in ("", "four.", "six.")], dns)

    def start_godwit(self, domains, dns):
        place = self.hosts[domains[0]]
        listens = [f'listen s2s {{ address = "{address}" port = {port} }}' for address, port in place.listens()]
        self.godwit(domains, f'forward = {{ "{dns[0]}@{dns[1]}" }} trust_anchor_file = "{self.keys}" timeout = 2',
                    settings="retry_max = 1 connect_timeout = 1 link_timeout = 10",
                    sections="\n".join(listens), place=place, under=("setpriv", "--pdeathsig", "KILL"))

    def serve_names(self):
        records = {"_xmpp-server._tcp.none.example. SRV 0 0 0 .", f"{FORGED}. NS ns.{FORGED}.",
                   f"{FORGED}. DS 4711 13 2 {'ab' * 32}", f"ns.{FORGED}. A {self.hosts['dns'].ipv4}"}
        for domain in (OURS, SECOND, *THEIRS):
            records |= service(domain, self.hosts[domain])
        zones = {"example": sorted(records), FORGED: [f"@ A {self.hosts[OURS].ipv4}"]}
        self.knot = self.enter_context(Knot(self.hosts["dns"], zones))
        self.keys = self.knot.path("anchors")
        with open(self.keys, "w", encoding="utf-8") as file:
            file.write(self.knot.keys())

    def pair(self, domain, prefix="", back=""):
        """Somebody of ours, and somebody of that domain."""
        return self.ours(back + OURS), self.theirs(prefix + domain)

    def answers(self, client, domain):
        wait_until(lambda: client.iq("get", f"<ping xmlns='{NS.ping}'/>", to=domain).get("type") == "result",
                   f"an answer of {domain}")

    @contextmanager
    def cut(self, domain):
        """Nothing goes to the host of that domain, or comes from there."""
        self.hosts[domain].cut()
        try:
            yield
        finally:
            self.hosts[domain].join()


def each_server(title, when=True, timeout=60):
    """Registers a test for each of the others."""
    def register(function):
        for domain, kind in THEIRS.items():
            test(f"{title} [{kind.name}]", timeout=timeout, when=when)(
                lambda world, domain=domain: function(world, domain))
    return register


def check_family(world, domain, prefix, address):
    r, j = world.pair(domain, prefix, back=prefix)
    chat(r, j, "to them")
    chat(j, r, "to us")
    links = world.links(prefix + domain)
    if links["out"]["address"] != address or (":" in links["in"]["address"]) != (":" in address):
        raise Failure(f"the links go by {links}, not {address}")


@each_server("RFC 6120 3.2.1: by IPv4 only, both ways")
def _(world, domain):
    check_family(world, domain, "four.", world.hosts[domain].ipv4)


@each_server("RFC 6120 3.2.1: by IPv6 only, both ways")
def _(world, domain):
    check_family(world, domain, "six.", world.hosts[domain].ipv6)


@each_server("RFC 6120 3.2.1: by either family, both ways; our certificate is for servers alone")
def _(world, domain):
    r, j = world.pair(domain)
    chat(r, j, "to them")
    chat(j, r, "to us")
    how = "dialback" if "clientAuth" in THEIRS[domain].usage else "EXTERNAL"
    world.server.wait_log(f"link up.*to={domain} .*by={how}")


@each_server("RFC 6120 3.2.1: one address leads nowhere, the other is taken")
def _(world, domain):
    r, j = world.pair(domain, "half.")
    chat(r, j, "to them")
    if world.links("half." + domain)["out"]["address"] != world.hosts[domain].ipv4:
        raise Failure("a strange address")


@each_server("RFC 6120 3.2.2: without an SRV record, by the domain's own address and port 5269")
def _(world, domain):
    r, j = world.pair(domain, "bare.")
    chat(r, j, "to them")


@test("RFC 6120 3.2.1: SRV says that there is no server: an error at once")
def _(world):
    r = world.ours()
    r.message("x@none.example", id="m")
    expect_refusal(r, "m", "remote-server-not-found")


@test("RFC 4035: what the keys of the zone do not vouch for is not used")
def _(world):
    r = world.ours()
    r.message(f"x@{FORGED}", id="m")
    expect_refusal(r, "m", "remote-server-not-found")
    world.server.wait_log(f"link failed.*to={FORGED} .*forged")


@each_server("DNS is dead: an error in time; it answers again: all is well")
def _(world, domain):
    r, j = world.pair(domain, "late.")
    world.knot.pause()
    try:
        r.message(j.bare, id="m")
        expect_refusal(r, "m", "remote-server-timeout")
        world.server.wait_log(f"link failed.*to=late.{domain} .*DNS does not answer")
    finally:
        world.knot.go_on()
    world.answers(r, "late." + domain)
    chat(r, j, "to them")
    chat(j, r, "to us")


@each_server("a cable is cut, and nobody is connected: an error in time; it is joined: all is well",
             when=network.can_cut())
def _(world, domain):
    r, j = world.pair(domain)
    chat(r, j, "before")
    world.hang_up(domain)
    with world.cut(domain):
        r.message(j.bare, id="lost")
        expect_refusal(r, "lost", "remote-server-timeout")
    world.answers(r, domain)
    chat(r, j, "after")
    chat(j, r, "back")


@each_server("a cable is cut for a moment: what was sent meanwhile arrives, both ways, in order",
             when=network.can_cut())
def _(world, domain):
    r, j = world.pair(domain)
    chat(r, j, "before")
    chat(j, r, "before")
    for client in (r, j):
        client.drain()
    with world.cut(domain):
        for number in range(20):
            r.message(j.jid, id=f"r{number}")
            j.message(r.jid, id=f"j{number}")
        for client in (r, j):
            client.expect_nothing()
    for number in range(20):
        j.expect_next(f"<message from='{r.jid}' id='r{number}'><body>hello</body></message>")
        r.expect_next(f"<message from='{j.jid}' id='j{number}'><body>hello</body></message>")


@each_server("a cable is cut for good: contacts are gone, what was not acknowledged comes back; it is joined: they are there",
             when=network.can_cut(), timeout=120)
def _(world, domain):
    r, j = world.pair(domain)
    befriend(r, j)
    ours, theirs = world.hosts[OURS], world.hosts[domain]
    with world.cut(domain):
        r.message(j.jid, id="written")
        r.sync()
        ours.give_up(theirs)
        theirs.give_up(ours)
        # Without the kernel's help it takes a minute.
        r.expect(f"<presence from='{j.bare}' type='unavailable'/>", timeout=90)
        r.message(j.jid, id="lost")
        expect_refusal(r, "lost", "remote-server-timeout")
        if THEIRS[domain] is Counting:
            expect_refusal(r, "written", "remote-server-timeout")
    r.expect(f"<presence from='{j.jid}' type='{ABSENT}'/>", timeout=20)
    chat(r, j, "after")
    chat(j, r, "back")


@test("two godwits are cut apart, and joined: what was sent arrives or comes back, once, in order",
      when=network.can_cut(), timeout=120)
def _(world):
    count, ours, theirs = 300, world.hosts[OURS], world.hosts[SECOND]
    r, j = world.ours(), world.federation.account("juliet", SECOND).login(presence=True)
    chat(r, j, "before")
    r.enable_sm()
    for number in range(count):
        if number == count // 3:
            theirs.cut()
        if number == 2 * count // 3:
            r.sync()
            for one, other in ((ours, theirs), (theirs, ours)):
                one.give_up(other)
        r.message(j.jid, id=str(number))
    theirs.join()

    def where(client, kind):
        client.poll()
        return [int(stanza.get("id")) for stanza in client.queue
                if stanza.tag == "{%s}message" % NS.client and stanza.get("type") == kind]
    arrived, returned = wait_until(lambda: (where(j, "chat"), where(r, "error")), "all of them", 90,
                                   wanted=lambda found: len(found[0]) + len(found[1]) >= count)
    if sorted(arrived + returned) != list(range(count)) or arrived != sorted(arrived):
        raise Failure(f"{count} were sent; arrived: {arrived}\nreturned: {returned}")
    r.expect_ack(count + 1)  # the sync, too


peering.main(THEIRS.values(), Hosts)
