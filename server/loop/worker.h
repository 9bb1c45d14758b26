/* worker.h - a thread with an event loop, its mailbox and what it does at the end of a round.
 * The process runs one worker a core; a user, a room, a remote domain has one of them as its home.
 * What belongs to a home is touched by that worker alone, so nothing above this folder takes a
 * lock: who wants something of another worker posts mail. The door to libevent's bases. */
#ifndef GODWIT_LOOP_WORKER_H
#define GODWIT_LOOP_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct worker;

/* Something to be done on a worker. Embedded in what is sent; the receiver owns it from the moment
 * it runs. */
struct mail {
	struct mail *next;
	void (*run)(struct mail *mail);
};

/* Something to be done once, at the end of the current round of the loop, after every event that
 * was ready. Embedded, all zero when idle. */
struct later {
	struct later *next;
	struct later **back; /* what points to it; NULL: not queued */
	void (*run)(struct later *later);
	bool is_patient;
};

/* Makes a worker whose loop does not run yet. `index` counts from 0. */
struct worker *worker_new(unsigned index);
/* Runs it in a thread of its own; `started` (may be NULL) is called first, and `ended` (may be
 * NULL) last, in that thread. */
void worker_start(struct worker *worker, void (*started)(struct worker *, void *),
    void (*ended)(struct worker *, void *), void *state);
/* Runs it in the calling thread until worker_stop(). */
void worker_run(struct worker *worker);
/* Runs rounds in the calling thread until *done; for tools that wait for an answer. */
void worker_run_until(struct worker *worker, const bool *done);
/* Makes the loop end after the round in progress and all mail already posted; from any thread. */
void worker_stop(struct worker *worker);
/* Waits for the thread of worker_start(). */
void worker_join(struct worker *worker);
/* After it ended, and after all threads that post to it have: its mail may have run while its
 * sender has yet to return from worker_post(). Mail still waiting is dropped. Accepts a pointer to
 * NULL. */
void worker_free(struct worker **worker);

/* The worker that runs on this thread, or NULL. A worker that is not running yet may be made
 * current with worker_enter() by the thread that will run it. */
struct worker *worker_current(void);
void worker_enter(struct worker *worker);
unsigned worker_index(const struct worker *worker);
struct event_base *worker_base(struct worker *worker);

/* From any thread: runs `mail->run` on the worker, in the order posted by each sender; never inside
 * this call. One wake-up serves everything that gathers. */
void worker_post(struct worker *worker, struct mail *mail, void (*run)(struct mail *));
/* On the current worker: runs at the end of this round. Queued once however often it is asked. */
void worker_later(struct later *later, void (*run)(struct later *));
/* Forgets it if it is queued. */
void later_cancel(struct later *later);
/* For work that puts off thousands of things at once: what is put off while the current worker is
 * patient gets a small part of each round, in order, so that nobody waits behind a crowd. Once it
 * is put off by somebody who is not, it runs at the end of that round. Returns what was before. */
bool worker_set_patient(bool is_patient);
/* How many wait so. */
size_t worker_patient_count(void);

/* The monotonic clock in ms, the same all through a round of the loop: cheap. Outside of rounds it
 * is read each time. */
int64_t worker_now_ms(void);
/* The same clock in us, read at each call: for who measures its own work. */
int64_t worker_clock_us(void);

#endif
