/* chore.c - a thread for work that takes milliseconds.
 * Parties are spread over a fixed number of lines by a hash, and the lines that are not empty stand
 * in a ring: the thread takes one chore of the first, and puts that line behind the others. */
#include "loop/chore.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/mem.h"

#define LINE_BITS 8
#define GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)

struct line {
	STAILQ_HEAD(, chore) chores;
	STAILQ_ENTRY(line) next;
};

static struct {
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	pthread_t thread;
	bool is_running;
	unsigned waiting;
	STAILQ_HEAD(, line) ring;
	struct line lines[1 << LINE_BITS];
} chores = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* Under the lock. */
static void chore_put(struct chore *chore, uintptr_t party)
{
	struct line *line = &chores.lines[party * GOLDEN_RATIO >> (64 - LINE_BITS)];

	if (STAILQ_EMPTY(&line->chores))
		STAILQ_INSERT_TAIL(&chores.ring, line, next);
	STAILQ_INSERT_TAIL(&line->chores, chore, next);
	chores.waiting++;
	pthread_cond_signal(&chores.changed);
}

/* Under the lock, when some wait. */
static struct chore *chore_take(void)
{
	struct line *line = STAILQ_FIRST(&chores.ring);
	struct chore *chore = STAILQ_FIRST(&line->chores);

	STAILQ_REMOVE_HEAD(&chores.ring, next);
	STAILQ_REMOVE_HEAD(&line->chores, next);
	if (!STAILQ_EMPTY(&line->chores))
		STAILQ_INSERT_TAIL(&chores.ring, line, next);
	chores.waiting--;
	return chore;
}

/* NULL: it is time to go. */
static struct chore *chore_wait(void)
{
	struct chore *chore;

	pthread_mutex_lock(&chores.lock);
	while (chores.waiting == 0 && chores.is_running)
		pthread_cond_wait(&chores.changed, &chores.lock);
	chore = chores.waiting == 0 ? NULL : chore_take();
	pthread_mutex_unlock(&chores.lock);
	return chore;
}

static void chore_done(struct mail *mail)
{
	struct chore *chore = CONTAINER_OF(mail, struct chore, mail);

	chore->done(chore);
}

static void *chores_main(void *state)
{
	struct chore *chore;

	(void)state;
	prctl(PR_SET_NAME, "chores");
	while ((chore = chore_wait()) != NULL) {
		chore->work(chore);
		worker_post(chore->asker, &chore->mail, chore_done);
	}
	return NULL;
}

/* The thread takes no signals: they are for the main thread. */
void chores_start(void)
{
	sigset_t all, before;

	STAILQ_INIT(&chores.ring);
	for (size_t i = 0; i < COUNT_OF(chores.lines); i++)
		STAILQ_INIT(&chores.lines[i].chores);
	chores.is_running = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ASSERT(pthread_create(&chores.thread, NULL, chores_main, NULL) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void chores_stop(void)
{
	bool was_running;

	pthread_mutex_lock(&chores.lock);
	was_running = chores.is_running;
	chores.is_running = false;
	pthread_cond_signal(&chores.changed);
	pthread_mutex_unlock(&chores.lock);
	if (was_running)
		ASSERT(pthread_join(chores.thread, NULL) == 0);
}

bool chore_give(struct chore *chore, uintptr_t party, void (*work)(struct chore *),
    void (*done)(struct chore *))
{
	bool is_running, is_taken;

	chore->asker = worker_current();
	chore->work = work;
	chore->done = done;
	pthread_mutex_lock(&chores.lock);
	is_running = chores.is_running;
	is_taken = is_running && chores.waiting < CHORES_MAX;
	if (is_taken)
		chore_put(chore, party);
	pthread_mutex_unlock(&chores.lock);
	if (is_running)
		return is_taken;
	work(chore);
	done(chore);
	return true;
}
