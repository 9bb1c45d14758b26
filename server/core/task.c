/* task.c - the life of a task: hooks in their order, holds, the answer, the end. */
#include "core/task.h"

#include "core/account.h"
#include "core/config.h"
#include "core/home.h"
#include "core/hooks.h"
#include "core/receipt.h"
#include "core/router.h"
#include "core/session.h"

static _Thread_local size_t tasks;

struct task *task_new(const struct stanza *stanza, struct account *account, struct receipt *receipt)
{
	struct task *task = mem_alloc_zero(sizeof *task);

	task->stanza = stanza_ref(stanza);
	task->account = account == NULL ? NULL : account_ref(account);
	task->receipt = receipt_hold(receipt);
	task->config = config_ref(home_config());
	tasks++;
	return task;
}

size_t tasks_count(void)
{
	return tasks;
}

static void task_free(struct task *task)
{
	if (task->ended != NULL)
		task->ended(task->state, task->rc);
	stanza_unref(&task->stanza);
	receipt_release(&task->receipt);
	if (task->account != NULL)
		account_unref(task->account);
	config_unref(&task->config);
	arena_free(&task->arena);
	mem_free(task);
	tasks--;
}

void task_enter(struct task *task)
{
	task->running++;
}

void task_leave(struct task *task)
{
	ASSERT(task->running > 0);
	task->running--;
	if (task->running == 0 && task->holds == 0)
		task_free(task);
}

/* Goes on from the next hook. Each hook is bracketed, so that what it finishes stays in memory. */
static void task_go_on(struct task *task)
{
	enum verdict verdict = PASS;

	task_enter(task);
	while (verdict == PASS && task->next_hook < task->hooks->count) {
		const struct hook_entry *entry = &task->hooks->entries[task->next_hook++];

		task->module = entry->module;
		verdict = entry->run(task);
	}
	if (verdict == PASS) {
		task->module = NULL;
		task->passed(task);
	}
	task_leave(task);
}

void task_run(struct task *task, const struct hook_list *hooks, void (*passed)(struct task *))
{
	task_continue(task, hooks, passed);
}

void task_continue(struct task *task, const struct hook_list *hooks, void (*passed)(struct task *))
{
	task->hooks = hooks;
	task->next_hook = 0;
	task->passed = passed;
	task_go_on(task);
}

struct task *task_hold(struct task *task)
{
	if (task->account != NULL)
		account_overtake(task->account);
	task->holds++;
	return task;
}

void task_release(struct task *task)
{
	if (task->holds == 0)
		return;
	task->holds--;
	if (task->holds == 0 && task->running == 0)
		task_free(task);
}

void task_resume(struct task *task)
{
	task_enter(task);
	task_release(task);
	task_go_on(task);
	task_leave(task);
}

/* Sends what answers the stanza to whoever sent it. Takes the reference. */
static void task_answer(struct task *task, struct stanza *answer)
{
	if (answer == NULL)
		return;
	if (task->answer != NULL)
		task->answer(task->state, answer);
	else if (!task->quiet && stanza_to(answer) != NULL)
		router_send(answer, NULL);
	stanza_unref(&answer);
}

enum verdict task_reply(struct task *task, struct element *payload)
{
	task->rc = RC_OK;
	if (stanza_is_request(task->stanza)) {
		struct stanza *reply = stanza_reply(task->stanza);

		if (payload != NULL)
			element_add(
			    stanza_element(reply), element_copy(stanza_arena(reply), payload));
		task_answer(task, reply);
	}
	task_release(task);
	return DONE;
}

enum verdict task_fail(struct task *task, enum rc rc)
{
	return task_fail_text(task, rc, NULL);
}

enum verdict task_fail_text(struct task *task, enum rc rc, const char *text)
{
	task->rc = rc;
	task_answer(task, stanza_error(task->stanza, rc, text));
	task_release(task);
	return DONE;
}

enum verdict task_finish(struct task *task, enum rc rc, struct element *payload)
{
	return rc == RC_OK ? task_reply(task, payload) : task_fail(task, rc);
}

const struct stanza *task_stanza(const struct task *task)
{
	return task->stanza;
}

struct element *task_payload(const struct task *task)
{
	return stanza_payload(task->stanza);
}

struct arena *task_arena(struct task *task)
{
	if (task->arena == NULL)
		task->arena = arena_new(0);
	return task->arena;
}

struct account *task_account(const struct task *task)
{
	return task->account;
}

bool task_by_owner(const struct task *task)
{
	const struct jid *from = stanza_from(task->stanza);

	return task->account != NULL && from != NULL && jid_equal_bare(from, task->account->jid);
}

/* A session is looked up by its address whenever it is asked for: it may be gone, or replaced. */
struct session *task_session(const struct task *task)
{
	const struct jid *from = stanza_from(task->stanza);
	struct account *account;

	if (from == NULL || jid_is_bare(from) || !home_is_here(from))
		return NULL;
	account = account_peek(from);
	return account == NULL ? NULL : account_find_session(account, jid_resource(from));
}

const void *task_config(const struct task *task)
{
	return task->module == NULL ? NULL : task->config->module_sections[task->module->index];
}

const char *task_domain(struct task *task)
{
	const struct jid *jid =
	    task->account != NULL ? task->account->jid : stanza_to(task->stanza);

	return jid == NULL ? NULL : jid_domain(task_arena(task), jid);
}

int64_t task_message_id(struct task *task)
{
	if (task->message_id == 0)
		task->message_id = home_next_id();
	return task->message_id;
}

void task_set_message_id(struct task *task, int64_t id)
{
	task->message_id = id;
}

struct account_key account_key(struct task *task)
{
	return account_key_of(task->account, task_arena(task));
}
