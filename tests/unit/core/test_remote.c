/* test_remote.c - stanzas to and from domains that are not ours: which way takes them, and that
 * presence and subscriptions (RFC 6121) reach contacts there as they reach our own. */
#include "world.h"

#include "core/presence-remote.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router.h"

#define ORCHARD "romeo@example.org/orchard"
#define BENVOLIO "benvolio@verona.example"
#define PROBE "<presence from='romeo@example.org' to='" BENVOLIO "' type='probe'/>\n"

static const struct statement romeo_knows =
    STATEMENT("INSERT INTO roster_items (domain, username, contact, subscription)"
	      " VALUES ('example.org', 'romeo', 'benvolio@verona.example', 'both')");

static struct client orchard;
static struct text sent;

static bool verona_send(const struct stanza *stanza, struct receipt *receipt)
{
	(void)receipt;
	if (!jid_has_domain(stanza_to(stanza), "verona.example"))
		return false;
	stanza_write(&sent, stanza);
	text_putc(&sent, '\n');
	return true;
}

/* The last resort. */
static bool any_send(const struct stanza *stanza, struct receipt *receipt)
{
	(void)receipt;
	text_printf(&sent, "any: %s\n", jid_text(stanza_to(stanza)));
	return true;
}

static const struct remote_way verona = { verona_send, NULL }, any = { any_send, NULL };

static void leaves(const char *lines)
{
	settle();
	text_append(&sent, "", 0);
	assert_string_equal(sent.at, lines);
	text_clear(&sent);
}

/* A stanza from another server. */
static void arrives(const char *xml)
{
	struct stanza *stanza = stanza_parse(xml, strlen(xml));

	assert_non_null(stanza);
	router_send(stanza, NULL);
	stanza_unref(&stanza);
}

static void begin(const struct remote_way *first, const struct remote_way *second)
{
	remote_clear();
	if (first != NULL)
		remote_add(first);
	if (second != NULL)
		remote_add(second);
	users_make("romeo", NULL);
	sql_run(&romeo_knows);
	client_login(&orchard, "romeo", "orchard");
}

static void end(void)
{
	client_logout(&orchard);
	settle();
	remote_clear();
	text_free(&sent);
	sent = (struct text){ 0 };
}

/* The first that takes it, and it comes back where nobody does. */
static void test_ways(void **state)
{
	(void)state;
	begin(&verona, &any);
	says(&orchard, "<message to='" BENVOLIO "'><body>a</body></message>");
	says(&orchard, "<message to='mercutio@mantua.example'><body>b</body></message>");
	leaves("<message from='" ORCHARD "' to='" BENVOLIO
	       "'><body>a</body></message>\nany: mercutio@mantua.example\n");
	end();
}

static void test_no_way(void **state)
{
	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<message id='m' to='mercutio@mantua.example'><body>b</body></message>");
	hears(&orchard, "<message from='mercutio@mantua.example' to='" ORCHARD
			"' id='m' type='error'><error type='cancel'><remote-server-not-found "
			"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
	leaves("");
	end();
}

/* RFC 6121 sections 4.2.2, 4.3.1 and 4.5.2. */
static void test_presence(void **state)
{
	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence><show>dnd</show></presence>");
	leaves("<presence from='" ORCHARD "' to='" BENVOLIO "'><show>dnd</show></presence>\n"
	       "<presence from='romeo@example.org' to='" BENVOLIO "' type='probe'/>\n");
	ignores(&orchard);
	arrives("<presence xmlns='jabber:client' from='" BENVOLIO "/x' to='romeo@example.org'/>");
	hears(&orchard, "<presence from='" BENVOLIO "/x' to='romeo@example.org'/>");
	arrives("<presence xmlns='jabber:client' type='probe' id='p' from='" BENVOLIO
		"/x' to='romeo@example.org'/>");
	leaves("<presence from='" ORCHARD "' to='" BENVOLIO "/x'><show>dnd</show></presence>\n");
	client_logout(&orchard);
	leaves("<presence from='" ORCHARD "' to='" BENVOLIO "' type='unavailable'/>\n");
	arrives("<presence xmlns='jabber:client' type='probe' id='p' from='" BENVOLIO
		"/x' to='romeo@example.org'/>");
	leaves(
	    "<presence from='romeo@example.org' to='" BENVOLIO "/x' id='p' type='unavailable'/>\n");
	arrives("<presence xmlns='jabber:client' type='probe' id='p' "
		"from='tybalt@verona.example/x' to='romeo@example.org'/>");
	leaves("<presence from='romeo@example.org' to='tybalt@verona.example' id='p' "
	       "type='unsubscribed'/>\n");
	end();
}

/* RFC 6121 section 3.1, both ways. */
static void test_subscription(void **state)
{
	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	says(&orchard, "<presence/>");
	settle();
	ignores(&orchard);
	text_clear(&sent);
	says(&orchard, "<presence type='subscribe' to='mercutio@verona.example/x'/>");
	leaves("<presence from='romeo@example.org' to='mercutio@verona.example' "
	       "type='subscribe'/>\n");
	ignores(&orchard);
	arrives("<presence xmlns='jabber:client' type='subscribed' "
		"from='mercutio@verona.example' to='romeo@example.org'/>");
	arrives("<presence xmlns='jabber:client' type='subscribe' "
		"from='mercutio@verona.example' to='romeo@example.org'/>");
	settle();
	ignores(&orchard);
	says(&orchard, "<presence type='subscribed' to='mercutio@verona.example'/>");
	leaves(
	    "<presence from='romeo@example.org' to='mercutio@verona.example' "
	    "type='subscribed'/>\n<presence from='" ORCHARD "' to='mercutio@verona.example'/>\n");
	ignores(&orchard);
	end();
}

/* RFC 6120 section 8.3: what cannot be delivered here goes back there, errors do not. */
static void test_errors(void **state)
{
	(void)state;
	begin(&verona, NULL);
	arrives("<iq xmlns='jabber:client' type='get' id='i' from='" BENVOLIO
		"/x' to='nobody@example.org'><query xmlns='urn:x'/></iq>");
	leaves("<iq from='nobody@example.org' to='" BENVOLIO
	       "/x' id='i' type='error'><error type='cancel'><service-unavailable "
	       "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n");
	arrives("<message xmlns='jabber:client' type='error' from='" BENVOLIO
		"/x' to='nobody@example.org'/>");
	arrives("<message xmlns='jabber:client' from='x@mantua.example' to='nobody@example.org'/>");
	leaves("");
	end();
}

/* A domain is lost without a word: its contacts are gone for who has seen them; and asked for when
 * it is back. */
static void test_lost_domain(void **state)
{
	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence/>");
	settle();
	ignores(&orchard);
	text_clear(&sent);
	presence_remote_lost("verona.example");
	hears(&orchard, "");
	arrives("<presence xmlns='jabber:client' from='" BENVOLIO "/x' to='romeo@example.org'/>");
	arrives("<presence xmlns='jabber:client' from='" BENVOLIO "/y' to='romeo@example.org'/>");
	settle();
	ignores(&orchard);
	presence_remote_lost("mantua.example");
	hears(&orchard, "");
	presence_remote_lost("verona.example");
	hears(&orchard, "<presence from='" BENVOLIO "' to='" ORCHARD "' type='unavailable'/>");
	presence_remote_back("verona.example");
	leaves(PROBE);
	says(&orchard, "<presence type='unavailable'/>");
	settle();
	ignores(&orchard);
	text_clear(&sent);
	presence_remote_lost("verona.example");
	presence_remote_back("verona.example");
	hears(&orchard, "");
	leaves("");
	end();
}

/* Only where contacts are, and for who is there: strangers' domains would be without number, and
 * nobody would forget those of who has gone. */
static void test_watched(void **state)
{
	struct arena *arena = arena_new(0);

	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence/>");
	for (int i = 0; i < 100; i++)
		arrives(arena_printf(arena,
		    "<presence xmlns='jabber:client' from='x@d%d.example/y'"
		    " to='romeo@example.org'/>",
		    i));
	settle();
	assert_int_equal(presence_remote_count(), 0);
	arrives("<presence xmlns='jabber:client' from='" BENVOLIO "/x' to='romeo@example.org'/>");
	settle();
	assert_int_equal(presence_remote_count(), 1);
	ignores(&orchard);
	text_clear(&sent);
	says(&orchard, "<presence type='unavailable'/>");
	settle();
	assert_int_equal(presence_remote_count(), 0);
	arrives("<presence xmlns='jabber:client' from='" BENVOLIO "/x' to='romeo@example.org'/>");
	settle();
	assert_int_equal(presence_remote_count(), 0);
	text_clear(&sent);
	end();
	arena_free(&arena);
}

/* RFC 6121 section 3.1.2: a request that was not answered is sent again when the domain is back,
 * and at a login; not at each. */
static void test_request_again(void **state)
{
	static const char request[] =
	    "<presence from='romeo@example.org' to='mercutio@verona.example'"
	    " type='subscribe'/>\n";

	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence type='subscribe' to='mercutio@verona.example'/>");
	leaves(request);
	presence_remote_back("verona.example");
	leaves("");
	says(&orchard, "<presence/>");
	settle();
	assert_non_null(strstr(sent.at, request));
	text_clear(&sent);
	presence_remote_back("mantua.example");
	leaves("");
	presence_remote_lost("verona.example");
	presence_remote_back("verona.example");
	settle();
	assert_non_null(strstr(sent.at, request));
	client_logout(&orchard);
	client_login(&orchard, "romeo", "orchard");
	text_clear(&sent);
	says(&orchard, "<presence/>");
	settle();
	assert_null(strstr(sent.at, request));
	text_clear(&sent);
	presence_remote_back("verona.example");
	settle();
	assert_non_null(strstr(sent.at, request));
	ignores(&orchard);
	arrives("<presence xmlns='jabber:client' type='subscribed' "
		"from='mercutio@verona.example' to='romeo@example.org'/>");
	settle();
	text_clear(&sent);
	presence_remote_back("verona.example");
	settle();
	assert_null(strstr(sent.at, request));
	ignores(&orchard);
	end();
}

/* RFC 6121 section 4.6: whom a session has shown itself to has gone with a domain that is lost.
 * When it is back, a room that did not notice is told that the session has left; not if it came
 * again. */
static void test_directed(void **state)
{
	static const char gone[] =
	    "<presence from='capulets@verona.example/r' to='" ORCHARD "' type='unavailable'/>";

	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence to='left@verona.example/r'/>");
	says(&orchard, "<presence type='unavailable' to='left@verona.example/r'/>");
	says(&orchard, "<presence to='capulets@verona.example/r'/>");
	says(&orchard, "<presence to='feast@verona.example/r'/>");
	settle();
	ignores(&orchard);
	presence_remote_lost("mantua.example");
	hears(&orchard, "");
	text_clear(&sent);
	presence_remote_lost("verona.example");
	settle();
	assert_non_null(strstr(orchard.heard.at, gone));
	assert_non_null(strstr(orchard.heard.at, "feast@verona.example/r"));
	assert_null(strstr(orchard.heard.at, "left"));
	ignores(&orchard);
	says(&orchard, "<presence to='feast@verona.example/r'/>");
	settle();
	text_clear(&sent);
	presence_remote_back("verona.example");
	leaves(
	    "<presence from='" ORCHARD "' to='capulets@verona.example/r' type='unavailable'/>\n");
	presence_remote_back("verona.example");
	leaves("");
	client_logout(&orchard);
	leaves("<presence from='" ORCHARD "' to='feast@verona.example/r' type='unavailable'/>\n");
	assert_int_equal(presence_remote_count(), 0);
	end();
}

/* A session that ended meanwhile has left as well. */
static void test_departed(void **state)
{
	(void)state;
	begin(&verona, NULL);
	says(&orchard, "<presence to='capulets@verona.example/r'/>");
	presence_remote_lost("verona.example");
	hears(&orchard,
	    "<presence from='capulets@verona.example/r' to='" ORCHARD "' type='unavailable'/>");
	client_logout(&orchard);
	settle();
	text_clear(&sent);
	presence_remote_back("verona.example");
	leaves(
	    "<presence from='" ORCHARD "' to='capulets@verona.example/r' type='unavailable'/>\n");
	end();
}

static unsigned settled;

static void probe_settled(void *state, uint32_t sequence)
{
	(void)state;
	(void)sequence;
	settled++;
}

/* Probes that wait for the database are bounded by their bytes, too, and hold up who sends them. */
static void test_probes_bounded(void **state)
{
	char *id = mem_alloc(1000001);
	unsigned answers = 0;

	(void)state;
	begin(&verona, NULL);
	client_logout(&orchard);
	settled = 0;
	memset(id, 'x', 1000000);
	id[1000000] = '\0';
	for (int i = 0; i < 20; i++) {
		struct arena *arena = arena_new(0);
		struct receipt *receipt = receipt_new(probe_settled, NULL, 0);
		struct stanza *probe = stanza_new(PRESENCE_PROBE, jid_parse(arena, BENVOLIO),
		    jid_parse(arena, "juliet@example.org"), id);

		router_send(probe, receipt);
		receipt_release(&receipt);
		stanza_unref(&probe);
		arena_free(&arena);
	}
	assert_int_equal(settled, 4);
	settle();
	assert_int_equal(settled, 20);
	for (const char *at = sent.at; (at = strstr(at, "unsubscribed")) != NULL; at++)
		answers++;
	assert_int_equal(answers, 16);
	mem_free(id);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_ways),
		WORLD_TEST(test_no_way),
		WORLD_TEST(test_presence),
		WORLD_TEST(test_subscription),
		WORLD_TEST(test_errors),
		WORLD_TEST(test_lost_domain),
		WORLD_TEST(test_watched),
		WORLD_TEST(test_request_again),
		WORLD_TEST(test_directed),
		WORLD_TEST(test_departed),
		WORLD_TEST(test_probes_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
