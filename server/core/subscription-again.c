/* subscription-again.c - requests of our users that contacts on other servers have not answered,
 * sent once more (RFC 6121 section 3.1.2): the first time the server there may have been away, or
 * has lost them. It is done when a user becomes available, not too often, and when a domain is
 * back. */
#include "core/subscription-again.h"

#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/presence-private.h"
#include "core/presence-remote.h"
#include "core/presence.h"
#include "core/roster.h"
#include "loop/worker.h"

/* So long nothing is sent again for an account that comes and goes. */
#define AGAIN_MS 600000

static size_t requests_count(const struct account *account)
{
	const struct roster_item *item;
	size_t cursor = 0, count = 0;

	while ((item = roster_next(account, &cursor)) != NULL)
		count += item->ask;
	return count;
}

static bool is_wanted(const struct jid *contact, const char *domain)
{
	return domain == NULL ? !config_serves(home_config(), contact)
	                      : jid_has_domain(contact, domain);
}

/* Tells each whom the account has asked, at that domain; NULL: at any that is not ours. */
static void requests_each(const struct account *account, const char *domain,
    void (*tell)(const struct account *account, const struct jid *contact))
{
	size_t left = requests_count(account), cursor = 0, count = 0;
	const struct jid **contacts;
	struct arena *arena;

	/* As with nearly all. */
	if (left == 0)
		return;
	arena = arena_new(0);
	contacts = arena_alloc(arena, left * sizeof *contacts);
	while (left > 0) {
		const struct roster_item *item = roster_next(account, &cursor);

		if (!item->ask)
			continue;
		left--;
		contacts[count] = roster_item_jid(arena, item);
		count += is_wanted(contacts[count], domain);
	}
	/* Not before: what is sent may come back. */
	for (size_t i = 0; i < count; i++)
		tell(account, contacts[i]);
	arena_free(&arena);
}

static void request_send(const struct account *account, const struct jid *contact)
{
	if (!presence_is_hidden(account, contact))
		presence_send(PRESENCE_SUBSCRIBE, account->jid, contact);
}

void subscriptions_send_again(const struct account *account, const char *domain)
{
	requests_each(account, domain, request_send);
}

void subscriptions_session_available(struct account *account)
{
	int64_t now_ms = worker_now_ms();

	requests_each(account, NULL, presence_remote_watch);
	if (account->asked_ms != 0 && now_ms - account->asked_ms < AGAIN_MS)
		return;
	account->asked_ms = now_ms;
	requests_each(account, NULL, request_send);
}
