"""scram.py - the client's side of SCRAM (RFC 5802, RFC 7677), message by message.

Each step can be told to be wrong, which is what the tests of the server's side need. Passwords are
plain ASCII here, so SASLprep is the identity.
"""
import base64
import functools
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}


@functools.lru_cache(maxsize=256)
def salted_password(digest, password, salt, iterations):
    return hashlib.pbkdf2_hmac(digest, password.encode(), salt, iterations)


def _hmac(digest, key, data):
    return hmac.new(key, data, digest).digest()


def _b64(data):
    return base64.b64encode(data).decode()


def scram_key(mechanism, password, salt=b"a salt for tests", iterations=4096):
    """What the table users holds: MECHANISM$ITERATIONS:SALT$STORED:SERVER."""
    digest = HASHES[mechanism]
    salted = salted_password(digest, password, salt, iterations)
    stored = hashlib.new(digest, _hmac(digest, salted, b"Client Key")).digest()
    server = _hmac(digest, salted, b"Server Key")
    return f"{mechanism}${iterations}:{_b64(salt)}${_b64(stored)}:{_b64(server)}"


class Scram:
    """One authentication. `binding` is (type, data) for the -PLUS mechanisms, else None."""

    def __init__(self, mechanism, username, password, *, binding=None, gs2=None, authzid="",
                 nonce=None):
        self.digest = HASHES[mechanism.removesuffix("-PLUS")]
        self.password = password
        self.nonce = nonce or _b64(os.urandom(18))
        self.binding = binding
        if gs2 is None:
            flag = f"p={binding[0]}" if binding else "n"
            gs2 = f"{flag},{'a=' + authzid if authzid else ''},"
        self.gs2 = gs2
        name = username.replace("=", "=3D").replace(",", "=2C")
        self.bare = f"n={name},r={self.nonce}"
        self.server_signature = None

    def first(self):
        """client-first-message."""
        return (self.gs2 + self.bare).encode()

    def final(self, challenge, *, c=None, nonce=None, proof=None, password=None):
        """client-final-message, for server-first-message; what is given replaces what is right."""
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not fields["r"].startswith(self.nonce) or fields["r"] == self.nonce:
            raise ValueError(f"the server's nonce does not go on from ours: {challenge}")
        salted = salted_password(self.digest, password or self.password,
                                 base64.b64decode(fields["s"]), int(fields["i"]))
        data = self.gs2.encode() + (self.binding[1] if self.binding else b"")
        c = _b64(data) if c is None else c
        without_proof = f"c={c},r={nonce or fields['r']}"
        message = f"{self.bare},{challenge.decode()},{without_proof}".encode()
        key = _hmac(self.digest, salted, b"Client Key")
        signature = _hmac(self.digest, hashlib.new(self.digest, key).digest(), message)
        self.server_signature = _hmac(self.digest, _hmac(self.digest, salted, b"Server Key"), message)
        if proof is None:
            proof = _b64(bytes(a ^ b for a, b in zip(key, signature)))
        return f"{without_proof},p={proof}".encode()

    def verify(self, success):
        """Checks server-final-message."""
        if success.decode().split(",")[0] != "v=" + _b64(self.server_signature):
            raise ValueError(f"the server's signature is wrong: {success}")
