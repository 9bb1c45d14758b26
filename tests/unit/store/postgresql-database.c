/* postgresql-database.c - see postgresql-database.h. */
#include "postgresql-database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of our own database on the server given. */
static char name[32];
static char *test_uri;
PGconn *admin;

/* The URI with another database. */
static char *uri_with(const char *uri, const char *database)
{
	const char *host = strstr(uri, "://") + 3, *query = strchr(host, '?');
	size_t length = strcspn(host, "/?");
	struct text text = { 0 };

	text_append(&text, uri, (size_t)(host - uri) + length);
	text_printf(&text, "/%s%s", database, query == NULL ? "" : query);
	return text.at;
}

static char *database_empty(struct arena *arena)
{
	admin_sql(admin, "DROP SCHEMA public CASCADE");
	admin_sql(admin, "CREATE SCHEMA public");
	return arena_strdup(arena, test_uri);
}

/* On that server, about our database. */
static void server_do(const char *before, const char *behind)
{
	char statement[64];
	PGconn *server = admin_connect(getenv("GODWIT_TEST_POSTGRESQL"));

	snprintf(statement, sizeof(statement), "%s DATABASE %s%s", before, name, behind);
	admin_sql(server, statement);
	PQfinish(server);
}

bool postgresql_begin(void)
{
	const char *uri = getenv("GODWIT_TEST_POSTGRESQL");

	if (uri == NULL) {
		puts("1..0 # SKIP GODWIT_TEST_POSTGRESQL is not set");
		return false;
	}
	snprintf(name, sizeof(name), "godwit_test_%d", (int)getpid());
	server_do("CREATE", "");
	test_uri = uri_with(uri, name);
	admin = admin_connect(test_uri);
	database_make = database_empty;
	return true;
}

void postgresql_end(void)
{
	PQfinish(admin);
	server_do("DROP", " WITH (FORCE)");
	mem_free(test_uri);
}

int postgresql_tests_run(const char *group, const struct CMUnitTest *tests, size_t count)
{
	int failed;

	if (!postgresql_begin())
		return 0;
	failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	postgresql_end();
	return failed;
}
