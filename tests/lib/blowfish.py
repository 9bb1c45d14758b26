"""blowfish.py - Blowfish in CBC mode, as Openfire encrypts passwords; for making such ones. Written from
Schneier's description: the boxes are the fraction of pi."""
import hashlib
import os
import struct


def _pi_words(count):
    """The fraction of pi in words of 32 bits, by Machin's formula."""
    bits = 32 * count + 64

    def arctan(inverse):
        term = total = (1 << bits) // inverse
        square, divisor, sign = inverse * inverse, 1, 1
        while term:
            term //= square
            divisor += 2
            sign = -sign
            total += sign * (term // divisor)
        return total

    fraction = (4 * (4 * arctan(5) - arctan(239)) - (3 << bits)) >> 64
    return [fraction >> 32 * (count - 1 - n) & 0xffffffff for n in range(count)]


_WORDS = _pi_words(18 + 4 * 256)


class Blowfish:
    def __init__(self, key):
        self.p, self.s = list(_WORDS[:18]), [_WORDS[18 + 256 * n:18 + 256 * (n + 1)] for n in range(4)]
        stream = (key * (72 // len(key) + 1))[:72]
        for n, word in enumerate(struct.unpack(">18I", stream)):
            self.p[n] ^= word
        block = (0, 0)
        for boxes in (self.p, *self.s):
            for n in range(0, len(boxes), 2):
                block = self._encrypt(*block)
                boxes[n:n + 2] = block

    def _encrypt(self, left, right):
        a, b, c, d = self.s
        for n in range(16):
            left ^= self.p[n]
            right ^= (((a[left >> 24] + b[left >> 16 & 255]) ^ c[left >> 8 & 255]) + d[left & 255]) & 0xffffffff
            left, right = right, left
        left, right = right, left
        return left ^ self.p[17], right ^ self.p[16]

    def cbc(self, iv, plain):
        out, last = [], iv
        for n in range(0, len(plain), 8):
            mixed = bytes(x ^ y for x, y in zip(plain[n:n + 8], last))
            last = struct.pack(">2I", *self._encrypt(*struct.unpack(">2I", mixed)))
            out.append(last)
        return b"".join(out)


def openfire_encrypt(password_key, password, padding=None):
    """What stands in ofUser.encryptedPassword; with another padding it is none."""
    plain = password.encode("utf-16-be")
    if padding is None:
        padding = bytes([8 - len(plain) % 8]) * (8 - len(plain) % 8)
    iv = os.urandom(8)
    cipher = Blowfish(hashlib.sha1(password_key.encode()).digest())
    return (iv + cipher.cbc(iv, plain + padding)).hex()
