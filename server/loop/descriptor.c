/* descriptor.c - readiness of a file descriptor.
 * One event of libevent's for each, assigned anew when what is watched for changes: an idle
 * connection keeps no second event for the writing that it rarely has to wait for.
 * Who stops reading mostly goes on before anything arrives: a login waits for the database, and its
 * client for the answer. So the kernel is not told before there is something to read in vain. */
#include "loop/descriptor.h"

#include "base/mem.h"
#include "loop/worker-private.h"

struct descriptor {
	struct event event;
	void (*ready)(void *state, unsigned what);
	void *state;
	struct event_base *base;
	int fd;
	uint8_t wanted;
	uint8_t watched; /* by the kernel; of what is not wanted, only READY_READ */
};

static void descriptor_ready(evutil_socket_t fd, short what, void *state);

static void kernel_watch(struct descriptor *descriptor, unsigned what)
{
	short flags = EV_PERSIST;

	if (what == descriptor->watched)
		return;
	if (descriptor->watched != 0)
		event_del(&descriptor->event);
	descriptor->watched = (uint8_t)what;
	if (what == 0)
		return;
	flags |= what & READY_READ ? EV_READ : 0;
	flags |= what & READY_WRITE ? EV_WRITE : 0;
	event_assign(&descriptor->event, descriptor->base, descriptor->fd, flags, descriptor_ready,
	    descriptor);
	ASSERT(event_add(&descriptor->event, NULL) == 0);
}

static void descriptor_ready(evutil_socket_t fd, short what, void *state)
{
	struct descriptor *descriptor = state;
	unsigned is_readable = what & EV_READ ? READY_READ : 0;
	unsigned is_writable = what & EV_WRITE ? READY_WRITE : 0;
	unsigned wanted = (is_readable | is_writable) & descriptor->wanted;

	worker_rise(worker_current());
	if (wanted == 0)
		kernel_watch(descriptor, descriptor->wanted);
	else
		descriptor->ready(descriptor->state, wanted);
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
	unsigned idle = descriptor->watched & ~what;

	descriptor->wanted = (uint8_t)what;
	if ((idle & READY_WRITE) != 0 || (what & ~descriptor->watched) != 0)
		kernel_watch(descriptor, what);
}

void descriptor_free(struct descriptor **descriptor)
{
	if (*descriptor == NULL)
		return;
	kernel_watch(*descriptor, 0);
	mem_free(*descriptor);
	*descriptor = NULL;
}
