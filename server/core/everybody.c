/* everybody.c - who is online on a domain. Mail between two workers stays in order, so what is told
 * of an account before the answer of its worker is in the answer, and what is told after it is
 * newer.
 */
#include "core/everybody.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/name-set.h"
#include "core/account.h"
#include "core/home.h"
#include "core/shared-group.h"
#include "loop/worker.h"
#include "xmpp/jid.h"

/* One worker's part of the answer. */
struct census {
	struct mail mail;
	struct worker *asker;
	char *domain;
	struct name_set online;
};

/* Who has come or gone, on the way to a worker. */
struct notice {
	struct mail mail;
	struct jid *jid;
	bool is_online;
};

/* Groups on all workers; nearly always there are none, and nobody need be told. */
static atomic_uint groups;
static _Thread_local size_t unanswered;

/* ---- asking ---- */

static void census_came_back(struct mail *mail)
{
	struct census *census = CONTAINER_OF(mail, struct census, mail);
	struct shared_group *group = shared_group_peek(census->domain, EVERYBODY);

	unanswered--;
	if (group != NULL) {
		name_set_merge(&group->members, &census->online);
		group->unanswered--;
		if (group->unanswered == 0)
			shared_group_complete(group);
	}
	name_set_free(&census->online);
	mem_free(census->domain);
	mem_free(census);
}

/* At each worker. */
static void census_arrived(struct mail *mail)
{
	struct census *census = CONTAINER_OF(mail, struct census, mail);
	struct arena *arena = arena_new(0);
	struct account *account;
	size_t cursor = 0;

	while ((account = accounts_next(&cursor)) != NULL)
		if (account->session_count > 0 && jid_has_domain(account->jid, census->domain))
			name_set_append(&census->online, jid_node(arena, account->jid));
	arena_free(&arena);
	worker_post(census->asker, &census->mail, census_came_back);
}

void everybody_gather(struct shared_group *group)
{
	atomic_fetch_add(&groups, 1);
	shared_group_ref(group);
	for (size_t i = 0; i < homes_count(); i++) {
		struct census *census = mem_alloc_zero(sizeof *census);

		census->asker = worker_current();
		census->domain = mem_strdup(group->domain);
		group->unanswered++;
		unanswered++;
		worker_post(homes_worker(i), &census->mail, census_arrived);
	}
}

void everybody_forget(struct shared_group *group)
{
	atomic_fetch_sub(&groups, 1);
	shared_group_unref(group);
}

/* ---- being told ---- */

static void notice_arrived(struct mail *mail)
{
	struct notice *notice = CONTAINER_OF(mail, struct notice, mail);
	struct arena *arena = arena_new(0);
	const char *name = jid_node(arena, notice->jid);
	struct shared_group *group = shared_group_peek(jid_domain(arena, notice->jid), EVERYBODY);

	if (group != NULL && notice->is_online)
		name_set_add(&group->members, name);
	else if (group != NULL)
		name_set_remove(&group->members, name);
	arena_free(&arena);
	jid_free(&notice->jid);
	mem_free(notice);
}

void everybody_note(const struct jid *jid, bool is_online)
{
	if (atomic_load(&groups) == 0)
		return;
	for (size_t i = 0; i < homes_count(); i++) {
		struct notice *notice = mem_alloc_zero(sizeof *notice);

		notice->jid = jid_copy_heap(jid);
		notice->is_online = is_online;
		worker_post(homes_worker(i), &notice->mail, notice_arrived);
	}
}

size_t everybody_busy(void)
{
	return unanswered;
}
