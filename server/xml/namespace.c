/* namespace.c - a sorted table of well-known namespaces; see namespace.h. */
#include "xml/namespace.h"

#include <string.h>

#include "base/mem.h"

struct entry {
	size_t length;
	const char *text;
};

#define ENTRY(text) \
	{ \
		sizeof(text) - 1, text \
	}

/* By length, then by bytes: most comparisons of the search are of two numbers. */
static const struct entry entries[] = {
	ENTRY("vcard-temp"),
	ENTRY("jabber:x:oob"),
	ENTRY(NAMESPACE_CLIENT),
	ENTRY(NAMESPACE_SERVER),
	ENTRY("jabber:x:data"),
	ENTRY("urn:xmpp:ping"),
	ENTRY("urn:xmpp:sm:2"),
	ENTRY("urn:xmpp:sm:3"),
	ENTRY("urn:xmpp:time"),
	ENTRY("jabber:iq:last"),
	ENTRY("urn:xmpp:csi:0"),
	ENTRY("urn:xmpp:delay"),
	ENTRY("urn:xmpp:eme:0"),
	ENTRY("urn:xmpp:hints"),
	ENTRY("urn:xmpp:mam:2"),
	ENTRY("urn:xmpp:sid:0"),
	ENTRY("urn:xmpp:idle:1"),
	ENTRY("urn:xmpp:push:0"),
	ENTRY("jabber:iq:roster"),
	ENTRY("jabber:iq:search"),
	ENTRY("roster:delimiter"),
	ENTRY("urn:xmpp:omemo:2"),
	ENTRY("urn:xmpp:reply:0"),
	ENTRY("jabber:iq:private"),
	ENTRY("jabber:iq:version"),
	ENTRY("storage:bookmarks"),
	ENTRY("urn:xmpp:blocking"),
	ENTRY("urn:xmpp:jingle:1"),
	ENTRY("urn:xmpp:receipts"),
	ENTRY("jabber:iq:register"),
	ENTRY("urn:xmpp:carbons:2"),
	ENTRY("urn:xmpp:forward:0"),
	ENTRY("urn:xmpp:retract:1"),
	ENTRY("jabber:x:conference"),
	ENTRY("storage:rosternotes"),
	ENTRY("urn:xmpp:extdisco:2"),
	ENTRY("urn:xmpp:fallback:0"),
	ENTRY("vcard-temp:x:update"),
	ENTRY("urn:xmpp:avatar:data"),
	ENTRY("urn:xmpp:bookmarks:1"),
	ENTRY("urn:xmpp:reactions:0"),
	ENTRY("jabber:server:dialback"),
	ENTRY("urn:xmpp:http:upload:0"),
	ENTRY(NAMESPACE_COMPONENT),
	ENTRY("urn:xmpp:chat-markers:0"),
	ENTRY("urn:xmpp:avatar:metadata"),
	ENTRY("urn:xmpp:jingle-message:0"),
	ENTRY("urn:xmpp:message-correct:0"),
	ENTRY("http://www.w3.org/1999/xhtml"),
	ENTRY("eu.siacs.conversations.axolotl"),
	ENTRY("http://jabber.org/protocol/muc"),
	ENTRY("http://jabber.org/protocol/rsm"),
	ENTRY("http://jabber.org/protocol/caps"),
	ENTRY("http://jabber.org/protocol/mood"),
	ENTRY("http://jabber.org/protocol/nick"),
	ENTRY("http://jabber.org/protocol/tune"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-tls"),
	ENTRY(NAMESPACE_STREAM),
	ENTRY("urn:ietf:params:xml:ns:vcard-4.0"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-bind"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-sasl"),
	ENTRY("http://jabber.org/protocol/pubsub"),
	ENTRY("http://jabber.org/protocol/address"),
	ENTRY("http://jabber.org/protocol/commands"),
	ENTRY("http://jabber.org/protocol/muc#user"),
	ENTRY("http://jabber.org/protocol/xhtml-im"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-session"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-stanzas"),
	ENTRY("urn:ietf:params:xml:ns:xmpp-streams"),
	ENTRY("http://jabber.org/protocol/muc#admin"),
	ENTRY("http://jabber.org/protocol/muc#owner"),
	ENTRY("http://jabber.org/protocol/chatstates"),
	ENTRY("http://jabber.org/protocol/disco#info"),
	ENTRY("http://jabber.org/protocol/bytestreams"),
	ENTRY("http://jabber.org/protocol/disco#items"),
	ENTRY("http://jabber.org/protocol/pubsub#event"),
	ENTRY("http://jabber.org/protocol/pubsub#owner"),
};

const char *namespace_known(const char *bytes, size_t length)
{
	size_t low = 0, high = COUNT_OF(entries);

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct entry *entry = &entries[middle];
		int order = entry->length < length ? -1 : entry->length > length;

		if (order == 0)
			order = memcmp(entry->text, bytes, length);
		if (order == 0)
			return entry->text;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
