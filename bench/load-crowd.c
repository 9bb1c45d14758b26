/* load-crowd.c - see load-crowd.h. */
#include "load-crowd.h"

#include "base/mem.h"
#include "load-login.h"
#include "load-report.h"

#define TURN_NS 50000000
#define STUCK_NS INT64_C(60000000000) /* nobody could log in for so long */

/* ---- what happens to one of them ---- */

static void member_ready(struct client *client)
{
	struct crowd *crowd = client->owner;

	times_add(&crowd->latency, now_ns() - client->begun_ns);
	crowd->busy--;
	crowd->ready++;
}

static void member_stanza(struct client *client, struct span stanza)
{
	struct crowd *crowd = client->owner;

	if (crowd->stanza != NULL)
		crowd->stanza(client, stanza);
}

static void member_ended(struct client *client, const char *why)
{
	struct crowd *crowd = client->owner;

	report_problem("%s%zu: %s", client->prefix, client->number, why);
	if (client->is_ready)
		crowd->ready--;
	else
		crowd->busy--;
}

static const struct client_events member_events = {
	.ready = member_ready,
	.stanza = member_stanza,
	.ended = member_ended,
};

/* ---- all of them ---- */

void crowd_make(struct crowd *crowd, const char *prefix, size_t count)
{
	*crowd = (struct crowd){ .count = count };
	crowd->clients = mem_alloc_zero(count * sizeof *crowd->clients);
	for (size_t i = 0; i < count; i++) {
		struct client *client = &crowd->clients[i];

		client->fd = -1;
		client->events = &member_events;
		client->owner = crowd;
		client->prefix = prefix;
		client->number = i;
	}
}

/* Starts logins until enough are under way; `next` is the first that was not looked at. */
static void logins_start(struct crowd *crowd, size_t flight, size_t *next)
{
	for (; *next < crowd->count && (flight == 0 || crowd->busy < flight); ++*next) {
		struct client *client = &crowd->clients[*next];

		if (client->fd >= 0)
			continue;
		crowd->busy++;
		login_start(client);
	}
}

bool crowd_login(struct crowd *crowd, size_t flight, const char *what)
{
	uint64_t problems = report_problems();
	int64_t last_ns = now_ns();
	size_t next = 0, ready = crowd->ready;

	crowd->latency = (struct times){ 0 };
	logins_start(crowd, flight, &next);
	while (crowd->busy > 0) {
		clients_turn(TURN_NS);
		logins_start(crowd, flight, &next);
		report_progress("%s: %zu of %zu logged in", what, crowd->ready, crowd->count);
		if (crowd->ready != ready)
			last_ns = now_ns();
		else if (now_ns() - last_ns > STUCK_NS)
			break;
		ready = crowd->ready;
	}
	if (crowd->ready < crowd->count)
		report_problem("%s: %zu of %zu could not log in", what, crowd->count - crowd->ready,
		    crowd->count);
	return report_problems() == problems;
}

static void crowd_end(struct crowd *crowd, void (*end)(struct client *))
{
	for (size_t i = 0; i < crowd->count; i++)
		end(&crowd->clients[i]);
	crowd->ready = crowd->busy = 0;
}

void crowd_drop(struct crowd *crowd)
{
	crowd_end(crowd, client_close);
}

void crowd_leave(struct crowd *crowd)
{
	crowd_end(crowd, client_leave);
}

void crowd_free(struct crowd *crowd)
{
	crowd_drop(crowd);
	mem_free(crowd->clients);
	*crowd = (struct crowd){ 0 };
}
