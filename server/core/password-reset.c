/* password-reset.c - a table of those who were reset lately, and the order in which that was. */
#include "core/password-reset.h"

#include <string.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/mem.h"
#include "core/config.h"
#include "core/home.h"
#include "loop/worker.h"
#include "xmpp/jid.h"

struct reset {
	TAILQ_ENTRY(reset) next;
	int64_t at_us;
	char *name; /* the account's bare JID, the key of the table */
};

/* Of this worker, those that are over first. */
static _Thread_local TAILQ_HEAD(, reset) resets;
static _Thread_local struct hash *by_name;

static void reset_forget(struct reset *reset)
{
	hash_remove(by_name, reset->name, strlen(reset->name));
	TAILQ_REMOVE(&resets, reset, next);
	mem_free(reset->name);
	mem_free(reset);
}

/* Whoever began before these has run into the deadline. */
static void resets_sweep(void)
{
	int64_t over_us =
	    worker_clock_us() - (int64_t)home_config()->limits.login_timeout * 1000000;
	struct reset *reset;

	while ((reset = TAILQ_FIRST(&resets)) != NULL && reset->at_us < over_us)
		reset_forget(reset);
}

static struct reset *reset_of(const struct jid *jid)
{
	return hash_get(by_name, jid_text(jid), jid_bare_length(jid));
}

void password_reset_note(const struct jid *jid)
{
	struct reset *reset = reset_of(jid);

	if (reset != NULL)
		reset_forget(reset);
	resets_sweep();
	reset = mem_alloc_zero(sizeof *reset);
	reset->at_us = worker_clock_us();
	reset->name = mem_strndup(jid_text(jid), jid_bare_length(jid));
	TAILQ_INSERT_TAIL(&resets, reset, next);
	hash_put(by_name, reset->name, strlen(reset->name), reset);
}

bool password_reset_since(const struct jid *jid, int64_t since_us)
{
	const struct reset *reset = reset_of(jid);

	return reset != NULL && reset->at_us >= since_us;
}

void password_resets_start(void)
{
	TAILQ_INIT(&resets);
	by_name = hash_new();
}

void password_resets_stop(void)
{
	while (!TAILQ_EMPTY(&resets))
		reset_forget(TAILQ_FIRST(&resets));
	hash_free(&by_name);
}
