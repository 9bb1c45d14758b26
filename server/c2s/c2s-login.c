/* c2s-login.c - from a stream to a session: what a stranger is offered, and the resource
 * that it gets at the user's home. */
#include "c2s/c2s-private.h"
#include "core/account.h"
#include "core/bans.h"
#include "core/home.h"
#include "core/password-reset.h"
#include "core/router.h"
#include "core/session.h"
#include "net/transport.h"
#include "stream/stream.h"

/* ---- before login ---- */

bool c2s_serves(void *state, const char *domain)
{
	(void)state;
	return server_serves(domain);
}

void c2s_features(void *state, struct arena *arena, struct element *features, bool logged_in)
{
	struct c2s *c2s = state;
	const char *domain = stream_domain(c2s->stream);

	if (logged_in) {
		element_add_new(arena, features, NS_ROSTER_VER, "ver");
		element_add_new(arena, features, NS_PREAPPROVAL, "sub");
	}
	for (const struct module *const *module = server_modules(); *module != NULL; module++)
		if ((*module)->stream_features != NULL)
			(*module)->stream_features(arena, domain, features, logged_in);
}

/* One line that names the address, for fail2ban (doc/admin.md). */
void c2s_refused(void *state, const char *username, const char *mechanism, const char *why)
{
	struct c2s *c2s = state;

	log_info(stream_log(c2s->stream), "login failed", KV("username", username),
	    KV("mechanism", mechanism), KV("why", why));
}

static void c2s_early_answer(void *state, struct stanza *answer)
{
	struct c2s *c2s = state;

	if (c2s->stream != NULL)
		stream_send(c2s->stream, answer, NULL, NULL);
}

static void c2s_early_ended(void *state, enum rc rc)
{
	(void)rc;
	c2s_unref(state);
}

/* XEP-0077 before login: to the domain, from nobody. Nothing else is answered to strangers. */
bool c2s_early_iq(void *state, struct arena *arena, struct element *element)
{
	struct c2s *c2s = state;
	const struct jid *domain = jid_parse(arena, stream_domain(c2s->stream));
	struct stanza *iq = NULL;
	enum rc rc;

	if (element_child(element, NS_REGISTER, "query") != NULL)
		iq = stanza_from_element(arena, element, NULL, domain, &rc);
	if (iq == NULL)
		return false;
	c2s->references++;
	router_early(iq, c2s_early_answer, c2s_early_ended, c2s);
	stanza_unref(&iq);
	return true;
}

/* ---- moving in ---- */

void c2s_authenticated(void *state, const char *domain, const char *username)
{
	struct c2s *c2s = state;
	struct arena *arena = arena_new(0);
	struct worker *home;

	c2s->jid = jid_copy_heap(jid_make(arena, username, domain, NULL));
	arena_free(&arena);
	home = home_of(c2s->jid);
	if (home == worker_current()) {
		stream_restart(c2s->stream);
		return;
	}
	c2s_move(c2s, home);
}

static enum rc c2s_open_session(struct c2s *c2s, struct account *account)
{
	if (bans_have_jid(c2s->jid))
		return RC_NOT_ALLOWED;
	return session_new(account, c2s->resource, &c2s_session_events, c2s,
	    stream_log(c2s->stream), &c2s->session);
}

static void c2s_session_bind(struct c2s *c2s, struct account *account)
{
	enum rc rc;

	/* Maybe it has shown that it knows the old one. */
	if (password_reset_since(c2s->jid, c2s->asked_us)) {
		stream_fail(c2s->stream, STREAM_RESET, "the password was reset");
		return;
	}
	rc = c2s_open_session(c2s, account);
	if (rc != RC_OK) {
		stream_bind_failed(c2s->stream, rc);
		return;
	}
	stream_bound(c2s->stream, c2s->session->jid);
	log_info(stream_log(c2s->stream), "resource bound", KV("jid", jid_text(c2s->session->jid)),
	    KV("tls", transport_tls_version(stream_transport(c2s->stream))));
}

static void c2s_account_loaded(struct account_waiter *waiter, struct account *account)
{
	struct c2s *c2s = CONTAINER_OF(waiter, struct c2s, waiter);

	if (c2s->stream != NULL && !stream_is_over(c2s->stream))
		c2s_session_bind(c2s, account);
	c2s_unref(c2s);
}

void c2s_bind(void *state, const char *resource)
{
	struct c2s *c2s = state;

	mem_free(c2s->resource);
	c2s->resource = resource == NULL ? NULL : mem_strdup(resource);
	c2s->waiter.loaded = c2s_account_loaded;
	c2s->references++;
	account_login(account_get(c2s->jid), &c2s->waiter);
}
