/* work.h - how much of what came on a connection is being dealt with. Over a bound nothing more is
 * read from it until half of that has been dealt with; the owner pauses its stream. */
#ifndef GODWIT_CORE_WORK_H
#define GODWIT_CORE_WORK_H

#include <stdbool.h>

/* All zero is nothing. */
struct work {
	unsigned amount;
	bool is_held; /* it is too much: nothing more is read */
};

/* There is more of it. True: from now on nothing is to be read. */
bool work_begins(struct work *work, unsigned weight, unsigned max);
/* There is less. True: it may be read again. */
bool work_ends(struct work *work, unsigned weight, unsigned max);

#endif
