"""knot.py - a real DNS server (knot) of our own, whose zones it signs itself."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from .connection import Failure
from .names import wire_name
from .wait import wait_until

SOA = 6
CONFIG = """
server:
  rundir: "{directory}"
  listen: {address}@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: "{directory}/log"
    any: info
database:
  storage: "{directory}"
policy:
  - id: one
    algorithm: ecdsap256sha256
zone:
"""
SIGNED = """    dnssec-signing: on
    dnssec-policy: one
"""
ZONE = """$ORIGIN {zone}.
$TTL 300
@ SOA ns hostmaster 1 900 300 86400 300
@ NS ns
ns A {address}
{records}
"""


class Knot:
    """Use as a context. `zones` maps names to their records; the first is signed."""

    def __init__(self, place, zones):
        self.place = place
        self.zones = zones
        self.signed = next(iter(zones))
        self.directory = tempfile.mkdtemp(prefix="godwit-knot-")
        self.config = self.path("knot.conf")
        self.process = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def __enter__(self):
        text = CONFIG.format(directory=self.directory, address=self.place.ipv4, port=self.place.dns_port)
        for zone, records in self.zones.items():
            text += f'  - domain: {zone}\n    file: "{self.path(zone)}"\n' + SIGNED * (zone == self.signed)
            with open(self.path(zone), "w", encoding="utf-8") as file:
                file.write(ZONE.format(zone=zone, address=self.place.ipv4, records="\n".join(records)))
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        with self.place.inside():
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "knotd", "-c", self.config],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL)
        for zone in self.zones:
            wait_until(lambda: self.serves(zone), lambda: "an answer of knot, whose log ends:\n" + self.log())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self):
        try:
            with open(self.path("log"), encoding="utf-8") as file:
                return file.read()[-3000:]
        except OSError:
            return ""

    def serves(self, zone):
        """Whether it answers, which it does once it has signed."""
        if self.process.poll() is not None:
            raise Failure("knot does not start:\n" + self.log())
        with self.place.inside():
            asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asker:
            asker.settimeout(0.1)
            try:
                asker.connect((self.place.ipv4, self.place.dns_port))
                asker.send(struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + wire_name(zone)
                           + struct.pack("!HH", SOA, 1))
                return struct.unpack("!H", asker.recv(4096)[6:8])[0] > 0
            except OSError:
                return False

    def keys(self):
        """The keys of the signed zone, as a trust anchor."""
        done = subprocess.run(["keymgr", "-c", self.config, self.signed + ".", "dnskey"], check=True,
                              capture_output=True, text=True)
        return done.stdout

    def pause(self):
        """Neither answers nor ends."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: not self.serves(self.signed), "knot to stand still")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)
