/* intake.c - stanzas that another server sends on a connection, whoever of the two has called.
 * Those from a domain that was not proved on it, or for one that is not ours, end the stream. So
 * many are at work at a time; then nothing is read. */
#include "base/arena.h"
#include "base/mem.h"
#include "core/bans.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router.h"
#include "core/work.h"
#include "s2s/s2s-private.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* So many stanzas of a connection are at work at a time; then nothing is read until half of them
 * have been dealt with. */
#define AT_WORK_MAX 1000

struct intake {
	struct stream *stream; /* NULL once it is closed */
	intake_covers *covers;
	const void *owner;
	struct work work;
	unsigned references; /* the owner, receipts */
};

/* ---- life ---- */

struct intake *intake_new(struct stream *stream, intake_covers *covers, const void *owner)
{
	struct intake *intake = mem_alloc_zero(sizeof *intake);

	intake->stream = stream;
	intake->covers = covers;
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
	intake_unref(dead);
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

	if (intake->stream != NULL) {
		stream_settled(intake->stream, sequence);
		if (goes_on)
			stream_resume(intake->stream);
	}
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

/* RFC 6120 sections 4.9.3.7, 4.9.3.9 and 8.1. The stream error there is to be, or -1. */
static int stanza_fault(
    struct intake *intake, struct arena *arena, const struct jid *from, const struct jid *to)
{
	const char *from_domain, *to_domain;

	if (from == NULL || to == NULL)
		return STREAM_IMPROPER_ADDRESSING;
	from_domain = jid_domain(arena, from);
	to_domain = jid_domain(arena, to);
	if (!remote_is_ours(to_domain))
		return STREAM_HOST_UNKNOWN;
	if (!intake->covers(intake->owner, from_domain, to_domain))
		return STREAM_INVALID_FROM;
	return bans_have_jid(from) ? STREAM_POLICY_VIOLATION : -1;
}

static const struct jid *address_of(
    struct arena *arena, const struct element *element, const char *name)
{
	const char *text = element_attribute(element, name);

	return text == NULL ? NULL : jid_parse(arena, text);
}

void intake_take(
    struct intake *intake, struct arena *arena, struct element *element, uint32_t sequence)
{
	const struct jid *from = address_of(arena, element, "from");
	const struct jid *to = address_of(arena, element, "to");
	int fault = stanza_fault(intake, arena, from, to);
	struct receipt *receipt;
	struct stanza *stanza;
	enum rc rc;

	if (fault >= 0) {
		stream_fail(intake->stream, (enum stream_error)fault, NULL);
		arena_free(&arena);
		return;
	}
	receipt = intake_receipt(intake, sequence);
	/* The connection may stay open for what our users still say. */
	rc = RC_RECIPIENT_UNAVAILABLE;
	stanza = s2s.is_closed ? NULL : stanza_from_element(arena, element, from, to, &rc);
	if (stanza != NULL) {
		router_send(stanza, receipt);
		stanza_unref(&stanza);
	} else {
		stanza_refuse(element, from, to, rc);
		arena_free(&arena);
	}
	receipt_release(&receipt);
}
