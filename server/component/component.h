/* component.h - external components (XEP-0114): programs that connect here and speak for a domain
 * of their own, as gateways do. All of them live on the first worker. */
#ifndef GODWIT_COMPONENT_COMPONENT_H
#define GODWIT_COMPONENT_COMPONENT_H

#include <stddef.h>

struct address;

/* Before the workers run: adds the way out to the domains of components. */
void component_init(void);
/* What a listener hands over, on the first worker. */
void component_accept(void *state, int fd, struct address *address);

/* On each worker, after home_start() and after each home_reload(): settings of the configuration in
 * force, also for the connections that are open. */
void component_configure(void);
/* On each worker: no new connections. */
void component_close(void);
/* On each worker, when all that was to be said has been: ends the connections with
 * system-shutdown. */
void component_shutdown(void);
/* On each worker: stanzas that were not written yet, and connections that are about to end. */
size_t component_busy(void);
/* On each worker, at the end. */
void component_stop(void);

#endif
