/* blowfish.c - see blowfish.h. */
#include "base/blowfish.h"

#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/mem.h"

#define KEY_MIN_BYTES 4
#define KEY_MAX_BYTES 56

struct blowfish {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *provider;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
};

static bool key_set(struct blowfish *blowfish, const void *key, size_t length)
{
	blowfish->library = OSSL_LIB_CTX_new();
	blowfish->provider = OSSL_PROVIDER_load(blowfish->library, "legacy");
	if (blowfish->provider == NULL)
		return false;
	blowfish->cipher = EVP_CIPHER_fetch(blowfish->library, "BF-CBC", NULL);
	blowfish->context = EVP_CIPHER_CTX_new();
	return blowfish->cipher != NULL &&
	       EVP_DecryptInit_ex2(blowfish->context, blowfish->cipher, NULL, NULL, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_key_length(blowfish->context, (int)length) == 1 &&
	       EVP_CIPHER_CTX_set_padding(blowfish->context, 0) == 1 &&
	       EVP_DecryptInit_ex2(blowfish->context, NULL, key, NULL, NULL) == 1;
}

struct blowfish *blowfish_new(const void *key, size_t length)
{
	struct blowfish *blowfish;

	if (length < KEY_MIN_BYTES || length > KEY_MAX_BYTES)
		return NULL;
	blowfish = mem_alloc_zero(sizeof *blowfish);
	if (!key_set(blowfish, key, length))
		blowfish_free(&blowfish);
	return blowfish;
}

void blowfish_free(struct blowfish **blowfish_in)
{
	struct blowfish *blowfish = *blowfish_in;

	if (blowfish == NULL)
		return;
	*blowfish_in = NULL;
	EVP_CIPHER_CTX_free(blowfish->context);
	EVP_CIPHER_free(blowfish->cipher);
	if (blowfish->provider != NULL)
		OSSL_PROVIDER_unload(blowfish->provider);
	OSSL_LIB_CTX_free(blowfish->library);
	mem_free(blowfish);
}

bool blowfish_decrypt(struct blowfish *blowfish, const unsigned char iv[BLOWFISH_BLOCK_BYTES],
    const void *bytes, size_t length, unsigned char *out)
{
	int got;

	return length % BLOWFISH_BLOCK_BYTES == 0 &&
	       EVP_DecryptInit_ex2(blowfish->context, NULL, NULL, iv, NULL) == 1 &&
	       EVP_DecryptUpdate(blowfish->context, out, &got, bytes, (int)length) == 1 &&
	       (size_t)got == length;
}
