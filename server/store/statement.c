/* statement.c - numbers for the statements of the program.
 * Each connection keeps what it has prepared in an array, and a statement finds its place there by
 * a number that it gets when it is first run. Worker threads may get there at the same time. */
#include <string.h>

#include "store/driver.h"

/* Keywords are written in capitals throughout; a statement that breaks this rule is only taken for
 * a write, which is slower and never wrong. */
static bool statement_reads_only(const char *sql)
{
	return strncmp(sql, "SELECT ", 7) == 0 && strstr(sql, " FOR ") == NULL;
}

unsigned statement_slot(const struct statement *statement)
{
	static atomic_uint last;
	unsigned slot = atomic_load_explicit(&statement->slot->number, memory_order_relaxed);
	unsigned made;

	if (slot != 0)
		return slot;
	made = (atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1) << 1;
	made |= statement_reads_only(statement->sql);
	/* If another thread was faster its number stands, and ours is never used. */
	if (atomic_compare_exchange_strong_explicit(
		&statement->slot->number, &slot, made, memory_order_relaxed, memory_order_relaxed))
		slot = made;
	return slot;
}
