/* subscription-offer.c - requests that wait for an answer, offered to a session at its login (RFC
 * 6121 section 3.1.3). Strangers may have made each as large as a stanza may be, so they are sent
 * in pages: the next follows when the client has the one before. */
#include "core/account.h"
#include "core/delivery.h"
#include "core/roster.h"
#include "core/session.h"
#include "core/subscription.h"

/* Rows of the first page, which may be large, and at most. */
#define FIRST_ROWS 4
#define PAGE_ROWS 100
/* A page ends with the request that exceeds this. */
#define PAGE_BYTES (256 * 1024)

/* Requests on their way to a session. */
struct offer {
	struct account *account; /* referenced */
	struct jid *jid;         /* of the session, which may be gone */
	size_t rows;             /* to ask for: twice what went into the page before */
	int64_t last_at_us;      /* of the request that was sent last */
	char *last_contact;
	size_t
	    outstanding; /* requests the client does not have yet, and one while a page is sent */
	bool over;       /* there are no more */
};

static const struct statement requests_select =
    STATEMENT("SELECT requested_at, contact, stanza FROM subscription_requests"
	      " WHERE domain = $1 AND username = $2 AND (requested_at, contact) > ($3, $4)"
	      " ORDER BY requested_at, contact LIMIT $5");

static store_done requests_read;

static void offer_read(struct offer *offer)
{
	struct arena *arena = arena_new(0);

	offer->outstanding = 1;
	store_run(&requests_select,
	    PARAMS(account_key_of(offer->account, arena), offer->last_at_us,
		(const char *)offer->last_contact, (int64_t)offer->rows),
	    requests_read, offer);
	arena_free(&arena);
}

void subscription_offer_pending(struct session *session)
{
	struct offer *offer;

	if (roster_requests(session->account) == 0)
		return;
	offer = mem_alloc_zero(sizeof *offer);
	offer->account = account_ref(session->account);
	offer->jid = jid_copy_heap(session->jid);
	offer->rows = FIRST_ROWS;
	offer->last_at_us = INT64_MIN;
	offer->last_contact = mem_strdup("");
	offer_read(offer);
}

static void offer_free(struct offer *offer)
{
	account_unref(offer->account);
	jid_free(&offer->jid);
	mem_free(offer->last_contact);
	mem_free(offer);
}

/* The page is sent, or a request of it has arrived: the last one asks for the next page. */
static void offer_go_on(struct offer *offer)
{
	offer->outstanding--;
	if (offer->outstanding > 0)
		return;
	if (offer->over)
		offer_free(offer);
	else
		offer_read(offer);
}

/* The client has one, or is gone, which the next page notices. */
static void request_told(void *state)
{
	offer_go_on(state);
}

/* Sends one request, unless it was answered since; returns its size. */
static size_t request_send(
    struct offer *offer, struct session *session, const char *contact_text, const char *text)
{
	struct arena *arena = arena_new(0);
	const struct jid *contact = jid_parse(arena, contact_text);
	struct roster_item *item = contact == NULL ? NULL : roster_find(offer->account, contact);
	struct stanza *request = stanza_parse(text, strlen(text));
	struct stanza *stamped;
	size_t bytes = 0;

	if (item != NULL && item->request && request != NULL) {
		stamped =
		    stanza_readdress(request, roster_item_jid(arena, item), offer->account->jid);
		offer->outstanding++;
		delivery_told(session, stamped, request_told, offer);
		stanza_unref(&stamped);
		bytes = strlen(text);
	}
	stanza_unref(&request);
	arena_free(&arena);
	return bytes;
}

/* The session that is available still, or NULL. */
static struct session *offer_session(const struct offer *offer)
{
	struct session *session = account_find_session(offer->account, jid_resource(offer->jid));

	return session == NULL || session->presence == NULL ? NULL : session;
}

/* Sending may end the session. */
static void page_send(struct offer *offer, const struct store_result *rows)
{
	struct session *session = offer_session(offer);
	size_t bytes = 0, row;

	for (row = 0; row < store_rows(rows) && bytes <= PAGE_BYTES && session != NULL; row++) {
		mem_free(offer->last_contact);
		offer->last_at_us = store_integer(rows, row, 0);
		offer->last_contact = mem_strdup(store_text(rows, row, 1));
		bytes +=
		    request_send(offer, session, offer->last_contact, store_text(rows, row, 2));
		session = offer_session(offer);
	}
	offer->over = session == NULL || (row == store_rows(rows) && row < offer->rows);
	offer->rows = 2 * row < PAGE_ROWS ? 2 * row : PAGE_ROWS;
}

static void requests_read(const struct store_result *result, void *state)
{
	struct offer *offer = state;

	if (store_rc(result) == RC_OK)
		page_send(offer, result);
	else
		offer->over = true;
	offer_go_on(offer);
}
