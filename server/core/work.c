/* work.c - see work.h. */
#include "core/work.h"

bool work_begins(struct work *work, unsigned weight, unsigned max)
{
	work->amount += weight;
	if (work->is_held || work->amount < max)
		return false;
	work->is_held = true;
	return true;
}

bool work_ends(struct work *work, unsigned weight, unsigned max)
{
	work->amount -= weight;
	if (!work->is_held || work->amount > max / 2)
		return false;
	work->is_held = false;
	return true;
}
