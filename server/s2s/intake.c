/* intake.c - stanzas that another server sends on a connection, whoever of the two has called.
 * Those from a domain that was not proved on it, or for one that is not ours, end the stream. So
 * many are at work at a time; then nothing is read. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "core/bans.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router.h"
#include "core/work.h"
#include "s2s/s2s-private.h"
#include "stream/sm.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* So many stanzas of a connection are at work at a time; then nothing is read until half of them
 * have been dealt with. */
#define AT_WORK_MAX 1000

struct intake {
	struct stream *stream; /* NULL once it is closed */
	struct sm *kept;       /* of one that was cut */
	intake_covers *covers;
	intake_rested *rested;
	void *owner;
	struct work work;
	bool is_stopped;     /* nothing more is read */
	unsigned references; /* the owner, receipts */
};

/* ---- life ---- */

struct intake *intake_new(
    struct stream *stream, intake_covers *covers, intake_rested *rested, void *owner)
{
	struct intake *intake = mem_alloc_zero(sizeof *intake);

	intake->stream = stream;
	intake->covers = covers;
	intake->rested = rested;
	intake->owner = owner;
	intake->references = 1;
	return intake;
}

static void intake_unref(struct intake *intake)
{
	intake->references--;
	if (intake->references == 0)
		mem_free(intake);
}

void intake_free(struct intake **intake)
{
	struct intake *dead = *intake;

	if (dead == NULL)
		return;
	*intake = NULL;
	dead->stream = NULL;
	dead->kept = NULL;
	dead->owner = NULL;
	intake_unref(dead);
}

void intake_keep(struct intake *intake, struct sm *kept)
{
	intake->kept = kept;
}

void intake_set_stream(struct intake *intake, struct stream *stream)
{
	intake->stream = stream;
}

bool intake_stop(struct intake *intake)
{
	if (intake->work.amount == 0)
		return false;
	intake->is_stopped = true;
	stream_pause(intake->stream);
	return true;
}

unsigned intake_at_work(const struct intake *intake)
{
	return intake->work.amount;
}

/* ---- what is at work ---- */

static void intake_settled(void *state, uint32_t sequence)
{
	struct intake *intake = state;
	bool goes_on = work_ends(&intake->work, 1, AT_WORK_MAX);

	if (intake->kept != NULL && sequence != 0)
		sm_settle(intake->kept, sequence);
	else if (intake->stream != NULL)
		stream_settled(intake->stream, sequence);
	if (intake->stream != NULL && goes_on && !intake->is_stopped)
		stream_resume(intake->stream);
	if (intake->owner != NULL &&
	    (intake->work.amount == 0 || (intake->kept != NULL && sm_is_settled(intake->kept))))
		intake->rested(intake->owner);
	intake_unref(intake);
}

static struct receipt *intake_receipt(struct intake *intake, uint32_t sequence)
{
	intake->references++;
	if (work_begins(&intake->work, 1, AT_WORK_MAX))
		stream_pause(intake->stream);
	return receipt_new(intake_settled, intake, sequence);
}

/* ---- stanzas ---- */

/* What is no stanza in spite of its name goes back, and what comes while we stop. */
static void stanza_refuse(
    const struct element *element, const struct jid *from, const struct jid *to, enum rc rc)
{
	struct stanza *error = stanza_refusal(element, from, to, rc);

	if (error != NULL)
		router_send(error, NULL);
	stanza_unref(&error);
}

/* The two addresses of a stanza: NULL what is none, though its domain may be one. */
struct addresses {
	const struct jid *from, *to;
	const char *from_domain, *to_domain;
};

/* The domain of what may be no address otherwise; NULL: none. */
static const char *domain_of(struct arena *arena, const char *text)
{
	size_t length = strcspn(text, "/");
	const char *bare = arena_strndup(arena, text, length), *at = strchr(bare, '@');

	return jid_prepare_domain(arena, at == NULL ? bare : at + 1);
}

static const struct jid *address_read(
    struct arena *arena, const char *text, const char **domain_out)
{
	const struct jid *jid = text == NULL ? NULL : jid_parse(arena, text);

	*domain_out = NULL;
	if (jid != NULL)
		*domain_out = jid_domain(arena, jid);
	else if (text != NULL)
		*domain_out = domain_of(arena, text);
	return jid;
}

static struct addresses addresses_read(struct arena *arena, const struct element *element)
{
	struct addresses addresses;

	addresses.from =
	    address_read(arena, element_attribute(element, "from"), &addresses.from_domain);
	addresses.to = address_read(arena, element_attribute(element, "to"), &addresses.to_domain);
	return addresses;
}

/* RFC 6120 sections 4.9.3.7, 4.9.3.9 and 8.1: what the server there is to blame for. The stream
 * error there is to be, or -1. */
static int stanza_fault(const struct intake *intake, const struct addresses *addresses)
{
	if (addresses->from_domain == NULL || addresses->to_domain == NULL)
		return STREAM_IMPROPER_ADDRESSING;
	if (!remote_is_ours(addresses->to_domain))
		return STREAM_HOST_UNKNOWN;
	return intake->covers(intake->owner, addresses->from_domain, addresses->to_domain)
	           ? -1
	           : STREAM_INVALID_FROM;
}

/* What one of its users is to blame for concerns him alone, not all whose stanzas come this way.
 * RC_OK: nothing. */
static enum rc stanza_rc(const struct addresses *addresses)
{
	/* The connection may stay open for what our users still say. */
	if (s2s.is_closed)
		return RC_RECIPIENT_UNAVAILABLE;
	if (addresses->from == NULL || addresses->to == NULL)
		return RC_JID_MALFORMED;
	return bans_have_jid(addresses->from) ? RC_POLICY_VIOLATION : RC_OK;
}

/* Takes the arena. */
static void stanza_pass(struct arena *arena, struct element *element,
    const struct addresses *addresses, struct receipt *receipt)
{
	enum rc rc = stanza_rc(addresses);
	struct stanza *stanza = NULL;

	if (rc == RC_OK)
		stanza = stanza_from_element(arena, element, addresses->from, addresses->to, &rc);
	if (stanza != NULL) {
		router_send(stanza, receipt);
		stanza_unref(&stanza);
		return;
	}
	if (addresses->from != NULL)
		stanza_refuse(element, addresses->from, addresses->to, rc);
	arena_free(&arena);
}

void intake_take(
    struct intake *intake, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct addresses addresses = addresses_read(arena, element);
	int fault = stanza_fault(intake, &addresses);
	struct receipt *receipt;

	if (fault >= 0) {
		stream_fail(intake->stream, (enum stream_error)fault, NULL);
		arena_free(&arena);
		return;
	}
	receipt = intake_receipt(intake, sequence);
	stanza_pass(arena, element, &addresses, receipt);
	receipt_release(&receipt);
}
