/* ctl-database.c - see ctl-database.h: opening, asking and waiting. */
#include "tools/ctl-database.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/privileges.h"
#include "base/arena.h"
#include "base/mem.h"
#include "core/config.h"
#include "loop/worker.h"
#include "store/database.h"
#include "tools/ctl.h"

/* All that is written between two waits is one transaction, unless it is huge. */
#define BATCH_ROWS 10000

struct ctl_database {
	struct store *store;
	struct worker *worker;
	size_t waiting;
	bool is_idle, is_detached;
};

/* A statement under way. */
struct question {
	struct ctl_database *database;
	struct arena *arena;
	struct ctl_rows *rows;
};

static store_done question_answered;

bool ctl_database_is_absent(const char *database)
{
	return strncmp(database, "sqlite:", 7) == 0 && access(database + 7, F_OK) != 0 &&
	       errno == ENOENT;
}

struct ctl_database *ctl_database_open(struct ctl *ctl, bool may_change, const char **error_out)
{
	struct store_limits limits = STORE_LIMITS_DEFAULT;
	struct ctl_database *database;
	struct store *store;

	if (!ctl_configure(ctl, error_out) ||
	    !privileges_drop(ctl->config->user, ctl->config_path, ctl->arena, error_out))
		return NULL;
	if (!may_change && ctl_database_is_absent(ctl->config->database)) {
		*error_out = arena_printf(ctl->arena,
		    "there is no %s yet; start the server once, it makes it",
		    ctl->config->database + 7);
		return NULL;
	}
	limits.batch_rows = BATCH_ROWS;
	store = store_open(
	    ctl->config->database, ctl->config->schema, may_change, &limits, ctl->arena, error_out);
	if (store == NULL)
		return NULL;
	database = mem_alloc_zero(sizeof *database);
	database->store = store;
	database->worker = worker_new(0);
	worker_enter(database->worker);
	store_attach(store);
	return database;
}

void ctl_database_detach(struct ctl_database *database)
{
	if (!database->is_detached)
		store_detach(database->store);
	database->is_detached = true;
}

void ctl_database_close(struct ctl_database **database_in)
{
	struct ctl_database *database = *database_in;

	if (database == NULL)
		return;
	*database_in = NULL;
	ctl_database_detach(database);
	worker_free(&database->worker);
	store_close(&database->store);
	mem_free(database);
}

struct worker *ctl_database_worker(struct ctl_database *database)
{
	return database->worker;
}

void ctl_database_ask(struct ctl_database *database, struct arena *arena,
    const struct statement *statement, const struct param *params, size_t columns,
    struct ctl_rows *rows_out)
{
	struct question *question = arena_alloc(arena, sizeof *question);

	*question = (struct question){ database, arena, rows_out };
	*rows_out = (struct ctl_rows){ .columns = columns };
	database->waiting++;
	store_run(statement, params, question_answered, question);
}

static void question_answered(const struct store_result *result, void *state)
{
	struct question *question = state;
	struct ctl_rows *rows = question->rows;
	size_t cells;

	rows->rc = store_rc(result);
	rows->message = arena_strdup(question->arena, store_message(result));
	rows->count = rows->rc == RC_OK && rows->columns > 0 ? store_rows(result) : 0;
	rows->changed = store_changed(result);
	cells = rows->count * rows->columns;
	rows->cells = arena_alloc(question->arena, (cells + 1) * sizeof *rows->cells);
	for (size_t i = 0; i < cells; i++)
		rows->cells[i] = arena_strdup(
		    question->arena, store_text(result, i / rows->columns, i % rows->columns));
	question->database->is_idle = --question->database->waiting == 0;
}

void ctl_database_wait(struct ctl_database *database)
{
	database->is_idle = database->waiting == 0;
	worker_run_until(database->worker, &database->is_idle);
}

int64_t ctl_number(const struct ctl_rows *rows, size_t row, size_t column)
{
	const char *text = ctl_cell(rows, row, column);

	return text == NULL ? 0 : strtoll(text, NULL, 10);
}
