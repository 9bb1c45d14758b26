/* admin.h - another way into PostgreSQL, beside the store: what an administrator does meanwhile. */
#ifndef GODWIT_TESTS_ADMIN_H
#define GODWIT_TESTS_ADMIN_H

#include <libpq-fe.h>

PGconn *admin_connect(const char *uri);
/* Runs it, and returns the first column of the first row, or "", until the next call. */
char *admin_sql(PGconn *pg, const char *text);

#endif
