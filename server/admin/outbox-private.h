/* outbox-private.h - the inside of the outbox: outbox.c (rows in portions, and their end),
 * outbox-lane.c (those to one receiver), outbox-message.c (from a row to a message),
 * outbox-broadcast.c (to all who are online). */
#ifndef GODWIT_ADMIN_OUTBOX_PRIVATE_H
#define GODWIT_ADMIN_OUTBOX_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/outbox.h"
#include "base/rc.h"
#include "loop/worker.h"

struct arena;
struct jid;
struct lane;
struct stanza;
struct store_result;

/* A row under way: from the first worker to the home of the addressee and back. */
struct outgoing {
	struct mail mail;
	int64_t id;
	struct stanza *message; /* referenced; NULL: it cannot be sent */
	struct lane *lane;      /* NULL: it is not for one account */
	int64_t since_ms;       /* when it was started */
	bool is_stuck;          /* for so long that others are let pass */
	size_t shares;          /* of a broadcast, under way */
	enum rc rc;             /* what became of it */
	char *error;            /* in words, or NULL */
};

/* The columns that outbox_message() reads, in this order. */
#define OUTBOX_COLUMNS \
	"id, sender, recipient, to_online, type, subject, body, language, message_id, stanza"
enum outbox_column {
	OUTBOX_ID,
	OUTBOX_SENDER,
	OUTBOX_RECIPIENT,
	OUTBOX_TO_ONLINE,
	OUTBOX_TYPE,
	OUTBOX_SUBJECT,
	OUTBOX_BODY,
	OUTBOX_LANGUAGE,
	OUTBOX_MESSAGE_ID,
	OUTBOX_STANZA
};

/* The message of a row; to a broadcast's domain, or to nobody if it is for all. NULL, and the
 * reason in `rc_out` and `error_out` (made in the arena). */
struct stanza *outbox_message(const struct store_result *rows, size_t row, struct arena *arena,
    enum rc *rc_out, const char **error_out);

/* A lane is what goes to one account, in order. lane_enter() returns NULL if it is held; the row
 * goes on waiting. A held one is opened by the first pass that begins when nothing is under way on
 * it: lane_leave() tells when that is so. NULL is no lane. */
void lanes_start(void);
void lanes_stop(void);
void lanes_open(void);
struct lane *lane_enter(const struct jid *to);
void lane_hold(struct lane *lane);
bool lane_leave(struct lane **lane);

/* The row does not go on: outgoing->rc and error say why, if it was not sent. On the first worker.
 */
void outgoing_end(struct outgoing *outgoing);
void outgoing_fail(struct outgoing *outgoing, enum rc rc, const char *error);

/* Sends it to everybody who is online; the row is marked as sent before. Ends it. */
void outbox_broadcast(struct outgoing *outgoing);

#endif
