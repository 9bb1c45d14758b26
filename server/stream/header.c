/* header.c - stream headers (RFC 6120 section 4.7), the peer's and ours. */
#include <string.h>

#include "base/crypto.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

#define ID_BYTES 16
#define LANG_MAX_BYTES 64

/* Section 4.7.3: nobody may guess the id. `to` may be NULL. */
static void header_send(struct stream *stream, const char *to)
{
	struct text *out = transport_output(stream->transport);
	struct arena *arena = arena_new(0);
	unsigned char id[ID_BYTES];

	crypto_random(id, sizeof(id));
	text_puts(out, "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT
		       "' xmlns:stream='" NS_STREAM "' version='1.0'");
	/* Section 4.9.1.3: empty where the peer named nothing that we serve. */
	xml_write_attribute(out, "from", stream->domain == NULL ? "" : stream->domain);
	xml_write_attribute(out, "to", to);
	xml_write_attribute(out, "id", hex_encode(arena, id, sizeof(id)));
	xml_write_attribute(out, "xml:lang", stream->lang == NULL ? "en" : stream->lang);
	text_putc(out, '>');
	stream->header_sent = true;
	arena_free(&arena);
}

void header_send_anyway(struct stream *stream)
{
	if (!stream->header_sent)
		header_send(stream, NULL);
}

/* Section 4.7.5: "major.minor", each a number; at least 1.0. */
static bool version_supported(const char *version)
{
	const char *digits = "0123456789";
	size_t major = version == NULL ? 0 : strspn(version, digits);
	size_t minor;

	if (major == 0 || version[major] != '.')
		return false;
	minor = strspn(version + major + 1, digits);
	return minor > 0 && version[major + 1 + minor] == '\0' && strspn(version, "0") < major;
}

/* Section 4.7.4: what is no language tag is not remembered. */
static void lang_take(struct stream *stream, const char *lang)
{
	mem_free(stream->lang);
	stream->lang = NULL;
	if (lang == NULL || *lang == '\0' || strlen(lang) > LANG_MAX_BYTES)
		return;
	if (lang[strspn(lang, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")] !=
	    '\0')
		return;
	stream->lang = mem_strdup(lang);
}

static bool refuse(struct stream *stream, enum stream_error error, const char *text)
{
	stream_fail(stream, error, text);
	return false;
}

/* Sections 4.7.2 and 4.9.3.6. The domain of the first header stays that of the connection. */
static bool domain_take(struct stream *stream, struct arena *arena, const char *to)
{
	const struct jid *domain = to == NULL ? NULL : jid_parse(arena, to);

	if (domain == NULL || !jid_is_domain(domain))
		return refuse(stream, STREAM_IMPROPER_ADDRESSING, "'to' has to name a domain");
	if (stream->domain != NULL && strcmp(stream->domain, jid_text(domain)) != 0)
		return refuse(stream, STREAM_NOT_AUTHORIZED, "'to' may not change");
	if (!stream->events->serves(stream->state, jid_text(domain)))
		return refuse(stream, STREAM_HOST_UNKNOWN, NULL);
	if (stream->domain == NULL)
		stream->domain = mem_strdup(jid_text(domain));
	return true;
}

static bool header_accept(struct stream *stream, struct arena *arena, const struct element *header)
{
	lang_take(stream, element_attribute_ns(header, XML_NS, "lang"));
	if (!element_is(header, NS_STREAM, NULL))
		return refuse(stream, STREAM_INVALID_NAMESPACE, NULL);
	if (!element_is(header, NS_STREAM, "stream"))
		return refuse(stream, STREAM_BAD_FORMAT, NULL);
	if (strcmp(xml_parser_content_ns(stream->parser), NS_CLIENT) != 0)
		return refuse(stream, STREAM_INVALID_NAMESPACE, NULL);
	if (!version_supported(element_attribute(header, "version")))
		return refuse(stream, STREAM_UNSUPPORTED_VERSION, NULL);
	return domain_take(stream, arena, element_attribute(header, "to"));
}

void header_receive(struct stream *stream, const struct element *header)
{
	struct arena *arena = arena_new(0);
	const char *from = element_attribute(header, "from");
	const struct jid *peer = from == NULL ? NULL : jid_parse(arena, from);

	if (header_accept(stream, arena, header)) {
		header_send(stream, peer == NULL ? NULL : jid_text(peer));
		features_send(stream);
	}
	arena_free(&arena);
}
