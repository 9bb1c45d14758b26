/* account.c - accounts in memory: found, kept while somebody needs them, forgotten in the order in
 * which they fell idle; what arrives for them before they are loaded (account-load.c) waits. */
#include "core/account.h"

#include "base/hash.h"
#include "core/account-private.h"
#include "core/backlog-private.h"
#include "core/config.h"
#include "core/everybody.h"
#include "core/home.h"
#include "core/loader.h"
#include "core/roster.h"
#include "core/router.h"
#include "core/session.h"
#include "core/shared-group.h"
#include "core/subscription.h"
#include "core/task.h"
#include "core/user.h"
#include "loop/worker.h"

/* What this worker keeps. */
static _Thread_local struct {
	struct hash *all;         /* by bare JID */
	struct account_list idle; /* least recently used first */
	size_t idle_count;
	struct later trim;
} cache;

/* ---- life ---- */

static struct account *account_new(const struct jid *jid)
{
	struct account *account = mem_alloc_zero(sizeof *account);
	struct arena *arena = arena_new(0);

	account->jid = jid_copy_heap(jid_bare(arena, jid));
	arena_free(&arena);
	TAILQ_INIT(&account->sessions);
	TAILQ_INIT(&account->waiting);
	STAILQ_INIT(&account->waiters);
	TAILQ_INIT(&account->deliveries);
	SLIST_INIT(&account->backlogs);
	account->states = mem_alloc_zero((loader_count() + 1) * sizeof *account->states);
	hash_put(cache.all, account->jid->text, jid_bare_length(account->jid), account);
	return account;
}

static void account_free_states(struct account *account)
{
	for (const struct module *const *module = server_modules(); *module != NULL; module++) {
		void *state = account->states[(*module)->index];

		account->states[(*module)->index] = NULL;
		if (state != NULL && (*module)->account_free != NULL)
			(*module)->account_free(state);
	}
}

static void account_free(struct account *account)
{
	account_set_fresh(account);
	if (hash_get(cache.all, account->jid->text, jid_bare_length(account->jid)) == account)
		hash_remove(cache.all, account->jid->text, jid_bare_length(account->jid));
	if (account->is_idle) {
		TAILQ_REMOVE(&cache.idle, account, idle);
		cache.idle_count--;
	}
	account_free_states(account);
	backlogs_free(account);
	roster_free(&account->roster);
	mem_free(account->states);
	jid_free(&account->jid);
	mem_free(account);
}

/* At the end of a round, so that a lent account stays for the round. */
static void cache_trim(struct later *later)
{
	(void)later;
	while (cache.idle_count > home_config()->limits.accounts_cached)
		account_free(TAILQ_FIRST(&cache.idle));
}

struct account *account_ref(struct account *account)
{
	if (account->is_idle) {
		TAILQ_REMOVE(&cache.idle, account, idle);
		account->is_idle = false;
		cache.idle_count--;
	}
	account->references++;
	return account;
}

void account_unref(struct account *account)
{
	ASSERT(account->references > 0);
	account->references--;
	if (account->references > 0)
		return;
	if (account->phase == ACCOUNT_GONE) {
		account_free(account);
		return;
	}
	TAILQ_INSERT_TAIL(&cache.idle, account, idle);
	account->is_idle = true;
	cache.idle_count++;
	if (cache.idle_count > home_config()->limits.accounts_cached)
		worker_later(&cache.trim, cache_trim);
}

struct account *account_peek(const struct jid *jid)
{
	return hash_get(cache.all, jid->text, jid_bare_length(jid));
}

struct account *account_get(const struct jid *jid)
{
	struct account *account = account_peek(jid);

	if (account == NULL)
		account = account_new(jid);
	else if (account->phase != ACCOUNT_FAILED || account_is_loading(account))
		return account;
	account_load_in_turn(account);
	return account;
}

/* ---- waiting ---- */

static bool account_is_open(const struct account *account)
{
	bool loaded = account->loads == 0 || account_can_go_on(account);

	return loaded && account->phase != ACCOUNT_LOADING && account->blocked == 0;
}

void account_tell_waiters(struct account *account)
{
	struct account_waiter *waiter;

	while (!account_is_loading(account) && (waiter = STAILQ_FIRST(&account->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&account->waiters, next);
		waiter->loaded(waiter, account);
	}
}

void account_run_waiting(struct account *account)
{
	struct task *task;

	if (account->draining)
		return;
	account_ref(account);
	account->draining = true;
	while (account_is_open(account) && (task = TAILQ_FIRST(&account->waiting)) != NULL) {
		TAILQ_REMOVE(&account->waiting, task, waiting);
		account->waiting_count--;
		task->passed(task);
		task_leave(task);
	}
	account->draining = false;
	account_unref(account);
}

/* Nearly always at the end. What sessions have lost comes before what has arrived since. */
static void account_wait(struct account *account, struct task *task)
{
	struct task *before = TAILQ_LAST(&account->waiting, task_queue);

	while (before != NULL && before->arrival > task->arrival)
		before = TAILQ_PREV(before, task_queue, waiting);
	if (before == NULL)
		TAILQ_INSERT_HEAD(&account->waiting, task, waiting);
	else
		TAILQ_INSERT_AFTER(&account->waiting, before, task, waiting);
	account->waiting_count++;
}

void account_queue(struct account *account, struct task *task, void (*passed)(struct task *))
{
	if (task->arrival == 0)
		task->arrival = ++account->arrivals;
	task_enter(task);
	if (account_is_open(account) && TAILQ_EMPTY(&account->waiting) && !account->draining) {
		passed(task);
		task_leave(task);
		return;
	}
	if (account->waiting_count >= home_config()->limits.waiting_stanzas) {
		task_fail(task, RC_RESOURCE_CONSTRAINT);
		task_leave(task);
		return;
	}
	task->passed = passed;
	account_wait(account, task);
}

void account_block(struct account *account)
{
	account->blocked++;
}

void account_unblock(struct account *account)
{
	ASSERT(account->blocked > 0);
	account->blocked--;
	if (account->blocked == 0)
		account_run_waiting(account);
}

/* ---- sessions ---- */

void account_add_session(struct account *account, struct session *session)
{
	TAILQ_INSERT_TAIL(&account->sessions, session, sibling);
	account->session_count++;
	if (account->session_count == 1)
		everybody_note(account->jid, true);
}

void account_drop_session(struct account *account, struct session *session)
{
	TAILQ_REMOVE(&account->sessions, session, sibling);
	account->session_count--;
	if (account->session_count == 0)
		everybody_note(account->jid, false);
}

bool account_is_reachable(const struct account *account)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session_is_reachable(session))
			return true;
	return false;
}

struct session *account_first_session(const struct account *account)
{
	return TAILQ_FIRST(&account->sessions);
}

struct session *account_find_session(const struct account *account, const char *resource)
{
	struct session *session;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (text_equal(jid_resource(session->jid), resource))
			return session;
	return NULL;
}

/* ---- what modules see ---- */

const struct jid *account_jid(const struct account *account)
{
	return account->jid;
}

struct account_key account_key_of(struct account *account, struct arena *arena)
{
	return (
	    struct account_key){ jid_domain(arena, account->jid), jid_node(arena, account->jid) };
}

void *account_state(const struct account *account, const struct module *module)
{
	return account->states[module->index];
}

void account_set_state(struct account *account, const struct module *module, void *state)
{
	account->states[module->index] = state;
}

bool account_is_gone(const struct account *account)
{
	return account->phase == ACCOUNT_GONE;
}

static bool account_has_subscription(
    const struct account *account, const struct jid *contact, enum subscription wanted)
{
	if (jid_equal_bare(account->jid, contact))
		return true;
	return (roster_view(account, contact).subscription & wanted) != 0;
}

bool account_shows_presence_to(const struct account *account, const struct jid *contact)
{
	return account_has_subscription(account, contact, SUBSCRIPTION_FROM);
}

bool account_sees_presence_of(const struct account *account, const struct jid *contact)
{
	return account_has_subscription(account, contact, SUBSCRIPTION_TO);
}

/* ---- the end of an account ---- */

void account_set_gone(struct account *account)
{
	if (account->phase == ACCOUNT_GONE)
		return;
	account_ref(account);
	sessions_end(account, SESSION_NOT_AUTHORIZED);
	account_leave_turn(account);
	account->phase = ACCOUNT_GONE;
	if (hash_get(cache.all, account->jid->text, jid_bare_length(account->jid)) == account)
		hash_remove(cache.all, account->jid->text, jid_bare_length(account->jid));
	/* No load tells those whose turn was given up. */
	account_tell_waiters(account);
	account_run_waiting(account);
	account_unref(account);
}

struct removal {
	struct account *account;
	store_done *on_done;
	void *state;
};

/* After the commit: contacts learn that it is over (RFC 6121 section 2.5.2), then sessions end. */
static void account_removed(const struct store_result *result, void *state)
{
	struct removal *removal = state;
	struct account *account = removal->account;
	struct roster_item *item;
	size_t cursor = 0;

	if (removal->on_done != NULL)
		removal->on_done(result, removal->state);
	/* A change may have had it loaded, and found gone, before this is heard of. */
	if (store_rc(result) == RC_OK) {
		while (account->roster != NULL && (item = roster_next(account, &cursor)) != NULL)
			subscription_cancel(account, item);
		account_set_gone(account);
		shared_groups_announce(account->jid);
	}
	account_unref(account);
	mem_free(removal);
}

void account_remove(struct account *account, store_done *on_done, void *state)
{
	struct removal *removal = mem_alloc(sizeof *removal);
	struct arena *arena = arena_new(0);

	*removal = (struct removal){ account_ref(account), on_done, state };
	user_delete(account_key_of(account, arena), account_removed, removal);
	arena_free(&arena);
}

/* ---- the cache as a whole ---- */

void accounts_start(void)
{
	cache.all = hash_new();
	TAILQ_INIT(&cache.idle);
	cache.idle_count = 0;
	loads_start();
}

void accounts_stop(void)
{
	later_cancel(&cache.trim);
	loads_stop();
	while (!TAILQ_EMPTY(&cache.idle))
		account_free(TAILQ_FIRST(&cache.idle));
	hash_free(&cache.all);
}

size_t accounts_count(void)
{
	return cache.all == NULL ? 0 : hash_count(cache.all);
}

struct account *accounts_next(size_t *cursor)
{
	return hash_next(cache.all, cursor);
}
