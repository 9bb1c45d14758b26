/* address-private.h - what the listener asks of address.c. */
#ifndef GODWIT_NET_ADDRESS_PRIVATE_H
#define GODWIT_NET_ADDRESS_PRIVATE_H

struct address;
struct sockaddr;

/* Counts a connection in and returns its handle; NULL if a limit refuses it, with the limit's name
 * in `limit_out` (constant). `text_out`, ADDRESS_TEXT_BYTES, gets what is counted in either case.
 * On the first worker. */
struct address *address_admit(const struct sockaddr *peer, const char **limit_out, char *text_out);
#define ADDRESS_TEXT_BYTES 64

/* A listener starts, or is gone: the last one takes the table along. Handles stay valid. */
void address_table_open(void);
void address_table_close(void);

#endif
