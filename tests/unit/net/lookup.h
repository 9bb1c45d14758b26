/* lookup.h - a worker that asks DNS, for the tests of the resolver. */
#ifndef GODWIT_TEST_LOOKUP_H
#define GODWIT_TEST_LOOKUP_H

#include "net/resolver.h"

extern struct worker *lookup_worker;

/* Settings that ask nobody and know nothing, to be changed. */
extern const struct resolver_config lookup_nothing;
/* The list of one. */
const char *const *lookup_list(const char *item);

void lookup_open(const struct resolver_config *config);
void lookup_close(void);
/* The answer, valid until the next call. */
const struct resolver_answer *lookup(const char *domain);
/* "192.0.2.1 5269", valid until the next call. */
const char *lookup_address(const struct resolver_host *host, size_t index);

#endif
