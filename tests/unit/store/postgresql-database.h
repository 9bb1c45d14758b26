/* postgresql-database.h - a database of our own, for the tests that need PostgreSQL.
 * GODWIT_TEST_POSTGRESQL is the URI of a server where databases may be made. */
#ifndef GODWIT_TESTS_POSTGRESQL_DATABASE_H
#define GODWIT_TESTS_POSTGRESQL_DATABASE_H

#include "admin.h"
#include "database.h"

/* Beside the store, on the same database. */
extern PGconn *admin;

/* Around the tests: from then on each gets an empty database. False where there is no server, and
 * that was said. */
bool postgresql_begin(void);
void postgresql_end(void);
/* All of this for the tests of one file. */
int postgresql_tests_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
