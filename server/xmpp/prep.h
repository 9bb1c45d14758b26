/* prep.h - preparing the parts of an address: the file that speaks to ICU. See jid.h for the rules.
 * Each function writes the prepared part, without a NUL, to `out`, and returns its length, which is
 * 0 if the part is not valid (an empty one is not). */
#ifndef GODWIT_XMPP_PREP_H
#define GODWIT_XMPP_PREP_H

#include <stddef.h>

#include "xmpp/jid.h"

enum prep_mode {
	PREP_LENIENT, /* code points that Unicode 3.2 does not know are let through */
	PREP_STRICT
};

/* Opens ICU's profiles; once is enough. */
void prep_init(void);

size_t prep_node(
    const char *bytes, size_t length, enum prep_mode mode, char out[JID_PART_MAX_BYTES]);
size_t prep_domain(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES]);
size_t prep_password(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES]);
size_t prep_resource(const char *bytes, size_t length, char out[JID_PART_MAX_BYTES]);

#endif
