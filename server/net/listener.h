/* listener.h - accepts connections, counts them by address, and hands them to workers in turn.
 * Lives on the first worker. An address is an IPv4 /32 or an IPv6 /64; over its limits a connection
 * is closed at once, with one log line a minute. Running out of descriptors pauses accepting for a
 * moment instead of spinning. */
#ifndef GODWIT_NET_LISTENER_H
#define GODWIT_NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address;
struct arena;
struct listener;
struct sockaddr;
struct worker;

struct address_limits {
	unsigned max_pending;       /* not yet authenticated, per address (50) */
	unsigned max_connections;   /* all, per address (1000) */
	unsigned max_total_pending; /* not yet authenticated, in all (10000) */
	unsigned max_total;         /* all connections (0: what descriptors allow) */
};

/* Called on the worker chosen for the connection. Takes fd and address: the address is this
 * connection's own handle on what is counted for it, of one worker at a time. */
typedef void listener_accepted(void *state, int fd, struct address *address);

/* Binds and listens; `host` NULL: all addresses of both families ("::" with IPv6-only off, or
 * 0.0.0.0 where there is no IPv6); port 0: any (tests read it back). Returns NULL and the reason
 * with its cure. Starts accepting with listener_start(). `workers` and `state` are lent. */
struct listener *listener_new(
    const char *host, unsigned port, struct arena *arena, const char **error_out);
unsigned listener_port(const struct listener *listener);
/* On the first worker. */
void listener_start(struct listener *listener, struct worker *const *workers, size_t worker_count,
    listener_accepted *accepted, void *state);
/* On the first worker: a connection from whom it says so of is closed at once. NULL: nobody's. */
void listeners_refuse(bool (*is_refused)(const struct sockaddr *peer));
/* Stops accepting and closes. */
void listener_free(struct listener **listener);

/* Limits for all listeners; on the first worker, or before it runs. The figures above until set. */
void address_set_limits(const struct address_limits *limits);
/* Marks the connection of this handle as authenticated: it no longer counts as pending. On the
 * connection's worker; a second call does nothing. */
void address_authenticated(struct address *address);
/* Counts a failed login of this address and returns for how many ms the answer should be held back:
 * nothing for the first few, then doubling to some seconds, forgotten after quiet minutes. Any
 * worker. */
unsigned address_failed(struct address *address);
/* The connection is gone: counts it out and frees the handle. On the connection's worker; a
 * transport does it for its own. Accepts a pointer to NULL, leaves NULL. */
void address_release(struct address **address);
/* What is counted, "192.0.2.1" or "2001:db8:0:1::/64"; "local" for what is no internet address. */
const char *address_text(const struct address *address);
/* A number that all present connections from there have in common, and nobody else; for NULL 0. */
uintptr_t address_number(const struct address *address);

#endif
