/* party.h - a stream between two scripted ends: a client that says and hears text, and an owner
 * that writes down what it is told. Both run on the loop of this thread, round by round (see
 * peer.h). */
#ifndef GODWIT_TESTS_STREAM_PARTY_H
#define GODWIT_TESTS_STREAM_PARTY_H

#include "base/rc.h"
#include "base/scram-keys.h"
#include "../net/peer.h"
#include "stream/stream.h"

struct address;

struct party {
	struct peer *peer;     /* the client's end */
	struct stream *stream; /* NULL once it was closed and freed */
	struct stream_settings settings;
	struct address *address; /* to be counted under, or NULL */
	bool direct_tls;
	bool is_peculiar; /* opens streams by OPEN_PECULIAR */
	struct text told; /* what the owner was told, a line each */

	/* How the owner behaves. */
	enum rc rc;          /* of credentials; the keys are those of "secret" */
	bool defers;         /* credentials and bind are answered by the test */
	bool stays;          /* stream_restart() is called by the test */
	struct worker *home; /* the stream moves there after login */
	bool settles;        /* each stanza at once */
	bool takes_early_iq;
	bool admits; /* whoever shakes hands */
	bool keeps; /* does not free the stream when it is closed */
	void (*on_stanza)(struct party *party);
	void (*on_delivered)(struct party *party);
	struct mail move;
};

/* Tests fill in settings or behaviour between the two. */
void party_prepare(struct party *party);
void party_open(struct party *party);
/* Both, on a bound stream with nothing heard or told yet. */
void party_open_bound(struct party *party);
void party_close(struct party *party);

/* The client sends; everything that follows from it happens. */
void party_say(struct party *party, const char *text);
/* Exactly this was heard, or told, since the last time; ids of streams are written as '*'. */
void party_heard(struct party *party, const char *text);
void party_told(struct party *party, const char *text);
/* Forgets both. */
void party_forget(struct party *party);
/* What was heard holds this; forgets it. */
void party_heard_part(struct party *party, const char *text);
/* The client has heard the end of the connection. */
bool party_is_over(struct party *party);

/* SCRAM-SHA-1 as romeo, and the header after it. */
void party_log_in(struct party *party);
/* <auth/> and <response/> only; the answer to the latter is left to be heard. */
void party_scram(struct party *party, const char *username, const char *password);
void party_bind(struct party *party);
/* Answers a bind request that was deferred. */
void party_answer_bind(struct party *party);
/* <auth/> with PLAIN for romeo. */
void party_plain(struct party *party, const char *password);
/* A TLS client. */
void party_secure(struct party *party);
/* Instead of party_open(): inside TLS, features heard. */
void party_open_secure(struct party *party);

/* The owner sends <message id='ID'/>. */
void party_send(struct party *party, const char *id, void *token);

#define OPEN \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	"to='example.org' version='1.0'>"
/* Declares what others do not. */
#define OPEN_PECULIAR \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' " \
	"xmlns:y='urn:y' to='example.org' version='1.0'>"
#define HEADER_FROM(from) \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' " \
	"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' from='" from \
	"' id='*' xml:lang='en'>"
#define HEADER HEADER_FROM("example.org")
#define ERROR(name) \
	"<stream:error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" \
	"</stream:stream>"
#define ERROR_TEXT(name, text) \
	"<stream:error><" name " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>" \
	"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>" text \
	"</text></stream:error></stream:stream>"
#define END "</stream:stream>"
#define SASL_NS "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define FAILURE(name) "<failure " SASL_NS "><" name "/></failure>"
#define SUCCESS "<success " SASL_NS "></success>"
#define BIND(id) "<iq type='set' id='" id "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
#define BOUND(id) \
	"<iq type='result' id='" id "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" \
	"<jid>romeo@example.org/orchard</jid></bind></iq>"

#endif
