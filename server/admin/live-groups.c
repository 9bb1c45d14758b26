/* live-groups.c - what was changed in the tables of shared groups concerns whoever has to do with
 * the group, and these may live on every worker: what a reading of the log has brought is gathered
 * in one piece, which all of them read. The accounts that have joined or left are loaded again
 * beside that (live.c), as others are. */
#include "admin/live-groups.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/account.h"
#include "core/home.h"
#include "core/shared-group.h"
#include "loop/worker.h"
#include "store/changes.h"

enum news_kind {
	NEWS_GROUP,  /* its title, or all of it */
	NEWS_MEMBER, /* one has joined or left */
	NEWS_USER,   /* an account was made or deleted */
	NEWS_DOMAIN  /* who sees which group */
};

struct news {
	STAILQ_ENTRY(news) next;
	enum news_kind kind;
	const char *domain, *name, *username;
};

/* The news of one reading; the last worker that has read them throws them away. */
struct bulletin {
	struct arena *arena; /* of itself, too */
	atomic_size_t readers;
	STAILQ_HEAD(news_list, news) list;
};

struct copy {
	struct mail mail;
	struct bulletin *bulletin;
};

/* Of the first worker; NULL: nothing yet. */
static struct bulletin *current;

/* ---- gathering ---- */

static const char *member(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static bool member_differs(const json_t *before, const json_t *after, const char *name)
{
	return !text_equal(member(before, name), member(after, name));
}

static void note(enum news_kind kind, const char *domain, const char *name, const char *username)
{
	struct arena *arena = current == NULL ? arena_new(0) : current->arena;
	struct news *news = arena_alloc_zero(arena, sizeof *news);

	if (current == NULL) {
		current = arena_alloc_zero(arena, sizeof *current);
		current->arena = arena;
		STAILQ_INIT(&current->list);
	}
	news->kind = kind;
	news->domain = arena_strdup(arena, domain == NULL ? "" : domain);
	news->name = arena_strdup(arena, name == NULL ? "" : name);
	news->username = arena_strdup(arena, username == NULL ? "" : username);
	STAILQ_INSERT_TAIL(&current->list, news, next);
}

/* Who sees a new one? Its members are told as such. One that is deleted takes them along. */
static void group_gather(const json_t *before, const json_t *after)
{
	bool is_for_all = text_equal(member(after, "visible_to"), "everybody");

	if (before != NULL && after != NULL) {
		note(NEWS_GROUP, member(before, "domain"), member(before, "name"), NULL);
		is_for_all = member_differs(before, after, "visible_to") ||
		             member_differs(before, after, "name");
	}
	if (after != NULL && is_for_all)
		note(NEWS_DOMAIN, member(after, "domain"), NULL, NULL);
}

static void member_gather(const json_t *before, const json_t *after)
{
	const json_t *rows[] = { before, after };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i] != NULL)
			note(NEWS_MEMBER, member(rows[i], "domain"), member(rows[i], "group_name"),
			    member(rows[i], "username"));
}

static void viewer_gather(const json_t *before, const json_t *after)
{
	note(NEWS_DOMAIN, member(after == NULL ? before : after, "domain"), NULL, NULL);
}

static void user_gather(const json_t *before, const json_t *after)
{
	const json_t *rows[] = { before, after };

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i] != NULL && (member_differs(before, after, "username") ||
					   member_differs(before, after, "domain")))
			note(NEWS_USER, member(rows[i], "domain"), NULL,
			    member(rows[i], "username"));
}

static const struct {
	const char *subject;
	void (*gather)(const json_t *before, const json_t *after);
} subjects[] = {
	{ "groups", group_gather },
	{ "group_members", member_gather },
	{ "group_viewers", viewer_gather },
	{ "users", user_gather },
};

void live_groups_gather(const struct change *change, const json_t *before, const json_t *after)
{
	for (size_t i = 0; i < COUNT_OF(subjects); i++)
		if (text_equal(change->subject, subjects[i].subject))
			subjects[i].gather(before, after);
}

/* ---- telling ---- */

/* Every account of the domain is loaded again, in turns. */
static void domain_changed(const char *domain)
{
	struct account *account;
	size_t cursor = 0;

	while ((account = accounts_next(&cursor)) != NULL)
		if (jid_has_domain(account->jid, domain))
			account_changed(account->jid);
}

static void news_read(const struct news *news)
{
	switch (news->kind) {
	case NEWS_GROUP:
		shared_group_changed(news->domain, news->name);
		return;
	case NEWS_MEMBER:
		shared_group_member_changed(news->domain, news->name, news->username);
		return;
	case NEWS_USER:
		shared_groups_user_changed(news->domain, news->username);
		return;
	case NEWS_DOMAIN:
		domain_changed(news->domain);
	}
}

/* On each worker. */
static void bulletin_arrived(struct mail *mail)
{
	struct copy *copy = CONTAINER_OF(mail, struct copy, mail);
	struct bulletin *bulletin = copy->bulletin;
	struct arena *arena = bulletin->arena;
	struct news *news;

	STAILQ_FOREACH (news, &bulletin->list, next)
		news_read(news);
	mem_free(copy);
	if (atomic_fetch_sub(&bulletin->readers, 1) == 1)
		arena_free(&arena);
}

void live_groups_tell(void)
{
	struct bulletin *bulletin = current;

	if (bulletin == NULL)
		return;
	current = NULL;
	atomic_init(&bulletin->readers, homes_count());
	for (size_t i = 0; i < homes_count(); i++) {
		struct copy *copy = mem_alloc_zero(sizeof *copy);

		copy->bulletin = bulletin;
		worker_post(homes_worker(i), &copy->mail, bulletin_arrived);
	}
}

void live_groups_stop(void)
{
	struct arena *arena = current == NULL ? NULL : current->arena;

	current = NULL;
	arena_free(&arena);
}
