/* user.c - the rows of table users; passwords become keys in the thread for chores. */
#include "core/user.h"

#include "base/crypto.h"
#include "base/scram-keys.h"
#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/module.h"
#include "core/shared-group.h"
#include "loop/chore.h"
#include "loop/worker.h"

/* As long as a new password stands in the row, the old one is none any more. */
static const struct statement credentials_select =
    STATEMENT("SELECT CASE WHEN password IS NULL THEN scram_sha_1 END,"
	      " CASE WHEN password IS NULL THEN scram_sha_256 END,"
	      " disabled OR COALESCE(disabled_until, 0) > $3"
	      " FROM users WHERE domain = $1 AND username = $2");
static const struct statement user_insert = STATEMENT(
    "INSERT INTO users (domain, username, scram_sha_1, scram_sha_256, disabled,"
    " created_at) VALUES ($1, $2, $3, $4, false, $5)"
    /* Run again after a commit that was not heard of, it finds its own row: no conflict. */
    " ON CONFLICT (domain, username) DO UPDATE SET created_at = users.created_at"
    " WHERE users.scram_sha_256 = excluded.scram_sha_256");
static const struct statement user_update_keys =
    STATEMENT("UPDATE users SET scram_sha_1 = $3, scram_sha_256 = $4, password = NULL"
	      " WHERE domain = $1 AND username = $2");
/* Not if it was set again meanwhile: that is the next one to be taken. */
static const struct statement user_take_keys =
    STATEMENT("UPDATE users SET scram_sha_1 = $3, scram_sha_256 = $4, password = NULL"
	      " WHERE domain = $1 AND username = $2 AND password = $5");
static const struct statement user_delete_row =
    STATEMENT("DELETE FROM users WHERE domain = $1 AND username = $2");
static const struct statement user_disable =
    STATEMENT("UPDATE users SET disabled = true WHERE domain = $1 AND username = $2");
static const struct statement user_enable =
    STATEMENT("UPDATE users SET disabled = false WHERE domain = $1 AND username = $2");
static const struct statement users_select =
    STATEMENT("SELECT domain, username, disabled, created_at FROM users"
	      " WHERE (domain, username) > ($1, $2) ORDER BY domain, username LIMIT $3");
static const struct statement users_select_domain =
    STATEMENT("SELECT domain, username, disabled, created_at FROM users"
	      " WHERE domain = $1 AND username > $2 ORDER BY username LIMIT $3");
static const struct statement user_select =
    STATEMENT("SELECT domain, username, disabled, created_at FROM users"
	      " WHERE domain = $1 AND username = $2");

/* Whichever worker or server comes first: its secret is everybody's. */
static const struct statement secret_insert =
    STATEMENT("INSERT INTO secrets (name, value) VALUES ('fake_salts', $1)"
	      " ON CONFLICT (name) DO NOTHING");
static const struct statement secret_select =
    STATEMENT("SELECT value FROM secrets WHERE name = 'fake_salts'");

#define SECRET_BYTES 32
/* New passwords take turns with those of each address that logs in (stream/trial.c). */
#define ENROLMENT_PARTY 0

/* A password on its way to becoming keys in a row. */
struct enrolment {
	struct chore chore;
	struct arena *arena;
	struct account_key key;
	char *password; /* prepared */
	char *raw;      /* as it stands in the row, of user_take_keys */
	unsigned iterations;
	const char *sha1, *sha256;
	const struct statement *statement;
	enum rc rc; /* of the refusal */
	const char *refusal;
	store_done *on_done;
	void *state;
};

static void enrolment_refused(struct mail *mail);
static void enrolment_derive(struct chore *chore);
static void enrolment_write(struct chore *chore);

static const char *keys_text(struct enrolment *enrolment, enum digest digest)
{
	struct scram_keys keys;
	const char *text;

	scram_keys_make(&keys, digest, enrolment->password, enrolment->iterations);
	text = scram_keys_format(enrolment->arena, &keys);
	crypto_wipe(&keys, sizeof keys);
	return text;
}

/* In the thread for chores. */
static void enrolment_derive(struct chore *chore)
{
	struct enrolment *enrolment = CONTAINER_OF(chore, struct enrolment, chore);

	enrolment->sha1 = keys_text(enrolment, DIGEST_SHA1);
	enrolment->sha256 = keys_text(enrolment, DIGEST_SHA256);
	crypto_wipe(enrolment->password, strlen(enrolment->password));
}

static void enrolment_written(const struct store_result *result, void *state)
{
	struct enrolment *enrolment = state;

	if (enrolment->statement == &user_insert && store_rc(result) == RC_OK &&
	    store_changed(result) == 0)
		store_refuse(RC_CONFLICT, "there is an account of that name", enrolment->on_done,
		    enrolment->state);
	else if (enrolment->on_done != NULL)
		enrolment->on_done(result, enrolment->state);
	arena_free(&enrolment->arena);
}

/* Back on the asking worker. */
static void enrolment_write(struct chore *chore)
{
	struct enrolment *enrolment = CONTAINER_OF(chore, struct enrolment, chore);

	if (enrolment->statement == &user_take_keys)
		store_run(&user_take_keys,
		    PARAMS(enrolment->key, enrolment->sha1, enrolment->sha256,
			(const char *)enrolment->raw),
		    enrolment_written, enrolment);
	else if (enrolment->statement == &user_insert)
		store_run(&user_insert,
		    PARAMS(enrolment->key, enrolment->sha1, enrolment->sha256, time_now_us()),
		    enrolment_written, enrolment);
	else
		store_run(enrolment->statement,
		    PARAMS(enrolment->key, enrolment->sha1, enrolment->sha256), enrolment_written,
		    enrolment);
}

static void enrolment_refuse(struct enrolment *enrolment, enum rc rc, const char *why)
{
	if (enrolment->password != NULL)
		crypto_wipe(enrolment->password, strlen(enrolment->password));
	enrolment->rc = rc;
	enrolment->refusal = why;
	worker_post(worker_current(), &enrolment->chore.mail, enrolment_refused);
}

static void enrolment_refused(struct mail *mail)
{
	struct enrolment *enrolment = CONTAINER_OF(mail, struct enrolment, chore.mail);

	store_refuse(enrolment->rc, enrolment->refusal, enrolment->on_done, enrolment->state);
	arena_free(&enrolment->arena);
}

static void enrol(const struct statement *statement, struct account_key key, const char *password,
    unsigned iterations, store_done *on_done, void *state)
{
	struct arena *arena = arena_new(0);
	struct enrolment *enrolment = arena_alloc_zero(arena, sizeof *enrolment);

	enrolment->arena = arena;
	enrolment->key.domain = arena_strdup(arena, key.domain);
	enrolment->key.username = arena_strdup(arena, key.username);
	enrolment->password = arena_strdup(arena, jid_prepare_password(arena, password));
	enrolment->raw = statement == &user_take_keys ? arena_strdup(arena, password) : NULL;
	enrolment->iterations = iterations;
	enrolment->statement = statement;
	enrolment->on_done = on_done;
	enrolment->state = state;
	if (enrolment->password == NULL)
		enrolment_refuse(enrolment, RC_NOT_ACCEPTABLE,
		    "the password is empty or has forbidden characters");
	else if (!chore_give(&enrolment->chore, ENROLMENT_PARTY, enrolment_derive, enrolment_write))
		enrolment_refuse(
		    enrolment, RC_RESOURCE_CONSTRAINT, "too many passwords wait for their keys");
}

void user_create(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state)
{
	enrol(&user_insert, key, password, iterations, on_done, state);
}

void user_set_password(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state)
{
	enrol(&user_update_keys, key, password, iterations, on_done, state);
}

void user_take_password(struct account_key key, const char *password, unsigned iterations,
    store_done *on_done, void *state)
{
	enrol(&user_take_keys, key, password, iterations, on_done, state);
}

static void secret_found(const struct store_result *result, void *state)
{
	(void)state;
	if (store_one_row(result) == RC_OK)
		scram_fakes_seed(store_text(result, 0, 0));
}

/* Statements are answered in order: by the time the first credentials come, the seed is there. */
static void secret_find(void)
{
	unsigned char random[SECRET_BYTES];
	struct arena *arena = arena_new(0);

	crypto_random(random, sizeof random);
	store_run(&secret_insert, PARAMS(base64_encode(arena, random, sizeof random)), NULL, NULL);
	store_run(&secret_select, NO_PARAMS, secret_found, NULL);
	crypto_wipe(random, sizeof random);
	arena_free(&arena);
}

void user_credentials(struct account_key key, store_done *on_done, void *state)
{
	if (!scram_fakes_are_seeded())
		secret_find();
	store_run(&credentials_select, PARAMS(key, time_now_us()), on_done, state);
}

void user_delete(struct account_key key, store_done *on_done, void *state)
{
	store_run(&user_delete_row, PARAMS(key), on_done, state);
}

void user_set_disabled(struct account_key key, bool disabled, store_done *on_done, void *state)
{
	store_run(disabled ? &user_disable : &user_enable, PARAMS(key), on_done, state);
}

void user_list(
    const char *domain, struct account_key after, unsigned limit, store_done *on_done, void *state)
{
	if (domain == NULL)
		store_run(&users_select, PARAMS(after, limit), on_done, state);
	else
		store_run(&users_select_domain,
		    PARAMS(domain, text_equal(domain, after.domain) ? after.username : "", limit),
		    on_done, state);
}

void user_show(struct account_key key, store_done *on_done, void *state)
{
	store_run(&user_select, PARAMS(key), on_done, state);
}

/* ---- for modules ---- */

/* A name that has just become an account may be remembered as one that is none. */
struct creation {
	struct mail mail;
	struct jid *jid;
	store_done *on_done;
	void *state;
};

static void creation_noticed(struct mail *mail)
{
	struct creation *creation = CONTAINER_OF(mail, struct creation, mail);
	struct account *account = account_peek(creation->jid);

	if (account != NULL && account->phase == ACCOUNT_ABSENT)
		account_reload(account);
	jid_free(&creation->jid);
	mem_free(creation);
}

static void account_created(const struct store_result *result, void *state)
{
	struct creation *creation = state;

	if (store_rc(result) == RC_OK)
		shared_groups_announce(creation->jid);
	if (creation->on_done != NULL)
		creation->on_done(result, creation->state);
	worker_post(home_of(creation->jid), &creation->mail, creation_noticed);
}

void account_create(struct account_key key, const char *password, store_done *on_done, void *state)
{
	struct arena *arena = arena_new(0);
	struct creation *creation = mem_alloc_zero(sizeof *creation);

	creation->jid = jid_copy_heap(jid_make(arena, key.username, key.domain, NULL));
	creation->on_done = on_done;
	creation->state = state;
	user_create(key, password, home_config()->scram_iterations, account_created, creation);
	arena_free(&arena);
}

void account_set_password(
    struct account_key key, const char *password, store_done *on_done, void *state)
{
	user_set_password(key, password, home_config()->scram_iterations, on_done, state);
}
