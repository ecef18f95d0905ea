/*
 * Names for things: short, typed without quoting, lower case, without letters that look alike.
 */
#pragma once

#include <stddef.h>

enum { IDS_NONCE_LENGTH = 26, IDS_BATCH_LENGTH = 8 };

/* 128 random bits as 26 letters of Crockford's base 32 in lower case; out holds IDS_NONCE_LENGTH
 * + 1. */
void ids_nonce(char *out);

/* The batch id that belongs to a token: 8 letters (40 bits) of a hash of it, the same on every
 * call. Pipelines are "<batch>-<index from 1>", stages "<pipeline>/<stage id>". out holds
 * IDS_BATCH_LENGTH + 1. */
void ids_batch(const char *token, char *out);
