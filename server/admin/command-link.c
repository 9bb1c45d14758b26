/* command-link.c - links to other servers and connections from them: what there is, ending it, and
 * trying the way. */
#include "admin/command-private.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config.h"
#include "core/home.h"
#include "core/links.h"
#include "core/remote.h"
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
	json_t *link = json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:s?,s:s?}", "direction",
	    fact->is_inbound ? "in" : "out", "from", fact->from, "to", fact->to, "state",
	    fact->state, "by", fact->by, "certificate", fact->certificate, "address", fact->address,
	    "tls", fact->tls);
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
static bool domain_prepare(struct command *command, const char *name)
{
	const char *domain = command_text(command, name);
	const char *prepared = domain == NULL ? NULL : jid_prepare_domain(command->arena, domain);

	if (domain == NULL)
		return true;
	if (prepared == NULL) {
		command_fail(command, RC_BAD_REQUEST, "\"%s\" is no domain", domain);
		return false;
	}
	json_object_set_new(command->request, name, json_string(prepared));
	return true;
}

void command_link_list(struct command *command)
{
	if (domain_prepare(command, "domain"))
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
	else if (domain_prepare(command, "domain"))
		command_gather(command, close_collect, close_gathered);
}

/* ---- test ---- */

struct trial {
	struct command *command;
	json_t *steps;
	const char *from, *domain;
};

static void trial_step(void *state, const struct link_step *step)
{
	struct trial *trial = state;

	json_array_append_new(trial->steps,
	    json_pack("{s:s,s:s?,s:b,s:i,s:s,s:s?}", "step", step->name, "address", step->address,
		"ok", step->is_good, "ms", (int)step->ms, "text", step->text, "cure", step->cure));
}

static void trial_done(void *state, bool has_passed)
{
	struct trial *trial = state;

	command_succeed(
	    trial->command, json_pack("{s:s,s:s,s:b,s:o}", "from", trial->from, "to", trial->domain,
				"passed", has_passed, "steps", trial->steps));
}

static const struct link_test_events trial_events = { trial_step, trial_done };

/* On the worker where links to the domain live. */
static void trial_begin(struct mail *mail)
{
	struct command *command = CONTAINER_OF(mail, struct command, mail);
	struct trial *trial = arena_alloc_zero(command->arena, sizeof *trial);

	trial->command = command;
	trial->domain = command_text(command, "domain");
	trial->from = command_text(command, "from");
	trial->steps = json_array();
	if (links_source()->test(trial->from, trial->domain, &trial_events, trial))
		return;
	json_decref(trial->steps);
	command_fail(command, RC_RESOURCE_CONSTRAINT,
	    "another test is under way; it takes 45 seconds at most");
}

/* The first domain, unless another one was named. */
static bool from_choose(struct command *command)
{
	const char *from = command_text(command, "from");

	if (from == NULL)
		json_object_set_new(
		    command->request, "from", json_string(home_config()->domains[0].name));
	if (!domain_prepare(command, "from"))
		return false;
	from = command_text(command, "from");
	return remote_is_ours(from) || command_check_served(command, from);
}

void command_link_test(struct command *command)
{
	const char *domain = command_text(command, "domain");

	if (domain == NULL) {
		command_fail(command, RC_BAD_REQUEST, "name a domain");
		return;
	}
	if (!domain_prepare(command, "domain") || !from_choose(command))
		return;
	domain = command_text(command, "domain");
	if (remote_is_ours(domain))
		command_fail(command, RC_BAD_REQUEST, "%s is served here", domain);
	else
		worker_post(home_of_domain(domain), &command->mail, trial_begin);
}
