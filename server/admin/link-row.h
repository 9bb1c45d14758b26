/* link-row.h - rows of the table links: how they are written. */
#ifndef GODWIT_ADMIN_LINK_ROW_H
#define GODWIT_ADMIN_LINK_ROW_H

struct link_fact;
struct statement;
struct text;

/* The members of a row as a JSON array has them, without its brackets: what there is, and behind
 * that what changes with each stanza. */
void link_row_facts(struct text *out, const struct link_fact *fact);
void link_row_traffic(struct text *out, const struct link_fact *fact);

/* Of a worker, $1; where that is the first one also what more than $2 workers have left. */
extern const struct statement link_rows_empty;
/* Of a list of such rows; those that somebody holds locked are passed over. */
extern const struct statement link_rows_insert, link_rows_update;
/* The same of a list of numbers, and those that the table still has. */
extern const struct statement link_rows_delete, link_rows_remaining;

#endif
