/* notice.c - what is said about subscriptions to a domain that cannot be reached. A request is sent
 * again by the core, which remembers it (core/subscription-again.h). What grants, refuses or ends a
 * subscription has changed our side for good, and nobody asks for it again: beside the error that
 * its sender gets, the link remembers it for as long as it remembers the domain, and says it when
 * it is up, unless something else was said since. */
#include "base/mem.h"
#include "core/router.h"
#include "s2s/s2s-private.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* On a link, and on a worker. */
enum { NOTICES_OF_LINK = 1000, NOTICES_MAX = 10000 };

struct notice {
	TAILQ_ENTRY(notice) next;
	enum stanza_type type;
	struct jid *from, *to;
};

static bool is_about_theirs(enum stanza_type type)
{
	return type == PRESENCE_SUBSCRIBE || type == PRESENCE_UNSUBSCRIBE;
}

bool notice_is(const struct stanza *stanza)
{
	return stanza_type(stanza) >= PRESENCE_SUBSCRIBE &&
	       stanza_type(stanza) <= PRESENCE_UNSUBSCRIBED;
}

static void notice_free(struct link *link, struct notice *notice)
{
	TAILQ_REMOVE(&link->notices, notice, next);
	link->notice_count--;
	s2s.notice_count--;
	jid_free(&notice->from);
	jid_free(&notice->to);
	mem_free(notice);
}

void notice_drop(struct link *link, const struct stanza *newer)
{
	struct notice *notice;

	if (TAILQ_EMPTY(&link->notices) || !notice_is(newer))
		return;
	TAILQ_FOREACH (notice, &link->notices, next)
		if (is_about_theirs(notice->type) == is_about_theirs(stanza_type(newer)) &&
		    jid_equal(notice->from, stanza_from(newer)) &&
		    jid_equal(notice->to, stanza_to(newer))) {
			notice_free(link, notice);
			return;
		}
}

void notice_keep(struct link *link, const struct stanza *stanza)
{
	struct notice *notice;

	if (!notice_is(stanza) || stanza_type(stanza) == PRESENCE_SUBSCRIBE ||
	    link->notice_count >= NOTICES_OF_LINK || s2s.notice_count >= NOTICES_MAX)
		return;
	notice = mem_alloc_zero(sizeof *notice);
	notice->type = stanza_type(stanza);
	notice->from = jid_copy_heap(stanza_from(stanza));
	notice->to = jid_copy_heap(stanza_to(stanza));
	TAILQ_INSERT_TAIL(&link->notices, notice, next);
	link->notice_count++;
	s2s.notice_count++;
}

/* RFC 6121 section 3.1.5: presence follows what grants it, as if the contact's server had asked. */
static void presence_follow(const struct notice *notice)
{
	struct stanza *probe = stanza_new(PRESENCE_PROBE, notice->to, notice->from, NULL);

	router_send(probe, NULL);
	stanza_unref(&probe);
}

static void notice_send(struct link *link, const struct notice *notice)
{
	struct stanza *stanza = stanza_new(notice->type, notice->from, notice->to, NULL);

	link_take(link, cargo_new(stanza, NULL));
	stanza_unref(&stanza);
	if (notice->type == PRESENCE_SUBSCRIBED)
		presence_follow(notice);
}

void notices_send(struct link *link)
{
	struct notice *notice;

	while (link->state == LINK_UP && (notice = TAILQ_FIRST(&link->notices)) != NULL) {
		struct notice said = *notice;

		notice->from = notice->to = NULL;
		notice_free(link, notice);
		notice_send(link, &said);
		jid_free(&said.from);
		jid_free(&said.to);
	}
}

void notices_free(struct link *link)
{
	while (!TAILQ_EMPTY(&link->notices))
		notice_free(link, TAILQ_FIRST(&link->notices));
}
