/* worker.c - a thread with an event loop.
 * A round of the loop is one call of libevent's: wait, then run what is ready. What was put off to
 * the end of the round, mostly writing what has gathered for each connection, follows it; where
 * that is for thousands, a part of them. Mail lies in a list that is pushed to with one atomic
 * operation; the worker takes the whole list and turns it round. Only what others post to an empty
 * mailbox wakes the loop, and only if it sleeps: it looks for mail before that, and keeps from
 * waiting if there is some, as what it posts to itself also does. */
#include "loop/worker.h"

#include "base/mem.h"
#include "loop/worker-private.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What was put off may put off more, so often in one round; then it is the turn of the descriptors.
 */
#define LATER_PASSES_MAX 16
/* What those who can wait get of a round. */
#define PATIENT_US 150

static _Thread_local struct worker *current;

struct worker *worker_current(void)
{
	return current;
}

void worker_enter(struct worker *worker)
{
	current = worker;
}

unsigned worker_index(const struct worker *worker)
{
	return worker->index;
}

struct event_base *worker_base(struct worker *worker)
{
	return worker->base;
}

/* Takes what is in the mailbox, in the order it was posted. */
static struct mail *mailbox_take(struct worker *worker)
{
	struct mail *newest = atomic_exchange_explicit(&worker->posted, NULL, memory_order_acquire);
	struct mail *oldest = NULL, *next;

	for (; newest != NULL; newest = next) {
		next = newest->next;
		newest->next = oldest;
		oldest = newest;
	}
	return oldest;
}

static void mailbox_run(struct worker *worker)
{
	struct mail *mail = mailbox_take(worker), *next;

	for (; mail != NULL; mail = next) {
		next = mail->next;
		mail->run(mail);
	}
}

/* False if there is mail. Otherwise who posts any from now on sees that it sleeps: both ends write,
 * then read what the other has written, so that one of them knows of the other. */
static bool worker_lie_down(struct worker *worker)
{
	atomic_store(&worker->sleeps, true);
	if (atomic_load(&worker->posted) == NULL)
		return true;
	worker_rise(worker);
	return false;
}

/* The wake-up is edge-triggered: each write to the eventfd is an edge, nobody has to read it. */
static void mailbox_ready(evutil_socket_t fd, short what, void *state)
{
	worker_rise(state);
	mailbox_run(state);
}

void worker_post(struct worker *worker, struct mail *mail, void (*run)(struct mail *))
{
	struct mail *newest = atomic_load_explicit(&worker->posted, memory_order_relaxed);

	mail->run = run;
	do
		mail->next = newest;
	while (!atomic_compare_exchange_weak(&worker->posted, &newest, mail));
	if (newest == NULL && worker != current && atomic_load(&worker->sleeps))
		ASSERT(eventfd_write(worker->wake_fd, 1) == 0);
}

struct worker *worker_new(unsigned index)
{
	struct worker *worker = mem_alloc_zero(sizeof(*worker));

	worker->index = index;
	worker->laters.last = &worker->laters.first;
	worker->patient.last = &worker->patient.first;
	worker->base = event_base_new();
	worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT(worker->base != NULL && worker->wake_fd >= 0);
	event_assign(&worker->wake, worker->base, worker->wake_fd, EV_READ | EV_PERSIST | EV_ET,
	    mailbox_ready, worker);
	event_add(&worker->wake, NULL);
	return worker;
}

void worker_free(struct worker **worker)
{
	struct worker *dead = *worker;

	if (dead == NULL)
		return;
	*worker = NULL;
	if (current == dead)
		current = NULL;
	event_del(&dead->wake);
	event_base_free(dead->base);
	close(dead->wake_fd);
	mem_free(dead);
}

static struct later_list *list_of(const struct later *later)
{
	return later->is_patient ? &current->patient : &current->laters;
}

static void list_append(struct later_list *list, struct later *later)
{
	later->next = NULL;
	later->back = list->last;
	*later->back = later;
	list->last = &later->next;
	list->count++;
}

void worker_later(struct later *later, void (*run)(struct later *))
{
	ASSERT(current != NULL);
	if (later->back != NULL && (!later->is_patient || current->is_patient))
		return;
	later_cancel(later);
	later->run = run;
	later->is_patient = current->is_patient;
	list_append(list_of(later), later);
}

void later_cancel(struct later *later)
{
	struct later_list *list;

	if (later->back == NULL)
		return;
	list = list_of(later);
	*later->back = later->next;
	if (later->next != NULL)
		later->next->back = later->back;
	else
		list->last = later->back;
	list->count--;
	later->next = NULL;
	later->back = NULL;
}

bool worker_set_patient(bool is_patient)
{
	bool before = current->is_patient;

	current->is_patient = is_patient;
	return before;
}

size_t worker_patient_count(void)
{
	return current->patient.count;
}

static void later_run(struct later *later)
{
	later_cancel(later);
	later->run(later);
}

/* Runs what was put off, and what that puts off in turn. Something may still be left. */
static void laters_run(struct worker *worker)
{
	for (int pass = 0; pass < LATER_PASSES_MAX && worker->laters.first != NULL; pass++)
		for (size_t left = worker->laters.count; left > 0 && worker->laters.first != NULL;
		     left--)
			later_run(worker->laters.first);
}

/* What these put off is patient, too. */
static void patient_run(struct worker *worker)
{
	int64_t until_us;

	if (worker->patient.first == NULL)
		return;
	until_us = worker_clock_us() + PATIENT_US;
	worker_set_patient(true);
	do
		later_run(worker->patient.first);
	while (worker->patient.first != NULL && worker_clock_us() < until_us);
	worker_set_patient(false);
}

/* The event of the mailbox keeps the loop from ending for want of events. */
static void worker_round(struct worker *worker)
{
	bool has_laters = worker->laters.first != NULL || worker->patient.first != NULL;
	int wait = has_laters || !worker_lie_down(worker) ? EVLOOP_NONBLOCK : 0;

	worker->is_in_round = true;
	ASSERT(event_base_loop(worker->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | wait) >= 0);
	worker_rise(worker);
	if (atomic_load_explicit(&worker->posted, memory_order_relaxed) != NULL)
		mailbox_run(worker);
	laters_run(worker);
	patient_run(worker);
	worker->is_in_round = false;
	worker->is_now_known = false;
}

void worker_run(struct worker *worker)
{
	worker_enter(worker);
	laters_run(worker);
	while (!worker->stopping)
		worker_round(worker);
	worker->stopping = false;
	atomic_store(&worker->is_stop_posted, false);
}

void worker_run_until(struct worker *worker, const bool *done)
{
	worker_enter(worker);
	laters_run(worker);
	while (!*done)
		worker_round(worker);
}

static void worker_stopped(struct mail *mail)
{
	CONTAINER_OF(mail, struct worker, stop)->stopping = true;
}

void worker_stop(struct worker *worker)
{
	if (!atomic_exchange(&worker->is_stop_posted, true))
		worker_post(worker, &worker->stop, worker_stopped);
}

static void *worker_main(void *state)
{
	struct worker *worker = state;

	worker_enter(worker);
	if (worker->started != NULL)
		worker->started(worker, worker->state);
	worker_run(worker);
	if (worker->ended != NULL)
		worker->ended(worker, worker->state);
	return NULL;
}

/* The thread takes no signals: they are for the main thread. */
void worker_start(struct worker *worker, void (*started)(struct worker *, void *),
    void (*ended)(struct worker *, void *), void *state)
{
	sigset_t all, before;

	/* Who has used it until now is another thread from now on, whose mail has to wake it. */
	if (current == worker)
		current = NULL;
	worker->started = started;
	worker->ended = ended;
	worker->state = state;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ASSERT(pthread_create(&worker->thread, NULL, worker_main, worker) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void worker_join(struct worker *worker)
{
	ASSERT(pthread_join(worker->thread, NULL) == 0);
}

int64_t worker_clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t clock_read_ms(void)
{
	return worker_clock_us() / 1000;
}

/* The clock is read by the first who asks in a round: at its start nobody may want to know. */
int64_t worker_now_ms(void)
{
	if (current == NULL || !current->is_in_round)
		return clock_read_ms();
	if (!current->is_now_known)
		current->now_ms = clock_read_ms();
	current->is_now_known = true;
	return current->now_ms;
}
