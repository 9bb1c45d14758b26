/* trial.h - what a thread for chores does with a password of PLAIN, done at once. */
#ifndef GODWIT_TESTS_STREAM_TRIAL_H
#define GODWIT_TESTS_STREAM_TRIAL_H

#include "base/scram-keys.h"
#include "stream/sasl.h"

/* The step behind that of the keys, with the trial of PLAIN. */
static inline enum sasl_step trial_make(struct sasl *sasl, enum sasl_step step)
{
	const struct scram_keys *keys;
	const char *password;

	if (step != SASL_TRIAL)
		return step;
	keys = sasl_trial(sasl, &password);
	return sasl_tried(sasl, scram_keys_fit(keys, password) ? RC_OK : RC_NOT_AUTHORIZED);
}

#endif
