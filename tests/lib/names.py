"""names.py - a DNS server for tests: SRV and address records of a few domains, in a thread of its own."""
import socket
import struct
import threading

A, AAAA, SRV = 1, 28, 33


def wire_name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.rstrip(".").split(".")) + b"\0"


def _question(packet):
    """Name, type, and the bytes of the question."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("ascii", "replace").lower())
        at += 1 + packet[at]
    kind = struct.unpack("!H", packet[at + 1:at + 3])[0]
    return ".".join(labels), kind, packet[12:at + 5]


def srv(port, target, priority=0):
    """The data of an SRV record."""
    return struct.pack("!HHH", priority, 5, port) + wire_name(target)


def address(text):
    """The data of an A or AAAA record."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


class Names:
    """Use as a context. `places[domain]` is the port where its server is, on 127.0.0.1, or several;
    `records[name, type]` are the data of any others."""

    def __init__(self):
        self.places = {}
        self.records = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # The thread wakes up, and sees that there is nothing in it.
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while True:
            packet, peer = self.socket.recvfrom(4096)
            if not packet:
                return
            if len(packet) > 12:
                self.socket.sendto(self._answer(packet), peer)

    def _records(self, name, kind):
        """None: there is no such name."""
        if any(name == known for known, _ in self.records):
            return self.records.get((name, kind), [])
        service, _, domain = name.partition("._tcp.")
        if domain and domain in self.places:
            if kind == SRV and service == "_xmpp-server":
                ports = self.places[domain]
                return [srv(port, "host." + domain)
                        for port in ([ports] if isinstance(ports, int) else ports)]
            return []
        if name.startswith("host.") and name[5:] in self.places:
            return [address("127.0.0.1")] if kind == A else []
        return [] if name in self.places else None

    def _answer(self, packet):
        name, kind, question = _question(packet)
        records = self._records(name, kind)
        flags = 0x8180 if records is not None else 0x8183
        header = packet[:2] + struct.pack("!HHHHH", flags, 1, len(records or ()), 0, 0)
        body = b"".join(wire_name(name) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
                        for data in records or ())
        return header + question + body
