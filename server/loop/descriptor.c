/* descriptor.c - readiness of a file descriptor.
 * One event of libevent's for each, assigned anew when what is watched for changes: an idle
 * connection keeps no second event for the writing that it rarely has to wait for. */
#include "loop/descriptor.h"

#include "base/mem.h"
#include "loop/worker-private.h"

struct descriptor {
	struct event event;
	void (*ready)(void *state, unsigned what);
	void *state;
	struct event_base *base;
	int fd;
	unsigned watched;
};

static void descriptor_ready(evutil_socket_t fd, short what, void *state)
{
	struct descriptor *descriptor = state;
	unsigned is_readable = what & EV_READ ? READY_READ : 0;
	unsigned is_writable = what & EV_WRITE ? READY_WRITE : 0;

	descriptor->ready(descriptor->state, is_readable | is_writable);
}

struct descriptor *descriptor_new(int fd, void (*ready)(void *state, unsigned what), void *state)
{
	struct descriptor *descriptor = mem_alloc_zero(sizeof(*descriptor));

	ASSERT(worker_current() != NULL);
	descriptor->fd = fd;
	descriptor->ready = ready;
	descriptor->state = state;
	descriptor->base = worker_current()->base;
	return descriptor;
}

void descriptor_watch(struct descriptor *descriptor, unsigned what)
{
	short flags = EV_PERSIST;

	if (what == descriptor->watched)
		return;
	if (descriptor->watched != 0)
		event_del(&descriptor->event);
	descriptor->watched = what;
	if (what == 0)
		return;
	flags |= what & READY_READ ? EV_READ : 0;
	flags |= what & READY_WRITE ? EV_WRITE : 0;
	event_assign(&descriptor->event, descriptor->base, descriptor->fd, flags, descriptor_ready,
	    descriptor);
	ASSERT(event_add(&descriptor->event, NULL) == 0);
}

void descriptor_free(struct descriptor **descriptor)
{
	if (*descriptor == NULL)
		return;
	descriptor_watch(*descriptor, 0);
	mem_free(*descriptor);
	*descriptor = NULL;
}
