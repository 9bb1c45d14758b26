/* outbox-message.c - from a row of the outbox to a message. What stands in the columns is made XML,
 * and read back with the bounds that hold for clients, as a whole stanza is: what cannot be sent is
 * found here, not by the receiver. */
#include "admin/outbox-private.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config.h"
#include "core/home.h"
#include "store/store.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

#define STREAM "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>"

/* Why a message cannot be sent. */
struct problem {
	enum rc rc;
	const char *text;
};

/* ---- one element, and nothing else ---- */

struct reading {
	struct arena *arena;
	struct element *element;
	size_t count;
};

static void stream_opened(void *state, const struct element *header)
{
	(void)state;
	(void)header;
}

static void element_read(void *state, struct arena *arena, struct element *element)
{
	struct reading *reading = state;

	reading->count++;
	arena_free(&reading->arena);
	reading->arena = arena;
	reading->element = element;
}

static void stream_closed(void *state)
{
	struct reading *reading = state;

	reading->count++;
}

static const struct xml_events reading_events = { stream_opened, element_read, stream_closed };

static const char *reading_error(enum xml_error error, const struct reading *reading, bool pending)
{
	if (error == XML_LIMIT)
		return "the message exceeds the limits of godwit.conf (stanza_bytes and those of "
		       "XML)";
	if (error == XML_RESTRICTED)
		return "the message has comments, entities or other things that XMPP forbids";
	if (error != XML_OK || pending || reading->count != 1)
		return "the message is not one well-formed XML element";
	return NULL;
}

/* The element and its arena, or NULL and the reason. */
static struct element *element_of(
    const char *text, struct arena **arena_out, const char **error_out)
{
	const struct config *config = home_config();
	struct xml_limits limits = config_xml_limits(config, config->limits.stanza_bytes);
	struct reading reading = { 0 };
	struct xml_parser *parser = xml_parser_new(&limits, &reading_events, &reading);
	enum xml_error error = xml_parser_feed(parser, STREAM, strlen(STREAM));

	if (error == XML_OK)
		error = xml_parser_feed(parser, text, strlen(text));
	*error_out =
	    reading_error(error, &reading, error == XML_OK && xml_parser_pending(parser) > 0);
	xml_parser_free(&parser);
	*arena_out = reading.arena;
	if (*error_out == NULL)
		return reading.element;
	arena_free(arena_out);
	return NULL;
}

/* ---- from columns ---- */

static const char *message_of_columns(
    const struct store_result *rows, size_t row, struct arena *arena)
{
	struct element *message = element_new_lent(arena, NS_CLIENT, "message");
	const char *language = store_text(rows, row, OUTBOX_LANGUAGE);
	const char *subject = store_text(rows, row, OUTBOX_SUBJECT);

	element_set(arena, message, "type", store_text(rows, row, OUTBOX_TYPE));
	element_set(arena, message, "id", store_text(rows, row, OUTBOX_MESSAGE_ID));
	if (language != NULL)
		element_set_lang(arena, message, language);
	if (subject != NULL)
		element_add_text_child(arena, message, NS_CLIENT, "subject", subject);
	element_add_text_child(
	    arena, message, NS_CLIENT, "body", store_text(rows, row, OUTBOX_BODY));
	return element_to_text(arena, message);
}

/* ---- addresses ---- */

static const struct jid *sender_of(
    const struct store_result *rows, size_t row, struct arena *arena, struct problem *problem)
{
	const struct jid *sender = jid_parse(arena, store_text(rows, row, OUTBOX_SENDER));

	if (sender == NULL)
		*problem = (struct problem){ RC_JID_MALFORMED, "the sender is not an address" };
	else if (!config_serves(home_config(), sender))
		*problem = (struct problem){ RC_FORBIDDEN,
			"the sender is not of a domain that is served here" };
	return sender;
}

static const struct jid *recipient_of(
    const struct store_result *rows, size_t row, struct arena *arena, struct problem *problem)
{
	const char *text = store_text(rows, row, OUTBOX_RECIPIENT);
	const struct jid *recipient = jid_parse(arena, text);

	if (recipient == NULL || recipient->node_length == 0)
		*problem = (struct problem){ RC_JID_MALFORMED, "the recipient is not an address" };
	else if (!config_serves(home_config(), recipient))
		*problem = (struct problem){ RC_REMOTE_SERVER_NOT_FOUND,
			"the recipient is not of a domain that is served here" };
	return recipient;
}

/* A domain, or NULL for all. */
static const struct jid *audience_of(
    const struct store_result *rows, size_t row, struct arena *arena, struct problem *problem)
{
	const char *text = store_text(rows, row, OUTBOX_TO_ONLINE);
	const struct jid *domain = text_equal(text, "*") ? NULL : jid_parse(arena, text);

	if (!text_equal(text, "*") &&
	    (domain == NULL || !jid_is_domain(domain) || !config_serves(home_config(), domain)))
		*problem = (struct problem){ RC_ITEM_NOT_FOUND,
			"to_online is not a domain that is served here" };
	return domain;
}

/* NULL for many. */
static const struct jid *address_of(
    const struct store_result *rows, size_t row, struct arena *arena, struct problem *problem)
{
	if (store_text(rows, row, OUTBOX_TO_GROUP) != NULL)
		return NULL;
	if (store_text(rows, row, OUTBOX_TO_ONLINE) != NULL)
		return audience_of(rows, row, arena, problem);
	return recipient_of(rows, row, arena, problem);
}

/* ---- the whole ---- */

static bool is_sendable(const struct stanza *message)
{
	enum stanza_type type = stanza_type(message);

	return stanza_kind(message) == STANZA_MESSAGE &&
	       (type == MESSAGE_NORMAL || type == MESSAGE_CHAT || type == MESSAGE_HEADLINE);
}

/* Takes the arena of the element. */
static struct stanza *stanza_of(struct arena *arena, struct element *element,
    const struct jid *from, const struct jid *to, struct problem *problem)
{
	struct stanza *stanza;
	enum rc rc;

	/* Nobody but us says from whom it is and to whom. */
	element_set(arena, element, "from", NULL);
	element_set(arena, element, "to", NULL);
	stanza = stanza_from_element(arena, element, from, to, &rc);
	if (stanza == NULL)
		arena_free(&arena);
	if (stanza != NULL && is_sendable(stanza))
		return stanza;
	stanza_unref(&stanza);
	*problem = (struct problem){ RC_BAD_REQUEST,
		"only a <message/> of type normal, chat or headline can be sent" };
	return NULL;
}

static struct stanza *message_make(
    const struct store_result *rows, size_t row, struct arena *arena, struct problem *problem)
{
	const struct jid *from = sender_of(rows, row, arena, problem);
	const struct jid *to = address_of(rows, row, arena, problem);
	const char *text = store_text(rows, row, OUTBOX_STANZA);
	struct element *element;
	struct arena *own;

	if (problem->rc != RC_OK)
		return NULL;
	if (text == NULL)
		text = message_of_columns(rows, row, arena);
	element = element_of(text, &own, &problem->text);
	if (element == NULL) {
		problem->rc = RC_BAD_REQUEST;
		return NULL;
	}
	if (element_attribute(element, "id") == NULL)
		element_set(own, element, "id",
		    arena_printf(own, "outbox-%s", store_text(rows, row, OUTBOX_ID)));
	return stanza_of(own, element, from, to, problem);
}

struct stanza *outbox_message(const struct store_result *rows, size_t row, struct arena *arena,
    enum rc *rc_out, const char **error_out)
{
	struct problem problem = { RC_OK, NULL };
	struct stanza *message = message_make(rows, row, arena, &problem);

	*rc_out = problem.rc;
	*error_out = problem.text;
	return message;
}
