/* import-account.c - what a reader says an account has, checked: everything that goes into a table
 * could have come from a client of this server, too. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/text.h"
#include "tools/import.h"
#include "tools/xep-0227.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* As task_message_id() has them: the time in us, and low bits that no worker uses. */
#define ID_SHIFT 8
#define ID_LOW 0xff

static const char *whose(const struct import_account *account)
{
	return jid_text(account->jid);
}

/* ---- the account ---- */

struct import_account *import_account_new(
    struct import *import, const char *where, const char *username, const char *domain)
{
	struct arena *arena = arena_new(4096);
	struct import_account *account = arena_alloc_zero(arena, sizeof *account);
	const char *host = jid_prepare_domain(arena, domain);
	const char *node = jid_prepare_node(arena, username);

	if (node != NULL && host != NULL)
		account->jid = jid_make(arena, node, host, NULL);
	if (account->jid == NULL) {
		import_skip(import, where, "account \"%.100s@%.100s\": this is not an address",
		    username, domain);
		import->totals.left_out++;
		arena_free(&arena);
		return NULL;
	}
	account->arena = arena;
	account->key = (struct account_key){ host, node };
	for (int kind = 0; kind < IMPORT_KINDS; kind++)
		STAILQ_INIT(&account->rows[kind]);
	return account;
}

void import_account_free(struct import_account **account)
{
	struct arena *arena = *account == NULL ? NULL : (*account)->arena;

	*account = NULL;
	arena_free(&arena);
}

bool import_account_has_room(const struct import *import, struct import_account *account)
{
	if (arena_size(account->arena) > import->max_account_bytes)
		account->is_too_large = true;
	return !account->is_too_large;
}

static void add(struct import *import, struct import_account *account, enum import_kind kind,
    const char *const *cells, size_t count)
{
	if (import_account_has_room(import, account))
		import_row_add(account, kind, cells, count);
}

/* ---- contacts ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, without doubles. */
static const char *groups_join(struct arena *arena, const char **groups, size_t count)
{
	struct text joined = { 0 };
	const char *last = "", *all;

	qsort(groups, count, sizeof *groups, compare_names);
	text_puts(&joined, "");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(groups[i], last) == 0)
			continue;
		if (joined.length > 0)
			text_putc(&joined, IMPORT_SEPARATOR);
		last = groups[i];
		text_puts(&joined, last);
	}
	all = arena_strdup(arena, joined.at);
	text_free(&joined);
	return all;
}

/* A bare address of somebody else, or NULL after a line. */
static const struct jid *other_jid(
    struct import *import, struct import_account *account, const char *text, enum import_kind kind)
{
	const struct jid *jid = text == NULL ? NULL : jid_parse(account->arena, text);
	const char *why = jid == NULL                    ? "this is not an address"
	                  : !jid_is_bare(jid)            ? "this is the address of one client"
	                  : jid_equal(jid, account->jid) ? "this is the account itself"
	                                                 : NULL;

	if (why == NULL)
		return jid;
	import_skip(import, whose(account), "%s \"%.200s\": %s", import_names[kind],
	    text == NULL ? "" : text, why);
	return NULL;
}

static bool is_one_of(const char *text, const char *const *texts)
{
	while (*texts != NULL && !text_equal(text, *texts))
		texts++;
	return *texts != NULL;
}

void import_contact(struct import *import, struct import_account *account, const char *jid_in,
    const char *name, const char *subscription, bool ask, bool approved, const char **groups,
    size_t count)
{
	static const char *const subscriptions[] = { "none", "to", "from", "both", NULL };
	const struct jid *jid;
	bool can_ask;

	/* Some servers keep those that are gone. */
	if (text_equal(subscription, "remove"))
		return;
	jid = other_jid(import, account, jid_in, IMPORT_CONTACTS);
	if (jid == NULL)
		return;
	if (subscription == NULL || *subscription == '\0')
		subscription = "none";
	if (!is_one_of(subscription, subscriptions)) {
		import_skip(import, whose(account), "contact %s: \"%.100s\" is no subscription",
		    jid_text(jid), subscription);
		return;
	}
	/* Who sees the contact already has nothing to ask for. */
	can_ask = text_equal(subscription, "none") || text_equal(subscription, "from");
	add(import, account, IMPORT_CONTACTS,
	    (const char *[]){ jid_text(jid),
		name == NULL || *name == '\0' ? NULL : arena_strdup(account->arena, name),
		arena_strdup(account->arena, subscription), ask && can_ask ? "1" : "0",
		approved ? "1" : "0", groups_join(account->arena, groups, count) },
	    6);
}

void import_request(struct import *import, struct import_account *account, const char *from,
    struct arena *arena, struct element *presence)
{
	const struct jid *jid = other_jid(import, account, from, IMPORT_REQUESTS);
	struct stanza *stanza = NULL;
	enum rc rc;

	if (jid != NULL && presence == NULL)
		stanza = stanza_new(PRESENCE_SUBSCRIBE, jid, account->jid, NULL);
	else if (jid != NULL)
		stanza = stanza_from_element(arena, presence, jid, account->jid, &rc);
	if (stanza == NULL && presence != NULL)
		arena_free(&arena);
	if (jid != NULL && (stanza == NULL || stanza_type(stanza) != PRESENCE_SUBSCRIBE))
		import_skip(import, whose(account), "%s of %s: this is not one",
		    import_names[IMPORT_REQUESTS], jid_text(jid));
	else if (jid != NULL)
		add(import, account, IMPORT_REQUESTS,
		    (const char *[]){ jid_text(jid), stanza_to_text(account->arena, stanza),
			arena_printf(account->arena, "%" PRId64, time_now_us()) },
		    3);
	if (stanza != NULL)
		stanza_unref(&stanza);
}

void import_blocked(struct import *import, struct import_account *account, const char *text)
{
	const struct jid *jid = text == NULL ? NULL : jid_parse(account->arena, text);

	if (jid == NULL)
		import_skip(import, whose(account), "blocked address \"%.200s\": this is not one",
		    text == NULL ? "" : text);
	else
		add(import, account, IMPORT_BLOCKED, (const char *[]){ jid_text(jid) }, 1);
}

/* ---- what clients keep on the server ---- */

void import_vcard(
    struct import *import, struct import_account *account, const struct element *vcard)
{
	if (!STAILQ_EMPTY(&account->rows[IMPORT_VCARDS]))
		import_skip(
		    import, whose(account), "vCard: there is more than one; the first is taken");
	else if (import_account_has_room(import, account))
		add(import, account, IMPORT_VCARDS,
		    (const char *[]){ element_to_text(account->arena, vcard) }, 1);
}

void import_private(
    struct import *import, struct import_account *account, const struct element *element)
{
	if (*element_ns(element) == '\0')
		import_skip(import, whose(account),
		    "private element <%.100s/>: it has no namespace", element_name(element));
	else if (import_account_has_room(import, account))
		add(import, account, IMPORT_PRIVATE,
		    (const char *[]){ arena_strdup(account->arena, element_ns(element)),
			arena_strdup(account->arena, element_name(element)),
			element_to_text(account->arena, element) },
		    3);
}

void import_last(struct import_account *account, int64_t at_us, const char *status)
{
	const char *const cells[] = { arena_printf(account->arena, "%" PRId64, at_us),
		status == NULL || *status == '\0' ? NULL : arena_strdup(account->arena, status) };

	if (STAILQ_EMPTY(&account->rows[IMPORT_LAST]))
		import_row_add(account, IMPORT_LAST, cells, 2);
}

void import_member(struct import *import, struct import_account *account, const char *group)
{
	if (group == NULL || !import_group_is_known(import, account->key.domain, group))
		import_skip(import, whose(account),
		    "membership of \"%.200s\": there is no such group", group == NULL ? "" : group);
	else
		add(import, account, IMPORT_MEMBERS,
		    (const char *[]){ arena_strdup(account->arena, group) }, 1);
}

/* ---- messages ---- */

/* The time of its first delay stamp (XEP-0203, or the older XEP-0091); 0 if it has none. */
static int64_t message_stamp(const struct element *message)
{
	const struct element *delay = element_child(message, NS_DELAY, "delay");
	const char *stamp;
	int64_t stamp_us;

	if (delay == NULL)
		delay = element_child(message, NS_DELAY_OLD, "x");
	stamp = delay == NULL ? NULL : element_attribute(delay, "stamp");
	return stamp != NULL && time_parse(stamp, &stamp_us) ? stamp_us : 0;
}

static bool is_kept(const struct stanza *message)
{
	return stanza_kind(message) == STANZA_MESSAGE &&
	       (stanza_type(message) == MESSAGE_NORMAL || stanza_type(message) == MESSAGE_CHAT);
}

/* To whom it has to be: an address of the account; what says otherwise is corrected. */
static const struct jid *message_to(
    const struct import_account *account, const struct element *message)
{
	const char *to = element_attribute(message, "to");
	const struct jid *jid = to == NULL ? NULL : jid_parse(account->arena, to);

	return jid != NULL && jid_equal_bare(jid, account->jid) ? jid : account->jid;
}

static const char *fingerprint(struct arena *arena, const char *text)
{
	unsigned char hash[DIGEST_MAX_BYTES];

	crypto_hash(DIGEST_SHA256, text, strlen(text), hash);
	return hex_encode(arena, hash, 16);
}

/* Times are of whole seconds mostly, and another import may bring another message of the same one:
 * what it says tells them apart. Less than the unit of the time, in us. */
static int64_t moment_within(int64_t at_us, const char *print)
{
	int64_t unit_us = at_us % 1000000 == 0 ? 1000000 : at_us % 1000 == 0 ? 1000 : 1;

	return (int64_t)(strtoull(print + strlen(print) / 2, NULL, 16) % (uint64_t)unit_us);
}

/* Ascending in the order of the file, and otherwise by when the message came. */
static int64_t message_id(struct import_account *account, int64_t received_us, const char *print)
{
	int64_t now_us = time_now_us();
	int64_t at_us = received_us < 0 ? 0 : received_us > now_us ? now_us : received_us;
	int64_t id = (at_us + moment_within(at_us, print)) << ID_SHIFT | ID_LOW;

	if (id <= account->last_id)
		id = account->last_id + (1 << ID_SHIFT);
	account->last_id = id;
	return id;
}

/* What comes without a time is as old as the import; it is known again without that. */
static void message_add(struct import *import, struct import_account *account,
    struct stanza *message, int64_t received_us)
{
	struct arena *arena = account->arena;
	int64_t stamp_us = message_stamp(stanza_element(message));
	bool has_time = received_us != 0 || stamp_us != 0;
	struct stanza *copy = stanza_copy(message);
	const char *text, *print;

	if (received_us == 0)
		received_us = has_time ? stamp_us : time_now_us();
	if (stanza_child(copy, NS_DELAY, "delay") == NULL)
		stanza_add_delay(copy, account->key.domain, time_format(arena, received_us));
	text = stanza_to_text(arena, copy);
	print = fingerprint(arena, has_time ? text : stanza_to_text(arena, message));
	add(import, account, IMPORT_MESSAGES,
	    (const char *[]){ print,
		arena_printf(arena, "%" PRId64, message_id(account, received_us, print)), text,
		arena_printf(arena, "%zu", strlen(text)),
		arena_printf(arena, "%" PRId64, received_us) },
	    5);
	stanza_unref(&copy);
}

void import_message(struct import *import, struct import_account *account, struct arena *arena,
    struct element *element, int64_t received_us)
{
	const char *from = element_attribute(element, "from");
	const struct jid *sender =
	    jid_parse(account->arena, from == NULL ? account->key.domain : from);
	struct stanza *message = NULL;
	enum rc rc;

	if (sender != NULL)
		message =
		    stanza_from_element(arena, element, sender, message_to(account, element), &rc);
	if (message == NULL)
		import_skip(import, whose(account), "message of \"%.200s\": %s",
		    from == NULL ? "" : from,
		    sender == NULL ? "the sender is not an address" : "this is not one");
	else if (!is_kept(message))
		import_skip(import, whose(account),
		    "message of %s: of its type (error, headline, of a room) none is kept",
		    jid_text(sender));
	else if (import_account_has_room(import, account))
		message_add(import, account, message, received_us);
	if (message == NULL)
		arena_free(&arena);
	else
		stanza_unref(&message);
}
