/* resume.c - resumption (XEP-0198 section 5): a stream that was cut goes on in another. What
 * outlives a stream is its counters, under an id that nobody can guess; its owner keeps them, and
 * what was lost with it, until another stream of the same peer asks for them by the id.
 *
 * Where we have called, we ask for management and for resumption as soon as we know who is there.
 * Where a peer asks, the owner judges whose the id is, and answers when all that the stream before
 * has read is dealt with, so that nothing is sent twice. */
#include <inttypes.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "net/transport.h"
#include "stream/stream-private.h"
#include "xml/element.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#define ID_BYTES 16
/* Section 5. */
#define ID_MAX_BYTES 4000

static bool is_true(const char *text)
{
	return text_equal(text, "true") || text_equal(text, "1");
}

/* How long the peer asks for, as far as that is less than `seconds`. */
static unsigned seconds_of(const struct element *element, unsigned seconds)
{
	const char *text = element_attribute(element, "max");
	int64_t max;

	return text != NULL && number_parse(text, 1, seconds, &max) ? (unsigned)max : seconds;
}

/* How many of the stanzas that were lost have arrived. What was sent before the first one that
 * counts has arrived if that has. */
static uint32_t arrived_since(const struct sm *sm, uint32_t acked)
{
	uint32_t count = sm->acked - acked;

	return count == 0 ? 0 : count + sm->uncounted;
}

/* ---- who has called us */

/* A server may have been proved by dialback alone: its owner keeps none of these. A user has no
 * login any more. */
static bool may_be_resumed(const struct stream *stream)
{
	return stream->settings->resume_seconds > 0 &&
	       (stream->login == NULL || stream->login->by_sasl);
}

void resume_enable(struct stream *stream, const struct element *enable)
{
	struct sm *sm = stream->sm;
	struct text *out = stream_output(stream);
	unsigned char id[ID_BYTES];
	struct arena *arena;

	if (!is_true(element_attribute(enable, "resume")) || !may_be_resumed(stream)) {
		text_printf(out, "<enabled xmlns='%s'/>", sm->ns);
		return;
	}
	arena = arena_new(0);
	crypto_random(id, sizeof id);
	sm->id = mem_strdup(hex_encode(arena, id, sizeof id));
	sm->max_seconds = seconds_of(enable, stream->settings->resume_seconds);
	text_printf(out, "<enabled xmlns='%s' id='%s' resume='true' max='%u'/>", sm->ns, sm->id,
	    sm->max_seconds);
	arena_free(&arena);
}

static bool may_resume(const struct stream *stream)
{
	return role_of(stream) == STREAM_OF_SERVER && stream->stage == STAGE_BOUND &&
	       stream->sm == NULL;
}

void resume_asked(struct stream *stream, const struct element *element)
{
	const char *id = element_attribute(element, "previd"), *h = element_attribute(element, "h");
	int64_t number;

	if (stream->settings->resume_seconds == 0) {
		acks_refuse(stream, element, RC_FEATURE_NOT_IMPLEMENTED);
	} else if (!may_resume(stream)) {
		acks_refuse(stream, element, RC_UNEXPECTED_REQUEST);
	} else if (id == NULL || h == NULL || !number_parse(h, 0, UINT32_MAX, &number)) {
		acks_refuse(stream, element, RC_BAD_REQUEST);
	} else {
		stream->login->resumed_h = (uint32_t)number;
		stream->login->resumed_ns = acks_ns(element);
		stream_wait(stream);
		stream->events->resume(stream->state, id);
	}
}

uint32_t stream_resumed(struct stream *stream, struct sm **kept)
{
	struct sm *sm = *kept;
	uint32_t acked = sm->acked, arrived;

	if (stream->stage >= STAGE_OVER)
		return 0;
	*kept = NULL;
	stream->sm = sm;
	sm->ns = stream->login->resumed_ns;
	if (!acks_take_h(stream, stream->login->resumed_h))
		return 0;
	log_info(stream->log, "stream resumed", KV("handled", sm->handled));
	text_printf(stream_output(stream), "<resumed xmlns='%s' h='%" PRIu32 "' previd='%s'/>",
	    sm->ns, sm->handled, sm->id);
	arrived = arrived_since(sm, acked);
	sm_resume(sm);
	stream_go_on(stream);
	return arrived;
}

void stream_resume_failed(struct stream *stream, enum rc rc)
{
	if (stream->stage >= STAGE_OVER)
		return;
	text_printf(stream_output(stream),
	    "<failed xmlns='%s'><%s xmlns='" NS_STANZA_ERROR "'/></failed>",
	    stream->login->resumed_ns, rc_name(rc));
	stream_go_on(stream);
}

/* ---- whom we have called */

static void enable_send(struct stream *stream)
{
	stream->sm = sm_new(NS_SM);
	stream->login->awaits_sm = AWAITS_ENABLED;
	text_printf(stream_output(stream), "<enable xmlns='" NS_SM "'%s/>",
	    stream->settings->resume_seconds == 0 ? "" : " resume='true'");
}

static void resume_send(struct stream *stream)
{
	struct text *out = stream_output(stream);

	stream->login->awaits_sm = AWAITS_RESUMED;
	text_printf(out, "<resume xmlns='" NS_SM "' h='%" PRIu32 "'", stream->sm->handled);
	xml_write_attribute(out, "previd", stream->sm->id);
	text_puts(out, "/>");
}

bool stream_manage(struct stream *stream, struct sm **kept)
{
	if (!stream->login->has_sm || stream->stage != STAGE_BOUND || stream->sm != NULL) {
		sm_free(kept);
		return false;
	}
	stream->login->arrived = 0;
	if (*kept == NULL) {
		enable_send(stream);
		return true;
	}
	stream->sm = *kept;
	*kept = NULL;
	resume_send(stream);
	return true;
}

static void managed(struct stream *stream)
{
	stream->login->awaits_sm = AWAITS_NO_SM;
	stream->events->managed(stream->state, stream->login->arrived);
}

static void enabled_receive(struct stream *stream, const struct element *element)
{
	const char *id = element_attribute(element, "id");

	if (id != NULL && strlen(id) <= ID_MAX_BYTES && stream->settings->resume_seconds > 0 &&
	    is_true(element_attribute(element, "resume"))) {
		stream->sm->id = mem_strdup(id);
		stream->sm->max_seconds = seconds_of(element, stream->settings->resume_seconds);
	}
	managed(stream);
}

/* What it says has arrived of what the stream before has sent; false: the stream has ended. */
static bool arrived_take(struct stream *stream, const char *h)
{
	uint32_t acked = stream->sm->acked;
	int64_t number;

	if (h == NULL || !number_parse(h, 0, UINT32_MAX, &number)) {
		stream->login->awaits_sm = AWAITS_NO_SM;
		stream_fail(stream, STREAM_BAD_FORMAT, "'h' has to be a number of 32 bits");
		return false;
	}
	if (!acks_take_h(stream, (uint32_t)number))
		return false;
	stream->login->arrived = arrived_since(stream->sm, acked);
	return true;
}

static void resumed_receive(struct stream *stream, const struct element *element)
{
	if (!text_equal(element_attribute(element, "previd"), stream->sm->id)) {
		stream->login->awaits_sm = AWAITS_NO_SM;
		stream_fail(stream, STREAM_BAD_FORMAT, "'previd' is of another stream");
		return;
	}
	if (!arrived_take(stream, element_attribute(element, "h")))
		return;
	log_info(stream->log, "stream resumed", KV("arrived", stream->login->arrived),
	    KV("again", stream->sm->sent - stream->sm->acked));
	sm_resume(stream->sm);
	managed(stream);
}

/* A stream that cannot be resumed is begun anew; it may be known what had arrived on the one
 * before. */
static void failed_receive(struct stream *stream, const struct element *element)
{
	const struct element *condition = element_child(element, NS_STANZA_ERROR, NULL);
	const char *h = element_attribute(element, "h");
	bool was_resuming = stream->login->awaits_sm == AWAITS_RESUMED;

	log_info(stream->log, was_resuming ? "stream not resumed" : "no acknowledgements",
	    KV("condition", condition == NULL ? "" : element_name(condition)));
	if (was_resuming && h != NULL && !arrived_take(stream, h))
		return;
	sm_free(&stream->sm);
	if (was_resuming)
		enable_send(stream);
	else
		managed(stream);
}

bool resume_answered(struct stream *stream, const struct element *element)
{
	uint8_t awaited = stream->login == NULL ? AWAITS_NO_SM : stream->login->awaits_sm;

	if (awaited == AWAITS_ENABLED && element_is(element, NS_SM, "enabled"))
		enabled_receive(stream, element);
	else if (awaited == AWAITS_RESUMED && element_is(element, NS_SM, "resumed"))
		resumed_receive(stream, element);
	else if (awaited != AWAITS_NO_SM && element_is(element, NS_SM, "failed"))
		failed_receive(stream, element);
	else
		return false;
	return true;
}

/* ---- both */

struct sm *stream_keep(struct stream *stream)
{
	struct sm *sm = stream->sm;

	if (sm == NULL || sm->id == NULL || !(stream->is_cut || awaits_sm(stream)))
		return NULL;
	stream->sm = NULL;
	return sm;
}

void stream_yield(struct stream *stream, enum stream_error error)
{
	if (stream->stage >= STAGE_OVER)
		return;
	stream_fail(stream, error, NULL);
	stream->is_cut = true;
}

const char *stream_sm_id(const struct stream *stream)
{
	return stream->sm == NULL ? NULL : stream->sm->id;
}
