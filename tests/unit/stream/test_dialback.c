/* test_dialback.c - the elements of XEP-0220: what is read, what is written. */
#include "stream/dialback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/jid.h"

#define DB(name, rest) "<" name " xmlns='jabber:server:dialback' " rest
#define PAIR "from='Capulet.example' to='montague.example' "

static struct {
	const char *xml;
	bool good;
	struct dialback said;
} const cases[] = {
	{ DB("result", PAIR ">key</result>"), true,
	    { false, DIALBACK_ASKS, "capulet.example", "montague.example", NULL, "key", 0 } },
	{ DB("result", PAIR ">\n  key \n</result>"), true,
	    { false, DIALBACK_ASKS, "capulet.example", "montague.example", NULL, "key", 0 } },
	{ DB("result", PAIR "type='valid'/>"), true,
	    { false, DIALBACK_VALID, "capulet.example", "montague.example", NULL, NULL, 0 } },
	{ DB("verify", PAIR "id='i' type='invalid'/>"), true,
	    { true, DIALBACK_INVALID, "capulet.example", "montague.example", "i", NULL, 0 } },
	{ DB("verify", PAIR "id='i' type='error'><error/></verify>"), true,
	    { true, DIALBACK_ERROR, "capulet.example", "montague.example", "i", NULL, 0 } },
	{ DB("verify", PAIR "id='i'>k</verify>"), true,
	    { true, DIALBACK_ASKS, "capulet.example", "montague.example", "i", "k", 0 } },
	{ DB("verify", PAIR ">k</verify>"), false, { 0 } },
	{ DB("result", PAIR "/>"), false, { 0 } },
	{ DB("result", PAIR ">two keys</result>"), false, { 0 } },
	{ DB("result", PAIR "type='other'/>"), false, { 0 } },
	{ DB("result", "from='capulet.example'>key</result>"), false, { 0 } },
	{ DB("result", "to='capulet.example'>key</result>"), false, { 0 } },
	{ DB("result", "from='user@capulet.example' to='b.example'>key</result>"), false, { 0 } },
	{ DB("result", "from='capulet.example/r' to='b.example'>key</result>"), false, { 0 } },
	{ DB("result", "from='@@' to='b.example'>key</result>"), false, { 0 } },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct arena *arena = arena_new(0);
		const struct element *element =
		    element_parse(arena, cases[i].xml, strlen(cases[i].xml));
		const struct dialback *wanted = &cases[i].said;
		struct dialback said;

		assert_non_null(element);
		assert_true(is_dialback(element));
		if (dialback_read(arena, element, &said) != cases[i].good)
			fail_msg("%s", cases[i].xml);
		if (cases[i].good) {
			assert_int_equal(said.is_verify, wanted->is_verify);
			assert_int_equal(said.type, wanted->type);
			assert_string_equal(said.from, wanted->from);
			assert_string_equal(said.to, wanted->to);
			assert_true(text_equal(said.id, wanted->id));
			assert_true(text_equal(said.key, wanted->key));
		}
		arena_free(&arena);
	}
}

/* A key may have so many bytes, and not one more. */
static void test_bounds(void **state)
{
	(void)state;
	for (size_t length = 1024; length <= 1025; length++) {
		struct arena *arena = arena_new(0);
		char *key = arena_alloc(arena, length + 1);
		const char *xml;
		struct dialback said;

		memset(key, 'k', length);
		key[length] = '\0';
		xml = arena_printf(arena, DB("result", PAIR ">%s</result>"), key);
		assert_int_equal(
		    dialback_read(arena, element_parse(arena, xml, strlen(xml)), &said),
		    length == 1024);
		xml = arena_printf(arena, DB("verify", PAIR "id='%s'>k</verify>"), key);
		assert_int_equal(
		    dialback_read(arena, element_parse(arena, xml, strlen(xml)), &said),
		    length == 1024);
		arena_free(&arena);
	}
}

static void test_others(void **state)
{
	struct arena *arena = arena_new(0);

	(void)state;
	assert_false(is_dialback(element_new(arena, "jabber:server:dialback", "other")));
	assert_false(is_dialback(element_new(arena, "jabber:client", "result")));
	arena_free(&arena);
}

static void writes(const struct dialback *dialback, const char *xml)
{
	struct text text = { 0 };

	dialback_write(&text, dialback);
	assert_string_equal(text.at, xml);
	text_free(&text);
}

static void test_write(void **state)
{
	struct dialback said = { false, DIALBACK_ASKS, "a.example", "b.example", NULL, "<key", 0 };

	(void)state;
	writes(&said, "<db:result from='a.example' to='b.example'>&lt;key</db:result>");
	said.type = DIALBACK_VALID;
	writes(&said, "<db:result from='a.example' to='b.example' type='valid'></db:result>");
	said.is_verify = true;
	said.id = "i'd";
	said.type = DIALBACK_ERROR;
	said.rc = RC_REMOTE_SERVER_TIMEOUT;
	writes(&said, "<db:verify from='a.example' to='b.example' id='i&apos;d' type='error'>"
		      "<error type='wait'><remote-server-timeout "
		      "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:verify>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_write),
	};

	jid_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
