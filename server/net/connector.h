/* connector.h - calls another server: one attempt to connect to one address. */
#ifndef GODWIT_NET_CONNECTOR_H
#define GODWIT_NET_CONNECTOR_H

struct connector;
struct sockaddr;

/* Tries to connect; `done` runs once, from the loop, never inside this call: with a connected
 * descriptor (its own now), or with -1 and why, constant text. Afterwards the connector still has
 * to be freed: allowed inside `done`. */
struct connector *connector_new(const struct sockaddr *address, unsigned timeout_ms,
    void (*done)(void *state, int fd, const char *why), void *state);
/* Before `done`: gives up, and it never runs. Accepts a pointer to NULL, leaves NULL. */
void connector_free(struct connector **connector);

#endif
