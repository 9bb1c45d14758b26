/* test_worker.c - mail between threads, what is put off to the end of a round, start and stop. */
#include "loop/worker.h"

#include "base/mem.h"
#include "loop/timer.h"
#include "loop/worker-private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#define SENDERS 4
#define LETTERS 20000
#define TURNS 20000

/* What happened, as one character each. */
static char events[100];
static size_t event_count;

static void event_note(char event)
{
	ASSERT(event_count + 1 < sizeof(events));
	events[event_count++] = event;
	events[event_count] = '\0';
}

static void events_clear(void)
{
	event_count = 0;
	events[0] = '\0';
}

struct note_mail {
	struct mail mail;
	char event;
};

struct sem_mail {
	struct mail mail;
	sem_t done;
};

static void note_mail_run(struct mail *mail)
{
	event_note(CONTAINER_OF(mail, struct note_mail, mail)->event);
}

static void stop_mail_run(struct mail *mail)
{
	event_note('s');
	worker_stop(worker_current());
}

/* Mail posted before the loop runs is kept, in order, and what was posted before the stop runs. */
static void test_mail_order(void **state)
{
	struct worker *worker = worker_new(3);
	struct note_mail mails[] = { { .event = 'a' }, { .event = 'b' }, { .event = 'c' } };

	events_clear();
	for (size_t i = 0; i < COUNT_OF(mails); i++)
		worker_post(worker, &mails[i].mail, note_mail_run);
	worker_stop(worker);
	worker_stop(worker);
	assert_string_equal(events, "");
	worker_run(worker);
	assert_string_equal(events, "abc");
	assert_ptr_equal(worker_current(), worker);
	assert_int_equal(worker_index(worker), 3);
	/* It can run again, for another stop. */
	worker_post(worker, &mails[1].mail, note_mail_run);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "abcb");
	worker_post(worker, &mails[0].mail, note_mail_run);
	worker_free(&worker);
	assert_null(worker);
	assert_null(worker_current());
	worker_free(&worker);
}

/* Mail is never run inside the call that posts it. */
static struct note_mail inner_mail = { .event = 'i' };

static void outer_mail_run(struct mail *mail)
{
	event_note('(');
	worker_post(worker_current(), &inner_mail.mail, note_mail_run);
	event_note(')');
}

static void test_mail_to_self(void **state)
{
	struct worker *worker = worker_new(0);
	struct mail outer, stop;

	events_clear();
	worker_post(worker, &outer, outer_mail_run);
	worker_post(worker, &stop, stop_mail_run);
	worker_run(worker);
	assert_string_equal(events, "()si");
	worker_free(&worker);
}

/* A thread that made a worker and then let it run in a thread of its own can still wake it. */
static void wait_mail_run(struct mail *mail)
{
	sem_post(&CONTAINER_OF(mail, struct sem_mail, mail)->done);
}

static void test_mail_to_own_thread(void **state)
{
	struct worker *worker = worker_new(0);
	struct sem_mail letter;

	sem_init(&letter.done, 0, 0);
	worker_enter(worker);
	worker_start(worker, NULL, NULL, NULL);
	assert_null(worker_current());
	for (int i = 0; i < 100; i++) {
		worker_post(worker, &letter.mail, wait_mail_run);
		sem_wait(&letter.done);
	}
	worker_stop(worker);
	worker_join(worker);
	worker_free(&worker);
	sem_destroy(&letter.done);
}

/* Who is awake looks for mail by itself; who sleeps is woken, once. */
struct busy_mail {
	struct mail mail;
	sem_t reached, go;
};

static void busy_mail_run(struct mail *mail)
{
	struct busy_mail *busy = CONTAINER_OF(mail, struct busy_mail, mail);

	sem_post(&busy->reached);
	sem_wait(&busy->go);
}

static void test_waking(void **state)
{
	struct worker *worker = worker_new(0);
	struct busy_mail busy;
	struct sem_mail letter;
	eventfd_t count;

	sem_init(&busy.reached, 0, 0);
	sem_init(&busy.go, 0, 0);
	sem_init(&letter.done, 0, 0);
	worker_start(worker, NULL, NULL, NULL);
	worker_post(worker, &busy.mail, busy_mail_run);
	sem_wait(&busy.reached);
	eventfd_read(worker->wake_fd, &count);
	worker_post(worker, &letter.mail, wait_mail_run);
	assert_int_equal(eventfd_read(worker->wake_fd, &count), -1);
	sem_post(&busy.go);
	sem_wait(&letter.done);
	while (!atomic_load(&worker->sleeps))
		sched_yield();
	worker_post(worker, &letter.mail, wait_mail_run);
	sem_wait(&letter.done);
	assert_int_equal(eventfd_read(worker->wake_fd, &count), 0);
	assert_int_equal(count, 1);
	worker_stop(worker);
	worker_join(worker);
	worker_free(&worker);
	sem_destroy(&busy.reached);
	sem_destroy(&busy.go);
	sem_destroy(&letter.done);
}

/* Laters. */

struct note_later {
	struct later later;
	struct note_later *then;
	char event;
};

static void note_later_run(struct later *later)
{
	struct note_later *note = CONTAINER_OF(later, struct note_later, later);

	event_note(note->event);
	if (note->then != NULL)
		worker_later(&note->then->later, note_later_run);
}

static struct note_later laters[4];

static void laters_reset(void)
{
	memset(laters, 0, sizeof(laters));
	for (size_t i = 0; i < COUNT_OF(laters); i++)
		laters[i].event = (char)('0' + i);
	events_clear();
}

/* Posted twice in one batch: the laters run after both, each once. */
static void laters_mail_run(struct mail *mail)
{
	event_note('m');
	for (size_t i = 0; i < 3; i++)
		worker_later(&laters[i].later, note_later_run);
}

static void test_later(void **state)
{
	struct worker *worker = worker_new(0);
	struct mail first, second;

	laters_reset();
	laters[1].then = &laters[3];
	worker_post(worker, &first, laters_mail_run);
	worker_post(worker, &second, laters_mail_run);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "mm0123");
	worker_free(&worker);
}

/* What was queued before the loop runs is not forgotten. */
static void test_later_before_run(void **state)
{
	struct worker *worker = worker_new(0);

	laters_reset();
	worker_enter(worker);
	worker_later(&laters[0].later, note_later_run);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "0");
	worker_free(&worker);
}

static const struct {
	const char *cancelled;
	const char *left;
} cancel_cases[] = {
	{ "", "0123" },
	{ "0", "123" },
	{ "3", "012" },
	{ "12", "03" },
	{ "30", "12" },
	{ "0123", "" },
	{ "3210", "" },
};

static void test_cancel(void **state)
{
	struct worker *worker = worker_new(0);

	worker_enter(worker);
	for (size_t c = 0; c < COUNT_OF(cancel_cases); c++) {
		laters_reset();
		later_cancel(&laters[0].later);
		for (size_t i = 0; i < COUNT_OF(laters); i++)
			worker_later(&laters[i].later, note_later_run);
		for (const char *at = cancel_cases[c].cancelled; *at != '\0'; at++)
			later_cancel(&laters[*at - '0'].later);
		worker_stop(worker);
		worker_run(worker);
		assert_string_equal(events, cancel_cases[c].left);
	}
	/* Cancelled and queued again, it goes to the end. */
	laters_reset();
	worker_later(&laters[0].later, note_later_run);
	worker_later(&laters[1].later, note_later_run);
	later_cancel(&laters[0].later);
	worker_later(&laters[0].later, note_later_run);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "10");
	worker_free(&worker);
}

/* One that runs may cancel those behind it. */
static void cancelling_run(struct later *later)
{
	event_note('c');
	later_cancel(&laters[1].later);
	later_cancel(&laters[3].later);
}

static void test_cancel_while_running(void **state)
{
	struct worker *worker = worker_new(0);

	worker_enter(worker);
	laters_reset();
	worker_later(&laters[0].later, cancelling_run);
	for (size_t i = 1; i < COUNT_OF(laters); i++)
		worker_later(&laters[i].later, note_later_run);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "c2");
	worker_free(&worker);
}

/* Something that puts itself off again and again neither ends the loop's turn nor stops it: the
 * timer fires, though the loop never sleeps. */
static bool is_timer_done;
static unsigned endless_runs;

static void endless_run(struct later *later)
{
	endless_runs++;
	worker_later(later, endless_run);
}

static void done_set(void *state)
{
	*(bool *)state = true;
}

static void test_endless_later(void **state)
{
	struct worker *worker = worker_new(0);
	struct later endless = { 0 };
	struct timer *timer;

	worker_enter(worker);
	timer = timer_new(done_set, &is_timer_done);
	timer_set(timer, 5);
	worker_later(&endless, endless_run);
	worker_run_until(worker, &is_timer_done);
	assert_true(endless_runs > 100);
	later_cancel(&endless);
	timer_free(&timer);
	worker_free(&worker);
}

/* What is patient comes after what is not, and is not any more when somebody else puts it off. */
static void test_patient(void **state)
{
	struct worker *worker = worker_new(0);

	worker_enter(worker);
	laters_reset();
	laters[2].then = &laters[1];
	assert_false(worker_set_patient(true));
	for (size_t i = 0; i < 3; i++)
		worker_later(&laters[i].later, note_later_run);
	assert_int_equal(worker_patient_count(), 3);
	assert_true(worker_set_patient(false));
	worker_later(&laters[3].later, note_later_run);
	worker_later(&laters[1].later, note_later_run);
	assert_int_equal(worker_patient_count(), 2);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "31021");
	worker_set_patient(true);
	worker_later(&laters[0].later, note_later_run);
	worker_later(&laters[3].later, note_later_run);
	later_cancel(&laters[3].later);
	worker_later(&laters[1].later, note_later_run);
	worker_set_patient(false);
	worker_stop(worker);
	worker_run(worker);
	assert_string_equal(events, "3102101");
	worker_free(&worker);
}

/* A crowd of it gets a part of each round: mail that comes meanwhile does not wait for all. */
struct crowd {
	struct later later;
	struct mail mail;
	bool *done;
};

static void crowd_mail_run(struct mail *mail)
{
	struct crowd *crowd = CONTAINER_OF(mail, struct crowd, mail);

	event_note('m');
	if (crowd->done != NULL)
		*crowd->done = true;
}

static void crowd_later_run(struct later *later)
{
	struct crowd *crowd = CONTAINER_OF(later, struct crowd, later);
	int64_t until_us = worker_clock_us() + 1000;

	event_note('p');
	worker_post(worker_current(), &crowd->mail, crowd_mail_run);
	while (worker_clock_us() < until_us)
		continue;
}

static void test_patient_crowd(void **state)
{
	struct worker *worker = worker_new(0);
	struct crowd crowd[3] = { 0 };
	bool done = false;

	events_clear();
	crowd[2].done = &done;
	worker_enter(worker);
	worker_set_patient(true);
	for (size_t i = 0; i < COUNT_OF(crowd); i++)
		worker_later(&crowd[i].later, crowd_later_run);
	worker_set_patient(false);
	worker_run_until(worker, &done);
	assert_string_equal(events, "pmpmpm");
	worker_free(&worker);
}

/* Threads. */

struct ball {
	struct mail mail;
	struct worker *players[2];
	unsigned turns;
	bool is_ordered;
};

static void ball_run(struct mail *mail)
{
	struct ball *ball = CONTAINER_OF(mail, struct ball, mail);

	if (worker_current() != ball->players[ball->turns % 2])
		ball->is_ordered = false;
	if (++ball->turns == TURNS) {
		worker_stop(ball->players[0]);
		worker_stop(ball->players[1]);
		return;
	}
	worker_post(ball->players[ball->turns % 2], mail, ball_run);
}

static void test_ping_pong(void **state)
{
	struct ball ball = { .players = { worker_new(0), worker_new(1) }, .is_ordered = true };

	for (int i = 0; i < 2; i++)
		worker_start(ball.players[i], NULL, NULL, NULL);
	worker_post(ball.players[0], &ball.mail, ball_run);
	for (int i = 0; i < 2; i++)
		worker_join(ball.players[i]);
	assert_int_equal(ball.turns, TURNS);
	assert_true(ball.is_ordered);
	for (int i = 0; i < 2; i++)
		worker_free(&ball.players[i]);
}

struct letter {
	struct mail mail;
	unsigned sender;
	unsigned number;
};

static struct {
	struct worker *receiver;
	unsigned next[SENDERS];
	unsigned wrong;
	unsigned count;
} post_office;

static struct letter letters[SENDERS][LETTERS];

static void letter_run(struct mail *mail)
{
	struct letter *letter = CONTAINER_OF(mail, struct letter, mail);

	post_office.wrong += letter->number != post_office.next[letter->sender]++;
	if (++post_office.count == SENDERS * LETTERS)
		worker_stop(post_office.receiver);
}

static void *letters_send(void *state)
{
	struct letter *mine = state;

	for (unsigned i = 0; i < LETTERS; i++)
		worker_post(post_office.receiver, &mine[i].mail, letter_run);
	return NULL;
}

/* Nothing is lost, and what comes from one sender comes in order. */
static void test_many_senders(void **state)
{
	pthread_t threads[SENDERS];

	post_office.receiver = worker_new(0);
	worker_start(post_office.receiver, NULL, NULL, NULL);
	for (unsigned s = 0; s < SENDERS; s++) {
		for (unsigned i = 0; i < LETTERS; i++) {
			letters[s][i].sender = s;
			letters[s][i].number = i;
		}
		assert_int_equal(pthread_create(&threads[s], NULL, letters_send, letters[s]), 0);
	}
	for (unsigned s = 0; s < SENDERS; s++)
		pthread_join(threads[s], NULL);
	worker_join(post_office.receiver);
	assert_int_equal(post_office.count, SENDERS * LETTERS);
	assert_int_equal(post_office.wrong, 0);
	worker_free(&post_office.receiver);
}

/* `started` and `ended` run in the worker's thread, which takes no signals. */
static pthread_t test_thread;

static void life_note(struct worker *worker, char event)
{
	sigset_t mask;

	ASSERT(worker_current() == worker);
	ASSERT(!pthread_equal(pthread_self(), test_thread));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	ASSERT(sigismember(&mask, SIGTERM));
	event_note(event);
}

static void life_started(struct worker *worker, void *state)
{
	ASSERT(state == events);
	life_note(worker, 'S');
}

static void life_ended(struct worker *worker, void *state)
{
	ASSERT(state == events);
	life_note(worker, 'E');
}

static void test_life(void **state)
{
	struct worker *worker = worker_new(0);
	struct note_mail mail = { .event = 'm' };
	sigset_t mask;

	events_clear();
	test_thread = pthread_self();
	worker_start(worker, life_started, life_ended, events);
	worker_post(worker, &mail.mail, note_mail_run);
	worker_stop(worker);
	worker_join(worker);
	assert_string_equal(events, "SmE");
	assert_null(worker_current());
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
	worker_free(&worker);
}

/* The clock. */

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t seen_ms[3];

/* Spends some time within the round; its end phase sees the same time. */
static void slow_later_run(struct later *later)
{
	seen_ms[1] = worker_now_ms();
}

static void slow_mail_run(struct mail *mail)
{
	static struct later later;

	seen_ms[0] = worker_now_ms();
	while (clock_ms() < seen_ms[0] + 5)
		continue;
	worker_later(&later, slow_later_run);
}

static void now_mail_run(struct mail *mail)
{
	seen_ms[2] = worker_now_ms();
}

static void test_clock(void **state)
{
	struct worker *worker = worker_new(0);
	struct mail slow, now;
	int64_t before = worker_now_ms();

	assert_true(before >= clock_ms() - 10000 && before <= clock_ms());
	worker_enter(worker);
	before = worker_now_ms();
	while (clock_ms() < before + 5)
		continue;
	assert_true(worker_now_ms() >= before + 5);
	worker_post(worker, &slow, slow_mail_run);
	worker_stop(worker);
	worker_run(worker);
	worker_post(worker, &now, now_mail_run);
	worker_stop(worker);
	worker_run(worker);
	assert_true(seen_ms[0] >= before + 5);
	assert_true(seen_ms[1] == seen_ms[0]);
	assert_true(seen_ms[2] >= seen_ms[0] + 5);
	worker_free(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail_order),
		cmocka_unit_test(test_mail_to_self),
		cmocka_unit_test(test_mail_to_own_thread),
		cmocka_unit_test(test_waking),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_later_before_run),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_cancel_while_running),
		cmocka_unit_test(test_endless_later),
		cmocka_unit_test(test_patient),
		cmocka_unit_test(test_patient_crowd),
		cmocka_unit_test(test_ping_pong),
		cmocka_unit_test(test_many_senders),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
