/* strophe.c - a client made of libstrophe, for tests/clients/strophe.t and mixed.t.
 *
 * Orders: message TO BODY, add JID, approve JID, presence SHOW, quit.
 * Events: online JID, message FROM BODY (delayed), presence FROM TYPE-OR-SHOW, subscribe FROM,
 * offline; and each stanza as it stood on the wire, in XML and out XML. */
#include <stdio.h>
#include <string.h>
#include <strophe.h>

#include "puppet.h"

enum { POLL_MS = 20 };

static xmpp_ctx_t *context;
static xmpp_conn_t *conn;

static void on_log(void *userdata, xmpp_log_level_t level, const char *area, const char *text)
{
	if (strncmp(text, "SENT: ", 6) == 0)
		puppet_say("out", text + 6, NULL);
	else if (strncmp(text, "RECV: ", 6) == 0)
		puppet_say("in", text + 6, NULL);
	else
		puppet_say("log", area, text, NULL);
}

/* ---- orders ---- */

static void message_send(char **fields)
{
	xmpp_stanza_t *message = xmpp_message_new(context, "chat", fields[0], NULL);

	xmpp_message_set_body(message, fields[1]);
	xmpp_send(conn, message);
	xmpp_stanza_release(message);
}

/* Sends presence; `type` and `to` may be NULL. */
static void presence_send(const char *type, const char *to, const char *show)
{
	xmpp_stanza_t *presence = xmpp_presence_new(context), *child, *text;

	if (type != NULL)
		xmpp_stanza_set_type(presence, type);
	if (to != NULL)
		xmpp_stanza_set_to(presence, to);
	if (show != NULL) {
		child = xmpp_stanza_new(context);
		text = xmpp_stanza_new(context);
		xmpp_stanza_set_name(child, "show");
		xmpp_stanza_set_text(text, show);
		xmpp_stanza_add_child_ex(child, text, 0);
		xmpp_stanza_add_child_ex(presence, child, 0);
	}
	xmpp_send(conn, presence);
	xmpp_stanza_release(presence);
}

static void contact_add(char **fields)
{
	presence_send("subscribe", fields[0], NULL);
}

static void contact_approve(char **fields)
{
	presence_send("subscribed", fields[0], NULL);
}

static void show_set(char **fields)
{
	presence_send(NULL, NULL, fields[0]);
}

static void quit(char **fields)
{
	xmpp_disconnect(conn);
}

static const struct order orders[] = {
	{ "message", 2, message_send },
	{ "add", 1, contact_add },
	{ "approve", 1, contact_approve },
	{ "presence", 1, show_set },
	{ "quit", 0, quit },
	{ NULL },
};

/* ---- events ---- */

/* The text of a child as a string that the caller frees with xmpp_free(); NULL if there is none. */
static char *child_text(xmpp_stanza_t *stanza, const char *name)
{
	xmpp_stanza_t *child = xmpp_stanza_get_child_by_name(stanza, name);

	return child == NULL ? NULL : xmpp_stanza_get_text(child);
}

static int on_message(xmpp_conn_t *from, xmpp_stanza_t *stanza, void *userdata)
{
	char *body = child_text(stanza, "body");
	bool delayed = xmpp_stanza_get_child_by_ns(stanza, "urn:xmpp:delay") != NULL;

	if (body == NULL)
		return 1;
	puppet_say("message", xmpp_stanza_get_from(stanza), body, delayed ? "delayed" : NULL, NULL);
	xmpp_free(context, body);
	return 1;
}

static int on_presence(xmpp_conn_t *from, xmpp_stanza_t *stanza, void *userdata)
{
	const char *type = xmpp_stanza_get_type(stanza);
	char *show = child_text(stanza, "show");

	if (type != NULL && strcmp(type, "subscribe") == 0)
		puppet_say("subscribe", xmpp_stanza_get_from(stanza), NULL);
	else
		puppet_say("presence", xmpp_stanza_get_from(stanza),
		    type != NULL   ? type
		    : show != NULL ? show
				   : "available",
		    NULL);
	if (show != NULL)
		xmpp_free(context, show);
	return 1;
}

static void on_connection(xmpp_conn_t *from, xmpp_conn_event_t event, int error,
    xmpp_stream_error_t *stream_error, void *userdata)
{
	if (event != XMPP_CONN_CONNECT) {
		puppet_say("offline", NULL);
		return;
	}
	xmpp_handler_add(conn, on_message, NULL, "message", NULL, NULL);
	xmpp_handler_add(conn, on_presence, NULL, "presence", NULL, NULL);
	presence_send(NULL, NULL, NULL);
	puppet_say("online", xmpp_conn_get_bound_jid(conn), NULL);
}

int main(int argc, char **argv)
{
	static const xmpp_log_t log = { on_log, NULL };
	struct puppet puppet;
	bool going = true;

	puppet_init(&puppet, argc, argv);
	xmpp_initialize();
	context = xmpp_ctx_new(NULL, &log);
	xmpp_ctx_set_timeout(context, POLL_MS);
	conn = xmpp_conn_new(context);
	xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_MANDATORY_TLS);
	xmpp_conn_set_cafile(conn, puppet.certificate);
	xmpp_conn_set_jid(conn, puppet.jid);
	xmpp_conn_set_pass(conn, puppet.password);
	if (xmpp_connect_client(conn, "127.0.0.1", puppet.port, on_connection, NULL) != XMPP_EOK)
		return 1;
	while (xmpp_conn_is_connecting(conn) || xmpp_conn_is_connected(conn)) {
		xmpp_run_once(context, POLL_MS);
		if (going && !puppet_obey(orders)) {
			going = false;
			xmpp_disconnect(conn);
		}
	}
	xmpp_conn_release(conn);
	xmpp_ctx_free(context);
	xmpp_shutdown();
	return 0;
}
