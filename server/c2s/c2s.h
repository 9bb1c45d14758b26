/* c2s.h - clients: the gate between a stream and a session. */
#ifndef GODWIT_C2S_C2S_H
#define GODWIT_C2S_C2S_H

#include <stddef.h>

struct address;

/* What a listener hands over, on the worker chosen for it; `state` is NULL for STARTTLS, anything
 * else for direct TLS. */
void c2s_accept(void *state, int fd, struct address *address);

/* On each worker, before anything else of the following. */
void c2s_start(void);
/* On each worker, after home_start() and after each home_reload(): settings of the configuration in
 * force, also for the streams that are open. */
void c2s_configure(void);
/* On each worker: ends all streams with system-shutdown and takes no new ones. */
void c2s_shutdown(void);
/* Connections on this worker. */
size_t c2s_count(void);
/* On each worker, at the end, when c2s_count() is 0. */
void c2s_stop(void);

#endif
