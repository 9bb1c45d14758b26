/* inbound-pairs.c - which pairs of domains a connection from another server may carry, and dialback
 * (XEP-0220 section 2.2): we receive keys and have them verified, and verify those that were shown
 * in our name. */
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/bans.h"
#include "core/home.h"
#include "core/remote.h"
#include "net/resolver.h"
#include "s2s/dialback-key.h"
#include "s2s/s2s-private.h"

enum { FAILURES_MAX = 20 };
/* Domains that a connection has us call at a time; the next wait for an answer. */
enum { ASKED_MAX = 5 };
/* Keys that are looked at in one go. */
enum { JUDGED_MAX = 5 };

static const char by_dialback[] = "dialback";

/* ---- pairs ---- */

struct pair *pair_find(const struct inbound *inbound, const char *from, const char *to)
{
	struct pair *pair;

	LIST_FOREACH (pair, &inbound->pairs, next)
		if (text_equal(pair->from, from) && text_equal(pair->to, to))
			return pair;
	return NULL;
}

struct pair *pair_add(struct inbound *inbound, const char *from, const char *to)
{
	struct pair *pair = pair_find(inbound, from, to);

	if (pair != NULL)
		return pair;
	pair = mem_alloc_zero(sizeof *pair);
	pair->from = mem_strdup(from);
	pair->to = mem_strdup(to);
	pair->inbound = inbound;
	pair->id = home_next_id();
	pair->since_us = time_now_us();
	LIST_INSERT_HEAD(&inbound->pairs, pair, next);
	inbound->pair_count++;
	s2s_changed();
	return pair;
}

static void pair_set_state(struct inbound *inbound, struct pair *pair, int state)
{
	inbound->asked_count -= pair->state == PAIR_ASKED;
	inbound->asked_count += state == PAIR_ASKED;
	pair->state = state;
	pair->since_us = time_now_us();
	s2s_changed();
}

void pair_remove(struct inbound *inbound, struct pair *pair)
{
	bool was_proved = pair->state == PAIR_PROVED;

	pair_set_state(inbound, pair, PAIR_WAITING);
	LIST_REMOVE(pair, next);
	inbound->pair_count--;
	if (was_proved && !inbound_has_proved(inbound, pair->from))
		peer_leave(pair->from);
	resolver_cancel(&pair->query);
	mem_free(pair->from);
	mem_free(pair->to);
	mem_free(pair->key);
	mem_free(pair);
}

void pairs_keep(struct inbound *inbound)
{
	struct pair *pair, *next;

	for (pair = LIST_FIRST(&inbound->pairs); pair != NULL; pair = next) {
		next = LIST_NEXT(pair, next);
		if (pair->state != PAIR_PROVED) {
			pair_remove(inbound, pair);
			continue;
		}
		pair_set_state(inbound, pair, PAIR_KEPT);
		if (!inbound_has_proved(inbound, pair->from))
			peer_leave(pair->from);
	}
}

bool pair_covers(const struct inbound *inbound, const char *from, const char *to)
{
	const struct pair *pair = pair_find(inbound, from, to);

	return pair != NULL && pair->state == PAIR_PROVED;
}

/* Each failure may have cost us a call to somebody who has not asked for it: a connection gets only
 * so many. */
static void failure_count(struct inbound *inbound)
{
	inbound->failures++;
	if (inbound->failures >= FAILURES_MAX)
		stream_fail(
		    inbound->stream, STREAM_POLICY_VIOLATION, "too many domains were not proved");
}

bool pair_prove(struct inbound *inbound, struct pair *pair, const char *how)
{
	const char *tls = transport_tls_version(stream_transport(inbound->stream));
	bool is_new = !inbound_has_proved(inbound, pair->from);

	if (is_new && connections_of(pair->from) >= s2s_config()->connections_per_domain) {
		stream_fail(inbound->stream, STREAM_RESOURCE_CONSTRAINT,
		    "too many connections of that domain");
		return false;
	}
	pair_set_state(inbound, pair, PAIR_PROVED);
	pair->how = how;
	if (is_new)
		peer_join(pair->from);
	news_alive(pair->to, pair->from);
	log_info(stream_log(inbound->stream), "server proved", KV("from", pair->from),
	    KV("to", pair->to), KV("by", how), KV("tls", tls));
	return true;
}

/* The stream error there is to be, or -1. */
static int pair_fault(const struct pair *pair)
{
	enum config_s2s_policy policy = s2s_policy(pair->from);

	if (!remote_is_ours(pair->to))
		return STREAM_HOST_GONE;
	if (remote_is_ours(pair->from) || policy == S2S_DENIED)
		return STREAM_POLICY_VIOLATION;
	/* One that waits will be looked at by what holds then; one that is asked about has shown no
	 * certificate, or one that DNS is asked about. */
	if (policy != S2S_SECURE || pair->state == PAIR_WAITING)
		return -1;
	return (pair->how == NULL ? pair->why == NULL : pair->how == by_dialback)
	           ? STREAM_POLICY_VIOLATION
	           : -1;
}

void inbound_check(struct inbound *inbound)
{
	const struct pair *pair;

	if (!s2s_config()->enabled ||
	    bans_have_address(transport_peer(stream_transport(inbound->stream)))) {
		stream_fail(inbound->stream, STREAM_POLICY_VIOLATION, NULL);
		return;
	}
	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair_fault(pair) >= 0) {
			stream_fail(inbound->stream, (enum stream_error)pair_fault(pair), NULL);
			return;
		}
}

/* ---- keys that are shown to us ---- */

static void result_send(
    struct inbound *inbound, const char *from, const char *to, enum dialback_type type, enum rc rc)
{
	struct dialback answer = { .type = type, .from = to, .to = from, .rc = rc };

	stream_send_dialback(inbound->stream, &answer);
}

static void result_valid(struct inbound *inbound, struct pair *pair, const char *how)
{
	if (!pair_prove(inbound, pair, how))
		return;
	stream_admit(inbound->stream);
	result_send(inbound, pair->from, pair->to, DIALBACK_VALID, RC_OK);
}

/* Why a key is not even looked at, or RC_OK. */
static enum rc result_fault(const struct inbound *inbound, const struct dialback *result)
{
	if (!remote_is_ours(result->to))
		return RC_ITEM_NOT_FOUND;
	if (remote_is_ours(result->from))
		return RC_NOT_ACCEPTABLE;
	if (s2s_policy(result->from) == S2S_DENIED)
		return RC_POLICY_VIOLATION;
	return inbound->pair_count >= s2s_config()->pairs_per_connection ? RC_RESOURCE_CONSTRAINT
	                                                                 : RC_OK;
}

static void result_refuse(struct inbound *inbound, const struct dialback *result, enum rc rc)
{
	result_send(inbound, result->from, result->to, DIALBACK_ERROR, rc);
	failure_count(inbound);
}

/* The one that has waited for longest; NULL: there is none, or it is not its turn. */
static struct pair *pair_next(const struct inbound *inbound)
{
	struct pair *pair, *found = NULL;

	if (stream_is_over(inbound->stream) || inbound->asked_count >= ASKED_MAX)
		return NULL;
	LIST_FOREACH (pair, &inbound->pairs, next)
		if (pair->key != NULL)
			found = pair;
	return found;
}

static void pairs_judge(struct inbound *inbound);

static void pair_refuse(struct inbound *inbound, struct pair *pair, const char *why)
{
	log_info(
	    stream_log(inbound->stream), "server refused", KV("from", pair->from), KV("why", why));
	result_send(inbound, pair->from, pair->to, DIALBACK_ERROR, RC_NOT_AUTHORIZED);
	pair_remove(inbound, pair);
	failure_count(inbound);
}

static bool pair_is_known(const struct pair *pair, const struct resolver_answer *answer)
{
	for (size_t i = 0; i < answer->host_count; i++)
		if (s2s_is_named(pair->inbound->stream, pair->from, &answer->hosts[i]))
			return true;
	return false;
}

/* Who calls may be another machine than those that DNS names, but it shows what one of them does.
 */
static void pair_looked_up(const struct resolver_answer *answer, void *state)
{
	struct pair *pair = state;
	struct inbound *inbound = pair->inbound;

	pair->query = NULL;
	if (stream_is_over(inbound->stream))
		return;
	if (pair_is_known(pair, answer))
		result_valid(inbound, pair, "DANE");
	else
		pair_refuse(inbound, pair, pair->why);
	pairs_judge(inbound);
}

/* A route goes by no DNS. */
static bool dns_may_know(const struct inbound *inbound, const char *from)
{
	return transport_peer_expires(stream_transport(inbound->stream)) != 0 &&
	       config_s2s_route(s2s_config(), from) == NULL;
}

/* A certificate that proves the domain does as well as its server would. */
static void pair_judge(struct inbound *inbound, struct pair *pair)
{
	char *key = pair->key;
	const char *why = NULL;

	pair->key = NULL;
	if (s2s_is_certified(inbound->stream, pair->from, &why)) {
		result_valid(inbound, pair, "certificate");
	} else if (s2s_policy(pair->from) == S2S_DIALBACK) {
		pair_set_state(inbound, pair, PAIR_ASKED);
		verify_start(inbound, pair->to, pair->from, stream_header_id(inbound->stream), key);
	} else if (dns_may_know(inbound, pair->from)) {
		pair_set_state(inbound, pair, PAIR_ASKED);
		pair->why = why;
		pair->query = resolver_find(pair->from, pair_looked_up, pair);
	} else {
		pair_refuse(inbound, pair, why);
	}
	mem_free(key);
}

static void pairs_turn(struct mail *mail)
{
	struct inbound *inbound = CONTAINER_OF(mail, struct inbound, turn);

	inbound->has_turn = false;
	if (inbound->stream != NULL)
		pairs_judge(inbound);
	inbound_unref(inbound);
}

/* A few of those that wait, then it is others' turn: to look into a certificate of many names takes
 * its time. After each few comes another turn, until none waits. */
static void pairs_judge(struct inbound *inbound)
{
	struct pair *pair = pair_next(inbound);

	if (pair == NULL || inbound->has_turn)
		return;
	for (int i = 0; i < JUDGED_MAX && pair != NULL; i++) {
		pair_judge(inbound, pair);
		pair = pair_next(inbound);
	}
	inbound->has_turn = true;
	inbound_ref(inbound);
	worker_post(worker_current(), &inbound->turn, pairs_turn);
}

static void result_wait(struct inbound *inbound, const struct dialback *result)
{
	pair_add(inbound, result->from, result->to)->key = mem_strdup(result->key);
	pairs_judge(inbound);
}

static void result_receive(struct inbound *inbound, const struct dialback *result)
{
	const struct pair *pair = pair_find(inbound, result->from, result->to);
	enum rc rc = result_fault(inbound, result);

	if (pair != NULL && pair->state == PAIR_PROVED)
		result_send(inbound, result->from, result->to, DIALBACK_VALID, RC_OK);
	else if (rc != RC_OK && pair == NULL)
		result_refuse(inbound, result, rc);
	else if (pair == NULL)
		result_wait(inbound, result);
}

/* Section 2.2.1: who is not who he says, and nobody else either, has nothing to do here. */
static void result_invalid(struct inbound *inbound, struct pair *pair)
{
	bool is_known = inbound_has_proved(inbound, NULL);

	log_warning(stream_log(inbound->stream), "server is not who it says",
	    KV("from", pair->from), KV("to", pair->to));
	result_send(inbound, pair->from, pair->to, is_known ? DIALBACK_ERROR : DIALBACK_INVALID,
	    RC_FORBIDDEN);
	pair_remove(inbound, pair);
	failure_count(inbound);
	if (!is_known)
		stream_end(inbound->stream);
}

static void result_tell(struct inbound *inbound, struct pair *pair, const struct verify *verify)
{
	if (verify->outcome == DIALBACK_VALID) {
		result_valid(inbound, pair, by_dialback);
	} else if (verify->outcome == DIALBACK_INVALID) {
		result_invalid(inbound, pair);
	} else {
		result_send(inbound, pair->from, pair->to, DIALBACK_ERROR, verify->rc);
		pair_remove(inbound, pair);
		failure_count(inbound);
	}
}

void inbound_told(struct inbound *inbound, const struct verify *verify)
{
	struct pair *pair = pair_find(inbound, verify->remote, verify->local);

	if (inbound->stream == NULL || stream_is_over(inbound->stream) || pair == NULL ||
	    pair->state != PAIR_ASKED)
		return;
	result_tell(inbound, pair, verify);
	pairs_judge(inbound);
}

/* ---- keys that were shown in our name ---- */

void key_judge(struct stream *stream, const struct dialback *verify)
{
	struct dialback answer = { .is_verify = true,
		.from = verify->to,
		.to = verify->from,
		.id = verify->id,
		.rc = RC_ITEM_NOT_FOUND };

	if (!remote_is_ours(verify->to))
		answer.type = DIALBACK_ERROR;
	else if (dialback_key_is(verify->key, verify->from, verify->to, verify->id))
		answer.type = DIALBACK_VALID;
	else
		answer.type = DIALBACK_INVALID;
	stream_send_dialback(stream, &answer);
}

void inbound_dialback(void *state, const struct dialback *dialback)
{
	struct inbound *inbound = state;

	inbound->used_ms = worker_now_ms();
	if (dialback->type != DIALBACK_ASKS)
		return;
	if (dialback->is_verify)
		key_judge(inbound->stream, dialback);
	else
		result_receive(inbound, dialback);
}
