/* purple.c - a client made of libpurple, which is Pidgin without its windows, for
 * tests/clients/purple.t and mixed.t.
 *
 * Orders: message TO BODY, add JID, approve JID, presence STATUS-ID, quit.
 * Events: online JID, message FROM BODY (delayed, if it was sent before this program began),
 * presence FROM STATUS-ID, subscribe FROM, offline, error TEXT; and each stanza as in XML and out
 * XML. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <glib-unix.h>
#include <purple.h>

#include "puppet.h"

#define CLIENT "godwit-test"

static GMainLoop *loop;
static PurpleAccount *account;
static time_t started;

/* A request of a contact that waits for the order to approve it. */
static struct {
	PurpleAccountRequestAuthorizationCb approve;
	void *data;
} request;

/* ---- the event loop that libpurple asks for ---- */

struct input {
	PurpleInputFunction function;
	gpointer data;
};

static gboolean input_ready(gint fd, GIOCondition condition, gpointer data)
{
	struct input *input = data;
	int what = 0;

	if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		what |= PURPLE_INPUT_READ;
	if (condition & (G_IO_OUT | G_IO_ERR))
		what |= PURPLE_INPUT_WRITE;
	input->function(input->data, fd, what);
	return TRUE;
}

static guint input_add(
    int fd, PurpleInputCondition condition, PurpleInputFunction function, gpointer data)
{
	struct input *input = g_new0(struct input, 1);
	int wanted = 0;

	input->function = function;
	input->data = data;
	if (condition & PURPLE_INPUT_READ)
		wanted |= G_IO_IN | G_IO_HUP | G_IO_ERR;
	if (condition & PURPLE_INPUT_WRITE)
		wanted |= G_IO_OUT | G_IO_ERR;
	return g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, wanted, input_ready, input, g_free);
}

static PurpleEventLoopUiOps loop_ops = {
	.timeout_add = g_timeout_add,
	.timeout_remove = g_source_remove,
	.input_add = input_add,
	.input_remove = g_source_remove,
	.timeout_add_seconds = g_timeout_add_seconds,
};

/* ---- orders ---- */

/* libpurple speaks HTML with its user interface. */
static void message_send(char **fields)
{
	PurpleConversation *conversation =
	    purple_conversation_new(PURPLE_CONV_TYPE_IM, account, fields[0]);
	char *html = g_markup_escape_text(fields[1], -1);

	purple_conv_im_send(PURPLE_CONV_IM(conversation), html);
	g_free(html);
}

static void contact_add(char **fields)
{
	PurpleBuddy *buddy = purple_buddy_new(account, fields[0], NULL);

	purple_blist_add_buddy(buddy, NULL, NULL, NULL);
	purple_account_add_buddy(account, buddy);
}

static void contact_approve(char **fields)
{
	request.approve(request.data);
}

static void status_set(char **fields)
{
	purple_account_set_status(account, fields[0], TRUE, NULL);
}

static void quit(char **fields)
{
	purple_account_disconnect(account);
}

static const struct order orders[] = {
	{ "message", 2, message_send },
	{ "add", 1, contact_add },
	{ "approve", 1, contact_approve },
	{ "presence", 1, status_set },
	{ "quit", 0, quit },
	{ NULL },
};

static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
	if (puppet_obey(orders))
		return TRUE;
	g_main_loop_quit(loop);
	return FALSE;
}

/* ---- events ---- */

/* What a window of Pidgin would show, with the time it would show beside it. */
static void on_written(PurpleConversation *conversation, const char *name, const char *alias,
    const char *html, PurpleMessageFlags flags, time_t when)
{
	char *text;

	if (!(flags & PURPLE_MESSAGE_RECV))
		return;
	text = purple_unescape_html(html);
	puppet_say("message", name, text, when < started ? "delayed" : NULL, NULL);
	g_free(text);
}

static void *on_authorize(PurpleAccount *asked, const char *who, const char *id, const char *alias,
    const char *message, gboolean on_list, PurpleAccountRequestAuthorizationCb approve,
    PurpleAccountRequestAuthorizationCb deny, void *data)
{
	request.approve = approve;
	request.data = data;
	puppet_say("subscribe", who, NULL);
	return NULL;
}

static void on_disconnect(PurpleConnection *gc, PurpleConnectionError reason, const char *text)
{
	puppet_say("error", text, NULL);
}

static void on_signed_on(PurpleConnection *gc, gpointer data)
{
	puppet_say("online", purple_connection_get_display_name(gc), NULL);
}

static void on_signed_off(PurpleConnection *gc, gpointer data)
{
	puppet_say("offline", NULL);
	g_main_loop_quit(loop);
}

static void on_buddy(PurpleBuddy *buddy, gpointer data)
{
	PurpleStatus *status = purple_presence_get_active_status(purple_buddy_get_presence(buddy));

	puppet_say("presence", purple_buddy_get_name(buddy), purple_status_get_id(status), NULL);
}

static void on_buddy_status(
    PurpleBuddy *buddy, PurpleStatus *before, PurpleStatus *after, gpointer data)
{
	on_buddy(buddy, data);
}

static void on_received(PurpleConnection *gc, xmlnode **packet, gpointer data)
{
	char *text = xmlnode_to_str(*packet, NULL);

	puppet_say("in", text, NULL);
	g_free(text);
}

static void on_sending(PurpleConnection *gc, char **text, gpointer data)
{
	puppet_say("out", *text, NULL);
}

static PurpleConversationUiOps conversation_ops = { .write_conv = on_written };
static PurpleAccountUiOps account_ops = { .request_authorize = on_authorize };
static PurpleConnectionUiOps connection_ops = { .report_disconnect_reason = on_disconnect };

static void ui_init(void)
{
	purple_conversations_set_ui_ops(&conversation_ops);
	purple_accounts_set_ui_ops(&account_ops);
	purple_connections_set_ui_ops(&connection_ops);
}

static PurpleCoreUiOps core_ops = { .ui_prefs_init = NULL, .ui_init = ui_init };

static void listen(void *instance, const char *signal, GCallback function)
{
	static int handle;

	purple_signal_connect(instance, signal, &handle, PURPLE_CALLBACK(function), NULL);
}

static void listen_all(void)
{
	void *jabber = purple_find_prpl("prpl-jabber");

	listen(purple_connections_get_handle(), "signed-on", G_CALLBACK(on_signed_on));
	listen(purple_connections_get_handle(), "signed-off", G_CALLBACK(on_signed_off));
	listen(purple_blist_get_handle(), "buddy-signed-on", G_CALLBACK(on_buddy));
	listen(purple_blist_get_handle(), "buddy-signed-off", G_CALLBACK(on_buddy));
	listen(purple_blist_get_handle(), "buddy-status-changed", G_CALLBACK(on_buddy_status));
	listen(jabber, "jabber-receiving-xmlnode", G_CALLBACK(on_received));
	listen(jabber, "jabber-sending-text", G_CALLBACK(on_sending));
}

/* ---- the program ---- */

/* Accepts the certificate as the dialogue for unknown ones does: as a file with the host's name. */
static void certificate_accept(const struct puppet *puppet)
{
	char *peers =
	    g_build_filename(puppet->directory, "certificates", "x509", "tls_peers", NULL);
	char *path = g_build_filename(peers, "127.0.0.1", NULL);
	char *text;
	gsize length;

	g_mkdir_with_parents(peers, 0700);
	if (!g_file_get_contents(puppet->certificate, &text, &length, NULL) ||
	    !g_file_set_contents(path, text, (gssize)length, NULL))
		exit(1);
	g_free(text);
	g_free(path);
	g_free(peers);
}

static void account_start(const struct puppet *puppet)
{
	account = purple_account_new(puppet->jid, "prpl-jabber");
	purple_account_set_password(account, puppet->password);
	purple_account_set_string(account, "connect_server", "127.0.0.1");
	purple_account_set_int(account, "port", puppet->port);
	purple_account_set_string(account, "connection_security", "require_tls");
	purple_accounts_add(account);
	purple_account_set_enabled(account, CLIENT, TRUE);
	purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
}

int main(int argc, char **argv)
{
	struct puppet puppet;

	puppet_init(&puppet, argc, argv);
	started = time(NULL);
	loop = g_main_loop_new(NULL, FALSE);
	certificate_accept(&puppet);
	purple_util_set_user_dir(puppet.directory);
	purple_debug_set_enabled(FALSE);
	purple_core_set_ui_ops(&core_ops);
	purple_eventloop_set_ui_ops(&loop_ops);
	if (!purple_core_init(CLIENT))
		return 1;
	purple_set_blist(purple_blist_new());
	listen_all();
	account_start(&puppet);
	g_unix_fd_add(0, G_IO_IN | G_IO_HUP, on_input, NULL);
	g_main_loop_run(loop);
	purple_core_quit();
	return 0;
}
