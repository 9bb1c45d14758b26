/* stanza-write.c - stanzas to bytes. Only the beginning of the opening tag differs between
 * receivers; all that follows the addresses is serialised once, and shared. */
#include "xmpp/stanza-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element-private.h"
#include "xml/writer.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"

/* What most tails with content have room in, so that they are not moved while they are written. */
#define TAIL_BYTES 255

/* Attributes that the stanza itself knows better than its element. */
static bool is_own_attribute(const struct attribute *attribute)
{
	static const char *const names[] = { "from", "to", "id", "type" };

	if (attribute->ns != NULL)
		return false;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (strcmp(attribute->name, names[i]) == 0)
			return true;
	return false;
}

static struct text *tail_make(const struct stanza *stanza)
{
	struct text *tail = mem_alloc_zero(sizeof(*tail));
	const char *name = stanza_kind_name(stanza->kind);
	unsigned foreign = 0;

	if (stanza->element->first != NULL)
		text_reserve(tail, TAIL_BYTES);
	xml_write_attribute(tail, "id", stanza->id);
	xml_write_attribute(tail, "type", stanza_type_name(stanza->type));
	for (const struct attribute *at = stanza->element->attributes; at != NULL; at = at->next)
		if (!is_own_attribute(at))
			xml_write_any_attribute(tail, at, &foreign);
	if (stanza->element->first == NULL) {
		text_append(tail, "/>", 2);
		return tail;
	}
	text_putc(tail, '>');
	xml_write_children(tail, stanza->element, NS_CLIENT);
	text_append(tail, "</", 2);
	text_puts(tail, name);
	text_putc(tail, '>');
	return tail;
}

/* Several threads may need it at once: one of them wins. */
static const struct text *tail_get(const struct stanza *stanza)
{
	struct stanza *source = stanza_source(stanza);
	struct text *tail = atomic_load_explicit(&source->tail, memory_order_acquire);
	struct text *made;

	if (tail != NULL)
		return tail;
	made = tail_make(source);
	if (atomic_compare_exchange_strong_explicit(
		&source->tail, &tail, made, memory_order_acq_rel, memory_order_acquire))
		return made;
	text_free(made);
	mem_free(made);
	return tail;
}

static void write_tag_and_tail(
    struct text *out, const struct stanza *stanza, const char *ns, const struct jid *to)
{
	const struct text *tail = tail_get(stanza);

	text_putc(out, '<');
	text_puts(out, stanza_kind_name(stanza->kind));
	xml_write_attribute(out, "xmlns", ns);
	if (stanza->from != NULL)
		xml_write_attribute(out, "from", jid_text(stanza->from));
	if (to != NULL)
		xml_write_attribute(out, "to", jid_text(to));
	text_append(out, tail->at, tail->length);
}

void stanza_write(struct text *out, const struct stanza *stanza)
{
	write_tag_and_tail(out, stanza, NULL, stanza->to);
}

void stanza_write_to(struct text *out, const struct stanza *stanza, const struct jid *to)
{
	write_tag_and_tail(out, stanza, NULL, to);
}

char *stanza_to_text(struct arena *arena, const struct stanza *stanza)
{
	struct text text = { 0 };
	char *copy;

	write_tag_and_tail(&text, stanza, NS_CLIENT, stanza->to);
	copy = arena_strndup(arena, text.at, text.length);
	text_free(&text);
	return copy;
}
