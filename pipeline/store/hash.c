/*
 * SHA-256 of files and texts: the one home of libcrypto.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/alloc.h"
#include "pipeline/store/backend.h"

enum { READ_BYTES = 256 << 10 };

static void digest_freep(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

static void show_hex(const unsigned char *digest, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[digest[i] >> 4];
		*out++ = digits[digest[i] & 15];
	}
	*out = '\0';
}

static bool feed(EVP_MD_CTX *digest, int fd, int64_t *bytes, struct err *err)
{
	DEFER(freep) unsigned char *piece = xmalloc(READ_BYTES);
	ssize_t got;

	for (;;) {
		got = read(fd, piece, READ_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_RETRY, "read");
		if (got == 0)
			return true;
		*bytes += got;
		if (EVP_DigestUpdate(digest, piece, (size_t)got) != 1)
			return err_set(err, ERR_RETRY, "SHA-256 failed in libcrypto");
	}
}

bool store_hash_file(int fd, char out[STORE_HEX_BYTES], int64_t *out_bytes, struct err *err)
{
	DEFER(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int64_t bytes = 0;

	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		return err_set(err, ERR_RETRY, "SHA-256 is not available in libcrypto");
	if (!feed(digest, fd, &bytes, err))
		return false;
	if (EVP_DigestFinal_ex(digest, hash, &len) != 1)
		return err_set(err, ERR_RETRY, "SHA-256 failed in libcrypto");
	show_hex(hash, len, out);
	*out_bytes = bytes;
	return true;
}

void store_hash_text(const char *text, size_t len, char out[STORE_HEX_BYTES])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;

	/* Without SHA-256 no media could have been stored: an empty answer is never seen. */
	if (EVP_Digest(text, len, hash, &hash_len, EVP_sha256(), NULL) != 1)
		hash_len = 0;
	show_hex(hash, hash_len, out);
}
