/* outbox-lane.c - messages to one receiver, which stay in order. When the first of them has to
 * wait, since somebody holds a lock on the receiver's rows or the mailbox is full, those behind it
 * wait as well, and everybody else's go on. */
#include "admin/outbox-private.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "xmpp/jid.h"

struct lane {
	size_t under_way;
	bool is_held; /* nothing more goes this way until the next pass */
	size_t length;
	char name[]; /* the bare JID */
};

static struct hash *lanes;

void lanes_start(void)
{
	lanes = hash_new();
}

static void lane_free(struct lane *lane)
{
	hash_remove(lanes, lane->name, lane->length);
	mem_free(lane);
}

void lanes_stop(void)
{
	struct lane *lane;
	size_t cursor = 0;

	while ((lane = hash_next(lanes, &cursor)) != NULL)
		lane_free(lane);
	hash_free(&lanes);
}

void lanes_open(void)
{
	struct lane *lane;
	size_t cursor = 0;

	while ((lane = hash_next(lanes, &cursor)) != NULL) {
		if (lane->under_way == 0)
			lane_free(lane);
	}
}

static struct lane *lane_get(const struct jid *to)
{
	size_t length = jid_bare_length(to);
	struct lane *lane = hash_get(lanes, jid_text(to), length);

	if (lane != NULL)
		return lane;
	lane = mem_alloc_zero(sizeof *lane + length);
	lane->length = length;
	memcpy(lane->name, jid_text(to), length);
	hash_put(lanes, lane->name, length, lane);
	return lane;
}

struct lane *lane_enter(const struct jid *to)
{
	struct lane *lane = lane_get(to);

	if (lane->is_held)
		return NULL;
	lane->under_way++;
	return lane;
}

void lane_hold(struct lane *lane)
{
	if (lane != NULL)
		lane->is_held = true;
}

bool lane_leave(struct lane **lane_in)
{
	struct lane *lane = *lane_in;

	*lane_in = NULL;
	if (lane == NULL)
		return false;
	lane->under_way--;
	if (lane->under_way > 0)
		return false;
	if (lane->is_held)
		return true;
	lane_free(lane);
	return false;
}
