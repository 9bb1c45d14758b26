"""hostile.py - what tests of ill will have in common: @hostile, which proves after each of them that
everyone else was undisturbed, and figures of the server's process.

After a hostile test somebody who was logged in all the time and somebody who logs in now write to
each other, on the same server. What a test did to its own connections is its own affair.
"""
import functools
import inspect
import os
import random
import re
import socket
import statistics
import time

from .connection import Failure
from .server import SANITIZED
from .tap import note, test
from .wait import wait_until

PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
# The same garbage again: GODWIT_TEST_SEED=... of the failed run.
SEED = int(os.environ.get("GODWIT_TEST_SEED", random.SystemRandom().randrange(2**32)))


def random_of(title):
    """Random numbers of this test and this run; the seed is printed."""
    note(f"GODWIT_TEST_SEED={SEED}")
    return random.Random(f"{SEED} {title}")


def hostile(title, timeout=30, bystander=True):
    """Registers a test, which ends in check_others(). Its parameters are as with @test."""
    def register(function):
        @functools.wraps(function)
        def wrapped(server, **arguments):
            watch = bystander_of(server) if bystander else None
            if "server" in inspect.signature(function).parameters:
                arguments["server"] = server
            function(**arguments)
            check_others(server, watch)

        parameters = [parameter for parameter in inspect.signature(function).parameters.values()
                      if parameter.name != "server"]
        server = inspect.Parameter("server", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        wrapped.__signature__ = inspect.Signature([server, *parameters])
        return test(title, timeout=timeout)(wrapped)
    return register


# -- the others --

def bystander_of(server):
    """A client that stays logged in from the first hostile test of this server to the last."""
    watch = getattr(server, "bystander", None)
    if watch is None:
        account, server.passer = server.accounts([("bystander", None), ("passer", None)])
        watch = server.bystander = account.login("window", presence=True)
        server.connections.remove(watch)
        server.footprint = memory(server), descriptors(server)
    # Its transcript would grow for the whole file.
    watch.transcript.clear()
    return watch


def check_others(server, watch=None):
    """Somebody logs in, and writes to the bystander and hears from it."""
    server.check_alive()
    watch = watch or bystander_of(server)
    passer = server.passer.login(presence=True)
    for one, other in ((passer, watch), (watch, passer)):
        identifier = one.message(other.jid, "all is well")
        other.expect(f"<message id='{identifier}' from='{one.jid}'><body>all is well</body></message>")
    watch.expect_nothing()
    passer.end()


def check_footprint():
    """Registers the last test of a file: what all before has left in the process."""
    @hostile("after all this: memory <= start + 32 MiB, descriptors as at the start")
    def _(server):
        start_memory, start_descriptors = server.footprint
        for connection in server.connections:
            connection.close()
        count = wait_until(lambda: descriptors(server), "descriptors",
                           wanted=lambda count: count <= start_descriptors)
        grown = memory(server) - start_memory
        note(f"memory {mib(start_memory)} at the start, {mib(memory(server))} now; descriptors "
             f"{start_descriptors} and {count}")
        # A sanitizer keeps what was freed.
        if grown > 32 * 2**20 and not SANITIZED:
            raise Failure(f"memory grew by {mib(grown)}")


def half_close(connection):
    """Nothing more will be sent; the server may have been quicker, and be gone."""
    try:
        connection.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# -- the process --

def memory(server):
    """Resident bytes of the process."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def memory_mark(server):
    """Forgets the most memory there has been; returns what there is now, for memory_grown()."""
    with open(f"/proc/{server.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return memory(server)


def memory_grown(server, mark):
    """The most resident bytes there have been at any moment since the mark, over those at the mark."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024 - mark


def descriptors(server):
    """How many are open."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def cpu_seconds(server):
    """Time of processors the process has used."""
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def mib(count):
    return f"{count / 2**20:.1f} MiB"


def expect_log_lines(server, mark, pattern, count=1):
    """Waits for a line that the regular expression is found in; there must be so many since the mark."""
    server.wait_log(pattern, since=mark)
    lines = [line for line in server.log(mark).splitlines() if re.search(pattern, line)]
    if len(lines) != count:
        raise Failure(f"{len(lines)} lines with {pattern!r}, not {count}:\n" + "\n".join(lines))
    return lines


# -- time --

class Watch:
    """Measures time, less what this program and the workers of some clients have waited for a processor: on
    a busy machine that may be most of it, and is not the server's fault. Of two workers only the one that
    has waited longer counts, since they may have waited at the same time.
    """

    def __init__(self, *clients):
        server = clients[0].account.server
        names = {f"worker {client.account.worker}" for client in clients}
        self.workers = []
        for thread in os.listdir(f"/proc/{server.process.pid}/task"):
            path = f"/proc/{server.process.pid}/task/{thread}/"
            with open(path + "comm", encoding="ascii") as file:
                if file.read().strip() in names:
                    self.workers.append(path + "schedstat")
        self.start()

    def _look(self):
        waited = []
        for path in ["/proc/thread-self/schedstat", *self.workers]:
            with open(path, encoding="ascii") as file:
                waited.append(int(file.read().split()[1]) / 10**9)
        return time.monotonic(), waited

    def start(self):
        self.started = self._look()

    def seconds(self):
        """Since start()."""
        (before, waited_before), (now, waited) = self.started, self._look()
        own, *workers = (after - then for after, then in zip(waited, waited_before))
        return now - before - own - max(workers)


def latency(one, other, watch):
    """Seconds that a message takes from one client to another."""
    watch.start()
    identifier = one.message(other.jid)
    other.expect(f"<message id='{identifier}'/>")
    return watch.seconds()


def latencies(one, other, count=50):
    """Seconds that each of so many messages took from one client to another, one after the other."""
    watch = Watch(one, other)
    return [latency(one, other, watch) for _ in range(count)]


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def note_times(what, times):
    note(f"{what}: median {1000 * statistics.median(times):.2f} ms, p99 "
         f"{1000 * quantile(times, 0.99):.2f} ms, of {len(times)}")


__all__ = ["SEED", "Watch", "bystander_of", "check_footprint", "check_others", "cpu_seconds", "descriptors",
           "expect_log_lines", "half_close", "hostile", "latencies", "latency", "memory", "memory_grown",
           "memory_mark", "mib", "note_times", "quantile", "random_of"]
