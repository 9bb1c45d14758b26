/* scram.h - SCRAM (RFC 5802, RFC 7677), the server's side.
 * Pure functions and one small state: nothing here waits or writes. */
#ifndef GODWIT_STREAM_SCRAM_H
#define GODWIT_STREAM_SCRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scram-keys.h"

struct arena;

enum scram_result { SCRAM_OK, SCRAM_MALFORMED, SCRAM_REFUSED, SCRAM_BAD_BINDING, SCRAM_DOWNGRADE };

/* One exchange. Texts live in the arena given to the first step. */
struct scram {
	struct arena *arena;
	enum digest digest;
	bool plus;          /* the mechanism is -PLUS */
	bool plus_offered;  /* this stream offered a -PLUS mechanism */
	char *gs2_header;   /* as received: must be what c= holds */
	char *binding_name; /* of p=; NULL without */
	char *username; /* =2C and =3D undone (=2D read as a comma too: libpurple writes that) */
	char *authzid;  /* or NULL */
	char *client_first_bare;
	char *server_first;
	char *nonce;
	struct scram_keys keys;
};

/* Section 5: client-first-message. Sets username, authzid and binding_name. Refuses extensions
 * (m=). */
enum scram_result scram_client_first(struct scram *scram, struct arena *arena, enum digest digest,
    bool plus, bool plus_offered, const char *message, size_t length);
/* Makes server-first-message with the account's keys; `server_nonce` NULL: random (tests give one).
 */
const char *scram_server_first(
    struct scram *scram, const struct scram_keys *keys, const char *server_nonce);
/* client-final-message against the connection's binding data (NULL without). On SCRAM_OK the
 * server-final-message is in `final_out`. */
enum scram_result scram_client_final(struct scram *scram, const char *message, size_t length,
    const unsigned char *binding, size_t binding_length, const char **final_out);

#endif
