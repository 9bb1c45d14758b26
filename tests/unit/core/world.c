/* world.c - see world.h. */
#include "world.h"

#include "core/config.h"
#include "core/delivery.h"
#include "core/home.h"
#include "core/hooks.h"
#include "loop/worker.h"
#include "store/database.h"
#include <unistd.h>

static struct {
	char directory[32];
	struct arena *arena;
	struct worker *worker;
	struct worker *workers[1];
	struct store *store;
	struct config *config;
	bool ready;
} world;

static const struct statement user_insert =
    STATEMENT("INSERT INTO users (domain, username) VALUES ('example.org', $1)");
static const struct statement fence = STATEMENT("SELECT 1");

/* ---- the database, one answer at a time ---- */

struct answer {
	bool done;
	enum rc rc;
};

static void answer_take(const struct store_result *result, void *state)
{
	struct answer *answer = state;

	answer->done = true;
	answer->rc = store_rc(result);
	if (answer->rc != RC_OK)
		print_error("%s\n", store_message(result));
}

static void ask(const struct statement *statement, const struct param *params)
{
	struct answer answer = { false };

	store_run(statement, params, answer_take, &answer);
	worker_run_until(world.worker, &answer.done);
	assert_int_equal(answer.rc, RC_OK);
}

void sql_run(const struct statement *statement)
{
	ask(statement, NO_PARAMS);
}

/* Statements keep their order: what was asked before has been answered, and what that led to. */
void settle(void)
{
	for (int i = 0; i < 4; i++)
		sql_run(&fence);
}

/* ---- the world ---- */

static char *world_path(const char *name)
{
	return arena_printf(world.arena, "%s/%s", world.directory, name);
}

static struct config *world_config(void)
{
	static const struct module *const no_modules[] = { NULL };
	const char *error = "";
	FILE *file = fopen(world_path("godwit.conf"), "w");
	struct config *config;

	fprintf(file,
	    "database = \"sqlite:%s\"\ndomain example.org { certificate = \"c\" key = \"k\" }\n"
	    "listen c2s { }\n"
	    "limits { roster_items = 5 subscription_requests = 3 directed_presences = 2 }\n",
	    world_path("test.db"));
	fclose(file);
	config = config_load(world_path("godwit.conf"), no_modules, false, world.arena, &error);
	if (config == NULL)
		fail_msg("%s", error);
	return config;
}

/* Once in the life of the process. */
static void world_begin(void)
{
	if (world.ready)
		return;
	jid_init();
	hooks_init();
	world.ready = true;
}

int world_setup(void **state)
{
	const char *top = getenv("top_srcdir");
	const char *error = "";

	world_begin();
	snprintf(world.directory, sizeof world.directory, "/tmp/godwit-test-XXXXXX");
	if (mkdtemp(world.directory) == NULL)
		return -1;
	world.arena = arena_new(0);
	world.worker = world.workers[0] = worker_new(0);
	worker_enter(world.worker);
	homes_init(world.workers, 1);
	world.store = store_open(arena_printf(world.arena, "sqlite:%s", world_path("test.db")),
	    arena_printf(world.arena, "%s/schema", top == NULL ? "." : top), true, NULL,
	    world.arena, &error);
	if (world.store == NULL)
		fail_msg("%s", error);
	store_attach(world.store);
	world.config = world_config();
	home_start(world.config);
	return 0;
}

int world_teardown(void **state)
{
	static const char *const files[] = { "test.db", "test.db-wal", "test.db-shm",
		"godwit.conf" };

	settle();
	assert_int_equal(home_busy(), 0);
	store_detach(world.store);
	home_stop();
	store_close(&world.store);
	config_unref(&world.config);
	worker_free(&world.worker);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		unlink(world_path(files[i]));
	rmdir(world.directory);
	arena_free(&world.arena);
	return 0;
}

void users_make(const char *name, ...)
{
	va_list names;

	va_start(names, name);
	for (; name != NULL; name = va_arg(names, const char *))
		ask(&user_insert, PARAMS(name));
	va_end(names);
}

void accounts_forget(void)
{
	settle();
	home_stop();
	home_start(world.config);
}

/* ---- clients ---- */

/* What differs from run to run is left out. */
static void text_mask(char *line, const char *attribute)
{
	char *at = strstr(line, attribute), *end;

	if (at == NULL)
		return;
	at += strlen(attribute);
	end = strchr(at, '\'');
	memmove(at, end, strlen(end) + 1);
}

/* Every roster has one, and tells nothing that is not in it. */
static void version_cut(char *line)
{
	char *at = strstr(line, " ver='"), *end;

	if (at == NULL)
		return;
	end = strchr(at + strlen(" ver='"), '\'') + 1;
	memmove(at, end, strlen(end) + 1);
}

static void client_sent(
    void *state, const struct stanza *stanza, const struct jid *to, struct delivery *delivery)
{
	struct client *client = state;
	struct text line = { 0 };

	if (to == NULL)
		stanza_write(&line, stanza);
	else
		stanza_write_to(&line, stanza, to);
	text_mask(line.at, " id='push-");
	version_cut(line.at);
	if (client->heard.length > 0)
		text_putc(&client->heard, '\n');
	text_puts(&client->heard, line.at);
	text_free(&line);
	/* It has it. */
	if (delivery != NULL)
		delivery_confirmed(delivery);
}

static void client_end(void *state, enum session_end end)
{
	fail_msg("session ended: %d", (int)end);
}

static bool client_acknowledges(void *state)
{
	return false;
}

static const struct session_events client_events = {
	.send = client_sent,
	.end = client_end,
	.acknowledges = client_acknowledges,
};

void client_login(struct client *client, const char *user, const char *resource)
{
	const struct jid *jid = jid_make(world.arena, user, "example.org", NULL);
	struct account *account = account_get(jid);

	account_ref(account);
	settle();
	client->heard = (struct text){ 0 };
	assert_int_equal(
	    session_new(account, resource, &client_events, client, NULL, &client->session), RC_OK);
	account_unref(account);
}

void client_appear(struct client *client, const char *user, const char *resource)
{
	client_login(client, user, resource);
	says(client, "<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq>");
	says(client, "<presence/>");
	ignores(client);
}

void client_logout(struct client *client)
{
	session_free(&client->session);
	text_free(&client->heard);
}

void says(struct client *client, const char *xml)
{
	struct arena *arena = arena_new(0);
	/* As the parser of a stream does, whose default namespace is jabber:client. */
	const char *space = strpbrk(xml, " />");
	char *full =
	    arena_printf(arena, "%.*s xmlns='jabber:client'%s", (int)(space - xml), xml, space);
	struct element *element = element_parse(arena, full, strlen(full));
	struct stanza *stanza;
	enum rc rc;

	assert_non_null(element);
	stanza = stanza_from_element(arena, element, session_jid(client->session), NULL, &rc);
	assert_non_null(stanza);
	session_receive(client->session, stanza, NULL);
	stanza_unref(&stanza);
}

void hears(struct client *client, const char *lines)
{
	settle();
	assert_string_equal(client->heard.at == NULL ? "" : client->heard.at, lines);
	text_clear(&client->heard);
}

void ignores(struct client *client)
{
	settle();
	text_clear(&client->heard);
}
