/* dialback.c - the elements of XEP-0220, from and to XML. */
#include "stream/dialback.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

/* Keys are 64 bytes by XEP-0185; whatever others make of theirs is not much longer. */
enum { KEY_MAX_BYTES = 1024, ID_MAX_BYTES = 1024 };

static const char *const type_names[] = { NULL, "valid", "invalid", "error" };

bool is_dialback(const struct element *element)
{
	return element_is(element, NS_DIALBACK, "result") ||
	       element_is(element, NS_DIALBACK, "verify");
}

static bool type_read(const char *name, enum dialback_type *type_out)
{
	for (size_t type = 0; type < COUNT_OF(type_names); type++) {
		*type_out = (enum dialback_type)type;
		if (text_equal(name, type_names[type]))
			return true;
	}
	return false;
}

/* Prepared, or NULL if it is no domain. */
static const char *domain_read(struct arena *arena, const char *text)
{
	const struct jid *jid = text == NULL ? NULL : jid_parse(arena, text);

	return jid != NULL && jid_is_domain(jid) ? jid_text(jid) : NULL;
}

/* Some put the key on a line of its own. */
static const char *key_read(struct arena *arena, const struct element *element)
{
	const char *text = element_text(arena, element), *blanks = " \t\r\n";
	size_t length;

	text += strspn(text, blanks);
	length = strcspn(text, blanks);
	return length == 0 || length > KEY_MAX_BYTES || text[length + strspn(text + length, blanks)]
	           ? NULL
	           : arena_strndup(arena, text, length);
}

bool dialback_read(
    struct arena *arena, const struct element *element, struct dialback *dialback_out)
{
	struct dialback dialback = { .is_verify = element_is(element, NS_DIALBACK, "verify"),
		.rc = RC_UNDEFINED_CONDITION };
	const char *id = element_attribute(element, "id");

	dialback.from = domain_read(arena, element_attribute(element, "from"));
	dialback.to = domain_read(arena, element_attribute(element, "to"));
	if (dialback.is_verify)
		dialback.id = id;
	if (!type_read(element_attribute(element, "type"), &dialback.type))
		return false;
	if (dialback.type == DIALBACK_ASKS)
		dialback.key = key_read(arena, element);
	*dialback_out = dialback;
	return dialback.from != NULL && dialback.to != NULL &&
	       (!dialback.is_verify || (id != NULL && strlen(id) <= ID_MAX_BYTES)) &&
	       (dialback.type != DIALBACK_ASKS || dialback.key != NULL);
}

static void write_content(struct text *out, const struct dialback *dialback)
{
	if (dialback->type == DIALBACK_ASKS)
		xml_write_text(out, dialback->key, strlen(dialback->key));
	if (dialback->type == DIALBACK_ERROR)
		text_printf(out, "<error type='%s'><%s xmlns='" NS_STANZA_ERROR "'/></error>",
		    rc_type(dialback->rc), rc_name(dialback->rc));
}

void dialback_write(struct text *out, const struct dialback *dialback)
{
	const char *name = dialback->is_verify ? "db:verify" : "db:result";

	text_printf(out, "<%s", name);
	xml_write_attribute(out, "from", dialback->from);
	xml_write_attribute(out, "to", dialback->to);
	xml_write_attribute(out, "id", dialback->id);
	xml_write_attribute(out, "type", type_names[dialback->type]);
	text_putc(out, '>');
	write_content(out, dialback);
	text_printf(out, "</%s>", name);
}
