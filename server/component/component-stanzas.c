/* component-stanzas.c - stanzas from components, which may speak for their domain only, and the way
 * out to them. What is for a component that is not there comes back. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "component/component.h"
#include "component/component-private.h"
#include "core/config.h"
#include "core/home.h"
#include "core/receipt.h"
#include "core/remote.h"
#include "core/router.h"
#include "xml/element.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

/* So many stanzas of a connection are at work at a time; then nothing is read until half of them
 * have been dealt with. */
#define AT_WORK_MAX 1000

/* ---- from a component ---- */

static void component_settled(void *state, uint32_t sequence)
{
	struct component *component = state;

	(void)sequence;
	if (work_ends(&component->work, 1, AT_WORK_MAX) && component->stream != NULL)
		stream_resume(component->stream);
	component_unref(component);
}

static struct receipt *component_receipt(struct component *component)
{
	component->references++;
	if (work_begins(&component->work, 1, AT_WORK_MAX))
		stream_pause(component->stream);
	return receipt_new(component_settled, component, 0);
}

static void stanza_refuse(struct component *component, const struct element *element,
    const struct jid *from, const struct jid *to, enum rc rc)
{
	struct stanza *error = stanza_refusal(element, from, to, rc);

	if (error != NULL)
		stream_send(component->stream, error, NULL, NULL);
	stanza_unref(&error);
}

/* The address of that name, or `missing` if there is none; NULL if it is no address. */
static const struct jid *address_of(
    struct arena *arena, const struct element *element, const char *name, const struct jid *missing)
{
	const char *text = element_attribute(element, name);

	return text == NULL ? missing : jid_parse(arena, text);
}

/* XEP-0114 section 3: there has to be a `from` of its domain. Where there is none, as older ones
 * have it, the domain itself speaks. */
void component_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence)
{
	struct component *component = state;
	const struct jid *own = jid_parse(arena, stream_domain(component->stream));
	const struct jid *from = address_of(arena, element, "from", own);
	const struct jid *to = address_of(arena, element, "to", NULL);
	enum rc rc = to == NULL ? RC_JID_MALFORMED : RC_OK;
	struct receipt *receipt;
	struct stanza *stanza = NULL;

	(void)sequence;
	if (from == NULL || !jid_has_domain(from, jid_text(own))) {
		stream_fail(component->stream, STREAM_INVALID_FROM, NULL);
		arena_free(&arena);
		return;
	}
	if (rc == RC_OK)
		stanza = stanza_from_element(arena, element, from, to, &rc);
	if (stanza == NULL) {
		stanza_refuse(component, element, from, to, rc);
		arena_free(&arena);
		return;
	}
	receipt = component_receipt(component);
	router_send(stanza, receipt);
	receipt_release(&receipt);
	stanza_unref(&stanza);
}

/* ---- to a component ---- */

static void cargo_free(struct cargo *cargo)
{
	components.cargo_count--;
	stanza_unref(&cargo->stanza);
	receipt_release(&cargo->receipt);
	mem_free(cargo);
}

/* RFC 6120 section 8.3.3.16. */
static void cargo_bounce(struct cargo *cargo)
{
	router_bounce(cargo->stanza, RC_REMOTE_SERVER_TIMEOUT, "the component is not connected");
	cargo_free(cargo);
}

static void cargo_load(struct cargo *cargo)
{
	struct arena *arena = arena_new(0);
	struct component *component = component_find(jid_domain(arena, stanza_to(cargo->stanza)));

	if (component != NULL)
		stream_send(component->stream, cargo->stanza, NULL, cargo);
	else
		cargo_bounce(cargo);
	arena_free(&arena);
}

static void cargo_came(struct mail *mail)
{
	components.cargo_count++;
	cargo_load(CONTAINER_OF(mail, struct cargo, mail));
}

void component_delivered(void *state, void *token)
{
	(void)state;
	cargo_free(token);
}

/* To one that stands by, if there is one. */
void component_lost(void *state, void *token)
{
	(void)state;
	cargo_load(token);
}

/* ---- the way out ---- */

static bool component_speaks_for(const char *domain)
{
	return config_component(home_config(), domain) != NULL;
}

/* A message is acknowledged to its sender when the component has it; for anything else a slow one
 * shall keep nobody waiting. */
static bool component_send(const struct stanza *stanza, struct receipt *receipt)
{
	struct arena *arena = arena_new(0);
	bool is_ours = component_speaks_for(jid_domain(arena, stanza_to(stanza)));
	struct worker *home = homes_worker(0);
	struct cargo *cargo;

	arena_free(&arena);
	if (!is_ours)
		return false;
	cargo = mem_alloc_zero(sizeof *cargo);
	cargo->stanza = stanza_ref(stanza);
	if (stanza_kind(stanza) == STANZA_MESSAGE)
		cargo->receipt = receipt_hold(receipt);
	if (home == worker_current())
		cargo_came(&cargo->mail);
	else
		worker_post(home, &cargo->mail, cargo_came);
	return true;
}

static const struct remote_way way = { component_send, component_speaks_for };

void component_init(void)
{
	remote_add(&way);
}
