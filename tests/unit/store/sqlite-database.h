/* sqlite-database.h - a file of our own, for the tests that need SQLite. */
#ifndef GODWIT_TESTS_SQLITE_DATABASE_H
#define GODWIT_TESTS_SQLITE_DATABASE_H

#include "database.h"

/* The path of the fixture's database, lent. */
const char *sqlite_path(const struct fixture *fixture);
/* Around the tests: from then on each gets a file that is not there yet. */
void sqlite_begin(void);
void sqlite_end(void);
/* All of this for the tests of one file. */
int sqlite_tests_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
