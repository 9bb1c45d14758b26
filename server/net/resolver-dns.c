/* resolver-dns.c - questions for DNS, by libunbound, which validates and keeps the answers.
 * Its context runs on the event base of the current worker and must be used by no other. The first
 * zone or question makes its settings final: what is set after that is lost, trust anchors too, so
 * they go in a fixed order. */
#include "net/resolver-private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"

enum { RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, CLASS_IN = 1, HEADER_BYTES = 12 };
enum { SEC_BOGUS = 1, SEC_SECURE = 2 };

struct dns {
	struct ub_ctx *context;
	bool has_found_anchors;
};

/* When its settings become final, and when it goes, a context makes and destroys locks that all
 * contexts of the process share (libunbound's listen_setup_locks()). A reload that tries settings
 * has one beside that of the resolver. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

/* The root's key as packages install it. */
static const char *const anchor_files[] = {
	"/usr/share/dns/root.key", /* dns-root-data */
	"/var/lib/unbound/root.key",
	"/etc/unbound/root.key",
};

/* Names that libunbound says do not exist, though a private network may have them. */
static const char *const private_zones[] = { "home.arpa.", "test." };

/* ---- settings ---- */

/* Constants of ours, so that they are never refused. A server that was away is asked again soon. */
static void options_set(struct ub_ctx *context)
{
	static const char *const options[][2] = {
		{ "do-not-query-localhost:", "no" },
		{ "cache-max-negative-ttl:", "60" },
		{ "infra-host-ttl:", "60" },
		{ "infra-keep-probing:", "yes" },
	};

	for (size_t i = 0; i < COUNT_OF(options); i++)
		ASSERT(ub_ctx_set_option(context, options[i][0], options[i][1]) == 0);
}

static bool anchors_find(struct ub_ctx *context)
{
	for (size_t i = 0; i < COUNT_OF(anchor_files); i++)
		if (access(anchor_files[i], R_OK) == 0 &&
		    ub_ctx_add_ta_file(context, anchor_files[i]) == 0)
			return true;
	return false;
}

/* Not a device or a pipe, which may have no end. */
static bool is_file(const char *path)
{
	struct stat about;

	return access(path, R_OK) == 0 && stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static const char *anchors_add(
    struct dns *dns, const struct resolver_config *config, struct arena *arena)
{
	const char *file = config->trust_anchor_file;

	if (file == NULL) {
		dns->has_found_anchors = anchors_find(dns->context);
		return NULL;
	}
	if (*file == '\0' || (is_file(file) && ub_ctx_add_ta_file(dns->context, file) == 0))
		return NULL;
	return arena_printf(arena,
	    "trust_anchor_file \"%s\" cannot be read; name a file with the root's DNSKEY or DS "
	    "records, or take the line away",
	    file);
}

static const char *forwards_add(
    struct ub_ctx *context, const struct resolver_config *config, struct arena *arena)
{
	if (*config->forward == NULL) {
		/* Without the file it asks the servers of the root itself. */
		ub_ctx_resolvconf(context, NULL);
		ub_ctx_hosts(context, NULL);
	}
	for (const char *const *forward = config->forward; *forward != NULL; forward++)
		if (ub_ctx_set_fwd(context, *forward) != 0)
			return arena_printf(arena,
			    "forward \"%s\" is no address of a DNS server; write it as "
			    "\"192.0.2.53\" or \"192.0.2.53@5353\"",
			    *forward);
	return NULL;
}

/* The root's keys say nothing about a private zone, or that it cannot be; keys of its own, if there
 * are any, count all the same. */
static bool stub_add(struct ub_ctx *context, const char *zone, const char *address)
{
	return ub_ctx_set_stub(context, zone, address, 0) == 0 &&
	       ub_ctx_set_option(context, "domain-insecure:", zone) == 0;
}

/* "ZONE ADDRESS" */
static const char *stubs_add(
    struct ub_ctx *context, const struct resolver_config *config, struct arena *arena)
{
	for (const char *const *stub = config->stub; *stub != NULL; stub++) {
		size_t length = strcspn(*stub, " \t");
		const char *zone = arena_strndup(arena, *stub, length);
		const char *address = *stub + length + strspn(*stub + length, " \t");

		if (length == 0 || *address == '\0' || !stub_add(context, zone, address))
			return arena_printf(arena,
			    "stub \"%s\" must be a zone and the address of its server, as in "
			    "\"example.org 192.0.2.53@5353\"",
			    *stub);
	}
	return NULL;
}

/* From here on its settings are final, not only from the first question on: nothing is at the root
 * that could be removed. */
static const char *zones_set(
    struct ub_ctx *context, const struct resolver_config *config, struct arena *arena)
{
	int result = ub_ctx_zone_remove(context, ".");

	for (size_t i = 0; i < COUNT_OF(private_zones) && result == 0; i++)
		if (*config->forward != NULL || *config->stub != NULL)
			result = ub_ctx_zone_remove(context, private_zones[i]);
	if (result != 0)
		return arena_printf(arena, "libunbound does not start: %s", ub_strerror(result));
	for (const char *const *record = config->local_data; *record != NULL; record++)
		if (ub_ctx_data_add(context, *record) != 0)
			return arena_printf(arena,
			    "local_data \"%s\" is no record; write it as in \"example.org. IN A "
			    "192.0.2.1\"",
			    *record);
	return NULL;
}

static const char *dns_set(
    struct dns *dns, const struct resolver_config *config, struct arena *arena)
{
	struct ub_ctx *context = dns->context;
	const char *wrong;

	ub_ctx_debugout(context, NULL);
	options_set(context);
	if ((wrong = anchors_add(dns, config, arena)) != NULL ||
	    (wrong = forwards_add(context, config, arena)) != NULL ||
	    (wrong = stubs_add(context, config, arena)) != NULL)
		return wrong;
	return zones_set(context, config, arena);
}

struct dns *dns_new(
    const struct resolver_config *config, struct arena *arena, const char **error_out)
{
	struct dns *dns = mem_alloc_zero(sizeof *dns);

	pthread_mutex_lock(&making);
	dns->context = ub_ctx_create_event(worker_base(worker_current()));
	ASSERT(dns->context != NULL);
	*error_out = dns_set(dns, config, arena);
	pthread_mutex_unlock(&making);
	if (*error_out != NULL)
		dns_free(&dns);
	return dns;
}

void dns_free(struct dns **dns)
{
	if (*dns == NULL)
		return;
	pthread_mutex_lock(&making);
	ub_ctx_delete((*dns)->context);
	pthread_mutex_unlock(&making);
	mem_free(*dns);
	*dns = NULL;
}

bool dns_has_found_anchors(const struct dns *dns)
{
	return dns->has_found_anchors;
}

/* ---- questions ---- */

/* Of local data libunbound says NOERROR, whatever the packet says. */
static int rcode_of(int rcode, const unsigned char *packet, int length)
{
	return rcode == RCODE_NOERROR && length >= HEADER_BYTES ? packet[3] & 0xf : rcode;
}

static enum dns_result result_of(int rcode, int security)
{
	if (security == SEC_BOGUS)
		return DNS_BOGUS;
	if (rcode == RCODE_NOERROR)
		return DNS_RECORDS;
	return rcode == RCODE_NXDOMAIN ? DNS_NO_NAME : DNS_FAILED;
}

static const char *why_of(int rcode)
{
	if (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN)
		return NULL;
	return rcode == RCODE_SERVFAIL ? "its servers fail or cannot be reached (SERVFAIL)"
	                               : "its servers refuse to answer";
}

static void question_answered(void *state, int rcode, void *packet, int length, int security,
    char *why_bogus, int was_ratelimited)
{
	struct dns_question *question = state;
	int code = rcode_of(rcode, packet, length);
	struct dns_reply reply = { .result = result_of(code, security),
		.is_secure = security == SEC_SECURE,
		.why = security == SEC_BOGUS ? why_bogus : why_of(code) };

	(void)was_ratelimited;
	if (reply.result == DNS_RECORDS && length > 0) {
		reply.packet = packet;
		reply.length = (size_t)length;
	}
	question->dns = NULL;
	question->answered(question, &reply);
}

void dns_ask(struct dns *dns, const char *name, enum dns_type type, struct dns_question *question,
    void (*answered)(struct dns_question *, const struct dns_reply *))
{
	static const struct dns_reply no_name = { .result = DNS_NO_NAME };
	static const struct dns_reply failed = { .result = DNS_FAILED,
		.why = "libunbound has no memory" };
	int result;

	question->dns = dns;
	question->answered = answered;
	result = ub_resolve_event(
	    dns->context, name, (int)type, CLASS_IN, question, question_answered, &question->id);
	if (result == 0)
		return;
	question->dns = NULL;
	answered(question, result == UB_SYNTAX ? &no_name : &failed);
}

void dns_forget(struct dns_question *question)
{
	if (question->dns == NULL)
		return;
	ub_cancel(question->dns->context, question->id);
	question->dns = NULL;
}
