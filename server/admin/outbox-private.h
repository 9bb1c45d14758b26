/* outbox-private.h - the inside of the outbox: outbox.c (rows in portions, and their end),
 * outbox-message.c (from a row to a message), outbox-broadcast.c (to all who are online). */
#ifndef GODWIT_ADMIN_OUTBOX_PRIVATE_H
#define GODWIT_ADMIN_OUTBOX_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "admin/outbox.h"
#include "base/rc.h"
#include "loop/worker.h"

struct arena;
struct jid;
struct stanza;
struct store_result;

/* A row under way: from the first worker to the home of the addressee and back. */
struct outgoing {
	struct mail mail;
	int64_t id;
	struct stanza *message; /* referenced; NULL: it cannot be sent */
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

/* The row does not go on: outgoing->rc and error say why, if it was not sent. On the first worker.
 */
void outgoing_end(struct outgoing *outgoing);
void outgoing_fail(struct outgoing *outgoing, enum rc rc, const char *error);

/* Sends it to everybody who is online; the row is marked as sent before. Ends it. */
void outbox_broadcast(struct outgoing *outgoing);

#endif
