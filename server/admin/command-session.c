/* command-session.c - who is logged in, and throwing somebody out. */
#include "admin/command-private.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/account.h"
#include "core/home.h"
#include "core/session.h"
#include "loop/worker.h"
#include "xmpp/jid.h"

/* Sessions that one worker lists: an answer stays small, and the loop is not held up. */
#define LIST_MAX 10000

static json_t *session_describe(const struct session *session)
{
	const char *tls = session->events->tls(session->state);
	const char *peer = session->events->peer(session->state);
	char since[TIME_TEXT_BYTES];

	time_to_text(since, session->since_us);
	return json_pack("{s:s,s:s,s:s?,s:s,s:i,s:b,s:i}", "jid", jid_text(session->jid), "address",
	    peer == NULL ? "" : peer, "tls", tls, "since", since, "worker",
	    (int)worker_index(worker_current()), "available", session_is_available(session),
	    "priority", session->priority);
}

void sessions_describe(const struct account *account, json_t *array)
{
	const struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		json_array_append_new(array, session_describe(session));
}

/* ---- list ---- */

/* "domain" limits it to one; an account is asked for by user-show. */
static void sessions_collect(const struct command *command, json_t *part)
{
	const char *domain = command_text(command, "domain");
	json_t *sessions = json_array();
	struct account *account;
	size_t cursor = 0, more = 0;

	while ((account = accounts_next(&cursor)) != NULL) {
		if (account->session_count == 0)
			continue;
		if (domain != NULL && !jid_has_domain(account->jid, domain))
			continue;
		if (json_array_size(sessions) < LIST_MAX)
			sessions_describe(account, sessions);
		else
			more += account->session_count;
	}
	json_object_set_new(part, "sessions", sessions);
	json_object_set_new(part, "more", json_integer((json_int_t)more));
}

static void sessions_gathered(struct command *command)
{
	json_t *sessions = json_array();
	json_int_t more = 0;

	for (size_t i = 0; i < homes_count(); i++) {
		json_array_extend(sessions, json_object_get(command_part(command, i), "sessions"));
		more += json_integer_value(json_object_get(command_part(command, i), "more"));
	}
	command_succeed(command, json_pack("{s:o,s:I}", "sessions", sessions, "more", more));
}

void command_session_list(struct command *command)
{
	const char *domain = command_text(command, "domain");
	const char *prepared = domain == NULL ? NULL : jid_prepare_domain(command->arena, domain);

	if (domain != NULL && prepared == NULL) {
		command_fail(command, RC_BAD_REQUEST,
		    "\"%s\" is no domain; of an account, \"godwitctl user show\" tells the "
		    "sessions",
		    domain);
		return;
	}
	if (prepared != NULL && !command_check_served(command, prepared))
		return;
	if (prepared != NULL)
		json_object_set_new(command->request, "domain", json_string(prepared));
	command_gather(command, sessions_collect, sessions_gathered);
}

/* ---- kick ---- */

/* All sessions of a bare JID, or the one of a full JID. */
void command_session_kick(struct command *command)
{
	unsigned kicked = session_kick(command->jid, 0);

	if (kicked == 0)
		command_fail(command, RC_ITEM_NOT_FOUND,
		    "%s is not logged in; "
		    "\"godwitctl session list\" shows who is",
		    jid_text(command->jid));
	else
		command_succeed(command, json_pack("{s:i}", "kicked", (int)kicked));
}
