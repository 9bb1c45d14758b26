/* test_subscription-state.c - RFC 6121 Appendix A, row by row, and pre-approval (section 3.4). */
#include "core/subscription-state.h"

#include "base/mem.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* The states of Appendix A.1. */
enum named { NONE, NONE_OUT, NONE_IN, NONE_OUT_IN, TO, TO_IN, FROM, FROM_OUT, BOTH, STATES };

static const struct subscription_state states[STATES] = {
	[NONE] = { SUBSCRIPTION_NONE, false, false, false },
	[NONE_OUT] = { SUBSCRIPTION_NONE, true, false, false },
	[NONE_IN] = { SUBSCRIPTION_NONE, false, true, false },
	[NONE_OUT_IN] = { SUBSCRIPTION_NONE, true, true, false },
	[TO] = { SUBSCRIPTION_TO, false, false, false },
	[TO_IN] = { SUBSCRIPTION_TO, false, true, false },
	[FROM] = { SUBSCRIPTION_FROM, false, false, false },
	[FROM_OUT] = { SUBSCRIPTION_FROM, true, false, false },
	[BOTH] = { SUBSCRIPTION_BOTH, false, false, false },
};

struct row {
	enum named before;
	enum { STOP, PASS, REPLY, APPROVE } what; /* APPROVE: stops, and is approved from then on */
	enum named after;
};

struct table {
	const char *section;
	struct subscription_step (*step)(struct subscription_state, enum stanza_type);
	enum stanza_type type;
	struct row rows[STATES];
};

static const struct table tables[] = {
	{ "A.2.1", subscription_outbound, PRESENCE_SUBSCRIBE,
	    { { NONE, PASS, NONE_OUT }, { NONE_OUT, PASS, NONE_OUT },
		{ NONE_IN, PASS, NONE_OUT_IN }, { NONE_OUT_IN, PASS, NONE_OUT_IN },
		{ TO, PASS, TO }, { TO_IN, PASS, TO_IN }, { FROM, PASS, FROM_OUT },
		{ FROM_OUT, PASS, FROM_OUT }, { BOTH, PASS, BOTH } } },
	{ "A.2.2", subscription_outbound, PRESENCE_UNSUBSCRIBE,
	    { { NONE, PASS, NONE }, { NONE_OUT, PASS, NONE }, { NONE_IN, PASS, NONE_IN },
		{ NONE_OUT_IN, PASS, NONE_IN }, { TO, PASS, NONE }, { TO_IN, PASS, NONE_IN },
		{ FROM, PASS, FROM }, { FROM_OUT, PASS, FROM }, { BOTH, PASS, FROM } } },
	{ "A.2.3", subscription_outbound, PRESENCE_SUBSCRIBED,
	    { { NONE, APPROVE, NONE }, { NONE_OUT, APPROVE, NONE_OUT }, { NONE_IN, PASS, FROM },
		{ NONE_OUT_IN, PASS, FROM_OUT }, { TO, APPROVE, TO }, { TO_IN, PASS, BOTH },
		{ FROM, STOP, FROM }, { FROM_OUT, STOP, FROM_OUT }, { BOTH, STOP, BOTH } } },
	{ "A.2.4", subscription_outbound, PRESENCE_UNSUBSCRIBED,
	    { { NONE, STOP, NONE }, { NONE_OUT, STOP, NONE_OUT }, { NONE_IN, PASS, NONE },
		{ NONE_OUT_IN, PASS, NONE_OUT }, { TO, STOP, TO }, { TO_IN, PASS, TO },
		{ FROM, PASS, NONE }, { FROM_OUT, PASS, NONE_OUT }, { BOTH, PASS, TO } } },
	{ "A.3.1", subscription_inbound, PRESENCE_SUBSCRIBE,
	    { { NONE, PASS, NONE_IN }, { NONE_OUT, PASS, NONE_OUT_IN }, { NONE_IN, STOP, NONE_IN },
		{ NONE_OUT_IN, STOP, NONE_OUT_IN }, { TO, PASS, TO_IN }, { TO_IN, STOP, TO_IN },
		{ FROM, REPLY, FROM }, { FROM_OUT, REPLY, FROM_OUT }, { BOTH, REPLY, BOTH } } },
	{ "A.3.2", subscription_inbound, PRESENCE_UNSUBSCRIBE,
	    { { NONE, STOP, NONE }, { NONE_OUT, STOP, NONE_OUT }, { NONE_IN, PASS, NONE },
		{ NONE_OUT_IN, PASS, NONE_OUT }, { TO, STOP, TO }, { TO_IN, PASS, TO },
		{ FROM, PASS, NONE }, { FROM_OUT, PASS, NONE_OUT }, { BOTH, PASS, TO } } },
	{ "A.3.3", subscription_inbound, PRESENCE_SUBSCRIBED,
	    { { NONE, STOP, NONE }, { NONE_OUT, PASS, TO }, { NONE_IN, STOP, NONE_IN },
		{ NONE_OUT_IN, PASS, TO_IN }, { TO, STOP, TO }, { TO_IN, STOP, TO_IN },
		{ FROM, STOP, FROM }, { FROM_OUT, PASS, BOTH }, { BOTH, STOP, BOTH } } },
	{ "A.3.4", subscription_inbound, PRESENCE_UNSUBSCRIBED,
	    { { NONE, STOP, NONE }, { NONE_OUT, PASS, NONE }, { NONE_IN, STOP, NONE_IN },
		{ NONE_OUT_IN, PASS, NONE_IN }, { TO, PASS, NONE }, { TO_IN, PASS, NONE_IN },
		{ FROM, STOP, FROM }, { FROM_OUT, PASS, FROM }, { BOTH, PASS, FROM } } },
};

static bool state_equal(const struct subscription_state *a, const struct subscription_state *b)
{
	return a->subscription == b->subscription && a->ask == b->ask && a->request == b->request &&
	       a->approved == b->approved;
}

static bool row_holds(const struct table *table, const struct row *row)
{
	struct subscription_step step = table->step(states[row->before], table->type);
	struct subscription_state after = states[row->after];

	after.approved = row->what == APPROVE;
	return state_equal(&step.next, &after) && step.pass == (row->what == PASS) &&
	       step.reply == (row->what == REPLY);
}

static void test_tables(void **state)
{
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		for (size_t j = 0; j < STATES; j++) {
			assert_int_equal(tables[i].rows[j].before, j);
			if (!row_holds(&tables[i], &tables[i].rows[j]))
				fail_msg("%s, row %zu", tables[i].section, j);
		}
}

/* What a pre-approval does to each state it can stand beside. */
static void test_approved(void **state)
{
	static const struct {
		enum named before;
		enum named after; /* a subscribe comes in */
	} rows[] = { { NONE, FROM }, { NONE_OUT, FROM_OUT }, { TO, BOTH }, { FROM, FROM },
		{ FROM_OUT, FROM_OUT }, { BOTH, BOTH } };

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct subscription_state before = states[rows[i].before];
		struct subscription_state after = states[rows[i].after];
		struct subscription_step step;

		before.approved = after.approved = true;
		step = subscription_inbound(before, PRESENCE_SUBSCRIBE);
		assert_true(state_equal(&step.next, &after));
		assert_true(step.reply);
		assert_false(step.pass);
	}
}

/* Section 3.4.2: approving twice changes nothing; unsubscribed takes it back and goes nowhere. */
static void test_approval_ends(void **state)
{
	struct subscription_state approved = states[TO];
	struct subscription_step step;

	approved.approved = true;
	step = subscription_outbound(approved, PRESENCE_SUBSCRIBED);
	assert_true(state_equal(&step.next, &approved));
	assert_false(step.pass);
	step = subscription_outbound(approved, PRESENCE_UNSUBSCRIBED);
	assert_true(state_equal(&step.next, &states[TO]));
	assert_false(step.pass);
}

static void test_other_types(void **state)
{
	for (int i = 0; i < STATES; i++) {
		struct subscription_step out = subscription_outbound(states[i], PRESENCE_PROBE);
		struct subscription_step in = subscription_inbound(states[i], PRESENCE_AVAILABLE);

		assert_true(state_equal(&out.next, &states[i]) && !out.pass && !out.reply);
		assert_true(state_equal(&in.next, &states[i]) && !in.pass && !in.reply);
	}
}

static void test_names(void **state)
{
	for (uint8_t i = SUBSCRIPTION_NONE; i <= SUBSCRIPTION_BOTH; i++)
		assert_int_equal(subscription_named(subscription_name(i)), i);
	assert_string_equal(subscription_name(SUBSCRIPTION_TO | SUBSCRIPTION_FROM), "both");
	assert_int_equal(subscription_named("from"), SUBSCRIPTION_FROM);
	assert_int_equal(subscription_named("both "), SUBSCRIPTION_NONE);
	assert_int_equal(subscription_named(NULL), SUBSCRIPTION_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_approved),
		cmocka_unit_test(test_approval_ends),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
