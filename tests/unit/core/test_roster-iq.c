/* test_roster-iq.c - RFC 6121 section 2: gets, sets, removals, pushes and versions. */
#include "world.h"

#include "core/roster.h"

#define PUSH(to, item) \
	"<iq to='" to "' id='push-' type='set'><query xmlns='jabber:iq:roster'>" item \
	"</query></iq>"
#define RESULT(to, id) "<iq from='romeo@example.org' to='" to "' id='" id "' type='result'/>"
#define ORCHARD "romeo@example.org/orchard"
#define HALL "romeo@example.org/hall"

static struct client orchard, hall;

static const struct statement refuse =
    STATEMENT("CREATE TRIGGER refuse BEFORE INSERT ON roster_items WHEN new.name = 'no'"
	      " BEGIN SELECT raise(ABORT, 'no'); END");
static const struct statement row_rename =
    STATEMENT("UPDATE roster_items SET name = 'Angelica' WHERE contact = 'nurse@example.org'");
static const struct statement row_join =
    STATEMENT("INSERT INTO roster_items (domain, username, contact, subscription)"
	      " VALUES ('example.org', 'romeo', 'mercutio@example.org', 'both')");
static const struct statement row_join_group =
    STATEMENT("INSERT INTO roster_groups VALUES"
	      " ('example.org', 'romeo', 'mercutio@example.org', 'G')");
static const struct statement row_leave =
    STATEMENT("DELETE FROM roster_items WHERE contact = 'tybalt@example.org'");

static void roster_get(struct client *client)
{
	says(client, "<iq id='get' type='get'><query xmlns='jabber:iq:roster'/></iq>");
}

static void roster_set(struct client *client, const char *item)
{
	char xml[4096];

	snprintf(xml, sizeof xml,
	    "<iq id='set' type='set'><query xmlns='jabber:iq:roster'>%s</query></iq>", item);
	says(client, xml);
}

/* Section 2.1.6: interested resources are pushed to, the setter too; then the result. */
static void test_set(void **state)
{
	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	client_login(&hall, "romeo", "hall");
	roster_get(&orchard);
	hears(&orchard,
	    "<iq to='" ORCHARD "' id='get' type='result'><query xmlns='jabber:iq:roster'/></iq>");
	roster_set(&orchard,
	    "<item jid='Nurse@example.org' name='Nurse' subscription='both' ask='subscribe'"
	    " approved='true'><group>Servants</group><group>Capulets</group></item>");
#define NURSE \
	"<item jid='nurse@example.org' name='Nurse' subscription='none'>" \
	"<group>Capulets</group><group>Servants</group></item>"
	hears(&orchard, PUSH(ORCHARD, NURSE) "\n<iq to='" ORCHARD "' id='set' type='result'/>");
	hears(&hall, "");
	roster_get(&hall);
	hears(&hall, "<iq to='" HALL "' id='get' type='result'>"
		     "<query xmlns='jabber:iq:roster'>" NURSE "</query></iq>");
	roster_set(&hall, "<item jid='nurse@example.org'/>");
	hears(&orchard, PUSH(ORCHARD, "<item jid='nurse@example.org' subscription='none'/>"));
	hears(&hall,
	    PUSH(HALL, "<item jid='nurse@example.org' subscription='none'/>") "\n<iq to='" HALL
									      "' id='set' "
									      "type='result'/>");
	client_logout(&orchard);
	client_logout(&hall);
}

/* What was answered is in the database. */
static void test_stored(void **state)
{
	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	roster_set(&orchard, "<item jid='nurse@example.org' name='N'><group>A</group></item>");
	roster_set(&orchard,
	    "<item jid='nurse@example.org' name='Nurse'><group>C</group><group>B</group></item>");
	roster_set(&orchard, "<item jid='example.net'/>");
	roster_set(&orchard, "<item jid='tybalt@example.org'/>");
	roster_set(&orchard, "<item jid='tybalt@example.org' subscription='remove'/>");
	settle();
	client_logout(&orchard);
	accounts_forget();
	client_login(&orchard, "romeo", "orchard");
	roster_set(&orchard, "<item jid='example.net' subscription='remove'/>");
	ignores(&orchard);
	roster_get(&orchard);
	hears(&orchard,
	    "<iq to='" ORCHARD "' id='get' type='result'>"
	    "<query xmlns='jabber:iq:roster'><item jid='nurse@example.org' name='Nurse'"
	    " subscription='none'><group>B</group><group>C</group></item></query></iq>");
	client_logout(&orchard);
}

/* Sections 2.3.3 and 2.5.3. */
static void test_errors(void **state)
{
	static const struct {
		const char *item;
		const char *type;
		const char *condition;
	} cases[] = {
		{ "", "modify", "bad-request" },
		{ "<item jid='a@example.org'/><item jid='b@example.org'/>", "modify",
		    "bad-request" },
		{ "<item name='x'/>", "modify", "bad-request" },
		{ "<item jid='a@example.org/x'/>", "modify", "bad-request" },
		{ "<item jid='@@'/>", "modify", "jid-malformed" },
		{ "<item jid='romeo@example.org'/>", "cancel", "not-allowed" },
		{ "<item jid='a@example.org'><group/></item>", "modify", "not-acceptable" },
		{ "<item "
		  "jid='a@example.org'><group>A</group><group>B</group><group>A</group></item>",
		    "modify", "bad-request" },
		{ "<item jid='a@example.org' subscription='remove'/>", "cancel", "item-not-found" },
	};
	char expected[512];

	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		roster_set(&orchard, cases[i].item);
		snprintf(expected, sizeof expected,
		    "<iq to='" ORCHARD "' id='set' type='error'><error type='%s'>"
		    "<%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
		    cases[i].type, cases[i].condition);
		hears(&orchard, expected);
	}
	client_logout(&orchard);
}

/* The length of a name, and the number of items, at the edge and one beyond. */
static void test_limits(void **state)
{
	char name[1025], item[2048];

	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	memset(name, 'n', sizeof name);
	for (int length = 1023; length <= 1024; length++) {
		snprintf(
		    item, sizeof item, "<item jid='a@example.org' name='%.*s'/>", length, name);
		roster_set(&orchard, item);
		settle();
		assert_int_equal(
		    strstr(orchard.heard.at, "not-acceptable") != NULL, length == 1024);
		ignores(&orchard);
	}
	for (int i = 2; i <= 6; i++) {
		snprintf(item, sizeof item, "<item jid='%d@example.org'/>", i);
		roster_set(&orchard, item);
		settle();
		assert_int_equal(strstr(orchard.heard.at, "not-allowed") != NULL, i == 6);
		ignores(&orchard);
	}
	roster_set(&orchard, "<item jid='2@example.org' name='still'/>");
	hears(&orchard, "<iq to='" ORCHARD "' id='set' type='result'/>");
	client_logout(&orchard);
}

/* Nobody else's business. */
static void test_stranger(void **state)
{
	users_make("romeo", "juliet", NULL);
	client_login(&orchard, "romeo", "orchard");
	says(&orchard, "<iq id='a' type='get' to='juliet@example.org'>"
		       "<query xmlns='jabber:iq:roster'/></iq>");
	says(&orchard, "<iq id='b' type='set' to='juliet@example.org'>"
		       "<query xmlns='jabber:iq:roster'><item jid='x@example.org'/></query></iq>");
#define UNAVAILABLE(id) \
	"<iq from='juliet@example.org' to='" ORCHARD "' id='" id "' type='error'>" \
	"<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" \
	"</error></iq>"
	hears(&orchard, UNAVAILABLE("a") "\n" UNAVAILABLE("b"));
	client_logout(&orchard);
}

/* Section 2.6. */
static void test_versions(void **state)
{
	char xml[256];
	const char *version;
	struct arena *arena = arena_new(0);

	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	says(&orchard, "<iq id='a' type='get'><query xmlns='jabber:iq:roster' ver=''/></iq>");
	hears(&orchard,
	    "<iq to='" ORCHARD "' id='a' type='result'><query xmlns='jabber:iq:roster'/></iq>");
	roster_set(&orchard, "<item jid='nurse@example.org'/>");
	hears(&orchard,
	    "<iq to='" ORCHARD "' id='push-' type='set'><query xmlns='jabber:iq:roster'>"
	    "<item jid='nurse@example.org' subscription='none'/></query></iq>\n"
	    "<iq to='" ORCHARD "' id='set' type='result'/>");
	version = roster_version(orchard.session->account, arena);
	client_logout(&orchard);
	accounts_forget();
	client_login(&orchard, "romeo", "orchard");
	snprintf(xml, sizeof xml,
	    "<iq id='b' type='get'><query xmlns='jabber:iq:roster' ver='%s'/></iq>", version);
	says(&orchard, xml);
	hears(&orchard, "<iq to='" ORCHARD "' id='b' type='result'/>");
	assert_true(orchard.session->wants_roster);
	client_logout(&orchard);
	arena_free(&arena);
}

/* A row that is refused fails the set, and memory goes back to what the database says; clients that
 * saw anything else are told. */
static void test_failed_write(void **state)
{
	users_make("romeo", NULL);
	sql_run(&refuse);
	client_login(&orchard, "romeo", "orchard");
	roster_get(&orchard);
	roster_set(&orchard, "<item jid='nurse@example.org' name='yes'/>");
	ignores(&orchard);
	roster_set(&orchard, "<item jid='nurse@example.org' name='no'/>");
	roster_set(&orchard, "<item jid='nurse@example.org' subscription='remove'/>");
	hears(&orchard,
	    "<iq to='" ORCHARD "' id='set' type='error'><error type='modify'>"
	    "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>\n"
	    "<iq to='" ORCHARD "' id='push-' type='set'><query xmlns='jabber:iq:roster'>"
	    "<item jid='nurse@example.org' subscription='remove'/></query></iq>\n"
	    "<iq to='" ORCHARD "' id='set' type='result'/>");
	client_logout(&orchard);
}

/* What somebody else has written is pushed when the account is loaded again. */
static void test_reload(void **state)
{
	users_make("romeo", NULL);
	client_login(&orchard, "romeo", "orchard");
	roster_get(&orchard);
	roster_set(&orchard, "<item jid='nurse@example.org' name='Nurse'/>");
	roster_set(&orchard, "<item jid='tybalt@example.org'/>");
	roster_set(&orchard, "<item jid='paris@example.org'/>");
	ignores(&orchard);
	sql_run(&row_rename);
	sql_run(&row_join);
	sql_run(&row_join_group);
	sql_run(&row_leave);
	account_reload(orchard.session->account);
	settle();
	assert_non_null(strstr(orchard.heard.at,
	    PUSH(ORCHARD, "<item jid='nurse@example.org' name='Angelica' subscription='none'/>")));
	assert_non_null(strstr(orchard.heard.at,
	    PUSH(ORCHARD,
		"<item jid='mercutio@example.org' subscription='both'><group>G</group></item>")));
	assert_non_null(strstr(orchard.heard.at,
	    PUSH(ORCHARD, "<item jid='tybalt@example.org' subscription='remove'/>")));
	assert_null(strstr(orchard.heard.at, "paris"));
	ignores(&orchard);
	/* What changes meanwhile is not undone. */
	account_reload(orchard.session->account);
	roster_set(&orchard, "<item jid='paris@example.org' name='Paris'/>");
	settle();
	assert_int_equal(roster_size(orchard.session->account), 3);
	hears(&orchard, PUSH(ORCHARD, "<item jid='paris@example.org' name='Paris' "
				      "subscription='none'/>") "\n<iq to='" ORCHARD
							       "' id='set' type='result'/>");
	client_logout(&orchard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_set),
		WORLD_TEST(test_stored),
		WORLD_TEST(test_errors),
		WORLD_TEST(test_limits),
		WORLD_TEST(test_stranger),
		WORLD_TEST(test_versions),
		WORLD_TEST(test_failed_write),
		WORLD_TEST(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
