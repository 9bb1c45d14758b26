/* outbox-broadcast.c - one row of the outbox to everybody who is online. Each worker does its
 * share: it takes those of its accounts who are there at that moment, and serves them in slices, so
 * that nobody waits behind a crowd. */
#include "admin/outbox-private.h"

#include "base/mem.h"
#include "base/text.h"
#include "core/account.h"
#include "core/home.h"
#include "core/router.h"
#include "core/session.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* Accounts that are served in one round of the loop. */
#define SLICE 100

struct share {
	struct mail mail;
	struct outgoing *outgoing; /* of the first worker; only its constants are read */
	struct account **accounts; /* referenced */
	size_t count, done;
};

/* On the first worker. */
static void share_came_back(struct mail *mail)
{
	struct share *share = CONTAINER_OF(mail, struct share, mail);
	struct outgoing *outgoing = share->outgoing;

	mem_free(share);
	if (--outgoing->shares == 0)
		outgoing_end(outgoing);
}

/* ---- on each worker ---- */

static bool is_of(const struct account *account, const struct jid *domain)
{
	return domain == NULL || jid_has_domain(account->jid, jid_text(domain));
}

static void share_gather(struct share *share)
{
	struct account *account;
	size_t cursor = 0, room = home_sessions();

	share->accounts = mem_alloc_zero((room + 1) * sizeof(struct account *));
	while (share->count < room && (account = accounts_next(&cursor)) != NULL)
		if (account_is_reachable(account) &&
		    is_of(account, stanza_to(share->outgoing->message)))
			share->accounts[share->count++] = account_ref(account);
}

static void share_send(const struct share *share, struct account *account)
{
	const struct stanza *message = share->outgoing->message;
	struct stanza *own = stanza_readdress(message, stanza_from(message), account->jid);

	router_send(own, NULL);
	stanza_unref(&own);
}

static void share_go_on(struct mail *mail)
{
	struct share *share = CONTAINER_OF(mail, struct share, mail);

	for (size_t i = 0; i < SLICE && share->done < share->count; i++) {
		struct account *account = share->accounts[share->done++];

		if (account_first_session(account) != NULL)
			share_send(share, account);
		account_unref(account);
	}
	if (share->done < share->count) {
		worker_post(worker_current(), &share->mail, share_go_on);
		return;
	}
	mem_free(share->accounts);
	worker_post(homes_worker(0), &share->mail, share_came_back);
}

static void share_came(struct mail *mail)
{
	share_gather(CONTAINER_OF(mail, struct share, mail));
	share_go_on(mail);
}

void outbox_broadcast(struct outgoing *outgoing)
{
	outgoing->shares = homes_count();
	for (size_t i = 0; i < homes_count(); i++) {
		struct share *share = mem_alloc_zero(sizeof *share);

		share->outgoing = outgoing;
		worker_post(homes_worker(i), &share->mail, share_came);
	}
}
