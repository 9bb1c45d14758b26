"""home.py - which worker is home to a user: the hash of server/base/hash.c, hash_bytes_stable()."""

MASK = (1 << 64) - 1
BUCKETS = 1024


def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001b3) & MASK
    return value


def mix(value):
    """The 64-bit finaliser of MurmurHash3."""
    value ^= value >> 33
    value = (value * 0xff51afd7ed558ccd) & MASK
    value ^= value >> 33
    value = (value * 0xc4ceb9fe1a85ec53) & MASK
    return value ^ (value >> 33)


def home(bare_jid, workers):
    """The worker of a bare JID, given as prepared text."""
    return mix(fnv1a(bare_jid.encode())) % BUCKETS % workers
