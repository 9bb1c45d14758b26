/* test_sqlite.c - the SQLite driver: what all databases must do. */
#include "sqlite-database.h"

int main(void)
{
	int failed;

	sqlite_begin();
	failed = store_tests_run("sqlite");
	sqlite_end();
	return failed;
}
