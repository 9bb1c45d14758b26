/* lookup.c - see lookup.h. */
#include "lookup.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/worker.h"

enum { TEST_SECONDS_MAX = 120 };

struct worker *lookup_worker;
static const struct resolver_answer *answer;
static bool is_done;

static const char *const nothing[] = { NULL };

const struct resolver_config lookup_nothing = {
	.forward = nothing,
	.stub = nothing,
	.trust_anchor_file = "",
	.local_data = nothing,
	.timeout = 30,
};

const char *const *lookup_list(const char *item)
{
	static const char *list[2];

	list[0] = item;
	return list;
}

void lookup_open(const struct resolver_config *config)
{
	alarm(TEST_SECONDS_MAX);
	lookup_worker = worker_new(0);
	worker_enter(lookup_worker);
	resolver_start(config);
}

void lookup_close(void)
{
	resolver_answer_unref(&answer);
	if (lookup_worker == NULL)
		return;
	resolver_stop();
	worker_free(&lookup_worker);
}

static void found(const struct resolver_answer *given, void *state)
{
	assert_ptr_equal(state, &is_done);
	assert_false(is_done);
	answer = resolver_answer_ref(given);
	is_done = true;
}

const struct resolver_answer *lookup(const char *domain)
{
	resolver_answer_unref(&answer);
	is_done = false;
	resolver_find(domain, found, &is_done);
	assert_false(is_done);
	worker_run_until(lookup_worker, &is_done);
	assert_int_equal(resolver_waiting(), 0);
	return answer;
}

const char *lookup_address(const struct resolver_host *host, size_t index)
{
	static char text[INET6_ADDRSTRLEN + 16];
	char address[INET6_ADDRSTRLEN];
	const union resolver_address *at = &host->addresses[index];
	bool is_ipv4 = at->any.sa_family == AF_INET;
	const void *bytes =
	    is_ipv4 ? (const void *)&at->ipv4.sin_addr : (const void *)&at->ipv6.sin6_addr;

	assert_true(index < host->address_count);
	inet_ntop(at->any.sa_family, bytes, address, sizeof address);
	snprintf(text, sizeof text, "%s %u", address,
	    ntohs(is_ipv4 ? at->ipv4.sin_port : at->ipv6.sin6_port));
	return text;
}
