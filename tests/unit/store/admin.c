/* admin.c - see admin.h. */
#include "admin.h"

#include "database.h"
#include "store/postgresql.h"

#include <stdio.h>

char *admin_sql(PGconn *pg, const char *text)
{
	static char value[64];
	PGresult *result = PQexec(pg, text);

	if (!postgresql_is_ok(result))
		fail_msg("%s: %s", text, PQresultErrorMessage(result));
	value[0] = '\0';
	if (PQntuples(result) > 0)
		snprintf(value, sizeof(value), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

PGconn *admin_connect(const char *uri)
{
	PGconn *pg = PQconnectdb(uri);

	if (PQstatus(pg) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(pg));
	admin_sql(pg, "SET client_min_messages = warning");
	return pg;
}
