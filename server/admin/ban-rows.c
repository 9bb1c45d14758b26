/* ban-rows.c - the table bans is read as a whole whenever it was changed, and each worker gets the
 * list. What could not be read is asked for until it is. */
#include "admin/ban-rows.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/bans.h"
#include "core/home.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "store/store.h"

#define RETRY_MS 1000

/* Of the first worker; NULL: stopped. */
static struct timer *retry;

/* A list on its way to the workers. The last who takes it says so. */
struct ban_list {
	struct bans *bans;
	size_t rows;
	atomic_size_t left;
	struct ban_parcel {
		struct mail mail;
		struct ban_list *list;
	} parcels[];
};

/* A time that was computed may be a fraction on SQLite. */
static const struct statement bans_select =
    STATEMENT("SELECT CAST(address AS TEXT), jid, domain, CAST(expires_at AS BIGINT) FROM bans");

static store_done bans_loaded;

void ban_rows_load(void)
{
	store_run(&bans_select, NO_PARAMS, bans_loaded, NULL);
}

static void bans_arrived(struct mail *mail)
{
	struct ban_list *list = CONTAINER_OF(mail, struct ban_parcel, mail)->list;

	bans_install(list->bans);
	if (atomic_fetch_sub(&list->left, 1) > 1)
		return;
	log_info(NULL, "bans in force", KV("rows", list->rows));
	bans_unref(&list->bans);
	mem_free(list);
}

/* Takes the list. */
static void bans_spread(struct bans *bans, size_t rows)
{
	size_t count = homes_count();
	struct ban_list *list = mem_alloc_zero(sizeof *list + count * sizeof list->parcels[0]);

	list->bans = bans;
	list->rows = rows;
	atomic_init(&list->left, count);
	for (size_t i = 0; i < count; i++) {
		list->parcels[i].list = list;
		worker_post(homes_worker(i), &list->parcels[i].mail, bans_arrived);
	}
}

static void ban_take(struct bans *bans, const struct store_result *result, size_t row)
{
	const char *address = store_text(result, row, 0), *jid = store_text(result, row, 1);
	const char *domain = store_text(result, row, 2);

	if (!bans_add(bans, address, jid, domain, store_integer(result, row, 3)))
		log_warning(NULL, "a ban is of nobody: correct its row", KV("address", address),
		    KV("jid", jid), KV("domain", domain));
}

static void bans_loaded(const struct store_result *result, void *state)
{
	struct bans *bans;

	(void)state;
	if (store_rc(result) != RC_OK) {
		log_warning(NULL, "bans cannot be read; those known stay in force",
		    KV("why", store_message(result)));
		if (retry != NULL)
			timer_set(retry, RETRY_MS);
		return;
	}
	bans = bans_new();
	for (size_t row = 0; row < store_rows(result); row++)
		ban_take(bans, result, row);
	bans_spread(bans, store_rows(result));
}

static void retry_due(void *state)
{
	(void)state;
	ban_rows_load();
}

void ban_rows_start(void)
{
	retry = timer_new(retry_due, NULL);
	ban_rows_load();
}

void ban_rows_stop(void)
{
	timer_free(&retry);
}
