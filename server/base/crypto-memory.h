/* crypto-memory.h - where libcrypto and libssl take their memory from; for crypto.c. */
#ifndef GODWIT_BASE_CRYPTO_MEMORY_H
#define GODWIT_BASE_CRYPTO_MEMORY_H

/* Before anything else of theirs is called; later it has no effect. */
void crypto_memory_init(void);

#endif
