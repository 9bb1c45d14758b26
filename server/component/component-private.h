/* component-private.h - what the files of this folder share: connections, and stanzas on their way
 * to them. Of all workers only the first has any. */
#ifndef GODWIT_COMPONENT_COMPONENT_PRIVATE_H
#define GODWIT_COMPONENT_COMPONENT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/crypto.h"
#include "core/work.h"
#include "loop/worker.h"
#include "net/transport.h"
#include "stream/stream.h"

struct config_component;
struct receipt;
struct stanza;
struct timer;

/* A connection. */
struct component {
	TAILQ_ENTRY(component) sibling;
	struct stream *stream; /* NULL once it is closed */
	struct timer *timer;   /* holds the refusal of its handshake back */
	bool is_admitted;
	unsigned char secret[DIGEST_MAX_BYTES]; /* the digest of the one it has shown */
	struct work work;                       /* stanzas that are not dealt with */
	unsigned references;                    /* the stream, receipts */
};

/* A stanza for a component; also the token of the stream it was given to. */
struct cargo {
	struct mail mail;
	struct stanza *stanza;
	struct receipt *receipt;
};

struct components {
	TAILQ_HEAD(component_list, component) all; /* the oldest first */
	size_t count, cargo_count;
	struct stream_settings settings;
	struct transport_limits limits;
	bool is_closed, is_shutting;
};
extern _Thread_local struct components components;

/* component.c: the one that gets what is for that domain, or NULL. */
struct component *component_find(const char *domain);
/* How many there are of that domain. */
unsigned component_number(const char *domain);
void component_unref(struct component *component);

/* component-stanzas.c: struct stream_events of an admitted connection. */
void component_stanza(void *state, struct arena *arena, struct element *element, uint32_t sequence);
void component_delivered(void *state, void *token);
void component_lost(void *state, void *token);

#endif
