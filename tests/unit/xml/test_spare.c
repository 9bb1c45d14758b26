/* test_spare.c - expats that streams hand on to each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/mem.h"
#include "recorder.h"
#include "xml/parser-private.h"

/* Who needs an expat takes the one that was put back last, whoever made it for a header. */
static void test_share(void **state)
{
	struct recorder one, two;
	XML_Parser expat;

	recorder_start(&one, NULL);
	recorder_start(&two, NULL);
	assert_false(xml_parser_share(one.parser)); /* before the header */
	recorder_feed(&one, "<?xml version='1.0'?>" CLIENT_HEADER);
	expat = one.parser->expat;
	assert_true(xml_parser_share(one.parser));
	assert_null(one.parser->expat);
	recorder_feed(&one, "<a xmlns:x='u'><x:b>c");
	assert_ptr_equal(one.parser->expat, expat);
	assert_false(xml_parser_share(one.parser)); /* inside a child */
	recorder_feed(&one, "</x:b></a>");
	assert_true(xml_parser_share(one.parser));
	assert_true(xml_parser_share(one.parser));
	recorder_feed(&two, CLIENT_HEADER "<d>e</d>");
	assert_ptr_not_equal(two.parser->expat, expat);
	expat = two.parser->expat;
	assert_true(xml_parser_share(two.parser));
	recorder_feed(&one, "<f");
	assert_ptr_equal(one.parser->expat, expat);
	assert_true(xml_parser_share(two.parser));
	assert_int_equal(recorder_feed(&two, "<x:y/>"), XML_BAD_NAMESPACE_PREFIX);
	recorder_feed(&one, "/></stream:stream>");
	assert_false(xml_parser_share(one.parser)); /* it is over */
	assert_string_equal(recorder_log(&one), OPEN
	    "<a xmlns='jabber:client'><b xmlns='u'>c</b></a>\n<f xmlns='jabber:client'/>\nclose\n");
	assert_string_equal(recorder_log(&two), OPEN "<d xmlns='jabber:client'>e</d>\n");
	recorder_finish(&one);
	recorder_finish(&two);
}

#define CROWD 6

/* No more are kept than four, whoever gives them. */
static void test_few(void **state)
{
	struct recorder crowd[CROWD];
	size_t kept = 0;

	for (size_t i = 0; i < CROWD; i++) {
		recorder_start(&crowd[i], NULL);
		recorder_feed(&crowd[i], CLIENT_HEADER);
	}
	for (size_t i = 0; i < CROWD; i++)
		kept += spare_give(crowd[i].parser);
	assert_int_equal(kept, 4);
	for (size_t i = 0; i < CROWD; i++) {
		recorder_feed(&crowd[i], "<a>&#49;</a>");
		assert_string_equal(
		    recorder_log(&crowd[i]), OPEN "<a xmlns='jabber:client'>1</a>\n");
		recorder_finish(&crowd[i]);
	}
}

/* One that has read much has seen many names, which it never forgets. */
static void test_worn(void **state)
{
	struct recorder recorder;
	XML_Parser expat;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER);
	expat = recorder.parser->expat;
	for (;;) {
		recorder_feed(&recorder, "<message><body>Wherefore art thou&#63;</body></message>");
		if (recorder.parser->fed > 65536)
			break;
		assert_true(spare_give(recorder.parser));
		assert_true(spare_take(recorder.parser));
		assert_ptr_equal(recorder.parser->expat, expat);
	}
	assert_false(spare_give(recorder.parser));
	assert_ptr_equal(recorder.parser->expat, expat);
	recorder_finish(&recorder);
}

/* It declares what others do not. */
static void test_peculiar(void **state)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder,
	    "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAM_NS "' xmlns:y='urn:y'>");
	assert_false(xml_parser_share(recorder.parser));
	recorder_finish(&recorder);
}

static void *elsewhere(void *first)
{
	struct recorder recorder;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER);
	assert_ptr_not_equal(recorder.parser->expat, first);
	assert_true(xml_parser_share(recorder.parser));
	recorder_finish(&recorder);
	return NULL;
}

/* Each thread has its own, and frees them when it ends. */
static void test_threads(void **state)
{
	struct recorder recorder;
	XML_Parser expat;
	pthread_t thread;

	recorder_start(&recorder, NULL);
	recorder_feed(&recorder, CLIENT_HEADER);
	expat = recorder.parser->expat;
	assert_true(xml_parser_share(recorder.parser));
	assert_int_equal(pthread_create(&thread, NULL, elsewhere, expat), 0);
	pthread_join(thread, NULL);
	recorder_feed(&recorder, "<a>&#49;</a>");
	assert_ptr_equal(recorder.parser->expat, expat);
	recorder_finish(&recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_worn),
		cmocka_unit_test(test_peculiar),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("spare", tests, NULL, NULL);
}
