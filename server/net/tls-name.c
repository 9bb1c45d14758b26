/* tls-name.c - domains the way DNS, SNI and certificates spell them.
 * We keep domains in Unicode; on the wire a label that is not ASCII travels as "xn--" and its
 * Punycode (RFC 3492). Names are prepared already, so that nothing is left to be mapped here. */
#include "net/tls-private.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

/* RFC 3492 section 5. */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, INITIAL_BIAS = 72, INITIAL_N = 128 };
/* A label has at most 63 bytes on the wire, so never more characters than that. */
enum { LABEL_MAX = 63 };

/* Where the name is written to; `full` once something did not fit. */
struct name {
	char *at;
	size_t length;
	bool full;
};

static void name_add(struct name *name, char byte)
{
	if (name->length + 1 >= TLS_NAME_MAX)
		name->full = true;
	else
		name->at[name->length++] = byte;
}

static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* One character of well-formed UTF-8. */
static uint32_t next_point(const char **at)
{
	const unsigned char *bytes = (const unsigned char *)*at;
	unsigned length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t point = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);

	for (unsigned i = 1; i < length; i++)
		point = point << 6 | (bytes[i] & 0x3f);
	*at += length;
	return point;
}

/* Section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	while (delta > ((BASE - TMIN) * TMAX) / 2) {
		delta /= BASE - TMIN;
		k += BASE;
	}
	return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static char digit(uint32_t value)
{
	return (char)(value < 26 ? 'a' + value : '0' + (value - 26));
}

/* A number of variable length (section 3.3). */
static void add_number(struct name *name, uint32_t number, uint32_t bias)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias;

		if (number < t)
			break;
		name_add(name, digit(t + (number - t) % (BASE - t)));
		number = (number - t) / (BASE - t);
	}
	name_add(name, digit(number));
}

static uint32_t least_from(const uint32_t *points, size_t count, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < count; i++)
		if (points[i] >= n && points[i] < least)
			least = points[i];
	return least;
}

/* Section 6.3. With at most 63 points nothing can overflow. */
static void add_punycode(struct name *name, const uint32_t *points, size_t count)
{
	uint32_t n = INITIAL_N, delta = 0, bias = INITIAL_BIAS;
	size_t basic = 0, handled;

	for (size_t i = 0; i < count; i++) {
		if (points[i] < INITIAL_N) {
			name_add(name, lower((char)points[i]));
			basic++;
		}
	}
	if (basic > 0)
		name_add(name, '-');
	for (handled = basic; handled < count; n++, delta++) {
		uint32_t least = least_from(points, count, n);

		delta += (least - n) * (uint32_t)(handled + 1);
		n = least;
		for (size_t i = 0; i < count; i++) {
			if (points[i] < n)
				delta++;
			if (points[i] != n)
				continue;
			add_number(name, delta, bias);
			bias = adapt(delta, (uint32_t)handled + 1, handled == basic);
			delta = 0;
			handled++;
		}
	}
}

static void add_label(struct name *name, const char *label, size_t length)
{
	uint32_t points[LABEL_MAX];
	const char *at = label;
	size_t count = 0;
	bool ascii = true;

	while (at < label + length) {
		if (count == LABEL_MAX) {
			name->full = true;
			return;
		}
		points[count] = next_point(&at);
		ascii = ascii && points[count] < INITIAL_N;
		count++;
	}
	if (ascii) {
		for (size_t i = 0; i < length; i++)
			name_add(name, lower(label[i]));
		return;
	}
	for (const char *prefix = "xn--"; *prefix != '\0'; prefix++)
		name_add(name, *prefix);
	add_punycode(name, points, count);
}

bool tls_name_ascii(const char *domain, char *out)
{
	struct name name = { .at = out };

	if (!utf8_valid(domain, strlen(domain)))
		return false;
	while (!name.full) {
		size_t length = strcspn(domain, ".");

		add_label(&name, domain, length);
		domain += length;
		if (*domain == '\0')
			break;
		name_add(&name, *domain++);
	}
	out[name.length] = '\0';
	return !name.full;
}
