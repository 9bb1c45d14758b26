/* test_stanza.c - what is a stanza, and how stanzas are shared. */
#include "xmpp/stanza-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/jid.h"

static struct stanza *parsed(const char *text)
{
	struct stanza *stanza = stanza_parse(text, strlen(text));

	assert_non_null(stanza);
	return stanza;
}

#define X " xmlns='jabber:client'"

static void test_from_element(void **state)
{
	static const struct {
		const char *input;
		enum rc rc;
		enum stanza_kind kind;
		enum stanza_type type;
	} rows[] = {
		{ "<message" X "/>", RC_OK, STANZA_MESSAGE, MESSAGE_NORMAL },
		{ "<message" X " type='normal'/>", RC_OK, STANZA_MESSAGE, MESSAGE_NORMAL },
		{ "<message" X " type='chat'/>", RC_OK, STANZA_MESSAGE, MESSAGE_CHAT },
		{ "<message" X " type='groupchat'/>", RC_OK, STANZA_MESSAGE, MESSAGE_GROUPCHAT },
		{ "<message" X " type='headline'/>", RC_OK, STANZA_MESSAGE, MESSAGE_HEADLINE },
		{ "<message" X " type='error'/>", RC_OK, STANZA_MESSAGE, MESSAGE_ERROR },
		{ "<message" X " type='get'/>", RC_OK, STANZA_MESSAGE, MESSAGE_NORMAL },
		{ "<presence" X "/>", RC_OK, STANZA_PRESENCE, PRESENCE_AVAILABLE },
		{ "<presence" X " type='unavailable'/>", RC_OK, STANZA_PRESENCE,
		    PRESENCE_UNAVAILABLE },
		{ "<presence" X " type='probe'/>", RC_OK, STANZA_PRESENCE, PRESENCE_PROBE },
		{ "<presence" X " type='subscribe'/>", RC_OK, STANZA_PRESENCE, PRESENCE_SUBSCRIBE },
		{ "<presence" X " type='subscribed'/>", RC_OK, STANZA_PRESENCE,
		    PRESENCE_SUBSCRIBED },
		{ "<presence" X " type='unsubscribe'/>", RC_OK, STANZA_PRESENCE,
		    PRESENCE_UNSUBSCRIBE },
		{ "<presence" X " type='unsubscribed'/>", RC_OK, STANZA_PRESENCE,
		    PRESENCE_UNSUBSCRIBED },
		{ "<presence" X " type='error'/>", RC_OK, STANZA_PRESENCE, PRESENCE_ERROR },
		{ "<presence" X " type='available'/>", RC_BAD_REQUEST, 0, 0 },
		{ "<presence" X " type='chat'/>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='get'><a/></iq>", RC_OK, STANZA_IQ, IQ_TYPE_GET },
		{ "<iq" X " id='1' type='set'> <a/> </iq>", RC_OK, STANZA_IQ, IQ_TYPE_SET },
		{ "<iq" X " id='1' type='get'/>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='set'>a</iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='get'><a/><b/></iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='result'/>", RC_OK, STANZA_IQ, IQ_TYPE_RESULT },
		{ "<iq" X " id='1' type='result'><a/></iq>", RC_OK, STANZA_IQ, IQ_TYPE_RESULT },
		{ "<iq" X " id='1' type='result'><a/><b/></iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='error'><a/><error/></iq>", RC_OK, STANZA_IQ,
		    IQ_TYPE_ERROR },
		{ "<iq" X " type='get'><a/></iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " type='result'/>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1'><a/></iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<iq" X " id='1' type='chat'><a/></iq>", RC_BAD_REQUEST, 0, 0 },
		{ "<message" X " to=''/>", RC_JID_MALFORMED, 0, 0 },
		{ "<message" X " to='a b@c'/>", RC_JID_MALFORMED, 0, 0 },
		{ "<message" X " from='@'/>", RC_JID_MALFORMED, 0, 0 },
		{ "<message/>", RC_FEATURE_NOT_IMPLEMENTED, 0, 0 },
		{ "<message xmlns='jabber:server'/>", RC_FEATURE_NOT_IMPLEMENTED, 0, 0 },
		{ "<Message" X "/>", RC_FEATURE_NOT_IMPLEMENTED, 0, 0 },
		{ "<a" X "/>", RC_FEATURE_NOT_IMPLEMENTED, 0, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *arena = arena_new(0);
		struct element *element =
		    element_parse(arena, rows[i].input, strlen(rows[i].input));
		enum rc rc;
		struct stanza *stanza = stanza_from_element(arena, element, NULL, NULL, &rc);

		if (rc != rows[i].rc)
			fail_msg("%s gave %s", rows[i].input, rc_name(rc));
		if (rc == RC_OK) {
			assert_int_equal(stanza_kind(stanza), rows[i].kind);
			assert_int_equal(stanza_type(stanza), rows[i].type);
			assert_ptr_equal(stanza_element(stanza), element);
			stanza_unref(&stanza);
		} else {
			assert_null(stanza);
			assert_null(stanza_parse(rows[i].input, strlen(rows[i].input)));
			arena_free(&arena);
		}
	}
}

/* The server stamps `from`: what the client wrote there does not matter, not even if it is no JID.
 */
static void test_override(void **state)
{
	static const char input[] = "<message" X " from='@' to='x@y'/>";
	struct arena *arena = arena_new(0), *addresses = arena_new(0);
	const struct jid *from = jid_parse(addresses, "a@b/c"), *to = jid_parse(addresses, "d@e");
	struct element *element = element_parse(arena, input, strlen(input));
	enum rc rc;
	struct stanza *stanza = stanza_from_element(arena, element, from, to, &rc);

	arena_free(&addresses);
	assert_int_equal(rc, RC_OK);
	assert_string_equal(jid_text(stanza_from(stanza)), "a@b/c");
	assert_string_equal(jid_text(stanza_to(stanza)), "d@e");
	stanza_unref(&stanza);
	assert_null(stanza);
	stanza_unref(&stanza);
}

static void test_read(void **state)
{
	struct stanza *stanza =
	    parsed("<iq" X " id='7' type='get' from='a@b/c' to='d'> <q xmlns='u'/></iq>");

	assert_string_equal(stanza_id(stanza), "7");
	assert_true(stanza_is_request(stanza));
	assert_string_equal(jid_text(stanza_from(stanza)), "a@b/c");
	assert_string_equal(jid_text(stanza_to(stanza)), "d");
	assert_true(element_is(stanza_payload(stanza), "u", "q"));
	assert_ptr_equal(stanza_child(stanza, "u", "q"), stanza_payload(stanza));
	assert_null(stanza_child(stanza, "v", "q"));
	assert_true(stanza_size(stanza) > 200);
	stanza_unref(&stanza);
	stanza = parsed("<message" X "/>");
	assert_false(stanza_is_request(stanza));
	assert_null(stanza_id(stanza));
	assert_null(stanza_from(stanza));
	assert_null(stanza_to(stanza));
	assert_null(stanza_payload(stanza));
	stanza_unref(&stanza);
}

static void test_new(void **state)
{
	struct arena *arena = arena_new(0);
	const struct jid *from = jid_parse(arena, "a@b"), *to = jid_parse(arena, "c@d");
	struct stanza *stanza = stanza_new(PRESENCE_SUBSCRIBE, from, to, "i");

	arena_free(&arena);
	assert_int_equal(stanza_kind(stanza), STANZA_PRESENCE);
	assert_int_equal(stanza_type(stanza), PRESENCE_SUBSCRIBE);
	assert_string_equal(stanza_id(stanza), "i");
	assert_string_equal(jid_text(stanza_from(stanza)), "a@b");
	assert_string_equal(jid_text(stanza_to(stanza)), "c@d");
	assert_true(element_is(stanza_element(stanza), "jabber:client", "presence"));
	assert_string_equal(element_attribute(stanza_element(stanza), "type"), "subscribe");
	stanza_unref(&stanza);
	stanza = stanza_new(MESSAGE_NORMAL, NULL, NULL, NULL);
	assert_null(stanza_from(stanza));
	assert_null(stanza_id(stanza));
	assert_null(element_attribute(stanza_element(stanza), "type"));
	stanza_unref(&stanza);
}

/* A readdressed stanza keeps what it shares alive, through any number of steps. */
static void test_readdress(void **state)
{
	struct stanza *first =
	    parsed("<message" X " id='1' type='chat' from='a@b' to='c@d'><body>x</body></message>");
	struct stanza *second = stanza_readdress(first, stanza_from(first), NULL), *third;
	struct arena *arena = arena_new(0);

	third = stanza_readdress(second, NULL, jid_parse(arena, "e@f/g"));
	arena_free(&arena);
	assert_ptr_equal(stanza_element(third), stanza_element(first));
	stanza_unref(&first);
	assert_string_equal(jid_text(stanza_from(second)), "a@b");
	assert_null(stanza_to(second));
	stanza_unref(&second);
	assert_int_equal(stanza_type(third), MESSAGE_CHAT);
	assert_string_equal(stanza_id(third), "1");
	assert_null(stanza_from(third));
	assert_string_equal(jid_text(stanza_to(third)), "e@f/g");
	assert_non_null(stanza_child(third, NULL, "body"));
	stanza_unref(&third);
}

static void test_references(void **state)
{
	struct stanza *stanza = parsed("<message" X "/>"), *again = stanza_ref(stanza);

	assert_ptr_equal(stanza, again);
	stanza_unref(&stanza);
	assert_null(stanza);
	assert_int_equal(stanza_kind(again), STANZA_MESSAGE);
	stanza_unref(&again);
}

/* A copy may be changed; the original stays as it was. */
static void test_copy(void **state)
{
	struct stanza *stanza =
	    parsed("<message" X " id='1' type='chat' from='a@b' to='c@d'><body>x</body></message>");
	struct stanza *copy = stanza_copy(stanza);
	struct text text = { 0 };

	element_add_new(stanza_arena(copy), stanza_element(copy), "u", "added");
	stanza_write(&text, stanza);
	stanza_unref(&stanza);
	stanza_write(&text, copy);
	stanza_unref(&copy);
	assert_string_equal(text.at,
	    "<message from='a@b' to='c@d' id='1' type='chat'><body>x</body></message>"
	    "<message from='a@b' to='c@d' id='1' type='chat'><body>x</body><added "
	    "xmlns='u'/></message>");
	text_free(&text);
}

/* What is kept for long says the same and has no room to spare, small or large. */
static void test_compact(void **state)
{
	static const char *const bodies[] = { "", "x", "0123456789012345678901234567890123456789" };

	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct arena *arena = arena_new(0);
		struct stanza *stanza = parsed(arena_printf(arena,
		    "<message" X " from='a@b' to='c@d'>%0*d<body>%s</body></message>",
		    i == 2 ? 3000 : 1, 0, bodies[i]));
		struct stanza *compact = stanza_compact(stanza);

		assert_true(
		    arena_size(stanza_arena(compact)) - arena_used(stanza_arena(compact)) < 16);
		assert_string_equal(stanza_to_text(arena, compact), stanza_to_text(arena, stanza));
		stanza_unref(&compact);
		stanza_unref(&stanza);
		arena_free(&arena);
	}
}

static int open_profiles(void **state)
{
	jid_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_element),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_readdress),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_compact),
	};

	return cmocka_run_group_tests(tests, open_profiles, NULL);
}
