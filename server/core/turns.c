/* turns.c - so many at a time, in the order of arrival. */
#include "core/turns.h"

#include "base/mem.h"
#include "loop/worker.h"

void turns_init(struct turns *turns)
{
	TAILQ_INIT(&turns->waiting);
	turns->waiting_count = 0;
	turns->running_count = 0;
}

static void turn_run(struct turns *turns, struct turn *turn)
{
	turn->state = TURN_RUNS;
	turns->running_count++;
	turns->run(turn);
}

static void turn_drop(struct turns *turns, struct turn *turn)
{
	TAILQ_REMOVE(&turns->waiting, turn, next);
	turns->waiting_count--;
	turn->state = TURN_NONE;
}

bool turns_take(struct turns *turns, struct turn *turn)
{
	ASSERT(turn->state == TURN_NONE);
	if (turns->running_count < turns->running_max && turns->waiting_count == 0) {
		turn_run(turns, turn);
		return true;
	}
	if (turns->waiting_count >= turns->waiting_max)
		return false;
	turn->state = TURN_WAITS;
	turn->since_ms = worker_now_ms();
	TAILQ_INSERT_TAIL(&turns->waiting, turn, next);
	turns->waiting_count++;
	return true;
}

static bool is_too_late(const struct turns *turns, const struct turn *turn)
{
	return turns->patience_ms > 0 && worker_now_ms() - turn->since_ms > turns->patience_ms;
}

static void turns_go_on(struct turns *turns)
{
	struct turn *turn;

	while (turns->running_count < turns->running_max &&
	       (turn = TAILQ_FIRST(&turns->waiting)) != NULL) {
		turn_drop(turns, turn);
		if (is_too_late(turns, turn))
			turns->refuse(turn);
		else
			turn_run(turns, turn);
	}
}

void turns_end(struct turns *turns, struct turn *turn)
{
	if (turn->state == TURN_WAITS)
		turn_drop(turns, turn);
	if (turn->state != TURN_RUNS)
		return;
	turn->state = TURN_NONE;
	turns->running_count--;
	turns_go_on(turns);
}

size_t turns_count(const struct turns *turns)
{
	return turns->waiting_count + turns->running_count;
}
