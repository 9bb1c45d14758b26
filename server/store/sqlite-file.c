/* sqlite-file.c - opening the database file and bringing its schema up to date. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/sqlite.h"

/* How long to wait for another process at start: for its whole migration. */
#define START_WAIT_MS 10000

struct file {
	sqlite3 *db;
	const char *path;
	struct arena *arena;
};

/* Makes the file if it is missing: SQLite would let everybody read it. What SQLite puts beside it
 * takes over its mode. A file that is there is not touched, for to close it would end the locks
 * that this process may hold on it. */
static bool file_make(const char *path, struct arena *arena, const char **error_out)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || errno == EEXIST)
		return true;
	*error_out = arena_printf(arena,
	    "cannot make the database %s: %s; its directory must exist, and belong to the user "
	    "that "
	    "godwit runs as",
	    path, strerror(errno));
	return false;
}

static void file_error(const struct file *file, const char *what, const char **error_out)
{
	*error_out = arena_printf(file->arena,
	    "cannot %s the database %s: SQLite says \"%s\"; check the disk, the permissions, and "
	    "that "
	    "nothing else has it open",
	    what, file->path, sqlite3_errmsg(file->db));
}

static bool file_run(
    const struct file *file, const char *sql, const char *what, const char **error_out)
{
	if (sqlite3_exec(file->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	file_error(file, what, error_out);
	return false;
}

/* The first column of the first row as a number; false if it cannot be asked. */
static bool file_ask(const struct file *file, const char *sql, int64_t *number_out)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);

	*number_out = 0;
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*number_out = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

static bool schema_number(void *database, unsigned *number_out, const char **error_out)
{
	const struct file *file = database;
	int64_t number = 0;
	bool asked = file_ask(
	    file, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'", &number);

	if (asked && number > 0)
		asked = file_ask(file, "SELECT max(number) FROM schema_version", &number);
	if (!asked)
		file_error(file, "read", error_out);
	*number_out = (unsigned)number;
	return asked;
}

static bool schema_write_down(const struct file *file, const struct migration *step)
{
	sqlite3_stmt *statement = sqlite_prepare(
	    file->db, "INSERT INTO schema_version (number, name, applied_at) VALUES ($1, $2, $3)");
	int code;

	if (statement == NULL)
		return false;
	sqlite3_bind_int64(statement, 1, step->number);
	sqlite3_bind_text(statement, 2, step->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, time_now_us());
	code = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return code == SQLITE_DONE;
}

/* Inside the transaction. Foreign keys are off meanwhile (dropping a table would delete what refers
 * to it), so that they hold is checked at the end. */
static bool schema_step(
    const struct file *file, const struct migration *step, const char **error_out)
{
	const char *what =
	    arena_printf(file->arena, "take step %03u-%s in", step->number, step->name);
	int64_t broken = 0;

	if (!file_run(file, step->sql, what, error_out))
		return false;
	if (!schema_write_down(file, step) ||
	    !file_ask(file, "SELECT count(*) FROM pragma_foreign_key_check", &broken)) {
		file_error(file, what, error_out);
		return false;
	}
	if (broken == 0)
		return file_run(file, "COMMIT", what, error_out);
	*error_out = arena_printf(file->arena,
	    "cannot %s the database %s: it would leave rows that refer to none; find them with "
	    "PRAGMA "
	    "foreign_key_check and delete them",
	    what, file->path);
	return false;
}

static bool schema_take(void *database, const struct migration *step, const char **error_out)
{
	const struct file *file = database;
	unsigned number;
	bool taken = false;

	if (!file_run(file, "BEGIN EXCLUSIVE", "lock", error_out))
		return false;
	if (schema_number(database, &number, error_out))
		taken = number >= step->number || schema_step(file, step, error_out);
	if (!sqlite3_get_autocommit(file->db))
		sqlite3_exec(file->db, "ROLLBACK", NULL, NULL, NULL);
	return taken;
}

/* A commit is on the disk when it is confirmed (FULL); readers are not in its way (WAL). */
static bool file_prepare(struct file *file, const char *schema_dir, bool migrate,
    unsigned *schema_out, const char **error_out)
{
	const struct schema_access access = { "sqlite", file, schema_number, schema_take };

	sqlite3_extended_result_codes(file->db, 1);
	sqlite3_busy_timeout(file->db, START_WAIT_MS);
	if (!file_run(file,
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; "
		"PRAGMA foreign_keys = OFF",
		"use", error_out) ||
	    !schema_update(&access, schema_dir, migrate, file->arena, schema_out, error_out))
		return false;
	sqlite3_busy_timeout(file->db, SQLITE_WAIT_MS);
	return file_run(file, "PRAGMA foreign_keys = ON", "use", error_out);
}

sqlite3 *sqlite_file_open(const char *path, const char *schema_dir, bool migrate,
    struct arena *arena, unsigned *schema_out, const char **error_out)
{
	struct file file = { NULL, path, arena };

	if (!file_make(path, arena, error_out))
		return NULL;
	/* No mutex: one thread at a time uses it. */
	if (sqlite3_open_v2(path, &file.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		file_error(&file, "open", error_out);
	else if (file_prepare(&file, schema_dir, migrate, schema_out, error_out))
		return file.db;
	sqlite3_close(file.db);
	return NULL;
}
