"""peering.py - the frame of blackbox/peer-*.t: a godwit and real servers that find each other by DNS, once
for all tests of a file; accounts are fresh in each test.
"""
import atexit
from contextlib import ExitStack

from . import tap
from .client import expect_error
from .connection import Failure
from .element import ABSENT, NS
from .federation import Federation
from .wait import wait_until

_world = None


class World(ExitStack):
    """`server` and the `others`, from start to end of a file."""

    def __init__(self):
        super().__init__()
        atexit.register(self.close)
        self.federation = self.enter_context(Federation())
        self.others = []

    def godwit(self, domains, dns, *, sections="", settings="", **options):
        """Our server, the last that is started; `dns` is what section dns says."""
        self.federation.sections[domains[0]] = f"dns {{ {dns} }} {sections}"
        self.server = self.federation.start(*domains, settings=settings, **options)
        self.server.lasts = True

    def add(self, other):
        """Starts one of the others."""
        self.others.append(self.enter_context(other))

    def ours(self, domain=None):
        """A client of a new account here, online."""
        return self.server.account("romeo", domain=domain).login(presence=True)

    def theirs(self, domain):
        """The same on the server that has that domain."""
        other = next(other for other in self.others if domain in other.domains)
        return arrive(other.account("juliet", domain))

    def links(self, domain):
        """What godwitctl tells of those with that domain, by direction."""
        return {link["direction"]: link for link in self.server.ctl_json("link", "list", domain)["links"]}

    def hang_up(self, domain):
        """Ends them; the next stanza has to call."""
        self.server.ctl("link", "close", domain)
        wait_until(lambda: not self.links(domain), f"no link with {domain}")


def main(kinds, make):
    """Runs the tests in the world that make(*kinds) returns."""
    def start():
        global _world
        _world = make(*kinds)
        return _world.server
    tap.main(server=start if all(kind.is_installed() for kind in kinds) else False)


def test(title, timeout=60, when=True):
    """Registers a test, which gets the world. Its failure shows what the other servers have to say."""
    def register(function):
        def run():
            if _world is None:
                raise tap.Skip("not all is installed")
            marks = [len(other.log()) for other in _world.others]
            try:
                function(_world)
            except Exception as error:
                told = [f"--- clients of {other.name}\n{other.transcripts()}\n--- its log\n"
                        + other.log(mark)[-6000:] for other, mark in zip(_world.others, marks)]
                raise Failure("\n".join([f"{type(error).__name__}: {error}", *told])) from error
            finally:
                for other in _world.others:
                    other.forget()
        return tap.test(title, timeout=timeout, when=when)(run)
    return register


def arrive(account):
    """A client of another server, online."""
    client = account.login()
    client.get(f"<query xmlns='{NS.roster}'/>")
    client.send("<presence/>")
    return client


def chat(one, other, text):
    one.send(f"<message to='{other.jid}' type='chat'><body>{text}</body></message>")
    other.expect(f"<message from='{one.jid}' type='chat'><body>{text}</body></message>", timeout=20)


def befriend(one, other):
    """Each sees the other's presence; `one` is ours."""
    one.get(f"<query xmlns='{NS.roster}'/>")
    for me, you in ((one, other), (other, one)):
        me.send(f"<presence type='subscribe' to='{you.bare}'/>")
        you.expect(f"<presence type='subscribe' from='{me.bare}'/>")
        you.send(f"<presence type='subscribed' to='{me.bare}'/>")
        me.expect(f"<presence type='subscribed' from='{you.bare}'/>")
        me.expect(f"<presence from='{you.jid}' type='{ABSENT}'/>")


def expect_refusal(client, identifier, conditions=None):
    """The message of that id comes back."""
    error = client.expect(f"<message type='error' id='{identifier}'/>", timeout=20)
    if conditions:
        expect_error(error, conditions)
