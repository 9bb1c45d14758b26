/* time.c - XEP-0202, Entity Time: what time it is at the server, and its distance from UTC. */
#include "core/module.h"

#include <time.h>

#define NS_TIME "urn:xmpp:time"

/* XEP-0082: "+01:00". */
static const char *zone_text(struct arena *arena, time_t now)
{
	struct tm local;
	long minutes;

	localtime_r(&now, &local);
	minutes = labs(local.tm_gmtoff) / 60;
	return arena_printf(
	    arena, "%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static enum verdict time_get(struct task *task)
{
	struct arena *arena = task_arena(task);
	struct element *answer = element_new_lent(arena, NS_TIME, "time");
	int64_t now_us = time_now_us();

	element_add_text_child(
	    arena, answer, NULL, "tzo", zone_text(arena, (time_t)(now_us / 1000000)));
	element_add_text_child(arena, answer, NULL, "utc", time_format(arena, now_us));
	return task_reply(task, answer);
}

static const struct hook time_hooks[] = {
	{ IQ_GET, NS_TIME, TO_DOMAIN, 0, time_get },
	HOOK_END,
};

GODWIT_MODULE(time, .feature = NS_TIME, .hooks = time_hooks);
