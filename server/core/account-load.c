/* account-load.c - what the database knows of an account comes into memory, by one pipelined round
 * of queries. Logins and stanzas take turns, each among themselves. What could not be had while
 * somebody uses the account is asked for again. */
#include "core/account-private.h"

#include "core/account.h"
#include "core/loader.h"
#include "core/roster.h"
#include "core/session.h"
#include "loop/timer.h"

/* So many accounts are loaded at a time on account of stanzas, and so many may wait for that; what
 * is for others is refused. */
#define LOADS_MAX 100
#define TURNS_MAX 5000
/* The same for logins. Who waits there has a connection, so their number has its bound; all at once
 * would be more than the database's queue holds, and be refused. */
#define LOGINS_MAX 200
/* Between two attempts to load what could not be loaded, and between portions of these. */
#define STALE_MS 1000
#define STALE_PORTION_MS 100

/* Of this worker. */
static _Thread_local struct {
	size_t loading;
	struct turns turns, logins;
	struct account_list stale;
	struct timer *refresh; /* set while some are stale */
} loads;

/* One query of an account's load that is under way. */
struct load {
	struct account *account;
	const struct module *module;
};

static const struct statement account_select =
    STATEMENT("SELECT disabled OR COALESCE(disabled_until, 0) > $3 FROM users"
	      " WHERE domain = $1 AND username = $2");

void account_set_fresh(struct account *account)
{
	if (!account->is_stale)
		return;
	account->is_stale = false;
	TAILQ_REMOVE(&loads.stale, account, stale);
}

void account_set_stale(struct account *account)
{
	if (account->is_stale || account->phase == ACCOUNT_GONE)
		return;
	account->is_stale = true;
	TAILQ_INSERT_TAIL(&loads.stale, account, stale);
	if (!timer_is_set(loads.refresh))
		timer_set(loads.refresh, STALE_MS);
}

/* So many, those that have waited longest. */
static void stale_load(size_t count)
{
	struct account *account;

	for (; count > 0 && (account = TAILQ_FIRST(&loads.stale)) != NULL; count--) {
		account_set_fresh(account);
		account_reload(account);
	}
}

/* As many as may be loaded at a time. */
static void stale_load_more(void)
{
	stale_load(loads.loading < LOADS_MAX ? LOADS_MAX - loads.loading : 0);
}

static void stale_refresh(void *state)
{
	(void)state;
	stale_load(LOADS_MAX);
	if (!TAILQ_EMPTY(&loads.stale))
		timer_set(loads.refresh, STALE_PORTION_MS);
}

void account_changed(const struct jid *jid)
{
	struct account *account = account_peek(jid);

	if (account == NULL || account->phase == ACCOUNT_GONE)
		return;
	if (account->is_idle) {
		/* Loaded again when somebody needs it. */
		account->phase = ACCOUNT_FAILED;
	} else if (account->loads > 0) {
		account->is_overtaken = true;
	} else {
		account_set_stale(account);
		stale_load_more();
	}
}

void account_overtake(struct account *account)
{
	if (account->loads > 0 && account_can_go_on(account))
		account->is_overtaken = true;
}

bool account_can_go_on(const struct account *account)
{
	return account->phase == ACCOUNT_READY && account->session_count > 0;
}

static void account_set_loaded(struct account *account)
{
	switch (account->load_rc) {
	case RC_OK:
		account->phase = ACCOUNT_READY;
		/* Nobody stays logged in. */
		if (account->disabled)
			sessions_end(account, SESSION_NOT_AUTHORIZED);
		return;
	case RC_ITEM_NOT_FOUND:
		if (account->session_count > 0)
			account_set_gone(account);
		else
			account->phase = ACCOUNT_ABSENT;
		return;
	default:
		if (account_can_go_on(account))
			account_set_stale(account);
		else
			account->phase = ACCOUNT_FAILED;
	}
}

bool account_is_loading(const struct account *account)
{
	return account->loads > 0 || account->turn.state == TURN_WAITS;
}

/* With the reference that its turn holds. */
void account_leave_turn(struct account *account)
{
	if (account->turn.state == TURN_NONE)
		return;
	turns_end(account->is_login_turn ? &loads.logins : &loads.turns, &account->turn);
	account_unref(account);
}

/* The last query has answered: the account is known, or known not to exist. */
static void account_loaded(struct account *account)
{
	bool is_answered = account->load_rc == RC_OK;

	loads.loading--;
	account_leave_turn(account);
	if (account->phase != ACCOUNT_GONE)
		account_set_loaded(account);
	if (account->is_overtaken)
		account_set_stale(account);
	account_tell_waiters(account);
	account_run_waiting(account);
	if (is_answered)
		stale_load_more();
	account_unref(account);
}

static void account_load_ended(struct account *account, enum rc rc)
{
	ASSERT(account->loads > 0);
	if (rc != RC_OK && account->load_rc == RC_OK)
		account->load_rc = rc;
	account->loads--;
	if (account->loads == 0)
		account_loaded(account);
}

static void user_loaded(const struct store_result *result, void *state)
{
	struct account *account = state;
	enum rc rc = store_one_row(result);

	if (rc == RC_OK)
		account->disabled = store_integer(result, 0, 0) != 0;
	account_load_ended(account, rc);
}

/* Not one that is gone, nor over what memory has and these rows lack: all is loaded again then. */
static bool account_takes_rows(const struct account *account)
{
	return account->phase != ACCOUNT_GONE &&
	       !(account->is_overtaken && account_can_go_on(account));
}

static void module_take(
    const struct module *module, struct account *account, const struct store_result *rows)
{
	void *old = account->states[module->index];

	account->states[module->index] = NULL;
	module->account_loaded(account, rows);
	if (module->account_reloaded != NULL && account_can_go_on(account))
		module->account_reloaded(account, old);
	if (old != NULL && module->account_free != NULL)
		module->account_free(old);
}

static void module_loaded(const struct store_result *result, void *state)
{
	struct load *load = state;
	struct account *account = load->account;
	enum rc rc = store_rc(result);

	if (rc == RC_OK && account_takes_rows(account))
		module_take(load->module, account, result);
	mem_free(load);
	account_load_ended(account, rc);
}

/* All queries are queued before the first answers. */
static void account_load(struct account *account)
{
	struct arena *arena = arena_new(0);
	struct account_key key = account_key_of(account, arena);

	account_ref(account);
	account_set_fresh(account);
	loads.loading++;
	account->is_overtaken = false;
	account->load_rc = RC_OK;
	account->loads = 1;
	store_run(&account_select, PARAMS(key, time_now_us()), user_loaded, account);
	account->loads += roster_load(account, account_load_ended);
	for (const struct module *const *module = server_modules(); *module != NULL; module++) {
		struct load *load;

		if ((*module)->account_load == NULL)
			continue;
		load = mem_alloc(sizeof *load);
		*load = (struct load){ account, *module };
		account->loads++;
		store_run((*module)->account_load, PARAMS(key), module_loaded, load);
	}
	arena_free(&arena);
}

static void account_has_turn(struct turn *turn)
{
	account_load(CONTAINER_OF(turn, struct account, turn));
}

static void account_refuse(struct turn *turn)
{
	struct account *account = CONTAINER_OF(turn, struct account, turn);

	account->load_rc = RC_RESOURCE_CONSTRAINT;
	if (account->phase != ACCOUNT_READY)
		account->phase = ACCOUNT_FAILED;
	account_tell_waiters(account);
	account_run_waiting(account);
	account_unref(account);
}

void account_load_in_turn(struct account *account)
{
	account_ref(account);
	account->phase = ACCOUNT_LOADING;
	account->is_login_turn = false;
	if (!turns_take(&loads.turns, &account->turn))
		account_refuse(&account->turn);
}

void account_reload(struct account *account)
{
	if (account->loads > 0 || account->phase == ACCOUNT_GONE)
		return;
	account_leave_turn(account);
	if (account->phase != ACCOUNT_READY)
		account->phase = ACCOUNT_LOADING;
	account_load(account);
}

static void account_load_in_login_turn(struct account *account)
{
	if (account->loads > 0 || account->phase == ACCOUNT_GONE ||
	    (account->turn.state != TURN_NONE && account->is_login_turn))
		return;
	account_leave_turn(account);
	account_ref(account);
	if (account->phase != ACCOUNT_READY)
		account->phase = ACCOUNT_LOADING;
	account->is_login_turn = true;
	turns_take(&loads.logins, &account->turn);
}

void account_login(struct account *account, struct account_waiter *waiter)
{
	account_ref(account);
	STAILQ_INSERT_TAIL(&account->waiters, waiter, next);
	if (account->session_count == 0 || account->phase != ACCOUNT_READY || account->is_stale)
		account_load_in_login_turn(account);
	if (!account_is_loading(account))
		account_tell_waiters(account);
	account_unref(account);
}

void loads_start(void)
{
	loads.loading = 0;
	loads.turns = (struct turns){ LOADS_MAX, TURNS_MAX, TURNS_PATIENCE_MS, account_has_turn,
		account_refuse };
	loads.logins = (struct turns){ LOGINS_MAX, SIZE_MAX, 0, account_has_turn, account_refuse };
	turns_init(&loads.turns);
	turns_init(&loads.logins);
	TAILQ_INIT(&loads.stale);
	loads.refresh = timer_new(stale_refresh, NULL);
}

void loads_stop(void)
{
	timer_free(&loads.refresh);
}

size_t accounts_busy(void)
{
	return loads.loading + loads.turns.waiting_count + loads.logins.waiting_count;
}
