/* c2s-credentials.c - what the database knows of somebody who wants to log in.
 * After a network or a server was away, thousands ask for that at once. So many at a time do, and
 * the others wait, in the order in which they came, until their login's deadline: all of them
 * together would be more than the database's queue holds, and be refused. Who leaves while he waits
 * waits no longer, so there are no more than there are connections. */
#include "c2s/c2s.h"
#include "c2s/c2s-private.h"
#include "core/bans.h"
#include "core/turns.h"
#include "core/user.h"
#include "stream/scram.h"
#include "stream/stream.h"

/* At a time, on a worker. */
#define INQUIRIES_MAX 200

struct inquiry {
	struct turn turn;
	struct c2s *c2s; /* referenced */
	char *domain, *username;
};

static _Thread_local struct turns inquiries;

static store_done credentials_found;

static void inquiry_free(struct inquiry *inquiry)
{
	inquiry->c2s->inquiry = NULL;
	c2s_unref(inquiry->c2s);
	mem_free(inquiry->domain);
	mem_free(inquiry->username);
	mem_free(inquiry);
}

static void inquiry_run(struct turn *turn)
{
	struct inquiry *inquiry = CONTAINER_OF(turn, struct inquiry, turn);

	user_credentials(
	    (struct account_key){ inquiry->domain, inquiry->username }, credentials_found, inquiry);
}

static void credentials_tell(struct c2s *c2s, const struct store_result *result)
{
	struct scram_keys sha1, sha256;
	enum rc rc = store_one_row(result);
	bool has_sha1 = false, has_sha256 = false;

	if (rc == RC_OK) {
		has_sha1 = scram_keys_parse(store_text(result, 0, 0), &sha1);
		has_sha256 = scram_keys_parse(store_text(result, 0, 1), &sha256);
		if (store_integer(result, 0, 2) != 0 || c2s->is_banned)
			rc = RC_NOT_ALLOWED;
	}
	stream_credentials(c2s->stream, rc, has_sha1 ? &sha1 : NULL, has_sha256 ? &sha256 : NULL);
	crypto_wipe(&sha1, sizeof sha1);
	crypto_wipe(&sha256, sizeof sha256);
}

/* The stream may ask again from inside: this inquiry is over by then. */
static void credentials_found(const struct store_result *result, void *state)
{
	struct inquiry *inquiry = state;
	struct c2s *c2s = inquiry->c2s;

	c2s->references++;
	turns_end(&inquiries, &inquiry->turn);
	inquiry_free(inquiry);
	if (c2s->stream != NULL)
		credentials_tell(c2s, result);
	c2s_unref(c2s);
}

void c2s_credentials(void *state, const char *domain, const char *username)
{
	struct c2s *c2s = state;
	struct inquiry *inquiry = mem_alloc_zero(sizeof *inquiry);

	c2s->references++;
	c2s->is_banned = bans_have_account(domain, username);
	c2s->asked_us = worker_clock_us();
	c2s->inquiry = inquiry;
	inquiry->c2s = c2s;
	inquiry->domain = mem_strdup(domain);
	inquiry->username = mem_strdup(username);
	turns_take(&inquiries, &inquiry->turn);
}

void c2s_forget_inquiry(struct c2s *c2s)
{
	struct inquiry *inquiry = c2s->inquiry;

	if (inquiry == NULL || inquiry->turn.state != TURN_WAITS)
		return;
	turns_end(&inquiries, &inquiry->turn);
	inquiry_free(inquiry);
}

void c2s_start(void)
{
	inquiries = (struct turns){
		.running_max = INQUIRIES_MAX, .waiting_max = SIZE_MAX, .run = inquiry_run
	};
	turns_init(&inquiries);
}
