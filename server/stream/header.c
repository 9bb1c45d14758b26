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
#define XMPP_VERSION "1.0"
#define DIGITS "0123456789"

#define HEADER_DIALBACK " xmlns:db='" NS_DIALBACK "'"
#define HEADER_BEGIN(ns) \
	"<?xml version='1.0'?><stream:stream xmlns='" ns "' xmlns:stream='" NS_STREAM "'"

/* What goes over a stream, and how our header begins. */
static const struct {
	const char *ns, *header;
} contents[] = {
	[STREAM_OF_CLIENT] = { NS_CLIENT, HEADER_BEGIN(NS_CLIENT) },
	[STREAM_OF_SERVER] = { NS_SERVER, HEADER_BEGIN(NS_SERVER) HEADER_DIALBACK },
	[STREAM_TO_SERVER] = { NS_SERVER, HEADER_BEGIN(NS_SERVER) HEADER_DIALBACK },
	[STREAM_OF_COMPONENT] = { NS_COMPONENT, HEADER_BEGIN(NS_COMPONENT) },
};

/* Of servers and components it is remembered, for dialback and handshake. */
static const char *id_note(struct stream *stream, const char *id)
{
	if (role_of(stream) == STREAM_OF_CLIENT)
		return id;
	mem_free(stream->login->header_id);
	stream->login->header_id = id == NULL ? NULL : mem_strdup(id);
	return id;
}

/* Section 4.7.3: nobody may guess the id. Section 4.7.4: what we write ourselves is English,
 * whatever the peer prefers. `to` and `version` may be NULL. */
static void header_send(struct stream *stream, const char *to, const char *version)
{
	struct text *out = transport_output(stream->transport);
	struct arena *arena = arena_new(0);
	unsigned char id[ID_BYTES];

	crypto_random(id, sizeof(id));
	text_puts(out, contents[role_of(stream)].header);
	xml_write_attribute(out, "version", version);
	/* Section 4.9.1.3: empty where the peer named nothing that we serve. */
	xml_write_attribute(out, "from", stream->domain == NULL ? "" : stream->domain);
	xml_write_attribute(out, "to", to);
	if (role_of(stream) != STREAM_TO_SERVER)
		xml_write_attribute(out, "id", id_note(stream, hex_encode(arena, id, sizeof(id))));
	xml_write_attribute(out, "xml:lang", "en");
	text_putc(out, '>');
	stream->header_sent = true;
	arena_free(&arena);
}

void header_send_anyway(struct stream *stream)
{
	const char *to = role_of(stream) == STREAM_TO_SERVER ? stream->login->claim : NULL;

	if (!stream->header_sent)
		header_send(stream, to, XMPP_VERSION);
}

void header_initiate(struct stream *stream)
{
	header_send(stream, stream->login->claim, XMPP_VERSION);
}

/* Section 4.7.5: "major.minor", each a number. */
static bool version_is_number(const char *version)
{
	size_t major = version == NULL ? 0 : strspn(version, DIGITS);
	size_t minor;

	if (major == 0 || version[major] != '.')
		return false;
	minor = strspn(version + major + 1, DIGITS);
	return minor > 0 && version[major + 1 + minor] == '\0';
}

/* At least 1.0. */
static bool version_supported(const char *version)
{
	return version_is_number(version) && strspn(version, "0") < strspn(version, DIGITS);
}

/* Ours, or the peer's if it is lower; none for who gave none. */
static const char *version_answer(struct arena *arena, const char *version)
{
	const char *minor;

	if (version_supported(version))
		return XMPP_VERSION;
	if (!version_is_number(version))
		return NULL;
	minor = strchr(version, '.') + 1;
	minor += strspn(minor, "0");
	return arena_printf(arena, "0.%s", *minor == '\0' ? "0" : minor);
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

/* Why a header is not accepted. */
struct refusal {
	enum stream_error error;
	const char *text;
};

/* Sections 4.7.2 and 4.9.3.6. The domain of the first header stays that of the stream, until TLS
 * makes everything new. */
static const struct refusal *domain_take(struct stream *stream, struct arena *arena, const char *to)
{
	static const struct refusal nameless = { STREAM_IMPROPER_ADDRESSING,
		"'to' has to name a domain" };
	static const struct refusal other = { STREAM_NOT_AUTHORIZED, "'to' may not change" };
	static const struct refusal unknown = { STREAM_HOST_UNKNOWN, NULL };
	const struct jid *domain = to == NULL ? NULL : jid_parse(arena, to);

	if (domain == NULL || !jid_is_domain(domain))
		return &nameless;
	if (stream->domain != NULL && strcmp(stream->domain, jid_text(domain)) != 0)
		return &other;
	if (!stream->events->serves(stream->state, jid_text(domain)))
		return &unknown;
	if (stream->domain == NULL)
		stream->domain = mem_strdup(jid_text(domain));
	return NULL;
}

/* NULL: it is accepted. The domain is taken first, since our answer names it (section 4.7.1). */
static const struct refusal *header_check(
    struct stream *stream, struct arena *arena, const struct element *header)
{
	static const struct refusal namespace = { STREAM_INVALID_NAMESPACE, NULL };
	static const struct refusal format = { STREAM_BAD_FORMAT, NULL };
	static const struct refusal version = { STREAM_UNSUPPORTED_VERSION, NULL };
	const char *content_ns = contents[role_of(stream)].ns;
	const struct refusal *domain = NULL;

	if (role_of(stream) != STREAM_TO_SERVER)
		domain = domain_take(stream, arena, element_attribute(header, "to"));

	if (!element_is(header, NS_STREAM, NULL))
		return &namespace;
	if (!element_is(header, NS_STREAM, "stream"))
		return &format;
	if (strcmp(xml_parser_content_ns(stream->parser), content_ns) != 0)
		return &namespace;
	if (!is_of_component(stream) && !version_supported(element_attribute(header, "version")))
		return &version;
	return domain;
}

/* Section 6.4.6: whom the peer says to be, on TLS, is held against who logs in. */
static void claim_note(struct stream *stream, const char *peer)
{
	struct login *login = stream->login;

	if (!transport_is_secure(stream->transport) || login->username != NULL)
		return;
	mem_free(login->claim);
	login->claim = peer == NULL ? NULL : mem_strdup(peer);
}

void header_receive(struct stream *stream, const struct element *header)
{
	struct arena *arena = arena_new(0);
	const char *from = element_attribute(header, "from");
	const struct jid *jid = from == NULL ? NULL : jid_parse(arena, from);
	const char *peer = jid == NULL ? NULL : jid_bare_text(arena, jid);
	const struct refusal *refusal = header_check(stream, arena, header);

	lang_take(stream, element_attribute_ns(header, XML_NS, "lang"));
	claim_note(stream, peer);
	header_send(stream, peer, version_answer(arena, element_attribute(header, "version")));
	if (refusal != NULL)
		stream_fail(stream, refusal->error, refusal->text);
	else if (is_of_component(stream))
		handshake_await(stream);
	else
		features_send(stream);
	arena_free(&arena);
}

/* Who it says to be does not count: its certificate tells, or DNS. */
void header_accept(struct stream *stream, const struct element *header)
{
	struct arena *arena = arena_new(0);
	const struct refusal *refusal = header_check(stream, arena, header);
	const char *id = element_attribute(header, "id");

	lang_take(stream, element_attribute_ns(header, XML_NS, "lang"));
	id_note(stream, id);
	if (refusal != NULL) {
		stream_fail(stream, refusal->error, refusal->text);
	} else {
		stream->stage = STAGE_OFFERED;
		stream->login->awaited = AWAITS_FEATURES;
	}
	arena_free(&arena);
}
