/* micro-mail.c - from one worker's thread to another's. */
#include "micro.h"

#include <pthread.h>

#include "base/mem.h"
#include "loop/worker.h"

#define BATCH 64

/* A letter that goes to and fro between two workers until it has made all its journeys. */
static struct {
	struct mail mail;
	struct worker *workers[2];
	size_t left;
} letter;

static void letter_arrives(struct mail *mail)
{
	struct worker *here = worker_current();

	if (letter.left == 0) {
		worker_stop(letter.workers[0]);
		worker_stop(letter.workers[1]);
		return;
	}
	letter.left--;
	worker_post(letter.workers[1 - worker_index(here)], mail, letter_arrives);
}

static void workers_run(struct worker *workers[2])
{
	for (int i = 0; i < 2; i++)
		worker_start(workers[i], NULL, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		worker_join(workers[i]);
		worker_free(&workers[i]);
	}
}

static void mail_to_and_fro(size_t count)
{
	letter.workers[0] = worker_new(0);
	letter.workers[1] = worker_new(1);
	letter.left = count;
	worker_post(letter.workers[0], &letter.mail, letter_arrives);
	workers_run(letter.workers);
}

/* Many letters in one direction, written by a busy worker: one wake-up for all that gathers. The
 * last of a batch brings the next one about, so that there is a bound to what is under way. */
static struct {
	struct mail letters[BATCH], more;
	struct worker *workers[2];
	size_t left, arrived;
} batch;

static void batch_write(struct mail *mail);

static void batch_arrives(struct mail *mail)
{
	if (++batch.arrived % BATCH == 0)
		worker_post(batch.workers[0], &batch.more, batch_write);
}

static void batch_write(struct mail *mail)
{
	if (batch.left < BATCH) {
		worker_stop(batch.workers[0]);
		worker_stop(batch.workers[1]);
		return;
	}
	batch.left -= BATCH;
	for (int i = 0; i < BATCH; i++)
		worker_post(batch.workers[1], &batch.letters[i], batch_arrives);
}

static void mail_in_batches(size_t count)
{
	batch.workers[0] = worker_new(0);
	batch.workers[1] = worker_new(1);
	batch.left = count;
	batch.arrived = 0;
	worker_post(batch.workers[0], &batch.more, batch_write);
	workers_run(batch.workers);
}

/* To oneself, as a fan-out in slices does. */
static struct {
	struct mail mail;
	size_t left;
} note;

static void note_arrives(struct mail *mail)
{
	if (note.left == 0) {
		worker_stop(worker_current());
		return;
	}
	note.left--;
	worker_post(worker_current(), mail, note_arrives);
}

static void mail_to_oneself(size_t count)
{
	struct worker *worker = worker_new(0);

	note.left = count;
	worker_post(worker, &note.mail, note_arrives);
	worker_run(worker);
	worker_free(&worker);
}

const struct micro micro_mail[] = {
	{ "mailbox: to another thread, one by one", mail_to_and_fro, .by_wall_clock = true },
	{ "mailbox: to another thread, 64 at a time", mail_in_batches, .by_wall_clock = true },
	{ "mailbox: to oneself, with a round of the loop", mail_to_oneself },
	{ NULL },
};
