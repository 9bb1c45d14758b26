/* test_remote.c - stanzas to and from domains that are not ours: which way takes them, and that
 * presence and subscriptions (RFC 6121) reach contacts there as they reach our own. */
#include "world.h"

#include "core/presence-remote.h"
#include "core/remote.h"
#include "core/router.h"

#define ORCHARD "romeo@example.org/orchard"
#define BENVOLIO "benvolio@verona.example"

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
	leaves("<presence from='romeo@example.org' to='" BENVOLIO "' type='probe'/>\n");
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
