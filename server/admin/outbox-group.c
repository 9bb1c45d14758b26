/* outbox-group.c - one row of the outbox to the members of a shared group. A member that has it, or
 * cannot have it, has a row in outbox_receivers, made by the statement that puts the message into
 * the mailbox; who has none is still to be served. So a tour through the group can end anywhere and
 * begin again, after the death of the server too, and nobody gets a message twice. When nobody is
 * left the row itself says so. */
#include "admin/outbox-private.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/store.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

#define HAS_NONE \
	" NOT EXISTS (SELECT 1 FROM outbox_receivers r" \
	" WHERE r.outbox_id = $1 AND r.username = m.username)"
#define HAVE_FAILED " FROM outbox_receivers r WHERE r.outbox_id = $1 AND r.state = 'failed'"
#define IS_GONE " NOT EXISTS (SELECT 1 FROM groups g WHERE g.domain = $2 AND g.name = $3)"

static const struct statement members_select =
    STATEMENT("SELECT m.username FROM group_members m WHERE m.domain = $2 AND m.group_name = $3"
	      " AND m.username > $4 AND" HAS_NONE " ORDER BY m.username LIMIT $5");
#define FAIL \
	"INSERT INTO outbox_receivers (outbox_id, username, state, error, sent_at)" \
	" SELECT id, $2, 'failed', $3, $4 FROM outbox WHERE id = $1 AND state = 'waiting'"
#define AGAIN \
	" ON CONFLICT (outbox_id, username) DO UPDATE SET state = excluded.state," \
	" error = excluded.error, sent_at = excluded.sent_at"
static const struct statement member_fail =
    STATEMENT_EACH(FAIL " FOR KEY SHARE SKIP LOCKED" AGAIN, FAIL AGAIN);

#define FINISH \
	"UPDATE outbox SET sent_at = $4, state = CASE WHEN EXISTS (SELECT 1" HAVE_FAILED \
	") OR" IS_GONE " THEN 'failed' ELSE 'sent' END, error = CASE WHEN" IS_GONE \
	" THEN 'item-not-found: there is no such group any more' ELSE" \
	" (SELECT CAST(count(*) AS TEXT) || ' of the members cannot have it: see " \
	"outbox_receivers'" HAVE_FAILED " HAVING count(*) > 0) END WHERE "
#define FINISHABLE \
	"id = $1 AND state = 'waiting' AND NOT EXISTS (SELECT 1 FROM group_members m" \
	" WHERE m.domain = $2 AND m.group_name = $3 AND" HAS_NONE ")"
static const struct statement group_finish = STATEMENT_EACH(FINISH
    "id = (SELECT id FROM outbox WHERE " FINISHABLE " FOR NO KEY UPDATE SKIP LOCKED)",
    FINISH FINISHABLE);

/* Of the first worker. */
struct group_tour {
	char *domain, *name; /* of the group */
	char *last;          /* the member that it has come to */
	size_t under_way;    /* members, and tours; when none is, */
	size_t finishing;    /* statements that say so: another tour may end meanwhile */
	group_page_over *page_over;
};

static store_done page_read, failure_written, row_finished;

void outbox_group_start(struct outgoing *row, const char *name)
{
	struct arena *arena = arena_new(0);

	row->tour = mem_alloc_zero(sizeof *row->tour);
	row->tour->domain = mem_strdup(jid_domain(arena, stanza_from(row->message)));
	row->tour->name = mem_strdup(name);
	outbox_group_again(row);
	arena_free(&arena);
}

static void tour_set_last(struct group_tour *tour, const char *username)
{
	mem_free(tour->last);
	tour->last = mem_strdup(username);
}

void outbox_group_again(struct outgoing *row)
{
	tour_set_last(row->tour, "");
	row->tour->under_way++;
}

void outbox_group_free(struct outgoing *row)
{
	struct group_tour *tour = row->tour;

	if (tour == NULL)
		return;
	mem_free(tour->domain);
	mem_free(tour->name);
	mem_free(tour->last);
	mem_free(tour);
}

/* ---- pages ---- */

void outbox_group_read(struct outgoing *row, group_page_over *page_over)
{
	struct group_tour *tour = row->tour;

	tour->page_over = page_over;
	store_run(&members_select,
	    PARAMS(row->id, (const char *)tour->domain, (const char *)tour->name,
		(const char *)tour->last, OUTBOX_PORTION),
	    page_read, row);
}

static void member_start(struct outgoing *row, const char *username)
{
	struct outgoing *outgoing = outgoing_new(row->id, username);
	struct arena *arena = arena_new(0);
	const struct jid *to = jid_make(arena, username, row->tour->domain, NULL);

	outgoing->group = row;
	row->tour->under_way++;
	if (to == NULL) {
		outgoing_fail(outgoing, RC_JID_MALFORMED, "the member is not an address");
		outgoing_end(outgoing);
	} else {
		outgoing->message = stanza_readdress(row->message, stanza_from(row->message), to);
		outgoing_post(outgoing);
	}
	arena_free(&arena);
}

static void page_start(struct outgoing *row, const struct store_result *rows)
{
	size_t count = store_rows(rows);

	for (size_t i = 0; i < count; i++)
		if (outgoing_find(row->id, store_text(rows, i, 0)) == NULL)
			member_start(row, store_text(rows, i, 0));
	if (count > 0)
		tour_set_last(row->tour, store_text(rows, count - 1, 0));
}

static void page_read(const struct store_result *result, void *state)
{
	struct outgoing *row = state;

	page_start(row, result);
	row->tour->page_over(store_rc(result), store_rows(result) < OUTBOX_PORTION);
}

/* ---- ends ---- */

void outbox_group_fail(struct outgoing *member, const char *reason)
{
	const char *username = strchr(member->key, ' ') + 1;

	store_run(&member_fail, PARAMS(member->id, username, reason, time_now_us()),
	    failure_written, member);
}

static void failure_written(const struct store_result *result, void *state)
{
	if (store_rc(result) != RC_OK || store_changed(result) == 0)
		outbox_retry();
	outgoing_free(state);
}

void outbox_group_leave(struct outgoing *row)
{
	struct group_tour *tour = row->tour;

	tour->under_way--;
	if (tour->under_way > 0)
		return;
	tour->finishing++;
	store_run(&group_finish,
	    PARAMS(row->id, (const char *)tour->domain, (const char *)tour->name, time_now_us()),
	    row_finished, row);
}

/* If somebody is left, or has joined meanwhile, the next tour finds them; it may have begun. */
static void row_finished(const struct store_result *result, void *state)
{
	struct outgoing *row = state;

	row->tour->finishing--;
	if (row->tour->under_way > 0 || row->tour->finishing > 0)
		return;
	if (store_rc(result) != RC_OK || store_changed(result) == 0)
		outbox_retry();
	outgoing_free(row);
}
