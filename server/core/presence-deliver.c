/* presence-deliver.c - presence that arrives for an account: notifications for its available
 * sessions (RFC 6121 sections 4.2.3, 4.4.3, 4.5.3), and probes, which the server answers (4.3.2).
 */
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/presence.h"
#include "core/presence-private.h"
#include "core/presence-remote.h"
#include "core/receipt.h"
#include "core/router.h"
#include "core/session.h"
#include "core/task.h"

/* ---- probes ---- */

/* An account of ours asks as such, not as one of its sessions, when its row has been given a
 * subscription with SQL. The contact's row may be about to be given its side: nobody says no. */
static bool prober_is_hopeful(const struct jid *prober)
{
	return jid_is_bare(prober) && config_serves(home_config(), prober);
}

/* From the account, or the session that was asked for: that nobody is there; from the account
 * alone, and to the prober's, as subscriptions are: that the prober may not know. Section 4.3.2.1:
 * with the id of the probe. */
static void probe_reply(
    const struct jid *asked, const struct jid *prober, const char *id, enum stanza_type type)
{
	struct arena *arena;
	struct stanza *reply;

	if (prober_is_hopeful(prober))
		return;
	arena = arena_new(0);
	if (type == PRESENCE_UNSUBSCRIBED)
		reply = stanza_new(type, jid_bare(arena, asked), jid_bare(arena, prober), id);
	else
		reply = stanza_new(type, asked, prober, id);
	router_send(reply, NULL);
	stanza_unref(&reply);
	arena_free(&arena);
}

static bool is_asked(const struct session *session, const struct jid *asked)
{
	return jid_is_bare(asked) || jid_equal(session->jid, asked);
}

/* The mere fact that it is there. */
static void show_fact(const struct session *session, const struct jid *prober)
{
	presence_send(PRESENCE_AVAILABLE, session->jid, prober);
}

/* To a subscriber: the presence of all that are available; of one that is asked for, the fact. */
static bool show_presence(
    const struct account *account, const struct jid *asked, const struct jid *prober)
{
	struct session *session;
	bool any = false;

	TAILQ_FOREACH (session, &account->sessions, sibling) {
		if (session->presence == NULL || !is_asked(session, asked))
			continue;
		if (jid_is_bare(asked))
			presence_send_to(session->presence, session->jid, prober);
		else
			show_fact(session, prober);
		any = true;
	}
	return any;
}

/* Section 4.6.6: to who got directed presence. */
static bool show_directed(
    const struct account *account, const struct jid *asked, const struct jid *prober)
{
	struct session *session;
	bool any = false;

	TAILQ_FOREACH (session, &account->sessions, sibling) {
		if (!is_asked(session, asked) || !presence_is_directed(session, prober))
			continue;
		show_fact(session, prober);
		any = true;
	}
	return any;
}

/* `asked`: the account, or one full JID of it. */
static void probe_answer(const struct account *account, const struct jid *asked,
    const struct jid *prober, const char *id)
{
	if (account_shows_presence_to(account, prober)) {
		if (!show_presence(account, asked, prober))
			probe_reply(asked, prober, id, PRESENCE_UNAVAILABLE);
	} else if (!show_directed(account, asked, prober)) {
		probe_reply(asked, prober, id, PRESENCE_UNSUBSCRIBED);
	}
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

/* Section 4.6.1: whoever has gone need not be told when a session goes. */
static void forget_gone(const struct account *account, const struct stanza *presence)
{
	struct session *session;

	if (stanza_type(presence) != PRESENCE_UNAVAILABLE || stanza_from(presence) == NULL)
		return;
	TAILQ_FOREACH (session, &account->sessions, sibling)
		presence_forget_directed(session, stanza_from(presence));
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
			probe_answer(account, to, stanza_from(presence), stanza_id(presence));
		return;
	}
	forget_gone(account, presence);
	presence_remote_note(account, presence);
	if (jid_is_bare(to)) {
		deliver_to_available(account, presence, to);
		return;
	}
	session = account_find_session(account, jid_resource(to));
	if (session != NULL)
		session_send(session, presence, to);
}

/* ---- at an account without ---- */

/* So many rosters are asked at a time on account of probes, and so many probes may wait for that:
 * as many as a crowd of logins sends to contacts that are away. The next get no answer. */
#define LOOKUPS_MAX 100
#define PROBES_MAX 50000
/* What they take in memory: others choose their ids. */
#define PROBE_BYTES_MAX (16 * 1024 * 1024)

/* A probe that waits for its roster row. Nothing more is read from who sends too many. */
struct probe {
	struct turn turn;
	struct jid *asked, *prober;
	char *id; /* or NULL */
	struct receipt *receipt;
	size_t bytes;
};

/* By its own row, or because the prober sees a shared group that it is in. */
static const struct statement subscription_select =
    STATEMENT("SELECT 1 FROM roster_items WHERE domain = $1 AND username = $2 AND contact = $3"
	      " AND subscription IN ('from', 'both')"
	      " UNION ALL SELECT 1 FROM group_members m"
	      " JOIN visible_groups v ON v.domain = m.domain AND v.group_name = m.group_name"
	      " WHERE m.domain = $1 AND m.username = $2 AND v.domain = $4 AND v.username = $5");

static store_done subscription_loaded;

static _Thread_local struct turns lookups;
static _Thread_local size_t probe_bytes;

static struct probe *probe_new(
    const struct jid *asked, const struct stanza *stanza, struct receipt *receipt)
{
	struct probe *probe = mem_alloc_zero(sizeof *probe);
	const char *id = stanza_id(stanza);

	probe->asked = jid_copy_heap(asked);
	probe->prober = jid_copy_heap(stanza_from(stanza));
	probe->id = id == NULL ? NULL : mem_strdup(id);
	probe->receipt = receipt_hold(receipt);
	probe->bytes = sizeof *probe + strlen(jid_text(asked)) + strlen(jid_text(probe->prober)) +
	               (id == NULL ? 0 : strlen(id));
	probe_bytes += probe->bytes;
	return probe;
}

static void probe_free(struct probe *probe)
{
	probe_bytes -= probe->bytes;
	jid_free(&probe->asked);
	jid_free(&probe->prober);
	mem_free(probe->id);
	receipt_release(&probe->receipt);
	mem_free(probe);
}

static void probe_refuse(struct turn *turn)
{
	probe_free(CONTAINER_OF(turn, struct probe, turn));
}

static void probe_look_up(struct turn *turn)
{
	struct probe *probe = CONTAINER_OF(turn, struct probe, turn);
	struct arena *arena = arena_new(0);
	struct account_key key = { jid_domain(arena, probe->asked), jid_node(arena, probe->asked) };
	const struct jid *prober = probe->prober;

	store_run(&subscription_select,
	    PARAMS(key, jid_bare_text(arena, prober), jid_domain(arena, prober),
		jid_node(arena, prober)),
	    subscription_loaded, probe);
	arena_free(&arena);
}

static void probe_wait(
    const struct jid *asked, const struct stanza *stanza, struct receipt *receipt)
{
	struct probe *probe = probe_new(asked, stanza, receipt);

	if (probe_bytes > PROBE_BYTES_MAX || !turns_take(&lookups, &probe->turn))
		probe_free(probe);
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
	const struct account *account = account_peek(probe->asked);

	turns_end(&lookups, &probe->turn);
	if (account_is_known(account)) {
		probe_answer(account, probe->asked, probe->prober, probe->id);
	} else if (store_rc(result) == RC_OK) {
		probe_reply(probe->asked, probe->prober, probe->id,
		    store_rows(result) > 0 ? PRESENCE_UNAVAILABLE : PRESENCE_UNSUBSCRIBED);
	}
	probe_free(probe);
}

void presence_deliver_absent(
    const struct stanza *presence, const struct jid *to, struct receipt *receipt)
{
	const struct account *account = account_peek(to);

	if (stanza_type(presence) != PRESENCE_PROBE || stanza_from(presence) == NULL)
		return;
	if (account_is_known(account))
		probe_answer(account, to, stanza_from(presence), stanza_id(presence));
	else
		probe_wait(to, presence, receipt);
}

void presence_start(void)
{
	probe_bytes = 0;
	lookups = (struct turns){ LOOKUPS_MAX, PROBES_MAX, TURNS_PATIENCE_MS, probe_look_up,
		probe_refuse };
	turns_init(&lookups);
}

size_t probes_waiting(void)
{
	return turns_count(&lookups);
}
