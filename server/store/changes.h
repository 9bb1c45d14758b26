/* changes.h - what others have changed in the database: the log that triggers write (table changes,
 * schema/003-live), read on from where it stopped. A notice only wakes the reader, so nothing is
 * missed when the connection was cut. Who follows is told each change once, in order, as long as
 * the process lives; after a crash some may be told again. */
#ifndef GODWIT_STORE_CHANGES_H
#define GODWIT_STORE_CHANGES_H

#include <stddef.h>
#include <stdint.h>

/* One row. Texts are lent; NULL where SQL has NULL. */
struct change {
	int64_t id;
	const char *subject;   /* the table */
	const char *operation; /* "insert", "update", "delete" */
	const char *domain, *username;
	const char *before, *after; /* JSON, without what is secret */
};

struct change_events {
	void (*changed)(const struct change *change);
	/* All that was committed has been told. */
	void (*caught_up)(void);
};

/* On one worker, after its store_attach(): follows from now on, until its store_detach(). `events`
 * is lent for good. */
void changes_follow(const struct change_events *events);
/* Before its store_detach(), when what was told has taken effect: nothing more is told. */
void changes_ignore(void);

#endif
