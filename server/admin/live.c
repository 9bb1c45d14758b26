/* live.c - from a row in the log of changes to those whom it concerns. Rows name an account, and
 * the account, where it is in memory, is loaded again and compared with what was known of it: that
 * takes care of most of them. So a change is told as often as one likes. All rows of a reading are
 * gathered before anybody is told, since they belong together; and all are told before anything
 * follows from it that reaches another of them. */
#include "admin/live.h"

#include <jansson.h>

#include "admin/ban-rows.h"
#include "admin/config-rows.h"
#include "admin/link-rows.h"
#include "admin/live-groups.h"
#include "admin/outbox.h"
#include "admin/sweep.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/password-reset.h"
#include "core/session.h"
#include "core/subscription-removal.h"
#include "core/subscription-state.h"
#include "core/user-password.h"
#include "loop/worker.h"
#include "store/changes.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* What is to be done about one account, on its way to its home. */
struct concern {
	struct mail mail, follow_up;
	STAILQ_ENTRY(concern) next; /* of those with a follow-up */
	struct arena *arena;
	const struct jid *jid;
	STAILQ_HEAD(removed_list, removed_contact) removed;
	STAILQ_HEAD(thrown_out_list, thrown_out) thrown_out;
	bool is_changed;       /* not only its sessions */
	bool has_new_password; /* of an account that was there before */
};

struct thrown_out {
	STAILQ_ENTRY(thrown_out) next;
	int64_t session_id;
};

struct removed_contact {
	STAILQ_ENTRY(removed_contact) next;
	const struct jid *jid;
	struct subscription_state state;
};

/* Of the first worker: what this reading has brought so far, by bare JID. */
static struct hash *concerns;
static struct sweep *live_sweep, *history_sweep;
static bool has_bans;      /* rows that tell of them */
static bool has_settings;  /* the same, of these or of domains */
static bool has_passwords; /* there are some in the rows */
static bool has_outgoing;  /* there are messages in the outbox */

/* ---- gathering ---- */

/* Of an account on a domain that is not served nothing is in memory. NULL for what is no address.
 */
static struct concern *concern_get(const char *domain, const char *username)
{
	struct arena *arena = arena_new(0);
	const struct jid *jid =
	    domain == NULL || username == NULL ? NULL : jid_make(arena, username, domain, NULL);
	struct concern *concern =
	    jid == NULL ? NULL : hash_get(concerns, jid_text(jid), strlen(jid_text(jid)));

	if (concern != NULL || jid == NULL || !config_serves(home_config(), jid)) {
		arena_free(&arena);
		return concern;
	}
	concern = arena_alloc_zero(arena, sizeof *concern);
	concern->arena = arena;
	concern->jid = jid;
	STAILQ_INIT(&concern->removed);
	STAILQ_INIT(&concern->thrown_out);
	hash_put(concerns, jid_text(jid), strlen(jid_text(jid)), concern);
	return concern;
}

static struct concern *concern_of_account(const char *domain, const char *username)
{
	struct concern *concern = concern_get(domain, username);

	if (concern != NULL)
		concern->is_changed = true;
	return concern;
}

static const char *member(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

/* PostgreSQL says true, SQLite 1. */
static bool member_is_true(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	return json_is_true(value) || json_integer_value(value) != 0;
}

/* What is secret is only said to be "changed". */
static void user_changed(struct concern *concern, const json_t *before, const json_t *after)
{
	has_passwords |= member(after, "password") != NULL;
	if (before != NULL && after != NULL)
		concern->has_new_password |= member(after, "password") != NULL ||
		                             member(after, "scram_sha_1") != NULL ||
		                             member(after, "scram_sha_256") != NULL;
}

static bool is_of_same_account(const json_t *before, const json_t *after)
{
	return text_equal(member(before, "domain"), member(after, "domain")) &&
	       text_equal(member(before, "username"), member(after, "username"));
}

static struct subscription_state state_of(const json_t *row)
{
	return (struct subscription_state){
		.subscription = subscription_named(member(row, "subscription")),
		.ask = member_is_true(row, "ask"),
	};
}

/* What the row said and does not say any more, having been deleted or changed. */
static struct subscription_state state_lost(const json_t *before, const json_t *after)
{
	struct subscription_state lost = state_of(before), kept = state_of(after);

	if (!text_equal(member(before, "contact"), member(after, "contact")))
		return lost;
	lost.subscription &= (uint8_t)~kept.subscription;
	lost.ask &= !kept.ask && (kept.subscription & SUBSCRIPTION_TO) == 0;
	return lost;
}

/* A row that is on another's list now, since the account was renamed, ends nothing. */
static void item_changed(struct concern *concern, const json_t *before, const json_t *after)
{
	const char *contact = member(before, "contact");
	struct removed_contact *removed;

	if (contact == NULL || (after != NULL && !is_of_same_account(before, after)))
		return;
	removed = arena_alloc_zero(concern->arena, sizeof *removed);
	removed->jid = jid_parse(concern->arena, contact);
	removed->state = state_lost(before, after);
	if (removed->jid != NULL)
		STAILQ_INSERT_TAIL(&concern->removed, removed, next);
}

/* By its number: another session may have the same address by now. */
static void session_removed(struct concern *concern, const json_t *before)
{
	int64_t id = json_integer_value(json_object_get(before, "id"));
	struct thrown_out *thrown_out;

	if (id == 0)
		return;
	thrown_out = arena_alloc_zero(concern->arena, sizeof *thrown_out);
	thrown_out->session_id = id;
	STAILQ_INSERT_TAIL(&concern->thrown_out, thrown_out, next);
}

/* No account has to do with it. */
static void link_removed(const json_t *before)
{
	link_rows_deleted(json_integer_value(json_object_get(before, "id")),
	    json_integer_value(json_object_get(before, "worker")));
}

/* What a table needs beyond having the account loaded again. */
static const struct {
	const char *subject;
	void (*changed)(struct concern *concern, const json_t *before, const json_t *after);
} subjects[] = {
	{ "users", user_changed },
	{ "roster_items", item_changed },
};

static void change_gather(const struct change *change)
{
	json_t *before = change->before == NULL ? NULL : json_loads(change->before, 0, NULL);
	struct concern *concern;
	json_t *after;

	has_outgoing |= text_equal(change->subject, "outbox");
	has_bans |= text_equal(change->subject, "bans");
	if (text_equal(change->subject, "links")) {
		link_removed(before);
		json_decref(before);
		return;
	}
	has_settings |= text_equal(change->subject, "settings");
	has_settings |= text_equal(change->subject, "domains");
	if (text_equal(change->subject, "settings") && text_equal(change->operation, "delete"))
		config_rows_doubt();
	if (text_equal(change->subject, "sessions")) {
		concern = concern_get(change->domain, change->username);
		if (concern != NULL)
			session_removed(concern, before);
		json_decref(before);
		return;
	}
	after = change->after == NULL ? NULL : json_loads(change->after, 0, NULL);
	/* A row that was given to another account concerns both. */
	concern_of_account(member(before, "domain"), member(before, "username"));
	concern = concern_of_account(change->domain, change->username);
	for (size_t i = 0; concern != NULL && i < COUNT_OF(subjects); i++)
		if (text_equal(change->subject, subjects[i].subject))
			subjects[i].changed(concern, before, after);
	live_groups_gather(change, before, after);
	json_decref(before);
	json_decref(after);
}

/* ---- telling ---- */

/* Whoever knows the old one is out. */
static void password_was_reset(const struct jid *jid)
{
	struct account *account = account_peek(jid);

	if (!home_config()->reset_ends_sessions)
		return;
	password_reset_note(jid);
	if (account != NULL)
		sessions_end(account, SESSION_NOT_AUTHORIZED);
}

/* At the account's home. */
static void concern_arrived(struct mail *mail)
{
	struct concern *concern = CONTAINER_OF(mail, struct concern, mail);
	struct thrown_out *thrown_out;

	if (concern->has_new_password)
		password_was_reset(concern->jid);
	STAILQ_FOREACH (thrown_out, &concern->thrown_out, next)
		session_kick(concern->jid, thrown_out->session_id);
	if (concern->is_changed)
		account_changed(concern->jid);
	if (STAILQ_EMPTY(&concern->removed))
		arena_free(&concern->arena);
}

/* There as well, after that. */
static void concern_followed_up(struct mail *mail)
{
	struct concern *concern = CONTAINER_OF(mail, struct concern, follow_up);
	struct removed_contact *removed;

	STAILQ_FOREACH (removed, &concern->removed, next)
		subscription_removed(concern->jid, removed->jid, removed->state);
	arena_free(&concern->arena);
}

/* A concern belongs to its home once its last mail is posted. */
static void concerns_tell(void)
{
	STAILQ_HEAD(, concern) with_follow_up = STAILQ_HEAD_INITIALIZER(with_follow_up);
	struct concern *concern;
	size_t cursor = 0;

	while ((concern = hash_next(concerns, &cursor)) != NULL) {
		hash_remove(concerns, jid_text(concern->jid), strlen(jid_text(concern->jid)));
		if (!STAILQ_EMPTY(&concern->removed))
			STAILQ_INSERT_TAIL(&with_follow_up, concern, next);
		worker_post(home_of(concern->jid), &concern->mail, concern_arrived);
	}
	while ((concern = STAILQ_FIRST(&with_follow_up)) != NULL) {
		STAILQ_REMOVE_HEAD(&with_follow_up, next);
		worker_post(home_of(concern->jid), &concern->follow_up, concern_followed_up);
	}
}

/* Behind the accounts: a row may be for one that has just been made; and behind what is changed in
 * the configuration. */
static void outgoing_tell(void)
{
	if (!has_outgoing || config_rows_pending())
		return;
	has_outgoing = false;
	outbox_wake();
}

static void changes_tell(void)
{
	if (has_settings)
		config_rows_load();
	has_settings = false;
	if (has_bans)
		ban_rows_load();
	has_bans = false;
	if (has_passwords)
		passwords_take();
	has_passwords = false;
	live_groups_tell();
	concerns_tell();
	outgoing_tell();
}

void live_configured(const struct config_tables *tables)
{
	config_rows_in_force(tables);
	outgoing_tell();
}

/* ---- from start to stop ---- */

/* The log is kept for those who look back. */
static const struct statement changes_sweep =
    STATEMENT("DELETE FROM changes WHERE id IN"
	      " (SELECT id FROM changes WHERE changed_at < $1 ORDER BY changed_at LIMIT $2)");

static const struct statement history_sweep_rows = STATEMENT(
    "DELETE FROM settings_history WHERE id IN"
    " (SELECT id FROM settings_history WHERE changed_at < $1 ORDER BY changed_at LIMIT $2)");

static int64_t changes_keep_us(void)
{
	return (int64_t)home_config()->changes_days * DAY_US;
}

static const struct change_events live_events = { change_gather, changes_tell };

void live_start(void)
{
	concerns = hash_new();
	passwords_start();
	changes_follow(&live_events);
	live_sweep = sweep_new(&changes_sweep, changes_keep_us);
	history_sweep = sweep_new(&history_sweep_rows, changes_keep_us);
}

void live_stop(void)
{
	struct concern *concern;
	size_t cursor = 0;

	changes_ignore();
	passwords_stop();
	config_rows_stop();
	sweep_free(&live_sweep);
	sweep_free(&history_sweep);
	live_groups_stop();
	while (concerns != NULL && (concern = hash_next(concerns, &cursor)) != NULL)
		arena_free(&concern->arena);
	hash_free(&concerns);
}
