/* config-rows.c - between the table settings and the configuration that is in force. Rows of
 * settings are the server's, but for their values: they say what there is to set, by the tables of
 * keys. So they are written after every change of the configuration, which comes to nothing for
 * those that say so already. Rows that an administrator has under lock are passed over and written
 * later. */
#include "admin/config-rows.h"

#include <stdatomic.h>

#include "admin/command-private.h"
#include "admin/config-rows-private.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/config.h"
#include "core/home.h"
#include "loop/timer.h"
#include "store/store.h"

#define RETRY_MS 1000

/* A reading under way. */
struct reading {
	config_rows_done *done;
	void *state;
	struct config_tables *tables; /* NULL: it has failed */
};

/* On its way to the main thread: what was read last. */
static _Atomic(struct config_tables *) fresh;

/* Of the first worker. */
static struct {
	unsigned asked, in_force;  /* numbers of readings */
	struct timer *again;       /* what could not be read is read again */
	struct timer *mend;        /* rows that could not be written are written again */
	void (*done)(void *state); /* who waits for them to be written; NULL: nobody */
	void *done_state;
	unsigned looks;         /* under way */
	struct config *written; /* what the rows say; NULL: not known */
	bool is_in_doubt;       /* rows may not say that */
} rows;

static store_done domains_read, settings_read;

/* ---- reading ---- */

static const struct statement settings_select =
    STATEMENT("SELECT name, value FROM settings WHERE value IS NOT NULL ORDER BY changed_at, name");
static const struct statement domains_select =
    STATEMENT("SELECT domain, certificate, key, client_ca, state, error FROM domains"
	      " WHERE origin = 'table' ORDER BY domain");

void config_rows_read(config_rows_done *done, void *state)
{
	struct reading *reading = mem_alloc_zero(sizeof *reading);
	struct arena *arena = arena_new(0);

	reading->done = done;
	reading->state = state;
	reading->tables = arena_alloc_zero(arena, sizeof *reading->tables);
	reading->tables->arena = arena;
	reading->tables->number = rows.asked;
	store_run(&domains_select, NO_PARAMS, domains_read, reading);
	store_run(&settings_select, NO_PARAMS, settings_read, reading);
}

static const char *text_take(
    const struct store_result *result, size_t row, size_t column, struct arena *arena)
{
	const char *text = store_text(result, row, column);

	return text == NULL ? NULL : arena_strdup(arena, text);
}

static struct config_domain_row domain_take(
    const struct store_result *result, size_t i, struct arena *arena)
{
	const char *state = store_text(result, i, 4);
	struct config_domain_row row = { .name = text_take(result, i, 0, arena),
		.certificate = text_take(result, i, 1, arena),
		.key = text_take(result, i, 2, arena),
		.client_ca = text_take(result, i, 3, arena),
		.error = text_take(result, i, 5, arena) };

	row.state = text_equal(state, "served")   ? ROW_SERVED
	            : text_equal(state, "failed") ? ROW_FAILED
	                                          : ROW_WAITING;
	row.is_fresh = row.state == ROW_WAITING;
	return row;
}

static void domains_read(const struct store_result *result, void *state)
{
	struct reading *reading = state;
	struct config_tables *tables = reading->tables;

	if (store_rc(result) != RC_OK) {
		config_tables_free(&reading->tables);
		return;
	}
	tables->domain_count = store_rows(result);
	tables->domains =
	    arena_alloc_zero(tables->arena, (tables->domain_count + 1) * sizeof *tables->domains);
	for (size_t i = 0; i < tables->domain_count; i++)
		tables->domains[i] = domain_take(result, i, tables->arena);
}

static void values_take(struct config_tables *tables, const struct store_result *result)
{
	tables->value_count = store_rows(result);
	tables->values =
	    arena_alloc_zero(tables->arena, (tables->value_count + 1) * sizeof *tables->values);
	for (size_t i = 0; i < tables->value_count; i++)
		tables->values[i] = (struct config_value){ text_take(result, i, 0, tables->arena),
			text_take(result, i, 1, tables->arena) };
}

/* Behind domains_read(). */
static void settings_read(const struct store_result *result, void *state)
{
	struct reading *reading = state;

	if (store_rc(result) != RC_OK)
		config_tables_free(&reading->tables);
	if (reading->tables != NULL)
		values_take(reading->tables, result);
	reading->done(reading->state, reading->tables, store_message(result));
	mem_free(reading);
}

/* ---- to the main thread ---- */

static void tables_read(void *state, struct config_tables *tables, const char *why)
{
	(void)state;
	if (tables == NULL) {
		log_warning(
		    NULL, "settings cannot be read; those known stay in force", KV("why", why));
		if (rows.again != NULL)
			timer_set(rows.again, RETRY_MS);
		return;
	}
	tables = atomic_exchange(&fresh, tables);
	config_tables_free(&tables);
	command_host()->amend();
}

static void load_again(void *state)
{
	(void)state;
	config_rows_read(tables_read, NULL);
}

void config_rows_load(void)
{
	if (rows.again == NULL)
		rows.again = timer_new(load_again, NULL);
	rows.asked++;
	config_rows_read(tables_read, NULL);
}

struct config_tables *config_rows_take(void)
{
	return atomic_exchange(&fresh, NULL);
}

bool config_rows_pending(void)
{
	return rows.in_force != rows.asked;
}

/* ---- writing ---- */

static void rows_write(void)
{
	struct config *config = config_ref(home_config());
	const struct config *before = rows.is_in_doubt ? NULL : rows.written;

	rows.looks += domain_rows_write(config, before);
	rows.looks += setting_rows_write(config, before);
	rows.is_in_doubt = false;
	config_unref(&rows.written);
	rows.written = config;
}

static void mend_later(void)
{
	rows.is_in_doubt = true;
	if (rows.mend != NULL)
		timer_set(rows.mend, RETRY_MS);
}

void config_rows_doubt(void)
{
	rows.is_in_doubt = true;
}

void config_row_written(const struct store_result *result, void *state)
{
	(void)state;
	if (store_rc(result) != RC_OK)
		mend_later();
}

void config_rows_looked_at(const struct store_result *result, void *state)
{
	void (*done)(void *state) = rows.done;

	(void)state;
	if (store_rows(result) > 0)
		mend_later();
	if (--rows.looks > 0 || done == NULL)
		return;
	rows.done = NULL;
	done(rows.done_state);
}

static void mend(void *state)
{
	(void)state;
	rows_write();
}

void config_rows_in_force(const struct config_tables *tables)
{
	/* Those that are in force already: the file has been read again. */
	rows.is_in_doubt |= tables->number == rows.in_force;
	rows.in_force = tables->number;
	if (rows.mend == NULL)
		rows.mend = timer_new(mend, NULL);
	rows_write();
}

void config_rows_await(void (*done)(void *state), void *state)
{
	rows.done = done;
	rows.done_state = state;
	rows.is_in_doubt = true;
	rows_write();
}

void config_rows_stop(void)
{
	struct config_tables *left = config_rows_take();

	config_tables_free(&left);
	config_unref(&rows.written);
	timer_free(&rows.again);
	timer_free(&rows.mend);
}
