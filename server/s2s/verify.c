/* verify.c - keys that others have shown to us, on their way to the server that can tell whether it
 * has made them (XEP-0220 section 2.1.2), and back to the connection that they came from. */
#include "base/mem.h"
#include "core/home.h"
#include "s2s/s2s-private.h"

void verify_free(struct verify *verify)
{
	mem_free(verify->local);
	mem_free(verify->remote);
	mem_free(verify->id);
	mem_free(verify->key);
	mem_free(verify);
}

/* Back at the connection's worker. */
static void verify_returned(struct mail *mail)
{
	struct verify *verify = CONTAINER_OF(mail, struct verify, mail);

	inbound_told(verify->inbound, verify);
	inbound_unref(verify->inbound);
	verify_free(verify);
}

void verify_end(struct verify *verify, enum dialback_type outcome, enum rc rc)
{
	verify->outcome = outcome;
	verify->rc = rc;
	worker_post(verify->asker, &verify->mail, verify_returned);
}

void verifies_end(struct link *link, bool asked_only, enum rc rc)
{
	struct verify *verify, *next;

	for (verify = TAILQ_FIRST(&link->verifies); verify != NULL; verify = next) {
		next = TAILQ_NEXT(verify, next);
		if (asked_only && !verify->is_asked)
			continue;
		TAILQ_REMOVE(&link->verifies, verify, next);
		verify_end(verify, DIALBACK_ERROR, rc);
	}
}

void verifies_expire(struct link *link)
{
	int64_t before_ms = worker_now_ms() - (int64_t)s2s_config()->link_timeout * 1000;
	struct verify *verify;

	while ((verify = TAILQ_FIRST(&link->verifies)) != NULL && verify->is_asked &&
	       verify->asked_ms <= before_ms) {
		TAILQ_REMOVE(&link->verifies, verify, next);
		verify_end(verify, DIALBACK_ERROR, RC_REMOTE_SERVER_TIMEOUT);
	}
}

/* At the home of the domain that calls. */
static void verify_came(struct mail *mail)
{
	struct verify *verify = CONTAINER_OF(mail, struct verify, mail);
	struct link *link =
	    s2s.is_shutting ? NULL : link_get_for_others(verify->local, verify->remote);

	if (link == NULL) {
		verify_end(verify, DIALBACK_ERROR, RC_RESOURCE_CONSTRAINT);
		return;
	}
	TAILQ_INSERT_TAIL(&link->verifies, verify, next);
	link_push(link);
}

void verify_start(
    struct inbound *inbound, const char *local, const char *remote, const char *id, const char *key)
{
	struct verify *verify = mem_alloc_zero(sizeof *verify);

	inbound_ref(inbound);
	verify->inbound = inbound;
	verify->asker = worker_current();
	verify->local = mem_strdup(local);
	verify->remote = mem_strdup(remote);
	verify->id = mem_strdup(id);
	verify->key = mem_strdup(key);
	worker_post(home_of_domain(remote), &verify->mail, verify_came);
}
