/* store.h - the database, asynchronously: one small API over PostgreSQL and SQLite.
 * There is one idiom: store_run(statement, parameters, on_done, state). on_done runs on the worker
 * that asked, from its loop, never inside the call, exactly once, with rows or an error. Statements
 * of one worker take effect in order, reads included. Writes gather for a few ms and commit
 * together; a write's on_done runs after its commit, so what it answers is durable. When the
 * database is away, what waits is kept in bounded memory and retried for a bounded time, and new
 * requests beyond the bound fail with RC_RESOURCE_CONSTRAINT (type wait).
 *
 * SQL is written once for both: $1 parameters, TEXT, BIGINT (times in us) and bytea/blob, ON
 * CONFLICT, RETURNING; keywords in capitals. A BOOLEAN takes and gives 1 and 0. Because a batch
 * whose commit is unknown is run again, a statement must be repeatable: every INSERT has a key made
 * by us and ON CONFLICT. Where one text cannot serve both (a list of rows in one parameter, a lock
 * that is passed over), a statement has two. */
#ifndef GODWIT_STORE_STORE_H
#define GODWIT_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/text.h"

struct arena;
struct element;
struct store_result;

/* The number of a statement in this process, 0 until it is first run. */
struct statement_slot {
	atomic_uint number;
};

/* A constant of the program, static. Keywords stand in capitals. `slot` is filled in on first use;
 * each connection prepares it once. */
struct statement {
	const char *sql;
	struct statement_slot *slot;
	const char *sqlite; /* for SQLite; NULL: the same. Both read, or both write */
	bool is_fleeting;   /* what it writes need not outlive a power cut */
};
/* clang-format off */
#define STATEMENT(text) { .sql = (text), .slot = &(struct statement_slot){ 0 } }
#define STATEMENT_EACH(text, sqlite_text) \
	{ .sql = (text), .slot = &(struct statement_slot){ 0 }, .sqlite = (sqlite_text) }
#define STATEMENT_FLEETING(text, sqlite_text) \
	{ .sql = (text), .slot = &(struct statement_slot){ 0 }, .sqlite = (sqlite_text), \
		.is_fleeting = true }
/* clang-format on */

/* Names whose row it is: stands for the two parameters (domain, username). Lent. */
struct account_key {
	const char *domain;
	const char *username;
};

struct param {
	enum { PARAM_END, PARAM_NULL, PARAM_TEXT, PARAM_BLOB, PARAM_INTEGER, PARAM_ACCOUNT } type;
	union {
		struct span bytes; /* TEXT, BLOB */
		int64_t integer;
		struct account_key account;
	};
};

static inline struct param param_text(const char *text)
{
	return text == NULL ? (struct param){ .type = PARAM_NULL }
	                    : (struct param){ .type = PARAM_TEXT, .bytes = span_of(text) };
}
static inline struct param param_span(struct span text)
{
	return (struct param){ .type = PARAM_TEXT, .bytes = text };
}
static inline struct param param_blob(struct span bytes)
{
	return (struct param){ .type = PARAM_BLOB, .bytes = bytes };
}
static inline struct param param_integer(int64_t integer)
{
	return (struct param){ .type = PARAM_INTEGER, .integer = integer };
}
static inline struct param param_account(struct account_key account)
{
	return (struct param){ .type = PARAM_ACCOUNT, .account = account };
}
static inline struct param param_itself(struct param param)
{
	return param;
}

#define STORE_MAX_PARAMS 16
/* PARAMS(account_key(task), vcard, 5): values are copied by store_run(). Use param_blob() for
 * bytes. */
#define PARAM(value) \
	_Generic((value), char *: param_text, const char *: param_text, struct span: param_span, \
	    struct account_key: param_account, struct param: param_itself, \
	    default: param_integer)(value)
#define PARAMS_1(a) PARAM(a),
#define PARAMS_2(a, ...) PARAM(a), PARAMS_1(__VA_ARGS__)
#define PARAMS_3(a, ...) PARAM(a), PARAMS_2(__VA_ARGS__)
#define PARAMS_4(a, ...) PARAM(a), PARAMS_3(__VA_ARGS__)
#define PARAMS_5(a, ...) PARAM(a), PARAMS_4(__VA_ARGS__)
#define PARAMS_6(a, ...) PARAM(a), PARAMS_5(__VA_ARGS__)
#define PARAMS_7(a, ...) PARAM(a), PARAMS_6(__VA_ARGS__)
#define PARAMS_8(a, ...) PARAM(a), PARAMS_7(__VA_ARGS__)
#define PARAMS_9(a, ...) PARAM(a), PARAMS_8(__VA_ARGS__)
#define PARAMS_10(a, ...) PARAM(a), PARAMS_9(__VA_ARGS__)
#define PARAMS_11(a, ...) PARAM(a), PARAMS_10(__VA_ARGS__)
#define PARAMS_12(a, ...) PARAM(a), PARAMS_11(__VA_ARGS__)
#define PARAMS_N(a, b, c, d, e, f, g, h, i, j, k, l, n, ...) PARAMS_##n
#define PARAMS_PICK(...) PARAMS_N(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define PARAMS_CALL(macro, ...) macro(__VA_ARGS__)
#define PARAMS(...) \
	((const struct param[]){ /* each with a comma behind it, and the end */ \
	    PARAMS_CALL(PARAMS_PICK(__VA_ARGS__), __VA_ARGS__){ .type = PARAM_END } })
#define NO_PARAMS ((const struct param[]){ { .type = PARAM_END } })

/* `result` is lent for the call. */
typedef void store_done(const struct store_result *result, void *state);

/* Queues the statement on the current worker's store. `on_done` may be NULL: a failure is then only
 * logged. */
void store_run(const struct statement *statement, const struct param *params, store_done *on_done,
    void *state);

/* Answers `on_done` (may be NULL) with a failure that needed no database; inside the call, which
 * must come from the loop. */
void store_refuse(enum rc rc, const char *message, store_done *on_done, void *state);

/* RC_OK, or why not: RC_CONFLICT for a unique key, RC_ITEM_NOT_FOUND for a missing referenced row
 * (foreign key), RC_POLICY_VIOLATION for a check or a refusing trigger, RC_RESOURCE_CONSTRAINT
 * (wait) for a database that is away, locked or full, RC_INTERNAL_SERVER_ERROR for anything else.
 */
enum rc store_rc(const struct store_result *result);
/* The same, and RC_ITEM_NOT_FOUND if there is no row. */
enum rc store_one_row(const struct store_result *result);
/* The database's own words, for the admin; "" if it succeeded. */
const char *store_message(const struct store_result *result);
size_t store_rows(const struct store_result *result);
/* Rows changed by an INSERT, UPDATE or DELETE. */
int64_t store_changed(const struct store_result *result);
/* A column of a row as NUL-terminated text, or NULL for SQL NULL. Lent. */
const char *store_text(const struct store_result *result, size_t row, size_t column);
struct span store_blob(const struct store_result *result, size_t row, size_t column);
/* 0 for NULL. */
int64_t store_integer(const struct store_result *result, size_t row, size_t column);
/* Column `column` of the first row parsed as XML; NULL if there is no row or no element. */
struct element *store_element(
    const struct store_result *result, size_t column, struct arena *arena);

#endif
