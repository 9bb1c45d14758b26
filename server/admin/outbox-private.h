/* outbox-private.h - the inside of the outbox: outbox.c (rows in portions, and their end),
 * outbox-lane.c (those to one receiver), outbox-message.c (from a row to a message),
 * outbox-broadcast.c (to all who are online), outbox-group.c (to the members of a shared group). */
#ifndef GODWIT_ADMIN_OUTBOX_PRIVATE_H
#define GODWIT_ADMIN_OUTBOX_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/outbox.h"
#include "base/rc.h"
#include "loop/worker.h"

struct arena;
struct group_tour;
struct jid;
struct lane;
struct stanza;
struct store_result;

/* Rows read at a time, and rows under way while more are read. */
#define OUTBOX_PORTION 50

/* A row under way, or a group's row for one member: from the first worker to the home of the
 * addressee and back. */
struct outgoing {
	struct mail mail;
	int64_t id;
	char *key;               /* among those under way */
	struct outgoing *group;  /* the row, if this is for a member */
	struct group_tour *tour; /* of the row itself, if it is for a group */
	struct stanza *message;  /* referenced; NULL: it cannot be sent */
	struct lane *lane;       /* NULL: it is not for one account */
	int64_t since_ms;        /* when it was started */
	bool is_stuck;           /* for so long that others are let pass */
	size_t shares;           /* of a broadcast, under way */
	enum rc rc;              /* what became of it */
	char *error;             /* in words, or NULL */
};

/* The columns that outbox_message() reads, in this order. */
#define OUTBOX_COLUMNS \
	"id, sender, recipient, to_online, to_group, type, subject, body, language, message_id, " \
	"stanza"
enum outbox_column {
	OUTBOX_ID,
	OUTBOX_SENDER,
	OUTBOX_RECIPIENT,
	OUTBOX_TO_ONLINE,
	OUTBOX_TO_GROUP,
	OUTBOX_TYPE,
	OUTBOX_SUBJECT,
	OUTBOX_BODY,
	OUTBOX_LANGUAGE,
	OUTBOX_MESSAGE_ID,
	OUTBOX_STANZA
};

/* The message of a row; to a broadcast's domain, or to nobody if it is for all or for a group.
 * NULL, and the reason in `rc_out` and `error_out` (made in the arena). */
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

/* One is under way from now on; `member` is "" if it is not for a member of a group. */
struct outgoing *outgoing_new(int64_t id, const char *member);
/* The one that is under way, or NULL. */
struct outgoing *outgoing_find(int64_t id, const char *member);
/* Sends it to the home of its addressee; frees it if that one's lane is held. */
void outgoing_post(struct outgoing *outgoing);
/* The row does not go on: outgoing->rc and error say why, if it was not sent. On the first worker.
 */
void outgoing_end(struct outgoing *outgoing);
void outgoing_fail(struct outgoing *outgoing, enum rc rc, const char *error);

/* Lets go of it, whatever its rc says. */
void outgoing_free(struct outgoing *outgoing);
/* What could not be done is tried again in a while. */
void outbox_retry(void);

/* Sends it to everybody who is online; the row is marked as sent before. Ends it. */
void outbox_broadcast(struct outgoing *outgoing);

/* A row to a group goes to its members by pages, and nothing behind it is read before the last one.
 * outbox_group_start() begins a tour through them, outbox_group_again() another for those whom the
 * first has left out; outbox_group_read() reads a page and tells `page_over`. */
typedef void group_page_over(enum rc rc, bool is_last);
void outbox_group_start(struct outgoing *row, const char *name);
void outbox_group_again(struct outgoing *row);
void outbox_group_read(struct outgoing *row, group_page_over *page_over);
/* One of its members cannot have it: the row of the member says why. */
void outbox_group_fail(struct outgoing *member, const char *reason);
/* A tour is over, or what was under way for a member. With the last of them the row ends. */
void outbox_group_leave(struct outgoing *row);
void outbox_group_free(struct outgoing *row);

#endif
