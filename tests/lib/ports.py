"""ports.py - ports of a server's own, while it runs and while it does not, and one where nobody answers.

A port that the kernel has chosen for a listener is anybody's once that ends, so that a restart may
find somebody else there. Here a bound socket that never listens keeps it: the kernel chooses it for
nobody, neither to listen nor to connect from, and whoever connects to it is refused; but a listener
that names it gets it, since both set SO_REUSEADDR.
"""
import socket
from contextlib import ExitStack, contextmanager

_kept = []


def keep_port():
    """A port of 127.0.0.1 that is nobody's until this process ends, for a server to listen on."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    _kept.append(kept)
    return kept.getsockname()[1]


@contextmanager
def black_hole(at, port=0):
    """Nobody answers there: the queue of those who wait to be accepted is full."""
    family = socket.AF_INET6 if ":" in at else socket.AF_INET
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((at, port), family=family, backlog=0))
        for _ in range(8):
            filling = stack.enter_context(socket.socket(family))
            filling.setblocking(False)
            filling.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]
