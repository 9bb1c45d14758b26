/* test_stanza-write.c - stanzas as bytes, and what is shared between receivers and threads. */
#include "xmpp/stanza-private.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/jid.h"

#define X " xmlns='jabber:client'"

static void test_write(void **state)
{
	static const struct {
		const char *input, *expected;
	} rows[] = {
		{ "<message" X "/>", "<message/>" },
		{ "<presence" X " type='unavailable' to='a@B'/>",
		    "<presence to='a@b' type='unavailable'/>" },
		{ "<message" X " type='normal'/>", "<message/>" },
		{ "<message" X " type='unknown'/>", "<message/>" },
		{ "<iq" X
		  " type='set' id='&apos;' to='d@e/&quot;f' from='a@b/c'><q xmlns='u'>1</q></iq>",
		    "<iq from='a@b/c' to='d@e/&quot;f' id='&apos;' type='set'><q "
		    "xmlns='u'>1</q></iq>" },
		{ "<message" X
		  " xml:lang='de' p='1' xmlns:q='u' q:p='2' id='i'><body>x</body></message>",
		    "<message id='i' xml:lang='de' p='1' xmlns:a0='u' "
		    "a0:p='2'><body>x</body></message>" },
		/* Children of the content namespace need no declaration, others have one. */
		{ "<c:message xmlns:c='jabber:client'>1<c:body/>2<x/><c:y/></c:message>",
		    "<message>1<body/>2<x xmlns=''/><y/></message>" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stanza *stanza = stanza_parse(rows[i].input, strlen(rows[i].input));
		struct text text = { 0 };

		assert_non_null(stanza);
		stanza_write(&text, stanza);
		assert_string_equal(text.at, rows[i].expected);
		text_clear(&text);
		stanza_write(&text, stanza);
		assert_string_equal(text.at, rows[i].expected);
		text_free(&text);
		stanza_unref(&stanza);
	}
}

static void test_write_to(void **state)
{
	static const char input[] =
	    "<message" X " from='a@b' to='c@d' id='1'><body>x</body></message>";
	struct stanza *stanza = stanza_parse(input, strlen(input)), *other;
	struct arena *arena = arena_new(0);
	struct text text = { 0 };

	stanza_write_to(&text, stanza, jid_parse(arena, "e@f"));
	stanza_write_to(&text, stanza, NULL);
	other = stanza_readdress(stanza, NULL, jid_parse(arena, "g@h"));
	stanza_write(&text, other);
	assert_string_equal(text.at, "<message from='a@b' to='e@f' id='1'><body>x</body></message>"
				     "<message from='a@b' id='1'><body>x</body></message>"
				     "<message to='g@h' id='1'><body>x</body></message>");
	/* The children were serialised once. */
	assert_non_null(atomic_load(&stanza->tail));
	assert_null(atomic_load(&other->tail));
	stanza_unref(&stanza);
	stanza_unref(&other);
	text_free(&text);
	arena_free(&arena);
}

static void test_to_text(void **state)
{
	static const char *const rows[] = {
		"<message" X " from='a@b/c' to='d@e' id='1' type='chat' "
		"xml:lang='de'><body>&lt;</body></message>",
		"<presence" X "/>",
		"<iq" X " to='a' id='1' type='result'><q xmlns='u'><message" X "/></q></iq>",
	};
	struct arena *arena = arena_new(0);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stanza *stanza = stanza_parse(rows[i], strlen(rows[i])), *again;
		const char *text = stanza_to_text(arena, stanza);

		assert_string_equal(text, rows[i]);
		again = stanza_parse(text, strlen(text));
		assert_true(element_equal(stanza_element(stanza), stanza_element(again)));
		assert_true(jid_equal(stanza_to(stanza), stanza_to(again)));
		stanza_unref(&stanza);
		stanza_unref(&again);
	}
	arena_free(&arena);
}

#define THREADS 4
#define ROUNDS 500

struct race {
	pthread_barrier_t barrier;
	struct stanza *stanza;
};

/* Everybody writes the same stanza at once, and lets go of it. */
static void *race_run(void *argument)
{
	struct race *race = argument;

	for (int i = 0; i < ROUNDS; i++) {
		struct text text = { 0 };
		struct stanza *mine;

		pthread_barrier_wait(&race->barrier);
		mine = race->stanza;
		stanza_write(&text, mine);
		ASSERT(strcmp(text.at, "<message><body>x</body></message>") == 0);
		text_free(&text);
		stanza_unref(&mine);
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

static void test_threads(void **state)
{
	static const char input[] = "<message" X "><body>x</body></message>";
	pthread_t threads[THREADS];
	struct race race;

	pthread_barrier_init(&race.barrier, NULL, THREADS + 1);
	for (int k = 0; k < THREADS; k++)
		pthread_create(&threads[k], NULL, race_run, &race);
	for (int i = 0; i < ROUNDS; i++) {
		race.stanza = stanza_parse(input, strlen(input));
		for (int k = 1; k < THREADS; k++)
			stanza_ref(race.stanza);
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
	}
	for (int k = 0; k < THREADS; k++)
		pthread_join(threads[k], NULL);
	pthread_barrier_destroy(&race.barrier);
}

static int open_profiles(void **state)
{
	jid_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_to),
		cmocka_unit_test(test_to_text),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, open_profiles, NULL);
}
