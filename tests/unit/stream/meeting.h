/* meeting.h - a stream between two servers that are both ours, on one connection, each with an
 * owner that writes down what it is told. */
#ifndef GODWIT_TESTS_STREAM_MEETING_H
#define GODWIT_TESTS_STREAM_MEETING_H

#include "../net/peer.h"
#include "stream/stream.h"

/* An end, and what its owner was told, a line each. */
struct end {
	struct stream_settings settings;
	struct stream *stream;
	struct text told;
	bool proves;
	struct sm *kept; /* of a stream that may be resumed */
};
/* We call from a.example, they are b.example; `proves`: our certificate counts there. */
extern struct end ours, theirs;
extern struct tls_set *our_set;
extern const struct stream_events end_events;

/* Setup and teardown of a file's tests. */
int meeting_begin(void **state);
int meeting_end(void **state);

void meet(bool direct, bool proves);
/* The same where both would have stanzas go both ways (XEP-0288), or one of them would. */
void meet_both_ways(bool proves, bool we, bool they);
/* The connection is cut; both ends get to know it in the rounds that follow. */
void cut(void);
/* Another connection after that; what was kept and told stays. */
void meet_again(void);
void part(void);
/* Fails unless these are the lines. */
void told(struct end *end, const char *lines);
struct stream_settings settings_of(enum stream_role role, struct tls_set *set);
struct transport *transport_of(int fd);
void send_stanza(struct end *end, const char *id, void *token);

#endif
