/* race.c - several attempts to connect, of which the first that comes through counts.
 * A failure has the next one begin at once, silence after a moment. Hosts of the next priority are
 * there for the case that those before cannot be reached, so they wait longer. Who was still
 * connecting when another won has not failed: if the winner is of no use, he is called again. */
#include "net/race.h"

#include <arpa/inet.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "net/connector.h"
#include "net/resolver.h"

/* RFC 8305 section 5, and what RFC 2782 is worth. */
enum { NEXT_MS = 250, NEXT_PRIORITY_MS = 2000 };

struct runner {
	struct race *race;
	const struct resolver_host *host;
	const union resolver_address *address;
	struct connector *connector; /* while it runs */
	bool is_out;                 /* it has failed, or won */
};

struct race {
	const struct resolver_answer *answer;
	unsigned timeout_ms;
	struct log *log;
	struct timer *timer; /* until the next one begins */
	race_done *done;
	void *state;
	struct runner runners[RACE_MAX]; /* in the order in which they begin */
	size_t count;
};

/* ---- who runs ---- */

static struct runner *race_waiting(struct race *race)
{
	for (size_t i = 0; i < race->count; i++)
		if (!race->runners[i].is_out && race->runners[i].connector == NULL)
			return &race->runners[i];
	return NULL;
}

static bool race_is_running(const struct race *race)
{
	for (size_t i = 0; i < race->count; i++)
		if (race->runners[i].connector != NULL)
			return true;
	return false;
}

size_t race_left(const struct race *race)
{
	size_t left = 0;

	for (size_t i = 0; i < race->count; i++)
		left += !race->runners[i].is_out;
	return left;
}

static void race_halt(struct race *race)
{
	timer_clear(race->timer);
	for (size_t i = 0; i < race->count; i++)
		connector_free(&race->runners[i].connector);
}

/* ---- running ---- */

static void runner_done(void *state, int fd, const char *why);

static bool is_alternative(const struct runner *runner, const struct runner *other)
{
	return runner->host->priority == other->host->priority;
}

static void race_begin(void *state)
{
	struct race *race = state;
	struct runner *runner = race_waiting(race), *next;

	if (runner == NULL)
		return;
	runner->connector =
	    connector_new(&runner->address->any, race->timeout_ms, runner_done, runner);
	next = race_waiting(race);
	if (next == NULL)
		timer_clear(race->timer);
	else
		timer_set(race->timer, is_alternative(next, runner) ? NEXT_MS : NEXT_PRIORITY_MS);
}

static void runner_tell(const struct runner *runner, const char *why)
{
	const union resolver_address *address = runner->address;
	bool is_ipv4 = address->any.sa_family == AF_INET;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(address->any.sa_family,
	    is_ipv4 ? (const void *)&address->ipv4.sin_addr
		    : (const void *)&address->ipv6.sin6_addr,
	    text, sizeof text);
	log_info(runner->race->log, "cannot be called there", KV("host", runner->host->name),
	    KV("address", text), KV("port", runner->host->port), KV("why", why));
}

static void runner_failed(struct runner *runner, const char *why)
{
	struct race *race = runner->race;
	const struct runner *next = race_waiting(race);
	bool is_running = race_is_running(race);

	runner_tell(runner, why);
	if (next != NULL && (!is_running || is_alternative(next, runner)))
		race_begin(race);
	else if (next == NULL && !is_running)
		race->done(race->state, -1, NULL, why);
}

static void runner_done(void *state, int fd, const char *why)
{
	struct runner *runner = state;
	struct race *race = runner->race;

	connector_free(&runner->connector);
	runner->is_out = true;
	if (fd < 0) {
		runner_failed(runner, why);
		return;
	}
	race_halt(race);
	race->done(race->state, fd, runner->host, NULL);
}

void race_run(struct race *race)
{
	race_begin(race);
}

/* ---- life ---- */

static void race_add(struct race *race, const struct resolver_host *host)
{
	for (size_t i = 0; i < host->address_count && i < RACE_HOST_MAX; i++)
		if (race->count < RACE_MAX)
			race->runners[race->count++] = (struct runner){
				.race = race, .host = host, .address = &host->addresses[i]
			};
}

struct race *race_new(const struct resolver_answer *answer, unsigned timeout_ms, struct log *log,
    race_done *done, void *state)
{
	struct race *race = mem_alloc_zero(sizeof *race);

	race->answer = resolver_answer_ref(answer);
	race->timeout_ms = timeout_ms;
	race->log = log;
	race->timer = timer_new(race_begin, race);
	race->done = done;
	race->state = state;
	for (size_t i = 0; i < answer->host_count; i++)
		race_add(race, &answer->hosts[i]);
	return race;
}

void race_free(struct race **race)
{
	struct race *gone = *race;

	*race = NULL;
	if (gone == NULL)
		return;
	race_halt(gone);
	timer_free(&gone->timer);
	resolver_answer_unref(&gone->answer);
	mem_free(gone);
}
