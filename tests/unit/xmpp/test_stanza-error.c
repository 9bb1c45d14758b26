/* test_stanza-error.c - replies, errors and stamps. */
#include "xmpp/stanza.h"

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

#define X " xmlns='jabber:client'"
#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* Compares, and lets go of the stanza. */
static void assert_stanza(struct stanza *stanza, const char *expected)
{
	struct text text = { 0 };

	if (expected == NULL) {
		assert_null(stanza);
		return;
	}
	assert_non_null(stanza);
	stanza_write(&text, stanza);
	assert_string_equal(text.at, expected);
	text_free(&text);
	stanza_unref(&stanza);
}

static void test_answers(void **state)
{
	static const struct {
		const char *request, *reply, *error;
	} rows[] = {
		{ "<iq" X " id='1' type='get' from='a@b/c' to='d@e'><q xmlns='u'/></iq>",
		    "<iq from='d@e' to='a@b/c' id='1' type='result'/>",
		    "<iq from='d@e' to='a@b/c' id='1' type='error'><error type='cancel'>"
		    "<item-not-found xmlns='" STANZAS "'/></error></iq>" },
		{ "<iq" X " id='&lt;' type='set' from='a@b/c'><q xmlns='u'/></iq>",
		    "<iq to='a@b/c' id='&lt;' type='result'/>",
		    "<iq to='a@b/c' id='&lt;' type='error'><error type='cancel'>"
		    "<item-not-found xmlns='" STANZAS "'/></error></iq>" },
		{ "<message" X " from='a@b' to='c@d' type='chat'><body>x</body></message>",
		    "<message from='c@d' to='a@b' type='error'/>",
		    "<message from='c@d' to='a@b' type='error'><error type='cancel'>"
		    "<item-not-found xmlns='" STANZAS "'/></error></message>" },
		{ "<presence" X " from='a@b' to='c@d' id='p' type='subscribe'/>",
		    "<presence from='c@d' to='a@b' id='p' type='error'/>",
		    "<presence from='c@d' to='a@b' id='p' type='error'><error type='cancel'>"
		    "<item-not-found xmlns='" STANZAS "'/></error></presence>" },
		/* No error is answered with an error, and no result. */
		{ "<iq" X " id='1' type='result' from='a@b'/>", NULL, NULL },
		{ "<iq" X " id='1' type='error' from='a@b'/>", NULL, NULL },
		{ "<message" X " type='error' from='a@b'/>", NULL, NULL },
		{ "<presence" X " type='error' from='a@b'/>", NULL, NULL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stanza *request = stanza_parse(rows[i].request, strlen(rows[i].request));

		assert_non_null(request);
		if (rows[i].reply != NULL)
			assert_stanza(stanza_reply(request), rows[i].reply);
		assert_stanza(stanza_error(request, RC_ITEM_NOT_FOUND, NULL), rows[i].error);
		stanza_unref(&request);
	}
}

/* Each condition with its type (RFC 6120 section 8.3.3), and a text. */
static void test_element(void **state)
{
	struct arena *arena = arena_new(0);

	for (int rc = RC_OK + 1; rc < RC_COUNT; rc++) {
		char *expected = arena_printf(arena,
		    "<error xmlns='jabber:client' type='%s'><%s xmlns='" STANZAS "'/></error>",
		    rc_type((enum rc)rc), rc_name((enum rc)rc));

		assert_string_equal(
		    element_to_text(arena, stanza_error_element(arena, (enum rc)rc, NULL)),
		    expected);
	}
	assert_string_equal(
	    element_to_text(arena, stanza_error_element(arena, RC_RESOURCE_CONSTRAINT, "a<b")),
	    "<error xmlns='jabber:client' type='wait'><resource-constraint xmlns='" STANZAS "'/>"
	    "<text xmlns='" STANZAS "' xml:lang='en'>a&lt;b</text></error>");
	arena_free(&arena);
}

static void test_delay(void **state)
{
	struct stanza *stanza = stanza_new(MESSAGE_CHAT, NULL, NULL, NULL);

	stanza_add_delay(stanza, "example.net", "2027-03-01T09:30:00.120Z");
	stanza_add_delay(stanza, NULL, "s");
	assert_stanza(stanza,
	    "<message type='chat'>"
	    "<delay xmlns='urn:xmpp:delay' from='example.net' stamp='2027-03-01T09:30:00.120Z'/>"
	    "<delay xmlns='urn:xmpp:delay' stamp='s'/></message>");
}

static int open_profiles(void **state)
{
	jid_init();
	return 0;
}

/* What stanza_from_element() does not take, from a@b to c@d. */
static void test_refusals(void **state)
{
	static const struct {
		const char *name, *type, *id, *refusal;
	} rows[] = {
		{ "iq", "get", "1",
		    "<iq from='c@d' to='a@b' id='1' type='error'><error type='modify'>"
		    "<bad-request xmlns='" STANZAS "'/></error></iq>" },
		{ "iq", NULL, NULL,
		    "<iq from='c@d' to='a@b' id='' type='error'><error type='modify'>"
		    "<bad-request xmlns='" STANZAS "'/></error></iq>" },
		{ "message", "chat", NULL,
		    "<message from='c@d' to='a@b' type='error'><error type='modify'>"
		    "<bad-request xmlns='" STANZAS "'/></error></message>" },
		{ "presence", "what", "2",
		    "<presence from='c@d' to='a@b' id='2' type='error'><error type='modify'>"
		    "<bad-request xmlns='" STANZAS "'/></error></presence>" },
		{ "iq", "result", "1", NULL },
		{ "iq", "error", "1", NULL },
		{ "message", "error", "1", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena *arena = arena_new(0);
		struct element *element = element_new(arena, "jabber:client", rows[i].name);

		if (rows[i].type != NULL)
			element_set(arena, element, "type", rows[i].type);
		if (rows[i].id != NULL)
			element_set(arena, element, "id", rows[i].id);
		assert_stanza(stanza_refusal(element, jid_parse(arena, "a@b"),
				  jid_parse(arena, "c@d"), RC_BAD_REQUEST),
		    rows[i].refusal);
		arena_free(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_element),
		cmocka_unit_test(test_delay),
	};

	return cmocka_run_group_tests(tests, open_profiles, NULL);
}
