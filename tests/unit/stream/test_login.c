/* test_login.c - STARTTLS, SASL on a stream, registration, and the deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "loop/chore.h"
#include "net/address-private.h"
#include "net/transport-private.h"
#include "party.h"
#include "stream/stream-private.h"

#define TLS_NS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define STARTTLS "<starttls " TLS_NS "/>"

/* A stream in clear that requires TLS. */
static void open_clear(struct party *party)
{
	party->settings.tls = make_set("example.org");
	party->settings.tls_required = true;
	party_open(party);
	party_say(party, OPEN);
	party_forget(party);
}

/* ---- STARTTLS */

static void test_starttls(void **state)
{
	struct party party;

	party_prepare(&party);
	open_clear(&party);
	assert_false(stream_is_secure(party.stream));
	party_say(&party, STARTTLS);
	party_heard(&party, "<proceed " TLS_NS "/>");
	party_secure(&party);
	assert_true(stream_is_secure(party.stream));
	party_say(&party, OPEN);
	party_heard_part(&party, "SCRAM-SHA-256-PLUS");
	party_plain(&party, "secret");
	party_heard(&party, SUCCESS);
	party_told(&party, "credentials romeo@example.org\nauthenticated romeo@example.org\n");
	party_close(&party);
}

/* What came in clear behind <starttls/> is not read, neither then nor as if it had come inside TLS.
 */
static void test_starttls_injection(void **state)
{
	struct party party;

	party_prepare(&party);
	open_clear(&party);
	party_say(&party, STARTTLS OPEN "<presence/>");
	party_heard(&party, "<proceed " TLS_NS "/>");
	party_secure(&party);
	party_heard(&party, "");
	party_say(&party, OPEN);
	party_heard_part(&party, "SCRAM-SHA-256-PLUS");
	party_told(&party, "");
	party_close(&party);
}

static void test_starttls_twice(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open_secure(&party);
	party_say(&party, STARTTLS);
	party_heard(&party, "<failure " TLS_NS "/>" END);
	assert_null(party.stream);
	party_close(&party);
	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_forget(&party);
	party_say(&party, STARTTLS);
	party_heard(&party, "<failure " TLS_NS "/>" END);
	party_close(&party);
}

/* A client that does not speak TLS after all. */
static void test_no_tls(void **state)
{
	struct party party;

	party_prepare(&party);
	open_clear(&party);
	party_say(&party, STARTTLS);
	party_say(&party, OPEN "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_null(party.stream);
	party_close(&party);
}

static void test_direct_tls_alpn(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls = make_set("example.org");
	party.direct_tls = true;
	party_open(&party);
	peer_secure(party.peer, 0, "example.org", "\x08http/1.1");
	WAIT(party.stream == NULL);
	party_close(&party);
}

/* ---- SASL */

static void test_required_first(void **state)
{
	static const struct {
		const char *element, *answer;
	} cases[] = {
		{ "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>",
		    FAILURE("encryption-required") },
		{ "<auth " SASL_NS " mechanism='SCRAM-SHA-1'/>", FAILURE("encryption-required") },
		{ "<response " SASL_NS "/>", FAILURE("malformed-request") },
		{ "<abort " SASL_NS "/>", FAILURE("aborted") },
		{ "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>",
		    ERROR("not-authorized") },
		{ "<message/>", ERROR("not-authorized") },
		{ "<presence/>", ERROR("not-authorized") },
		{ "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
		    "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
		    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>" },
		{ "<foo/>", ERROR("unsupported-stanza-type") },
		{ "<message xmlns='jabber:server'/>", ERROR("invalid-namespace") },
		{ "<auth xmlns='urn:x'/>", ERROR("unsupported-stanza-type") },
		{ "<stream:stream/>", ERROR("unsupported-stanza-type") },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct party party;

		party_prepare(&party);
		party.takes_early_iq = true;
		open_clear(&party);
		party_say(&party, cases[i].element);
		party_heard(&party, cases[i].answer);
		party_close(&party);
	}
}

static void test_plain(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open_secure(&party);
	party_plain(&party, "wrong");
	party_heard(&party, FAILURE("not-authorized"));
	party_told(&party, "credentials romeo@example.org\n"
			   "refused romeo PLAIN: wrong password\n");
	party.rc = RC_ITEM_NOT_FOUND;
	party_plain(&party, "secret");
	party_heard(&party, FAILURE("not-authorized"));
	party.rc = RC_INTERNAL_SERVER_ERROR;
	party_plain(&party, "secret");
	party_heard(&party, FAILURE("temporary-auth-failure"));
	party.rc = RC_NOT_ALLOWED;
	party_plain(&party, "secret");
	party_heard(&party, FAILURE("account-disabled"));
	party.rc = RC_OK;
	text_clear(&party.told);
	party_plain(&party, "secret");
	party_heard(&party, SUCCESS);
	party_told(&party, "credentials romeo@example.org\nauthenticated romeo@example.org\n");
	party_close(&party);
}

static void test_scram(void **state)
{
	struct party party;

	party_prepare(&party);
	party_open(&party);
	party_say(&party, OPEN);
	party_scram(&party, "romeo", "wrong");
	party_heard(&party, FAILURE("not-authorized"));
	party_scram(&party, "romeo", "secret");
	party_heard_part(&party, "<success " SASL_NS ">dj");
	party_close(&party);
}

/* Elements that are odd, one after the other on one stream. */
static void test_odd_elements(void **state)
{
	static const struct {
		const char *element, *answer;
	} cases[] = {
		{ "<auth " SASL_NS " mechanism='PLAIN'>AHJv bWVv</auth>",
		    FAILURE("incorrect-encoding") },
		{ "<auth " SASL_NS " mechanism='PLAIN'>=</auth>", FAILURE("malformed-request") },
		{ "<auth " SASL_NS ">AHJvbWVvAHNlY3JldA==</auth>", FAILURE("invalid-mechanism") },
		{ "<auth " SASL_NS " mechanism='PLAIN'><x/></auth>", FAILURE("malformed-request") },
		{ "<nonsense " SASL_NS "/>", FAILURE("malformed-request") },
		{ "<success " SASL_NS "/>", FAILURE("malformed-request") },
		{ "<auth " SASL_NS " mechanism='PLAIN'/>", "<challenge " SASL_NS "></challenge>" },
		{ "<abort " SASL_NS "/>", FAILURE("aborted") },
		{ "<auth xmlns:ga='http://www.google.com/talk/protocol/auth' "
		  "ga:client-uses-full-bind-result='true' " SASL_NS
		  " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>",
		    SUCCESS },
	};
	struct party party;

	party_prepare(&party);
	party.settings.max_login_failures = 100;
	party_open_secure(&party);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		party_say(&party, cases[i].element);
		party_heard(&party, cases[i].answer);
	}
	party_close(&party);
}

/* Section 6.4.5: the edge, and one beyond. */
static void test_too_many_failures(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.max_login_failures = 3;
	party_open_secure(&party);
	party_plain(&party, "wrong");
	party_plain(&party, "wrong");
	party_heard(&party, FAILURE("not-authorized") FAILURE("not-authorized"));
	party_plain(&party, "wrong");
	party_heard(&party,
	    FAILURE("not-authorized") ERROR_TEXT("policy-violation", "too many failed logins"));
	assert_null(party.stream);
	party_close(&party);
}

/* Several tries in one write are answered in order, while each waits for its keys. */
static void test_pipelined(void **state)
{
	struct party party;

	party_prepare(&party);
	party.defers = true;
	party_open_secure(&party);
	party_say(&party, "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>"
			  "<auth " SASL_NS " mechanism='X'/>"
			  "<auth " SASL_NS " mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>");
	party_say(&party, "<abort " SASL_NS "/>");
	party_told(&party, "credentials romeo@example.org\n");
	stream_credentials(party.stream, RC_ITEM_NOT_FOUND, NULL, NULL);
	party_told(&party, "refused romeo PLAIN: no such account\n");
	office_settle();
	party_heard(&party, FAILURE("not-authorized") FAILURE("invalid-mechanism"));
	party_told(&party, "refused - -: unknown mechanism\ncredentials juliet@example.org\n");
	stream_credentials(party.stream, RC_ITEM_NOT_FOUND, NULL, NULL);
	office_settle();
	party_heard(&party, FAILURE("not-authorized") FAILURE("aborted"));
	/* nobody asked */
	stream_credentials(party.stream, RC_ITEM_NOT_FOUND, NULL, NULL);
	office_settle();
	party_heard(&party, "");
	party_close(&party);
}

/* The end of the stream waits its turn, too; and a STARTTLS that waited is one. */
static void test_pipelined_ends(void **state)
{
	struct party party;

	party_prepare(&party);
	party.defers = true;
	party_open_secure(&party);
	party_say(&party, "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>" END);
	party_heard(&party, "");
	stream_credentials(party.stream, RC_ITEM_NOT_FOUND, NULL, NULL);
	office_settle();
	party_heard(&party, FAILURE("not-authorized") END);
	party_close(&party);

	party_prepare(&party);
	party.defers = true;
	party.settings.tls = make_set("example.org");
	party_open(&party);
	party_say(&party, OPEN);
	party_forget(&party);
	party_say(&party,
	    "<auth " SASL_NS " mechanism='SCRAM-SHA-1'>biwsbj1yb21lbyxyPXg=</auth>" STARTTLS OPEN);
	stream_credentials(party.stream, RC_RESOURCE_CONSTRAINT, NULL, NULL);
	office_settle();
	party_heard(&party, FAILURE("temporary-auth-failure") "<proceed " TLS_NS "/>");
	party_secure(&party);
	party_say(&party, OPEN);
	party_heard_part(&party, "</stream:features>");
	party_close(&party);
}

/* What waits is bounded: a read full of small elements takes a thousand times their bytes. */
static void test_pipelined_too_much(void **state)
{
	struct party party;
	struct text crowd = { 0 };

	party_prepare(&party);
	party.defers = true;
	party_open_secure(&party);
	text_puts(&crowd, "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>");
	for (int i = 0; i < 100; i++)
		text_puts(&crowd, "<a/>");
	party_say(&party, crowd.at);
	party_heard(&party, ERROR_TEXT("policy-violation", "too much without waiting"));
	text_free(&crowd);
	party_close(&party);
}

/* Nothing is read between <success/> and the restart; not even what came in the same write. */
static void test_restart(void **state)
{
	struct party party;

	party_prepare(&party);
	party.stays = true;
	party_open_secure(&party);
	party_say(&party, "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>"
			  "<presence/>");
	party_heard(&party, SUCCESS);
	party_told(&party, "credentials romeo@example.org\nauthenticated romeo@example.org\n");
	party_say(&party, OPEN);
	party_heard(&party, "");
	stream_restart(party.stream);
	office_settle();
	party_heard_part(&party, "<bind ");
	party_say(&party, "<auth " SASL_NS " mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>");
	party_heard(&party, ERROR("unsupported-stanza-type"));
	party_told(&party, "closed: unsupported-stanza-type\n");
	party_close(&party);
}

/* The owner is asked once, and what it answers to a stream that is over is ignored. */
static void test_gone_while_waiting(void **state)
{
	struct party party;

	party_prepare(&party);
	party.defers = true;
	party.keeps = true;
	party_open_secure(&party);
	party_plain(&party, "secret");
	stream_fail(party.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	stream_credentials(party.stream, RC_OK, NULL, NULL);
	office_settle();
	stream_credentials(party.stream, RC_OK, NULL, NULL);
	party_told(&party, "credentials romeo@example.org\nclosed: system-shutdown\n");
	party_close(&party);
}

static struct address *make_address(const char *text)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	char counted[ADDRESS_TEXT_BYTES];
	const char *limit;

	assert_int_equal(inet_pton(AF_INET, text, &ipv4.sin_addr), 1);
	return address_admit((void *)&ipv4, &limit, counted);
}

/* After some failures from one address the answer comes later, and nothing else is heard meanwhile.
 */
static void test_held_back(void **state)
{
	struct party party;
	int64_t before;

	party_prepare(&party);
	address_table_open();
	party.address = make_address("192.0.2.1");
	party.settings.max_login_failures = 100;
	party_open_secure(&party);
	for (int i = 0; i < 3; i++)
		party_plain(&party, "wrong");
	party_heard(
	    &party, FAILURE("not-authorized") FAILURE("not-authorized") FAILURE("not-authorized"));
	before = worker_now_ms();
	party_plain(&party, "wrong");
	party_say(&party, "<abort " SASL_NS "/>");
	party_heard(&party, "");
	WAIT(party.peer->received.length > 0);
	assert_true(worker_now_ms() - before >= 400);
	office_settle();
	party_heard(&party, FAILURE("not-authorized") FAILURE("aborted"));
	party_close(&party);
	address_table_close();
}

/* ---- registration */

static void test_early_iq(void **state)
{
	struct party party;

	party_prepare(&party);
	party.takes_early_iq = true;
	party_open_secure(&party);
	party_say(&party, "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>");
	party_told(&party, "early <iq xmlns='jabber:client' type='get' id='1'>"
			   "<query xmlns='jabber:iq:register'/></iq>\n");
	party_send(&party, "answer", NULL);
	office_settle();
	party_heard(&party, "<message id='answer'/>");
	party.takes_early_iq = false;
	party_say(&party, "<iq type='get' id='1'><query xmlns='jabber:iq:auth'/></iq>");
	party_heard(&party, ERROR("not-authorized"));
	party_close(&party);
}

/* ---- deadlines */

static void test_login_deadline(void **state)
{
	static const char *const said[] = { "", OPEN };

	for (size_t i = 0; i < COUNT_OF(said); i++) {
		struct party party;

		party_prepare(&party);
		party.settings.login_timeout_ms = 50;
		party_open(&party);
		party_say(&party, said[i]);
		while (party.stream != NULL) {
			/* White space does not help. */
			if (i > 0)
				peer_puts(party.peer, " ");
			office_round();
		}
		office_settle();
		party_heard_part(&party, ERROR_TEXT("connection-timeout", "not logged in in time"));
		party_told(&party, "closed: connection-timeout\n");
		party_close(&party);
	}
}

static void test_tls_deadline(void **state)
{
	struct party party;

	party_prepare(&party);
	party.settings.tls_timeout_ms = 50;
	open_clear(&party);
	party_say(&party, STARTTLS);
	party_forget(&party);
	WAIT(party.stream == NULL);
	office_settle();
	party_heard(&party, "");
	party_told(&party, "closed: no TLS in time\n");
	assert_true(party_is_over(&party));
	party_close(&party);
}

/* What a handshake has waited because of others is added. */
static void test_tls_deadline_moves(void **state)
{
	struct party party;
	int64_t begun_ms;

	party_prepare(&party);
	party.settings.tls_timeout_ms = 50;
	open_clear(&party);
	party_say(&party, STARTTLS);
	party_forget(&party);
	begun_ms = worker_now_ms();
	party.stream->transport->waited_ms = 200;
	WAIT(party.stream == NULL);
	assert_in_range(worker_now_ms() - begun_ms, 249, 10000);
	office_settle();
	party_told(&party, "closed: no TLS in time\n");
	party_close(&party);
}

/* The deadline goes on after the restart, and ends with bind. */
static void test_deadline_ends(void **state)
{
	struct party party;
	int64_t until;

	party_prepare(&party);
	party.settings.login_timeout_ms = 200;
	party_open(&party);
	party_log_in(&party);
	WAIT(party.stream == NULL);
	party_close(&party);

	party_prepare(&party);
	party.settings.login_timeout_ms = 200;
	party_open(&party);
	party_log_in(&party);
	party_bind(&party);
	until = worker_now_ms() + 400;
	WAIT(worker_now_ms() > until);
	assert_non_null(party.stream);
	party_close(&party);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_starttls_twice),
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_direct_tls_alpn),
		cmocka_unit_test(test_required_first),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_odd_elements),
		cmocka_unit_test(test_too_many_failures),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_pipelined_ends),
		cmocka_unit_test(test_pipelined_too_much),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_gone_while_waiting),
		cmocka_unit_test(test_held_back),
		cmocka_unit_test(test_early_iq),
		cmocka_unit_test(test_login_deadline),
		cmocka_unit_test(test_tls_deadline),
		cmocka_unit_test(test_tls_deadline_moves),
		cmocka_unit_test(test_deadline_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
