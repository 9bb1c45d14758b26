/* timer.h - do something later, on the current worker. A timer is made when it is needed and freed
 * when it is not: an idle session has none. */
#ifndef GODWIT_LOOP_TIMER_H
#define GODWIT_LOOP_TIMER_H

#include <stdbool.h>

struct timer;

/* Makes a timer that is not set; belongs to the current worker. */
struct timer *timer_new(void (*fired)(void *state), void *state);
/* Fires once, `after_ms` from now; setting it again moves it. */
void timer_set(struct timer *timer, unsigned after_ms);
void timer_clear(struct timer *timer);
bool timer_is_set(const struct timer *timer);
/* Also from inside `fired`. Accepts a pointer to NULL, leaves NULL. */
void timer_free(struct timer **timer);

#endif
