/* trial.c - trying a password that a client has sent (PLAIN).
 * PBKDF2 takes milliseconds, so it runs in the thread for chores, where addresses take turns, and
 * the stream waits. If the stream ends meanwhile, the trial is left to end alone. */
#include "stream/stream-private.h"

#include <stdatomic.h>

#include "base/crypto.h"
#include "base/scram-keys.h"
#include "loop/chore.h"
#include "net/listener.h"
#include "net/transport.h"
#include "stream/sasl.h"

struct trial {
	struct chore chore;
	struct stream *stream; /* NULL once it is abandoned; the worker's alone */
	atomic_bool is_abandoned;
	bool fits;
	struct scram_keys keys;
	char password[];
};

static void trial_work(struct chore *chore);
static void trial_done(struct chore *chore);

static void trial_free(struct trial *trial)
{
	crypto_wipe(trial->password, strlen(trial->password));
	crypto_wipe(&trial->keys, sizeof(trial->keys));
	mem_free(trial);
}

void trial_start(struct stream *stream)
{
	const char *password;
	const struct scram_keys *keys = sasl_trial(stream->login->sasl, &password);
	size_t bytes = strlen(password) + 1;
	struct trial *trial = mem_alloc_zero(sizeof(*trial) + bytes);

	trial->stream = stream;
	trial->keys = *keys;
	memcpy(trial->password, password, bytes);
	stream->login->trial = trial;
	if (chore_give(&trial->chore, address_number(transport_address(stream->transport)),
		trial_work, trial_done))
		return;
	stream->login->trial = NULL;
	trial_free(trial);
	login_tried(stream, RC_RESOURCE_CONSTRAINT);
}

/* In the thread for chores. */
static void trial_work(struct chore *chore)
{
	struct trial *trial = CONTAINER_OF(chore, struct trial, chore);

	if (!atomic_load_explicit(&trial->is_abandoned, memory_order_relaxed))
		trial->fits = scram_keys_fit(&trial->keys, trial->password);
}

/* Back on the stream's worker. */
static void trial_done(struct chore *chore)
{
	struct trial *trial = CONTAINER_OF(chore, struct trial, chore);
	struct stream *stream = trial->stream;
	bool fits = trial->fits;

	trial_free(trial);
	if (stream == NULL)
		return;
	stream->login->trial = NULL;
	login_tried(stream, fits ? RC_OK : RC_NOT_AUTHORIZED);
}

void trial_abandon(struct trial *trial)
{
	if (trial == NULL)
		return;
	trial->stream = NULL;
	atomic_store_explicit(&trial->is_abandoned, true, memory_order_relaxed);
}
