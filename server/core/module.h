/* module.h - the interface modules are written to; the only header of ours a module includes.
 * A module is one file, built as a loadable object, that ends in GODWIT_MODULE(name, ...): tables
 * of what it offers and the functions they name. Hooks are plain functions over memory that is
 * loaded already; what is not in memory is asked for by store_run() with a hold on the task, and
 * goes on in a continuation (doc/modules.md). Everything runs on the account's home worker; nothing
 * here locks. */
#ifndef GODWIT_CORE_MODULE_H
#define GODWIT_CORE_MODULE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/name-set.h"
#include "base/rc.h"
#include "base/text.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"
#include "store/store.h"
#include "core/backlog.h"
#include "core/keys.h"

struct account;
struct module;
struct session;
struct task;

/* ---- hooks ---- */

enum verdict {
	PASS, /* not ours: offer it to the next hook */
	DONE  /* ours: answered, or an answer is on its way, or silently dropped */
};

enum hook_kind {
	HOOK_NONE, /* ends a table */
	IQ_GET,    /* by the namespace of the payload */
	IQ_SET,
	ANY_MESSAGE,
	ANY_PRESENCE,
	ANY_IQ,              /* every iq, results and errors too, before IQ_GET and IQ_SET hooks */
	MESSAGE_UNDELIVERED, /* a message that no session can take now (RFC 6121 section 8.5) */
	MESSAGE_UNCONFIRMED, /* delivered, but not acknowledged in time: keep it as well */
	/* a message that is about to go to sessions; also when it does so again because those that
	 * had it are gone */
	MESSAGE_ARRIVING
};

enum addressed {
	/* IQ_GET and IQ_SET to a domain we serve; ANY_... to it too. There is no account. */
	TO_DOMAIN,
	/* IQ_GET and IQ_SET to a bare JID of ours, or to nobody by its owner. ANY_... also to full
	 * JIDs, before a session gets it. At the home of the addressee. */
	TO_ACCOUNT,
	/* Whatever an account of ours sends, before it is routed. At the home of the sender. */
	FROM_ACCOUNT,
	/* To an address of ours, bare or full, that is no account's: for what is to answer as if it
	 * were. Of task_account() there is only the address. */
	TO_NOBODY
};

struct hook {
	enum hook_kind kind;
	const char *ns; /* IQ_GET and IQ_SET only; else NULL */
	enum addressed addressed;
	int priority; /* high first; of equals, the order of the modules in the configuration */
	enum verdict (*run)(struct task *task);
};
/* clang-format off */
#define HOOK_END { HOOK_NONE }
/* clang-format on */

/* ---- tasks: work on one stanza ---- */

const struct stanza *task_stanza(const struct task *task);
/* The first child element of the stanza, or NULL. Lent. */
struct element *task_payload(const struct task *task);
/* Memory that lives as long as the task. */
struct arena *task_arena(struct task *task);
/* The account whose home we are on: the sender's for FROM_ACCOUNT, the addressee's for TO_ACCOUNT;
 * NULL for TO_DOMAIN. */
struct account *task_account(const struct task *task);
/* Whether the stanza comes from the account itself (any of its sessions). */
bool task_by_owner(const struct task *task);
/* The session that sent the stanza, if it lives on this worker and still lives; else NULL. */
struct session *task_session(const struct task *task);
/* The module's section of the configuration that this task began with. */
const void *task_config(const struct task *task);
/* The served domain the stanza is addressed to, or that of the account. */
const char *task_domain(struct task *task);
/* The number under which a message is kept: ascending in the order of arrival, unique in the
 * database. Made when first asked for, so it may also be asked for by a hook of MESSAGE_ARRIVING
 * that keeps the message itself. */
int64_t task_message_id(struct task *task);
void task_set_message_id(struct task *task, int64_t id);
/* The row of table outbox that a message comes from, or 0. Who keeps such a message
 * (MESSAGE_UNDELIVERED) marks that row as sent by the same statement: the view outbox_moves of the
 * schema does it. */
int64_t task_outbox_id(const struct task *task);

/* Keeps the task, and the sender's acknowledgement, until task_reply(), task_fail() or
 * task_finish() let go. Returns the task, to be the state of a continuation. */
struct task *task_hold(struct task *task);
/* Answers an iq with a result; `payload` (made in the task's arena) may be NULL. For other stanzas
 * it answers nothing. Lets go of the hold, if one is held. Returns DONE. */
enum verdict task_reply(struct task *task, struct element *payload);
/* Answers with an error where one is due. Lets go of the hold, if one is held. Returns DONE. */
enum verdict task_fail(struct task *task, enum rc rc);
/* The same with a text for people. */
enum verdict task_fail_text(struct task *task, enum rc rc, const char *text);
/* task_reply() if RC_OK, else task_fail(). */
enum verdict task_finish(struct task *task, enum rc rc, struct element *payload);
/* Lets go of one hold without an answer: task_hold() may be called several times, for continuations
 * side by side of which one answers. */
void task_release(struct task *task);
/* Goes on with the hooks behind the one that held it, as if it had PASSed; lets go of the hold. */
void task_resume(struct task *task);

/* ---- accounts ---- */

/* The parameters (domain, username) for store_run(): PARAMS(account_key(task), ...). Lent by the
 * task's arena. */
struct account_key account_key(struct task *task);
struct account_key account_key_of(struct account *account, struct arena *arena);
/* The bare JID. Lent. */
const struct jid *account_jid(const struct account *account);
/* The module's state of that account: set by .account_loaded, or by the module at any time; freed
 * by .account_free. */
void *account_state(const struct account *account, const struct module *module);
void account_set_state(struct account *account, const struct module *module, void *state);
/* Whether that bare JID is on the roster with a subscription in that direction (RFC 6121 section
 * 2.1.2.5): `from`: it may see our presence; `to`: we see theirs. The account itself always may. */
bool account_shows_presence_to(const struct account *account, const struct jid *contact);
bool account_sees_presence_of(const struct account *account, const struct jid *contact);
/* References keep an account in memory; it may have been deleted meanwhile (account_is_gone). */
struct account *account_ref(struct account *account);
void account_unref(struct account *account);
bool account_is_gone(const struct account *account);

/* ---- sessions ---- */

/* The sessions of an account; NULL ends it. */
struct session *account_first_session(const struct account *account);
struct session *session_next(const struct session *session);
struct account *session_account(const struct session *session);
/* The full JID. Lent. */
const struct jid *session_jid(const struct session *session);
/* Whether it has sent initial presence (RFC 6121 section 4.2). */
bool session_is_available(const struct session *session);
/* -128 to 127; meaningful if available. */
int session_priority(const struct session *session);
/* Whether it takes messages to the bare JID: available, with a priority of 0 or more (RFC 6121
 * section 4.7.2.3); and whether any session of an account does. */
bool session_is_reachable(const struct session *session);
bool account_is_reachable(const struct account *account);
/* The last presence it broadcast, or NULL. Lent. */
const struct stanza *session_presence(const struct session *session);
/* Sends a stanza to this client; `to` NULL: the stanza's own. */
void session_send(struct session *session, const struct stanza *stanza, const struct jid *to);
/* The session of that resource, or NULL. */
struct session *account_find_session(const struct account *account, const char *resource);
/* Whether it asked for the roster (RFC 6121 section 2.2). */
bool session_wants_roster(const struct session *session);
/* A flag of a module on a session, such as "asked for the block list": 0 to 31, by module_flag().
 */
void session_set_flag(struct session *session, unsigned flag);
bool session_has_flag(const struct session *session, unsigned flag);
/* A flag number of its own, to be asked for once in .start. */
unsigned module_flag(void);

/* ---- the world ---- */

/* Routes a stanza to its `to`, as the server or as the account in its `from`. Takes no reference of
 * yours: unref it after. */
void server_send(const struct stanza *stanza);
/* Tells a contact that the account is unavailable, or its current presence, if its subscription (or
 * directed presence, for the former) allows it to know: for what a block list changes. A domain
 * stands for itself and all contacts there; of a full JID only that resource is told.
 * `.hides_presence` is not asked by account_hide_from(). */
void account_hide_from(struct account *account, const struct jid *contact);
void account_show_to(struct account *account, const struct jid *contact);
/* Removes the account with all that belongs to it and ends its sessions; `on_done` as in
 * store_run(). */
void account_remove(struct account *account, store_done *on_done, void *state);
/* A new password for an account: derives the keys off the loop's way and stores them; `on_done`
 * gets the result. RC_NOT_ACCEPTABLE for a password SASLprep refuses. */
void account_set_password(
    struct account_key key, const char *password, store_done *on_done, void *state);
/* Makes an account; RC_CONFLICT if it exists, RC_NOT_ACCEPTABLE for a bad password. */
void account_create(struct account_key key, const char *password, store_done *on_done, void *state);
/* When the process began, by the wall clock. */
int64_t server_started_us(void);
const char *server_version(void);
/* Whether we serve this (prepared) domain now. */
bool server_serves(const char *domain);
/* The domains of external components (XEP-0114) below that one, "gateway.example.org" below
 * "example.org": a list in the arena, ended by NULL. */
const char *const *server_components(struct arena *arena, const char *domain);

/* ---- the module itself ---- */

struct module {
	unsigned api_version;
	const char *name;
	/* Features that disco#info (XEP-0030) lists for the domain, and for the account; either a
	 * single one or a list ended by NULL. */
	const char *feature;
	const char *account_feature;
	const char *const *features;
	const char *const *account_features;
	const struct hook *hooks;
	const struct config_key *config;
	size_t config_bytes;
	/* Checks the section once it is filled: NULL, or what is wrong (constant text). */
	const char *(*config_check)(const void *section);

	/* What is loaded with each account, before the first hook sees it: parameters (domain,
	 * username). account_loaded gets the rows and sets the state; one from before is freed
	 * after that. */
	const struct statement *account_load;
	void (*account_loaded)(struct account *account, const struct store_result *rows);
	/* The same was loaded again, while somebody is logged in, since rows may have been changed
	 * with SQL: after account_loaded, with the state of before, or NULL. */
	void (*account_reloaded)(struct account *account, const void *before);
	void (*account_free)(void *state);
	/* Stanzas that it keeps for who is not there, which the core is to deliver (backlog.h). */
	const struct backlog_source *backlog;

	/* A session has sent initial presence; its own broadcast went out already. */
	void (*session_available)(struct session *session);
	/* The priority of an available session has become 0 or more from below. */
	void (*session_reachable)(struct session *session);
	/* A session is ending, in whatever way; it is still in the account's list. */
	void (*session_ended)(struct session *session);
	/* Whether the account keeps its presence from this JID whatever the roster says (a block
	 * list). Asked for each receiver of a broadcast and of account_show_to(); any module's yes
	 * suffices. */
	bool (*hides_presence)(const struct account *account, const struct jid *contact);
	/* Adds to the answer of disco#info for the domain (forms, identities); `task` is the
	 * request, or NULL when the capabilities of the server (XEP-0115) are computed, once for
	 * each configuration. Elements in `arena`. */
	void (*disco)(
	    struct task *task, struct arena *arena, const char *domain, struct element *query);
	/* Adds stream features; before login (`logged_in` false) or after. */
	void (*stream_features)(
	    struct arena *arena, const char *domain, struct element *features, bool logged_in);
	/* Once, before any worker runs, and after all have ended. start returns false to refuse (it
	 * has logged why). */
	bool (*start)(void);
	void (*stop)(void);

	unsigned index; /* set by the loader */
};

/* All modules, in the order of the configuration; NULL ends it. */
const struct module *const *server_modules(void);
/* The section of a module in the configuration in force on this worker; for functions without a
 * task. */
const void *module_config(const struct module *module);
/* How often this worker has been given another configuration: what was made of settings may be kept
 * until this changes. */
unsigned server_reloads(void);

#ifndef GODWIT_API_VERSION
#define GODWIT_API_VERSION 1
#endif

#if defined(__GNUC__)
#define GODWIT_EXPORT __attribute__((visibility("default")))
#else
#define GODWIT_EXPORT
#endif

/* The one symbol the loader looks for, which is how a module names itself: &godwit_module. With a
 * config table, also give .config_bytes = sizeof(struct ..._config). */
extern GODWIT_EXPORT struct module godwit_module;
#define GODWIT_MODULE(name_, ...) \
	struct module godwit_module = { \
		.api_version = GODWIT_API_VERSION, .name = #name_, __VA_ARGS__ \
	}

#endif
