/* test_postgresql.c - the PostgreSQL driver: what all databases must do. */
#include "postgresql-database.h"

int main(void)
{
	int failed;

	if (!postgresql_begin())
		return 0;
	failed = store_tests_run("postgresql");
	postgresql_end();
	return failed;
}
