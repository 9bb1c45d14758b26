/* descriptor.h - readiness of a file descriptor, on the current worker. Level-triggered. */
#ifndef GODWIT_LOOP_DESCRIPTOR_H
#define GODWIT_LOOP_DESCRIPTOR_H

struct descriptor;

enum ready { READY_READ = 1, READY_WRITE = 2 };

/* Watches `fd` (not owned) for nothing yet; `ready` is called with what it is ready for. */
struct descriptor *descriptor_new(int fd, void (*ready)(void *state, unsigned what), void *state);
/* What to watch for from now on: READY_READ, READY_WRITE, both, or 0. Free of cost if
 * nothing changes. */
void descriptor_watch(struct descriptor *descriptor, unsigned what);
/* Free it before the descriptor is closed; also from inside `ready`. Accepts a pointer to NULL. */
void descriptor_free(struct descriptor **descriptor);

#endif
