"""network.py - hosts of their own for the servers under test.

A host is a network namespace with one interface on a switch, which is a bridge in a namespace too. None
of them has a name: they are open files of this process, so that nothing is left when it ends, however it
does, nothing shows outside, and tests run side by side. Where namespaces cannot be made, each host is an
address of the loopback network, whose link nobody can cut.
"""
import contextlib
import ctypes
import os
import subprocess

from .ports import keep_port

CLONE_NEWNET = 0x40000000
S2S_PORT = 5269
_libc = ctypes.CDLL(None, use_errno=True)


class Here:
    """Where tests run themselves: servers there have ports of their own."""

    ipv4 = "127.0.0.1"
    dns_port = None

    @contextlib.contextmanager
    def inside(self):
        """What is started or connected meanwhile is there."""
        yield

    def listens(self):
        """The addresses and ports where a server is to wait for others."""
        return [(self.ipv4, keep_port())]


HERE = Here()


class Loopback(Here):
    """A host, as far as one address is one. IPv6 has no more than one in all: there it has a port."""

    dns_port = 5300
    ipv6 = "::1"

    def __init__(self, number):
        self.ipv4 = f"127.{os.getpid() % 200 + 50}.{os.getpid() // 200 % 250}.{number}"
        self.port6 = keep_port()

    def listens(self):
        return [(self.ipv4, S2S_PORT), (self.ipv6, self.port6)]


class Host(Here):
    """A namespace. `port` is the other end of its cable, on the switch."""

    dns_port = 53
    port6 = S2S_PORT

    def __init__(self, network, number):
        self.network = network
        self.space = _namespace()
        self.port = f"port{number}"
        self.ipv4, self.ipv6 = f"10.77.0.{number}", f"fd77::{number}"
        network.ip(f"link add {self.port} type veth peer name eth0 netns {_path(self.space)}",
                   f"link set {self.port} up")
        self.join()
        with self.inside():
            _ip("link set lo up", f"addr add {self.ipv4}/24 dev eth0", "link set eth0 up",
                f"addr add {self.ipv6}/64 dev eth0 nodad")

    @contextlib.contextmanager
    def inside(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _enter(self.space)
        try:
            yield
        finally:
            _enter(before)
            os.close(before)

    def listens(self):
        return [(self.ipv4, S2S_PORT), (self.ipv6, S2S_PORT)]

    def cut(self):
        """From now on nothing goes to it or comes from it, and nobody is told."""
        self.network.ip(f"link set {self.port} nomaster")

    def join(self):
        self.network.ip(f"link set {self.port} master switch")

    def give_up(self, other):
        """Has the kernel give up the connections to another host, as it does after a while by itself."""
        with self.inside():
            for address in (other.ipv4, f"[{other.ipv6}]"):
                subprocess.run(["ss", "-K", "dst", address], check=True, capture_output=True)

    def close(self):
        os.close(self.space)


class Network:
    """Use as a context. `can_cut`: whether its hosts are real ones."""

    def __init__(self, real=None):
        self.hosts = []
        self.can_cut = can_cut() if real is None else real
        self.space = None

    def __enter__(self):
        if self.can_cut:
            self.space = _namespace()
            self.ip("link add switch type bridge", "link set switch up")
        return self

    def __exit__(self, *_):
        for host in self.hosts if self.can_cut else ():
            host.close()
        if self.space is not None:
            os.close(self.space)

    def host(self):
        number = len(self.hosts) + 1
        self.hosts.append(Host(self, number) if self.can_cut else Loopback(number))
        return self.hosts[-1]

    def ip(self, *orders):
        """Orders of ip(8) to the switch."""
        with Host.inside(self):
            _ip(*orders)


def can_cut(known=[]):
    """Whether hosts can be made whose links can be cut."""
    if not known:
        try:
            with Network(real=True) as network:
                network.host()
            known.append(True)
        except (OSError, subprocess.CalledProcessError):
            known.append(False)
    return known[0]


def _call(function, *arguments):
    if function(*arguments) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter(space):
    _call(_libc.setns, space, CLONE_NEWNET)


def _namespace():
    """A new network, for as long as the file is open."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call(_libc.unshare, CLONE_NEWNET)
        try:
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        finally:
            _enter(before)
    finally:
        os.close(before)


def _path(space):
    return f"/proc/{os.getpid()}/fd/{space}"


def _ip(*orders):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(orders) + "\n", text=True, check=True,
                   capture_output=True)
