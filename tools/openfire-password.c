/* openfire-password.c - what Openfire keeps of passwords beside SCRAM keys, unless it was told not
 * to: Blowfish in CBC mode under the SHA-1 of its property passwordKey; the text in UTF-16, padded
 * to whole blocks; all in hexadecimal, the initialisation vector first. Since 5.1 it may derive the
 * key in another way, from a salt that is not in the database: those passwords stay closed. */
#include <string.h>

#include "base/arena.h"
#include "base/blowfish.h"
#include "base/crypto.h"
#include "base/text.h"
#include "tools/import-openfire.h"

struct blowfish *openfire_cipher(const char *password_key)
{
	unsigned char key[DIGEST_MAX_BYTES];

	crypto_hash(DIGEST_SHA1, password_key, strlen(password_key), key);
	return blowfish_new(key, digest_bytes(DIGEST_SHA1));
}

static int hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = memchr(digits, digit >= 'A' && digit <= 'F' ? digit + 32 : digit, 16);

	return at == NULL ? -1 : (int)(at - digits);
}

/* False if it is not hexadecimal, or not whole blocks. */
static bool hex_decode(const char *text, unsigned char *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* Bytes without the padding; 0 if that is not as it has to be, as under a wrong key. */
static size_t unpadded(const unsigned char *bytes, size_t length)
{
	size_t padding = bytes[length - 1];

	if (padding == 0 || padding > BLOWFISH_BLOCK_BYTES || padding % 2 != 0)
		return 0;
	for (size_t i = 1; i <= padding; i++)
		if (bytes[length - i] != padding)
			return 0;
	return length - padding;
}

static void utf8_put(struct text *text, unsigned code)
{
	if (code < 0x80) {
		text_putc(text, (char)code);
		return;
	}
	if (code < 0x800) {
		text_putc(text, (char)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		text_putc(text, (char)(0xe0 | code >> 12));
		text_putc(text, (char)(0x80 | (code >> 6 & 0x3f)));
	} else {
		text_putc(text, (char)(0xf0 | code >> 18));
		text_putc(text, (char)(0x80 | (code >> 12 & 0x3f)));
		text_putc(text, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	text_putc(text, (char)(0x80 | (code & 0x3f)));
}

static unsigned unit_at(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

/* UTF-16 to UTF-8; NULL if it is none. */
static const char *units_decode(struct arena *arena, const unsigned char *bytes, size_t length)
{
	struct text text = { 0 };
	const char *copy = NULL;
	bool good = true;

	text_puts(&text, "");
	for (size_t i = 0; i < length; i += 2) {
		unsigned unit = unit_at(bytes + i);

		if (unit >= 0xd800 && unit < 0xdc00 && i + 4 <= length) {
			unsigned low = unit_at(bytes + i + 2);

			good &= low >= 0xdc00 && low < 0xe000;
			unit = 0x10000 + ((unit - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
			i += 2;
		} else if (unit == 0 || (unit >= 0xd800 && unit < 0xe000)) {
			good = false;
		}
		utf8_put(&text, unit);
	}
	if (good)
		copy = arena_strdup(arena, text.at);
	crypto_wipe(text.at, text.length);
	text_free(&text);
	return copy;
}

const char *openfire_decrypt(struct blowfish *cipher, struct arena *arena, const char *encrypted)
{
	size_t length = strlen(encrypted) / 2, body = length - BLOWFISH_BLOCK_BYTES;
	unsigned char *bytes = arena_alloc(arena, length + 1), *plain;

	if (strlen(encrypted) % 2 != 0 || length % BLOWFISH_BLOCK_BYTES != 0 ||
	    length < 2 * BLOWFISH_BLOCK_BYTES || !hex_decode(encrypted, bytes, length))
		return NULL;
	plain = arena_alloc(arena, body);
	if (!blowfish_decrypt(cipher, bytes, bytes + BLOWFISH_BLOCK_BYTES, body, plain))
		return NULL;
	body = unpadded(plain, body);
	return body == 0 ? NULL : units_decode(arena, plain, body);
}
