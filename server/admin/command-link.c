/* command-link.c - links to other servers and connections from them: what there is, ending it.
 */
#include "admin/command-private.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/home.h"
#include "core/links.h"
#include "xmpp/jid.h"

/* ---- list ---- */

static json_t *time_json(int64_t time_us)
{
	char text[TIME_TEXT_BYTES];

	if (time_us == 0)
		return json_null();
	time_to_text(text, time_us);
	return json_string(text);
}

static json_t *link_json(const struct link_fact *fact)
{
	json_t *link = json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:s?}", "direction",
	    fact->is_inbound ? "in" : "out", "from", fact->from, "to", fact->to, "state",
	    fact->state, "by", fact->by, "address", fact->address, "tls", fact->tls);
	json_t *more = json_pack("{s:o,s:I,s:s?,s:o,s:s?,s:I,s:I,s:I,s:I}", "expires",
	    time_json(fact->expires_us), "waiting", (json_int_t)fact->waiting, "error", fact->error,
	    "since", time_json(fact->since_us), "stream", fact->stream, "stanzas_in",
	    (json_int_t)fact->stanzas_in, "stanzas_out", (json_int_t)fact->stanzas_out, "bytes_in",
	    (json_int_t)fact->bytes_in, "bytes_out", (json_int_t)fact->bytes_out);

	json_object_update(link, more);
	json_decref(more);
	return link;
}

static void link_told(void *state, const struct link_fact *fact)
{
	json_array_append_new(state, link_json(fact));
}

static void links_collect(const struct command *command, json_t *part)
{
	json_t *links = json_array();

	(void)command;
	links_source()->describe(link_told, links);
	json_object_set_new(part, "links", links);
}

/* Whether the link is to or from the domain asked for, if there is one. */
static bool is_asked_for(const struct command *command, const json_t *link)
{
	const char *domain = command_text(command, "domain");

	return domain == NULL ||
	       text_equal(domain, json_string_value(json_object_get(link, "from"))) ||
	       text_equal(domain, json_string_value(json_object_get(link, "to")));
}

static void links_gathered(struct command *command)
{
	json_t *links = json_array(), *link;
	size_t index;

	for (size_t i = 0; i < homes_count(); i++)
		json_array_foreach(json_object_get(command_part(command, i), "links"), index,
		    link) if (is_asked_for(command, link)) json_array_append(links, link);
	command_succeed(command, json_pack("{s:o}", "links", links));
}

/* Prepares the argument; false, and the command has failed, if it is no domain. */
static bool domain_prepare(struct command *command)
{
	const char *domain = command_text(command, "domain");
	const char *prepared = domain == NULL ? NULL : jid_prepare_domain(command->arena, domain);

	if (domain == NULL)
		return true;
	if (prepared == NULL) {
		command_fail(command, RC_BAD_REQUEST, "\"%s\" is no domain", domain);
		return false;
	}
	json_object_set_new(command->request, "domain", json_string(prepared));
	return true;
}

void command_link_list(struct command *command)
{
	if (domain_prepare(command))
		command_gather(command, links_collect, links_gathered);
}

/* ---- close ---- */

static void close_collect(const struct command *command, json_t *part)
{
	size_t count = links_source()->end(command_text(command, "domain"));

	json_object_set_new(part, "closed", json_integer((json_int_t)count));
}

static void close_gathered(struct command *command)
{
	json_int_t count = 0;

	for (size_t i = 0; i < homes_count(); i++)
		count += json_integer_value(json_object_get(command_part(command, i), "closed"));
	if (count == 0)
		command_fail(command, RC_ITEM_NOT_FOUND,
		    "there is no connection to or from %s; \"godwitctl link list\" shows what "
		    "there is",
		    command_text(command, "domain"));
	else
		command_succeed(command, json_pack("{s:I}", "closed", count));
}

void command_link_close(struct command *command)
{
	if (command_text(command, "domain") == NULL)
		command_fail(command, RC_BAD_REQUEST, "name a domain");
	else if (domain_prepare(command))
		command_gather(command, close_collect, close_gathered);
}
