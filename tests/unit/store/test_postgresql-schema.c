/* test_postgresql-schema.c - bringing the schema up to date. */
#include "postgresql-database.h"

#include <sys/wait.h>
#include <unistd.h>

/* Two servers that start on an empty database at once: one takes the steps, the other waits. */
static void test_start_together(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[3];
	int status;

	for (size_t i = 0; i < COUNT_OF(children); i++) {
		const char *error;

		children[i] = fork();
		if (children[i] == 0)
			_exit(store_open(fixture->database, schema_dir(fixture->arena), true, NULL,
				  fixture->arena, &error) == NULL);
	}
	for (size_t i = 0; i < COUNT_OF(children); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static const struct CMUnitTest tests[] = {
	STORE_TEST(test_start_together),
};

int main(void)
{
	return postgresql_tests_run("postgresql-schema", tests, COUNT_OF(tests));
}
