/* resolver-office.c - the one worker that asks DNS: its settings, and the queries under way.
 * The first query opens it. Where the keys of the root were found by chance, not named in the
 * settings, the root is asked for its own first: if the servers of this network pass on no
 * signatures, nothing could be validated and nobody be reached, so that answers count as unsigned
 * then. Queries wait for that, and for nothing else. */
#include "net/resolver-private.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"

enum office_state {
	OFFICE_SHUT, /* nothing was asked yet, or whether to trust is to be asked again */
	OFFICE_TRYING,
	OFFICE_OPEN
};

static struct {
	struct worker *worker; /* set before others run */
	struct resolver_config settings;
	struct arena *settings_arena;
	enum office_state state;
	struct dns *dns;
	struct dns_question trial;
	enum dns_result trial_result;
	struct later later;
	bool is_unsigned; /* nothing is validated, whatever the settings */
	bool is_closed;
	unsigned deadline_ms;
	size_t query_count;
	LIST_HEAD(, resolver_query) queries;
} office;

/* ---- queries ---- */

/* Its answer is made. */
static void query_found(struct resolver_query *query)
{
	LIST_REMOVE(query, next);
	office.query_count--;
	timer_free(&query->timer);
	query_return(query);
}

static void query_late(void *state)
{
	search_hurry(state);
}

/* All that is under way ends now, with what is known. */
static void queries_hurry(void)
{
	struct resolver_query *query;

	while ((query = LIST_FIRST(&office.queries)) != NULL)
		search_hurry(query);
}

/* Those that wait. */
static void queries_start(void)
{
	struct resolver_query *query, *following;

	for (query = LIST_FIRST(&office.queries); query != NULL; query = following) {
		following = LIST_NEXT(query, next);
		if (!search_is_started(query))
			search_start(query, office.dns);
	}
}

/* All are to begin anew: no question is open after this. */
static void queries_reset(void)
{
	struct resolver_query *query;

	LIST_FOREACH (query, &office.queries, next)
		search_init(query, query_found);
}

static void queries_fail(const char *text)
{
	struct resolver_query *query;

	while ((query = LIST_FIRST(&office.queries)) != NULL) {
		search_fail(query, RESOLVER_FAILED, text);
		query_found(query);
	}
}

/* ---- opening ---- */

static bool dns_make(void)
{
	struct resolver_config config = office.settings;
	struct arena *arena = arena_new(0);
	const char *error;

	if (office.is_unsigned)
		config.trust_anchor_file = "";
	if (office.dns == NULL)
		office.dns = dns_new(&config, arena, &error);
	if (office.dns == NULL)
		log_error(NULL, "DNS cannot be asked", KV("why", error));
	arena_free(&arena);
	return office.dns != NULL;
}

static void office_open(void)
{
	if (dns_make()) {
		office.state = OFFICE_OPEN;
		queries_start();
	} else {
		queries_fail("DNS cannot be asked; the log says why");
	}
}

/* What came of the trial. If it is no answer at all, it is made again for the next query. */
static void trial_ended(struct later *later)
{
	if (office.trial_result == DNS_BOGUS) {
		log_warning(NULL,
		    "the DNS servers pass on no signatures (DNSSEC): answers count as "
		    "unsigned; set trust_anchor_file to insist");
		office.is_unsigned = true;
		queries_reset();
		dns_free(&office.dns);
	}
	office_open();
	if (office.trial_result >= DNS_FAILED && office.trial_result != DNS_BOGUS)
		office.state = OFFICE_SHUT;
}

/* Inside of libunbound, which cannot be freed here. */
static void trial_answered(struct dns_question *question, const struct dns_reply *reply)
{
	office.trial_result = reply->result;
	worker_later(&office.later, trial_ended);
}

static void office_enter(void)
{
	if (!dns_make() || !dns_has_found_anchors(office.dns)) {
		office_open();
		return;
	}
	office.state = OFFICE_TRYING;
	dns_ask(office.dns, ".", DNS_DNSKEY, &office.trial, trial_answered);
}

static void query_admit(struct resolver_query *query)
{
	LIST_INSERT_HEAD(&office.queries, query, next);
	office.query_count++;
	query->timer = timer_new(query_late, query);
	timer_set(query->timer, office.deadline_ms);
	search_init(query, query_found);
	if (office.state == OFFICE_OPEN)
		search_start(query, office.dns);
	else if (office.state == OFFICE_SHUT)
		office_enter();
}

static void query_arrived(struct mail *mail)
{
	struct resolver_query *query = CONTAINER_OF(mail, struct resolver_query, mail);

	if (office.is_closed) {
		search_fail(query, RESOLVER_FAILED, "the server is about to stop");
		query_return(query);
	} else if (office.query_count == RESOLVER_QUERIES_MAX) {
		search_fail(query, RESOLVER_BUSY, "too many domains are being looked up");
		query_return(query);
	} else {
		query_admit(query);
	}
}

void office_send(struct resolver_query *query)
{
	worker_post(office.worker, &query->mail, query_arrived);
}

/* ---- start, settings, end ---- */

static const char *const *list_copy(const char *const *list, struct arena *arena)
{
	const char **copy;
	size_t count = 0;

	while (list[count] != NULL)
		count++;
	copy = arena_alloc(arena, (count + 1) * sizeof *copy);
	for (size_t i = 0; i < count; i++)
		copy[i] = arena_strdup(arena, list[i]);
	copy[count] = NULL;
	return copy;
}

void resolver_start(const struct resolver_config *config)
{
	struct arena *arena = arena_new(0);

	office.worker = worker_current();
	office.is_closed = false;
	office.is_unsigned = false;
	office.state = OFFICE_SHUT;
	office.settings_arena = arena;
	office.settings = (struct resolver_config){
		.forward = list_copy(config->forward, arena),
		.stub = list_copy(config->stub, arena),
		.trust_anchor_file = arena_strdup(arena, config->trust_anchor_file),
		.local_data = list_copy(config->local_data, arena),
		.timeout = config->timeout,
	};
	office.deadline_ms = config->timeout * 1000;
}

void resolver_set_deadline(unsigned ms)
{
	office.deadline_ms = ms;
}

/* No question is open after this. */
static void office_leave(void)
{
	dns_forget(&office.trial);
	later_cancel(&office.later);
	dns_free(&office.dns);
	arena_free(&office.settings_arena);
}

void resolver_configure(const struct resolver_config *config)
{
	queries_reset();
	office_leave();
	resolver_start(config);
	if (!LIST_EMPTY(&office.queries))
		office_enter();
}

void resolver_close(void)
{
	office.is_closed = true;
	queries_hurry();
}

void resolver_stop(void)
{
	resolver_close();
	office_leave();
}

const char *resolver_config_wrong(const struct resolver_config *config, struct arena *arena)
{
	struct worker *before = worker_current(), *worker = worker_new(0);
	const char *wrong;
	struct dns *tried;

	worker_enter(worker);
	tried = dns_new(config, arena, &wrong);
	dns_free(&tried);
	worker_enter(before);
	worker_free(&worker);
	return wrong;
}
