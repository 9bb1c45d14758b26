/* test_presence.c - RFC 6121 section 4: who is told who is there, probes, priorities, directed
 * presence, and every way to go. */
#include "world.h"

#include "core/presence.h"
#include "core/roster.h"
#include "core/router.h"

#define ORCHARD "romeo@example.org/orchard"
#define HALL "romeo@example.org/hall"
#define BALCONY "juliet@example.org/balcony"
#define SELF(jid) "<presence from='" jid "' to='" jid "'/>"

static struct client orchard, hall, balcony, stranger;

static const struct statement romeo_knows =
    STATEMENT("INSERT INTO roster_items (domain, username, contact, subscription)"
	      " VALUES ('example.org', 'romeo', 'juliet@example.org', 'both')");
static const struct statement juliet_knows =
    STATEMENT("INSERT INTO roster_items (domain, username, contact, subscription)"
	      " VALUES ('example.org', 'juliet', 'romeo@example.org', 'both')");

/* Romeo and Juliet see each other; nobody is logged in. */
static void begin(void)
{
	users_make("romeo", "juliet", "paris", NULL);
	sql_run(&romeo_knows);
	sql_run(&juliet_knows);
}

/* Sections 4.2 to 4.5 in the order of a day. */
static void test_day(void **state)
{
	begin();
	client_login(&orchard, "romeo", "orchard");
	says(&orchard, "<presence><show>dnd</show></presence>");
	hears(&orchard,
	    "<presence from='" ORCHARD "' to='" ORCHARD "'><show>dnd</show></presence>\n"
	    "<presence from='juliet@example.org' to='" ORCHARD "' type='unavailable'/>");
	client_login(&balcony, "juliet", "balcony");
	hears(&orchard, "");
	says(&balcony, "<presence/>");
	hears(&orchard, "<presence from='" BALCONY "' to='romeo@example.org'/>");
	hears(&balcony, SELF(BALCONY) "\n<presence from='" ORCHARD "' to='" BALCONY
				      "'><show>dnd</show></presence>");
	says(&balcony, "<presence><status>Here</status></presence>");
	hears(&orchard,
	    "<presence from='" BALCONY "' to='romeo@example.org'><status>Here</status></presence>");
	hears(&balcony,
	    "<presence from='" BALCONY "' to='" BALCONY "'><status>Here</status></presence>");
	says(&orchard, "<presence type='unavailable'><status>Gone</status></presence>");
	hears(&balcony, "<presence from='" ORCHARD "' to='juliet@example.org' type='unavailable'>"
			"<status>Gone</status></presence>");
	hears(&orchard, "<presence from='" ORCHARD "' to='" ORCHARD "' type='unavailable'>"
			"<status>Gone</status></presence>");
	says(&balcony, "<presence/>");
	hears(&orchard, "");
	ignores(&balcony);
	client_logout(&orchard);
	hears(&balcony, "");
	client_logout(&balcony);
}

/* Own resources see each other, with nobody on the roster (clients depend on it). */
static void test_own(void **state)
{
	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	client_login(&hall, "romeo", "hall");
	says(&orchard, "<presence/>");
	hears(&orchard, SELF(ORCHARD));
	hears(&hall, "");
	says(&hall, "<presence><priority>5</priority></presence>");
	hears(&hall, "<presence from='" HALL "' to='" HALL "'><priority>5</priority></presence>\n"
		     "<presence from='" ORCHARD "' to='" HALL "'/>");
	hears(&orchard,
	    "<presence from='" HALL "' to='" ORCHARD "'><priority>5</priority></presence>");
	assert_int_equal(session_priority(hall.session), 5);
	client_logout(&hall);
	hears(&orchard, "<presence from='" HALL "' to='" ORCHARD "' type='unavailable'/>");
	client_logout(&orchard);
}

/* Section 4.7.2.3. */
static void test_priority(void **state)
{
	static const struct {
		const char *text;
		int priority; /* 1000: refused */
	} cases[] = { { "0", 0 }, { "127", 127 }, { "128", 1000 }, { "-128", -128 },
		{ "-129", 1000 }, { "", 1000 }, { "high", 1000 }, { "1.5", 1000 } };
	char xml[128];

	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		snprintf(xml, sizeof xml, "<presence id='p'><priority>%s</priority></presence>",
		    cases[i].text);
		says(&orchard, xml);
		if (cases[i].priority == 1000)
			hears(&orchard,
			    "<presence to='" ORCHARD "' id='p' type='error'>"
			    "<error type='modify'><bad-request"
			    " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
		else
			assert_int_equal(session_priority(orchard.session), cases[i].priority);
		ignores(&orchard);
	}
	client_logout(&orchard);
}

static void probe(struct client *client, const char *to)
{
	struct arena *arena = arena_new(0);
	struct stanza *stanza =
	    stanza_new(PRESENCE_PROBE, session_jid(client->session), jid_parse(arena, to), NULL);

	router_send(stanza, NULL);
	stanza_unref(&stanza);
	arena_free(&arena);
}

/* Section 4.3.2, with the addressee out of memory, in memory, and there. Whoever may not know
 * learns the same of everyone; the `unsubscribed` is for the prober's server. */
static void test_probes(void **state)
{
	begin();
	client_login(&orchard, "romeo", "orchard");
	says(&orchard, "<presence/>");
	ignores(&orchard);
	client_login(&stranger, "paris", "x");
	says(&stranger, "<presence to='example.org'/>");
	probe(&stranger, "juliet@example.org");
	probe(&stranger, "nobody@example.org");
	hears(&stranger, "");
	client_login(&balcony, "juliet", "balcony");
	probe(&stranger, "juliet@example.org");
	probe(&orchard, "juliet@example.org");
	hears(
	    &orchard, "<presence from='juliet@example.org' to='" ORCHARD "' type='unavailable'/>");
	says(&balcony, "<presence/>");
	ignores(&orchard);
	ignores(&balcony);
	probe(&stranger, "juliet@example.org");
	probe(&orchard, "juliet@example.org");
	probe(&orchard, "juliet@example.org/balcony");
	probe(&orchard, "juliet@example.org/chamber");
	hears(&orchard,
	    "<presence from='" BALCONY "' to='" ORCHARD "'/>\n<presence from='" BALCONY
	    "' to='" ORCHARD "'/>\n<presence from='juliet@example.org/chamber' to='" ORCHARD
	    "' type='unavailable'/>");
	hears(&stranger, "");
	client_logout(&orchard);
	client_logout(&balcony);
	client_logout(&stranger);
}

/* A contact that has forgotten us says so, and the rosters agree again (section 4.3.2, first rule).
 */
static void test_out_of_step(void **state)
{
	users_make("romeo", "juliet", NULL);
	sql_run(&romeo_knows);
	client_login(&orchard, "romeo", "orchard");
	says(&orchard, "<iq id='roster' type='get'><query xmlns='jabber:iq:roster'/></iq>");
	ignores(&orchard);
	says(&orchard, "<presence/>");
	hears(&orchard,
	    SELF(ORCHARD) "\n<presence from='juliet@example.org' to='romeo@example.org'"
			  " type='unsubscribed'/>\n<iq to='" ORCHARD
			  "' id='push-' type='set'><query xmlns='jabber:iq:roster'>"
			  "<item jid='juliet@example.org' subscription='from'/></query></iq>");
	client_logout(&orchard);
}

/* Section 4.6: to a stranger, whether by full or bare JID; told at the end, unless told before. */
static void test_directed(void **state)
{
	begin();
	client_appear(&orchard, "romeo", "orchard");
	client_appear(&stranger, "paris", "x");
	client_appear(&balcony, "juliet", "balcony");
	ignores(&orchard);
	says(&orchard, "<presence to='paris@example.org'><show>chat</show></presence>");
	hears(&stranger,
	    "<presence from='" ORCHARD "' to='paris@example.org'><show>chat</show></presence>");
	says(&orchard, "<presence to='juliet@example.org/balcony'/>");
	hears(&balcony, "<presence from='" ORCHARD "' to='" BALCONY "'/>");
	says(&orchard, "<presence><show>away</show></presence>");
	hears(&stranger, "");
	ignores(&balcony);
	ignores(&orchard);
	/* The world allows two. */
	says(&orchard, "<presence id='d' to='paris@example.org/x'/>");
	hears(&orchard, "<presence from='paris@example.org/x' to='" ORCHARD
			"' id='d' type='error'><error type='wait'><resource-constraint"
			" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>");
	says(&orchard, "<presence to='paris@example.org'/>");
	ignores(&stranger);
	client_logout(&orchard);
	hears(
	    &stranger, "<presence from='" ORCHARD "' to='paris@example.org' type='unavailable'/>");
	hears(
	    &balcony, "<presence from='" ORCHARD "' to='juliet@example.org' type='unavailable'/>");
	client_logout(&balcony);
	client_logout(&stranger);
}

static void test_directed_taken_back(void **state)
{
	begin();
	client_login(&orchard, "romeo", "orchard");
	client_appear(&stranger, "paris", "x");
	says(&orchard, "<presence to='paris@example.org/x'/>");
	says(&orchard, "<presence to='paris@example.org/x' type='unavailable'/>");
	ignores(&stranger);
	says(&orchard, "<presence to='paris@example.org/y'/>");
	client_logout(&orchard);
	hears(&stranger, "");
	client_logout(&stranger);
}

/* Without presence for all, a subscriber is told as others are. */
static void test_directed_only(void **state)
{
	begin();
	client_login(&orchard, "romeo", "orchard");
	client_appear(&balcony, "juliet", "balcony");
	says(&orchard, "<presence to='juliet@example.org'/>");
	client_logout(&orchard);
	hears(&balcony,
	    "<presence from='" ORCHARD "' to='juliet@example.org'/>\n<presence from='" ORCHARD
	    "' to='juliet@example.org' type='unavailable'/>");
	client_logout(&balcony);
}

/* A block concerns a contact, a resource or a domain (XEP-0191 section 5). */
static void test_block(void **state)
{
	static const struct {
		const char *blocked;
		const char *juliet; /* what she hears as they are hidden from each other */
	} cases[] = {
		{ "juliet@example.org", "juliet@example.org" },
		{ "juliet@example.org/balcony", "juliet@example.org/balcony" },
		{ "example.org", "juliet@example.org" },
		{ "paris@example.org", NULL },
		{ "example.net", NULL },
	};
	struct arena *arena = arena_new(0);

	begin();
	client_appear(&orchard, "romeo", "orchard");
	client_appear(&balcony, "juliet", "balcony");
	ignores(&orchard);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct jid *jid = jid_parse(arena, cases[i].blocked);
		const char *to = cases[i].juliet;

		account_hide_from(orchard.session->account, jid);
		hears(&balcony,
		    to == NULL
			? ""
			: arena_printf(arena,
			      "<presence from='" ORCHARD "' to='%s' type='unavailable'/>", to));
		account_show_to(orchard.session->account, jid);
		hears(&balcony,
		    to == NULL ? ""
			       : arena_printf(arena, "<presence from='" ORCHARD "' to='%s'/>", to));
	}
	client_logout(&orchard);
	client_logout(&balcony);
	arena_free(&arena);
}

static void test_block_directed(void **state)
{
	struct arena *arena = arena_new(0);

	begin();
	client_login(&orchard, "romeo", "orchard");
	client_appear(&stranger, "paris", "x");
	says(&orchard, "<presence to='paris@example.org/x'/>");
	ignores(&stranger);
	account_hide_from(orchard.session->account, jid_parse(arena, "paris@example.org"));
	hears(&stranger,
	    "<presence from='" ORCHARD "' to='paris@example.org/x' type='unavailable'/>");
	client_logout(&orchard);
	hears(&stranger, "");
	client_logout(&stranger);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_day),
		WORLD_TEST(test_own),
		WORLD_TEST(test_priority),
		WORLD_TEST(test_probes),
		WORLD_TEST(test_out_of_step),
		WORLD_TEST(test_directed),
		WORLD_TEST(test_directed_taken_back),
		WORLD_TEST(test_directed_only),
		WORLD_TEST(test_block),
		WORLD_TEST(test_block_directed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
