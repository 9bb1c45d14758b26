/* test_subscription.c - RFC 6121 section 3: asking, approving, ending, with what each client hears.
 */
#include "world.h"

#include "core/roster.h"

#define ORCHARD "romeo@example.org/orchard"
#define BALCONY "juliet@example.org/balcony"
#define CHAMBER "juliet@example.org/chamber"
#define PUSH(to, item) \
	"<iq to='" to "' id='push-' type='set'><query xmlns='jabber:iq:roster'>" item \
	"</query></iq>"
#define JULIET(attributes) PUSH(ORCHARD, "<item jid='juliet@example.org' " attributes "/>")
#define ROMEO(attributes) PUSH(BALCONY, "<item jid='romeo@example.org' " attributes "/>")
#define FROM_ROMEO(type) \
	"<presence from='romeo@example.org' to='juliet@example.org' type='" type "'/>"
#define FROM_JULIET(type) \
	"<presence from='juliet@example.org' to='romeo@example.org' type='" type "'/>"

static struct client orchard, balcony, chamber;

static void begin(void)
{
	users_make("romeo", "juliet", NULL);
	client_appear(&orchard, "romeo", "orchard");
	client_appear(&balcony, "juliet", "balcony");
}

static void end(void)
{
	client_logout(&orchard);
	client_logout(&balcony);
}

/* Each sees the other. */
static void befriend(void)
{
	says(&orchard, "<presence to='juliet@example.org' type='subscribe'/>");
	settle();
	says(&balcony, "<presence to='romeo@example.org' type='subscribed'/>");
	says(&balcony, "<presence to='romeo@example.org' type='subscribe'/>");
	settle();
	says(&orchard, "<presence to='juliet@example.org' type='subscribed'/>");
	ignores(&orchard);
	ignores(&balcony);
}

/* Section 3.1, both ways; the extensions of a request are delivered with it. */
static void test_subscribe(void **state)
{
	begin();
	says(&orchard, "<presence id='s' to='Juliet@example.org/balcony' type='subscribe'>"
		       "<status>It is I</status></presence>");
	hears(&orchard, JULIET("subscription='none' ask='subscribe'"));
	hears(&balcony, "<presence from='romeo@example.org' to='juliet@example.org' id='s'"
			" type='subscribe'><status>It is I</status></presence>");
	says(&balcony, "<presence to='romeo@example.org' type='subscribed'/>");
	hears(&balcony, ROMEO("subscription='from'"));
	hears(&orchard,
	    FROM_JULIET("subscribed") "\n" JULIET(
		"subscription='to'") "\n<presence from='" BALCONY "' to='romeo@example.org'/>");
	says(&balcony, "<presence to='romeo@example.org' type='subscribe'/>");
	hears(&balcony, ROMEO("subscription='from' ask='subscribe'"));
	hears(&orchard, FROM_JULIET("subscribe"));
	says(&orchard, "<presence to='juliet@example.org' type='subscribed'/>");
	hears(&balcony,
	    FROM_ROMEO("subscribed") "\n" ROMEO(
		"subscription='both'") "\n<presence from='" ORCHARD "' to='juliet@example.org'/>");
	hears(&orchard, JULIET("subscription='both'"));
	end();
}

/* Section 3.1.3: kept with all that is in it, offered at each initial presence until answered,
 * once. */
static void test_request_waits(void **state)
{
	users_make("romeo", "juliet", NULL);
	client_appear(&orchard, "romeo", "orchard");
	for (int i = 0; i < 2; i++)
		says(&orchard, "<presence to='juliet@example.org' type='subscribe'>"
			       "<status>Hear</status></presence>");
	ignores(&orchard);
	for (int i = 0; i < 2; i++) {
		client_login(&balcony, "juliet", "balcony");
		hears(&balcony, "");
		says(&balcony, "<presence/>");
		hears(&balcony, "<presence from='" BALCONY "' to='" BALCONY "'/>\n"
				"<presence from='romeo@example.org' to='juliet@example.org'"
				" type='subscribe'><status>Hear</status></presence>");
		says(&balcony, "<presence><show>away</show></presence>");
		hears(&balcony,
		    "<presence from='" BALCONY "' to='" BALCONY "'><show>away</show></presence>");
		client_logout(&balcony);
	}
	/* Answered while the rows are on their way. */
	client_login(&balcony, "juliet", "balcony");
	says(&balcony, "<presence/>");
	says(&balcony, "<presence to='romeo@example.org' type='unsubscribed'/>");
	hears(&balcony, "<presence from='" BALCONY "' to='" BALCONY "'/>");
	hears(&orchard, FROM_JULIET("unsubscribed") "\n" JULIET("subscription='none'"));
	assert_int_equal(roster_items(balcony.session->account), 0);
	end();
	accounts_forget();
	client_login(&balcony, "juliet", "balcony");
	says(&balcony, "<presence/>");
	hears(&balcony, "<presence from='" BALCONY "' to='" BALCONY "'/>");
	client_logout(&balcony);
}

/* Section 3.3: who unsubscribes sees the other no more. */
static void test_unsubscribe(void **state)
{
	begin();
	befriend();
	says(&orchard, "<presence to='juliet@example.org' type='unsubscribe'/>");
	hears(&orchard,
	    "<presence from='" BALCONY
	    "' to='romeo@example.org' type='unavailable'/>\n" JULIET("subscription='from'"));
	hears(&balcony, FROM_ROMEO("unsubscribe") "\n" ROMEO("subscription='to'"));
	says(&balcony, "<presence><status>Secret</status></presence>");
	hears(&orchard, "");
	ignores(&balcony);
	end();
}

/* Section 3.2: who takes the subscription back is seen no more. */
static void test_unsubscribed(void **state)
{
	begin();
	befriend();
	says(&orchard, "<presence to='juliet@example.org' type='unsubscribed'/>");
	hears(&balcony, "<presence from='" ORCHARD
			"' to='juliet@example.org' type='unavailable'/>\n" FROM_ROMEO(
			    "unsubscribed") "\n" ROMEO("subscription='from'"));
	hears(&orchard, JULIET("subscription='to'"));
	says(&orchard, "<presence to='juliet@example.org' type='unsubscribed'/>");
	hears(&balcony, "");
	hears(&orchard, "");
	end();
}

/* Section 3.4. */
static void test_preapproval(void **state)
{
	begin();
	says(&balcony, "<presence to='romeo@example.org' type='subscribed'/>");
	hears(&balcony, ROMEO("subscription='none' approved='true'"));
	hears(&orchard, "");
	says(&orchard, "<presence to='juliet@example.org' type='subscribe'/>");
	hears(&balcony, ROMEO("subscription='from' approved='true'"));
	hears(&orchard,
	    FROM_JULIET("subscribed") "\n" JULIET(
		"subscription='none' ask='subscribe'") "\n" JULIET("subscription='to'") "\n<"
											"presence "
											"from="
											"'" BALCONY
											"' "
											"to='romeo@"
											"example."
											"org'/>");
	/* Asked again, the server answers for her (section 3.1.3). */
	says(&orchard, "<presence to='juliet@example.org' type='subscribe'/>");
	hears(&orchard, "<presence from='" BALCONY "' to='romeo@example.org'/>");
	hears(&balcony, "");
	end();
}

static void test_preapproval_cancelled(void **state)
{
	begin();
	says(&balcony, "<presence to='romeo@example.org' type='subscribed'/>");
	says(&balcony, "<presence to='romeo@example.org' type='unsubscribed'/>");
	hears(&balcony,
	    ROMEO("subscription='none' approved='true'") "\n" ROMEO("subscription='none'"));
	says(&orchard, "<presence to='juliet@example.org' type='subscribe'/>");
	hears(&balcony, FROM_ROMEO("subscribe"));
	ignores(&orchard);
	end();
}

/* Section 2.5.2. */
static void test_remove(void **state)
{
	begin();
	befriend();
	says(&orchard, "<iq id='r' type='set'><query xmlns='jabber:iq:roster'>"
		       "<item jid='juliet@example.org' subscription='remove'/></query></iq>");
	hears(&orchard,
	    "<presence from='" BALCONY "' to='romeo@example.org' type='unavailable'/>\n" JULIET(
		"subscription='remove'") "\n<iq to='" ORCHARD "' id='r' type='result'/>");
	hears(&balcony,
	    FROM_ROMEO(
		"unsubscribe") "\n<presence from='" ORCHARD
			       "' to='juliet@example.org' type='unavailable'/>\n" FROM_ROMEO(
				   "unsubscribed") "\n" ROMEO("subscription='to'") "\n" ROMEO("subs"
											      "crip"
											      "tion"
											      "='"
											      "none"
											      "'"));
	assert_int_equal(roster_items(orchard.session->account), 0);
	end();
}

/* A request goes to who is available, what follows from it to who is interested. */
static void test_resources(void **state)
{
	begin();
	client_login(&chamber, "juliet", "chamber");
	says(&chamber, "<iq id='g' type='get'><query xmlns='jabber:iq:roster'/></iq>");
	ignores(&chamber);
	says(&orchard, "<presence to='juliet@example.org' type='subscribe'/>");
	hears(&balcony, FROM_ROMEO("subscribe"));
	hears(&chamber, "");
	says(&balcony, "<presence to='romeo@example.org' type='subscribed'/>");
	hears(&balcony, ROMEO("subscription='from'"));
	hears(&chamber, PUSH(CHAMBER, "<item jid='romeo@example.org' subscription='from'/>"));
	says(&orchard, "<presence to='juliet@example.org' type='unsubscribe'/>");
	hears(&chamber, FROM_ROMEO("unsubscribe") "\n" PUSH(
			    CHAMBER, "<item jid='romeo@example.org' subscription='none'/>"));
	ignores(&balcony);
	ignores(&orchard);
	client_logout(&chamber);
	end();
}

/* What nobody asked for, oneself, and who does not exist. */
static void test_ignored(void **state)
{
	begin();
	says(&balcony, "<presence to='romeo@example.org' type='unsubscribed'/>");
	says(&orchard, "<presence to='romeo@example.org' type='subscribe'/>");
	says(&orchard, "<presence to='romeo@example.org/orchard' type='subscribed'/>");
	hears(&orchard, "");
	hears(&balcony, "");
	says(&orchard, "<presence to='nobody@example.org' type='subscribe'/>");
	hears(&orchard,
	    PUSH(ORCHARD, "<item jid='nobody@example.org' subscription='none' ask='subscribe'/>"));
	end();
}

/* The world allows three requests, and five contacts. */
static void test_limits(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
	struct client others[4];
	char xml[128];

	users_make("romeo", "a", "b", "c", "d", NULL);
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		client_login(&others[i], names[i], "x");
		says(&others[i], "<presence to='romeo@example.org' type='subscribe'/>");
		settle();
	}
	client_appear(&orchard, "romeo", "orchard");
	assert_int_equal(roster_requests(orchard.session->account), 3);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(xml, sizeof xml,
		    "<presence id='s' to='%s@example.org' type='subscribed'/>", names[i]);
		says(&orchard, xml);
		settle();
		assert_int_equal(strstr(orchard.heard.at, "<not-allowed") != NULL, i == 5);
		ignores(&orchard);
	}
	assert_int_equal(roster_requests(orchard.session->account), 0);
	client_logout(&orchard);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		client_logout(&others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_subscribe),
		WORLD_TEST(test_request_waits),
		WORLD_TEST(test_unsubscribe),
		WORLD_TEST(test_unsubscribed),
		WORLD_TEST(test_preapproval),
		WORLD_TEST(test_preapproval_cancelled),
		WORLD_TEST(test_remove),
		WORLD_TEST(test_resources),
		WORLD_TEST(test_ignored),
		WORLD_TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
