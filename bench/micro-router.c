/* micro-router.c - a message through the core: the sender's hooks, the router, the receiver's
 * hooks, the choice of the session; no socket, and no modules. The world around it is that of the
 * unit tests of server/core. */
#include "micro.h"

#include <stdlib.h>

#include "core/delivery.h"
#include "core/router.h"
#include "loop/worker.h"
#include "tests/unit/core/world.h"

static struct session *romeo, *juliet;
static struct stanza *message, *ping;

/* A client that has read it at once. */
static void sink_send(
    void *state, const struct stanza *stanza, const struct jid *to, struct delivery *delivery)
{
	micro_keep(stanza);
	if (delivery != NULL)
		delivery_confirmed(delivery);
}

static void sink_end(void *state, enum session_end end)
{
}

static bool sink_acknowledges(void *state)
{
	return false;
}

static const struct session_events sink_events = {
	.send = sink_send,
	.end = sink_end,
	.acknowledges = sink_acknowledges,
};

static struct session *log_in(const char *user)
{
	struct arena *arena = arena_new(0);
	struct account *account = account_get(jid_make(arena, user, "example.org", NULL));
	struct session *session = NULL;

	account_ref(account);
	settle();
	ASSERT(session_new(account, "sink", &sink_events, NULL, NULL, &session) == RC_OK);
	account_unref(account);
	arena_free(&arena);
	return session;
}

static void end(void)
{
	void *state = NULL;

	session_free(&romeo);
	session_free(&juliet);
	stanza_unref(&message);
	stanza_unref(&ping);
	world_teardown(&state);
}

static void prepare(void)
{
	struct element *body;
	void *state = NULL;

	if (message != NULL)
		return;
	setenv("top_srcdir", SOURCE, 0); /* where the world looks for the schema */
	ASSERT(world_setup(&state) == 0);
	atexit(end);
	users_make("romeo", "juliet", NULL);
	romeo = log_in("romeo");
	juliet = log_in("juliet");
	message = stanza_new(MESSAGE_CHAT, session_jid(romeo), session_jid(juliet), "m1");
	body = element_add_new(
	    stanza_arena(message), stanza_element(message), "jabber:client", "body");
	element_add_text(stanza_arena(message), body, "Turn towards the north.");
	ping = stanza_new(IQ_TYPE_RESULT, session_jid(romeo), session_jid(juliet), "p1");
}

static void route_message(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++)
		router_send(message, NULL);
}

static void route_iq(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++)
		router_send(ping, NULL);
}

static void receive_message(size_t count)
{
	prepare();
	for (size_t i = 0; i < count; i++)
		session_receive(romeo, message, NULL);
}

const struct micro micro_router[] = {
	{ "router: a message to a session here", route_message },
	{ "router: an iq to a session here", route_iq },
	{ "router: the same message, from its session", receive_message },
	{ NULL },
};
