/* backlog.c - what is kept for an account on its way to a session, page by page. */
#include "core/backlog-private.h"

#include "core/account.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/pause.h"
#include "core/session.h"

/* Rows read for a page. */
#define FEWEST_ROWS 4
#define MOST_ROWS 100
/* A page ends with the stanza that exceeds this, far below what a connection may have unsent. */
#define PAGE_BYTES (256 * 1024)
/* What was kept without a time was to be delivered at once; later than this it was not. */
#define AT_ONCE_US (INT64_C(3) * 1000000)
/* A client that takes longer for a page gets the next one all the same, when a message arrives. */
#define PATIENCE_US (INT64_C(10) * 1000000)

/* Rows on their way to a session. */
struct flush {
	struct backlog *backlog;
	struct account *account;   /* referenced */
	struct jid *to;            /* the session, which may be gone */
	int64_t first_id, last_id; /* of the page that was sent last */
	size_t rows;               /* to read: at most twice what went into the page before */
	size_t outstanding;        /* stanzas of that page the client does not have yet */
	int64_t since_us;          /* when it was sent */
	bool reading;
	struct pause *pause; /* while reading */
	bool anew;           /* rows that it has passed wait: it begins anew at its end */
};

static store_done page_read;

static void flush_go_on(struct flush *flush);

/* ---- backlogs ---- */

static struct backlog *backlog_of(const struct account *account, const struct module *module)
{
	struct backlog *backlog;

	SLIST_FOREACH (backlog, &account->backlogs, next)
		if (backlog->module == module)
			return backlog;
	return NULL;
}

static struct backlog *backlog_need(struct account *account, const struct module *module)
{
	struct backlog *backlog = backlog_of(account, module);

	if (backlog != NULL)
		return backlog;
	backlog = mem_alloc_zero(sizeof *backlog);
	backlog->account = account;
	backlog->module = module;
	LIST_INIT(&backlog->deletions);
	SLIST_INSERT_HEAD(&account->backlogs, backlog, next);
	return backlog;
}

void backlogs_free(struct account *account)
{
	struct backlog *backlog;

	while ((backlog = SLIST_FIRST(&account->backlogs)) != NULL) {
		SLIST_REMOVE_HEAD(&account->backlogs, next);
		backlog_forget_end(backlog);
		mem_free(backlog);
	}
}

/* ---- to whom ---- */

/* The most available session other than `but`, or NULL. */
static struct session *session_best(const struct account *account, const struct session *but)
{
	struct session *session, *best = NULL;

	TAILQ_FOREACH (session, &account->sessions, sibling)
		if (session != but && session_is_reachable(session) &&
		    (best == NULL || session->priority > best->priority))
			best = session;
	return best;
}

/* The session that gets the rows, or NULL if it cannot any more. */
static struct session *flush_session(const struct flush *flush)
{
	struct session *session = account_find_session(flush->account, jid_resource(flush->to));

	return session == NULL || !session_is_reachable(session) ? NULL : session;
}

/* ---- pages ---- */

/* What arrives waits until the page is sent. */
static void flush_read(struct flush *flush)
{
	struct backlog *backlog = flush->backlog;
	struct arena *arena = arena_new(0);

	backlog_forget_all(backlog);
	flush->reading = true;
	flush->pause = pause_new(flush->account);
	backlog->module->backlog->read(
	    account_key_of(flush->account, arena), flush->last_id, flush->rows, page_read, flush);
	arena_free(&arena);
}

/* Begins to send what is kept to a session; NULL: there is none. */
static void flush_start(struct backlog *backlog, const struct session *session)
{
	if (session == NULL || !backlog->waits || backlog->flush != NULL)
		return;
	backlog->flush = mem_alloc_zero(sizeof *backlog->flush);
	backlog->flush->backlog = backlog;
	backlog->flush->rows = MOST_ROWS;
	backlog->flush->account = account_ref(backlog->account);
	backlog->flush->to = jid_copy_heap(session_jid(session));
	flush_read(backlog->flush);
}

static void flush_end(struct flush *flush)
{
	struct account *account = flush->account;

	flush->backlog->flush = NULL;
	jid_free(&flush->to);
	mem_free(flush);
	account_unref(account);
}

/* The next page: to the same session or, if it is gone, all from the beginning to another. */
static void flush_go_on(struct flush *flush)
{
	const struct session *session = flush_session(flush);

	if (session == NULL) {
		session = session_best(flush->account, NULL);
		if (session == NULL || account_is_gone(flush->account)) {
			flush_end(flush);
			return;
		}
		jid_free(&flush->to);
		flush->to = jid_copy_heap(session_jid(session));
		flush->last_id = 0;
	}
	flush_read(flush);
}

/* All rows were sent. Those that it had passed, or that were lost, are for another session to take.
 */
static void flush_over(struct flush *flush)
{
	flush->backlog->waits = flush->anew;
	if (!flush->anew) {
		flush_end(flush);
		return;
	}
	flush->anew = false;
	flush->last_id = 0;
	flush_go_on(flush);
}

/* XEP-0203, for what did not say. */
static void stanza_add_time(struct stanza *stanza, const struct account *account, int64_t kept_us)
{
	struct arena *arena;

	if (time_now_us() - kept_us < AT_ONCE_US || stanza_child(stanza, NS_DELAY, "delay") != NULL)
		return;
	arena = arena_new(0);
	stanza_add_delay(stanza, jid_domain(arena, account->jid), time_format(arena, kept_us));
	arena_free(&arena);
}

/* Sends one row, unless a session has it already or had it; returns its size. */
static size_t row_send(
    struct flush *flush, struct session *session, const struct store_result *rows, size_t row)
{
	int64_t id = store_integer(rows, row, 0);
	const char *text = store_text(rows, row, 1);
	size_t bytes = strlen(text);
	struct stanza *stanza;

	flush->last_id = id;
	if (delivery_is_under_way(flush->account, id) || backlog_has_forgotten(flush->backlog, id))
		return 0;
	stanza = stanza_parse(text, bytes);
	if (stanza == NULL) {
		log_warning(NULL, "a kept row is not a stanza",
		    KV("module", flush->backlog->module->name),
		    KV("jid", jid_text(flush->account->jid)), KV("id", id));
		return 0;
	}
	if (flush->outstanding == 0)
		flush->first_id = id;
	flush->outstanding++;
	stanza_add_time(stanza, flush->account, store_integer(rows, row, 2));
	delivery_kept(session, stanza, id);
	stanza_unref(&stanza);
	return bytes;
}

/* Large rows are not to be read again and again. */
static size_t rows_after(size_t sent)
{
	if (2 * sent > MOST_ROWS)
		return MOST_ROWS;
	return 2 * sent < FEWEST_ROWS ? FEWEST_ROWS : 2 * sent;
}

/* Returns whether these were the last rows. Sending may end the session. */
static bool page_send(struct flush *flush, const struct store_result *rows)
{
	struct session *session;
	size_t bytes = 0, row, asked = flush->rows;

	flush->outstanding = 0;
	flush->since_us = time_now_us();
	for (row = 0; row < store_rows(rows) && bytes <= PAGE_BYTES; row++) {
		session = flush_session(flush);
		if (session == NULL)
			return false;
		bytes += row_send(flush, session, rows, row);
	}
	flush->rows = rows_after(row);
	return row == store_rows(rows) && row < asked;
}

/* The rows are still there, and found when the account is loaded again. */
static void flush_fail(struct flush *flush)
{
	account_set_stale(flush->account);
	flush_end(flush);
}

static void page_read(const struct store_result *result, void *state)
{
	struct flush *flush = state;
	struct pause *pause = flush->pause;

	flush->pause = NULL;
	if (store_rc(result) != RC_OK)
		flush_fail(flush);
	else if (page_send(flush, result))
		flush_over(flush);
	else if (flush->outstanding > 0 && flush_session(flush) != NULL)
		flush->reading = false;
	else
		flush_go_on(flush);
	pause_free(&pause);
}

/* ---- what modules say ---- */

/* Its rows, or some of them, are for whoever can take them. */
static void backlog_begin(struct backlog *backlog)
{
	backlog->waits = true;
	if (backlog->flush != NULL)
		backlog->flush->anew = true;
	else
		flush_start(backlog, session_best(backlog->account, NULL));
}

void backlog_wait(struct account *account, const struct module *module, int64_t highest)
{
	home_skip_ids(highest);
	backlog_begin(backlog_need(account, module));
}

void backlog_expect(struct account *account, const struct module *module)
{
	backlog_need(account, module)->waits = true;
}

void backlog_add(struct account *account, const struct module *module, int64_t number)
{
	struct backlog *backlog = backlog_need(account, module);
	struct flush *flush = backlog->flush;

	if (flush == NULL || number <= flush->last_id) {
		backlog_begin(backlog);
		return;
	}
	backlog->waits = true;
	if (!flush->reading && time_now_us() - flush->since_us > PATIENCE_US)
		flush_go_on(flush);
}

bool backlog_precedes(
    const struct account *account, const struct module *module, const struct jid *to)
{
	const struct backlog *backlog = backlog_of(account, module);
	const struct flush *flush = backlog == NULL ? NULL : backlog->flush;

	if (flush == NULL || (flush->pause != NULL && pause_is_over(flush->pause)))
		return false;
	return jid_is_bare(to) || jid_equal(to, flush->to);
}

/* ---- what the core says ---- */

void backlogs_session_reachable(struct session *session)
{
	struct backlog *backlog;

	SLIST_FOREACH (backlog, &session->account->backlogs, next)
		flush_start(backlog, session);
}

/* What it has not confirmed is given to others, or stays. */
void backlogs_session_ended(struct session *session)
{
	struct backlog *backlog;

	SLIST_FOREACH (backlog, &session->account->backlogs, next) {
		if (backlog->flush != NULL && !backlog->flush->reading &&
		    jid_equal(backlog->flush->to, session->jid))
			flush_end(backlog->flush);
		flush_start(backlog, session_best(session->account, session));
	}
}

static void flush_took(struct flush *flush, int64_t number)
{
	if (flush->reading || flush->outstanding == 0 || number < flush->first_id ||
	    number > flush->last_id)
		return;
	flush->outstanding--;
	if (flush->outstanding == 0)
		flush_go_on(flush);
}

void backlogs_delivered(struct account *account, int64_t number)
{
	struct backlog *backlog;

	for (const struct module *const *module = server_modules(); *module != NULL; module++) {
		if ((*module)->backlog == NULL)
			continue;
		backlog = backlog_need(account, *module);
		backlog_forget(backlog, number);
		if (backlog->flush != NULL)
			flush_took(backlog->flush, number);
	}
}

void backlogs_lost(struct account *account)
{
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if ((*module)->backlog != NULL)
			backlog_begin(backlog_need(account, *module));
}
