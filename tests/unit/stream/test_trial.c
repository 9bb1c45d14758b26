/* test_trial.c - a password that is tried in another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "loop/chore.h"
#include "party.h"

/* Holds up the thread for chores until the test unlocks it. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t at_gate;

static void nothing(struct chore *chore)
{
}

static void gate_work(struct chore *chore)
{
	pthread_barrier_wait(&at_gate);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void gate_shut(struct chore *first)
{
	pthread_mutex_lock(&gate);
	chores_start();
	assert_true(chore_give(first, 0, gate_work, nothing));
	pthread_barrier_wait(&at_gate);
}

/* The password is tried in another thread: the stream waits, and others go on. */
static void test_trial(void **state)
{
	struct chore chore;
	struct party party;

	party_prepare(&party);
	gate_shut(&chore);
	party_open_secure(&party);
	party_plain(&party, "wrong");
	party_plain(&party, "secret");
	party_told(&party, "credentials romeo@example.org\n");
	party_heard(&party, "");
	/* Nobody asked again. */
	stream_credentials(party.stream, RC_OK, NULL, NULL);
	pthread_mutex_unlock(&gate);
	WAIT(party.peer->received.length >= strlen(FAILURE("not-authorized") SUCCESS));
	party_heard(&party, FAILURE("not-authorized") SUCCESS);
	chores_stop();
	party_close(&party);
}

/* The stream ends while the password waits to be tried. */
static void test_gone_in_trial(void **state)
{
	struct chore chore;
	struct party party;

	party_prepare(&party);
	gate_shut(&chore);
	party_open_secure(&party);
	party_plain(&party, "secret");
	party_told(&party, "credentials romeo@example.org\n");
	stream_fail(party.stream, STREAM_SYSTEM_SHUTDOWN, NULL);
	WAIT(party.stream == NULL);
	pthread_mutex_unlock(&gate);
	chores_stop();
	office_settle();
	party_told(&party, "closed: system-shutdown\n");
	party_close(&party);
}

/* So many wait that there is no place for another: not the client's fault. */
static void test_trial_refused(void **state)
{
	struct chore first, *chores = mem_alloc_zero(CHORES_MAX * sizeof *chores);
	struct party party;

	party_prepare(&party);
	gate_shut(&first);
	for (size_t i = 0; i < CHORES_MAX; i++)
		assert_true(chore_give(&chores[i], i, nothing, nothing));
	party_open_secure(&party);
	party_plain(&party, "secret");
	party_heard(&party, FAILURE("temporary-auth-failure"));
	party_told(&party, "credentials romeo@example.org\n"
			   "refused romeo PLAIN: too many passwords wait to be tried\n");
	pthread_mutex_unlock(&gate);
	chores_stop();
	office_settle();
	party_plain(&party, "secret");
	party_heard(&party, SUCCESS);
	party_close(&party);
	mem_free(chores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trial),
		cmocka_unit_test(test_gone_in_trial),
		cmocka_unit_test(test_trial_refused),
	};

	pthread_barrier_init(&at_gate, NULL, 2);
	return cmocka_run_group_tests_name("trial", tests, NULL, NULL);
}
