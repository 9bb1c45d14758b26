/* presence-deliver.c - presence that arrives for an account: notifications for its available
 * sessions (RFC 6121 sections 4.2.3, 4.4.3, 4.5.3), and probes, which the server answers (4.3.2).
 */
#include "core/account.h"
#include "core/presence.h"
#include "core/presence-private.h"
#include "core/router.h"
#include "core/session.h"
#include "core/task.h"

/* ---- probes ---- */

/* From the bare JID: that nobody is there, or that the prober may not know. The latter goes to its
 * bare JID, as subscriptions do. */
static void probe_reply(const struct jid *account, const struct jid *prober, enum stanza_type type)
{
	struct arena *arena = arena_new(0);
	const struct jid *to = type == PRESENCE_UNSUBSCRIBED ? jid_bare(arena, prober) : prober;
	struct stanza *reply = stanza_new(type, account, to, NULL);

	router_send(reply, NULL);
	stanza_unref(&reply);
	arena_free(&arena);
}

/* `resource` NULL: all that are available. */
static bool probe_show(
    const struct account *account, const char *resource, const struct jid *prober)
{
	struct session *session;
	bool any = false;

	TAILQ_FOREACH (session, &account->sessions, sibling) {
		if (session->presence == NULL ||
		    (resource != NULL && !text_equal(jid_resource(session->jid), resource)))
			continue;
		presence_send_to(session->presence, session->jid, prober);
		any = true;
	}
	return any;
}

static void probe_answer(
    const struct account *account, const char *resource, const struct jid *prober)
{
	if (!account_shows_presence_to(account, prober))
		probe_reply(account->jid, prober, PRESENCE_UNSUBSCRIBED);
	else if (!probe_show(account, resource, prober))
		probe_reply(account->jid, prober, PRESENCE_UNAVAILABLE);
}

/* ---- at an account with sessions ---- */

static void deliver_to_available(
    const struct account *account, const struct stanza *presence, const struct jid *to)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session->presence != NULL)
			session_send(session, presence, to);
}

/* A fan-out has no `to` of its own: it is for the account. */
void presence_deliver(struct task *task)
{
	const struct stanza *presence = task->stanza;
	const struct account *account = task->account;
	const struct jid *to = stanza_to(presence) == NULL ? account->jid : stanza_to(presence);
	struct session *session;

	if (stanza_type(presence) == PRESENCE_PROBE) {
		if (stanza_from(presence) != NULL)
			probe_answer(account, jid_resource(to), stanza_from(presence));
		return;
	}
	if (jid_is_bare(to)) {
		deliver_to_available(account, presence, to);
		return;
	}
	session = account_find_session(account, jid_resource(to));
	if (session != NULL)
		session_send(session, presence, to);
}

/* ---- at an account without ---- */

/* A probe that waits for its roster row. */
struct probe {
	struct jid *account; /* bare */
	struct jid *prober;
};

static const struct statement subscription_select = STATEMENT(
    "SELECT subscription FROM roster_items WHERE domain = $1 AND username = $2 AND contact = $3");

static store_done subscription_loaded;

static void probe_look_up(const struct jid *account, const struct jid *prober)
{
	struct probe *probe = mem_alloc(sizeof *probe);
	struct arena *arena = arena_new(0);
	struct account_key key = { jid_domain(arena, account), jid_node(arena, account) };

	probe->account = jid_copy_heap(jid_bare(arena, account));
	probe->prober = jid_copy_heap(prober);
	store_run(&subscription_select, PARAMS(key, jid_bare_text(arena, prober)),
	    subscription_loaded, probe);
	arena_free(&arena);
}

/* Whether memory knows enough of the account to answer. */
static bool account_is_known(const struct account *account)
{
	return account != NULL && account->phase == ACCOUNT_READY && account->roster != NULL;
}

/* An account that does not exist has no rows either, and gives the same answer as one that has not
 * granted a subscription. If the database does not say, nothing is answered. */
static void subscription_loaded(const struct store_result *result, void *state)
{
	struct probe *probe = state;
	const struct account *account = account_peek(probe->account);
	const char *subscription;

	if (account_is_known(account)) {
		probe_answer(account, NULL, probe->prober);
	} else if (store_rc(result) == RC_OK) {
		subscription = store_rows(result) == 0 ? "none" : store_text(result, 0, 0);
		if (text_equal(subscription, "from") || text_equal(subscription, "both"))
			probe_reply(probe->account, probe->prober, PRESENCE_UNAVAILABLE);
		else
			probe_reply(probe->account, probe->prober, PRESENCE_UNSUBSCRIBED);
	}
	jid_free(&probe->account);
	jid_free(&probe->prober);
	mem_free(probe);
}

void presence_deliver_absent(const struct stanza *presence, const struct jid *to)
{
	const struct account *account = account_peek(to);

	if (stanza_type(presence) != PRESENCE_PROBE || stanza_from(presence) == NULL)
		return;
	if (account_is_known(account))
		probe_answer(account, NULL, stanza_from(presence));
	else
		probe_look_up(to, stanza_from(presence));
}
