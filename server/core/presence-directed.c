/* presence-directed.c - presence with a `to` (RFC 6121 section 4.6): who got it is remembered, to
 * be told when the session ends. */
#include "base/hash.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/presence.h"
#include "core/presence-private.h"
#include "core/presence-remote.h"
#include "core/router.h"
#include "core/session.h"
#include "core/task.h"

/* False if the session has sent it to too many already. */
static bool directed_remember(struct session *session, const struct jid *to)
{
	struct jid *jid;
	size_t length = strlen(jid_text(to));

	if (session->directed == NULL)
		session->directed = hash_new();
	if (hash_get(session->directed, jid_text(to), length) != NULL)
		return true;
	if (hash_count(session->directed) >= home_config()->limits.directed_presences)
		return false;
	jid = jid_copy_heap(to);
	hash_put(session->directed, jid_text(jid), length, jid);
	return true;
}

void presence_forget_directed(struct session *session, const struct jid *to)
{
	struct jid *jid = NULL;

	if (session->directed != NULL)
		jid = hash_remove(session->directed, jid_text(to), strlen(jid_text(to)));
	jid_free(&jid);
}

bool presence_is_directed(const struct session *session, const struct jid *jid)
{
	const char *text = jid_text(jid);

	return session->directed != NULL &&
	       (hash_get(session->directed, text, strlen(text)) != NULL ||
		   hash_get(session->directed, text, jid_bare_length(jid)) != NULL);
}

bool presence_is_shared(const struct session *session, const struct jid *jid)
{
	return account_shows_presence_to(session->account, jid) ||
	       presence_is_directed(session, jid);
}

void presence_direct(struct session *session, struct task *task)
{
	const struct jid *to = stanza_to(task->stanza);

	if (stanza_type(task->stanza) == PRESENCE_UNAVAILABLE) {
		presence_forget_directed(session, to);
	} else if (directed_remember(session, to)) {
		presence_remote_watch(session->account, to);
	} else {
		task_fail(task, RC_RESOURCE_CONSTRAINT);
		return;
	}
	router_send(task->stanza, task->receipt);
}

void presence_hide_directed(struct session *session, const struct jid *blocked)
{
	struct stanza *unavailable;
	struct jid *to;
	size_t cursor = 0;

	if (session->directed == NULL)
		return;
	unavailable = stanza_new(PRESENCE_UNAVAILABLE, session->jid, NULL, NULL);
	while ((to = hash_next(session->directed, &cursor)) != NULL)
		if (presence_concerns(blocked, to)) {
			if (session->presence == NULL ||
			    !account_shows_presence_to(session->account, to))
				presence_send_to(unavailable, session->jid, to);
			presence_forget_directed(session, to);
		}
	stanza_unref(&unavailable);
}

void presence_end_directed(
    struct session *session, const struct stanza *unavailable, bool broadcast)
{
	struct hash *directed = session->directed;
	struct jid *to;
	size_t cursor = 0;

	session->directed = NULL;
	if (directed == NULL)
		return;
	while ((to = hash_next(directed, &cursor)) != NULL) {
		if (!broadcast || !account_shows_presence_to(session->account, to))
			presence_send_to(unavailable, session->jid, to);
		jid_free(&to);
	}
	hash_free(&directed);
}
