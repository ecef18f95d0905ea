/*
 * What the files of the expression language share. No one else includes this.
 *
 *      expr.c       sets, handles, plain paths, templates, rendering
 *      expr_scan.c  jq's tokens: brackets, where a template's expression ends, which names are read
 *      expr_jq.c    the one home of libjq: the closed wrapper, compile, run, limits
 */
#pragma once

#include "base/alloc.h"
#include "base/buf.h"
#include "pipeline/spec/expr.h"

enum {
	EXPR_MAX_BYTES = 16384, /* of one expression */
	EXPR_MAX_DEPTH = 64,	/* of brackets */
	EXPR_MAX_COUNT = 4000,	/* in a set: 32 stages of some 100 fields */
};

/* A name read from the context, and the one behind it: .stages.draft.outputs -> stages, draft. */
struct expr_path {
	const char *root, *second; /* second NULL: not a fixed name */
};

struct expr_facts {
	unsigned roots;
	bool is_unknowable;	/* uses the context as a whole: keys, $c, a bare dot */
	bool has_unknown_names; /* functions or variables that only jq's compiler can judge */
	struct expr_path *paths;
	size_t path_count;
};

/* Checks quotes and brackets, and finds out what is read. `length` bytes of text. */
bool expr_scan(const char *text, size_t length, struct arena *arena, struct expr_facts *facts,
	       struct err *err) MUST_CHECK;

/* ---- expr_jq.c ---- */

struct expr_program;

/* Parses one expression, without looking at what its names mean: 0.1 ms. */
bool expr_check_syntax(const char *text, struct err *err) MUST_CHECK;

/* Compiles all texts into one program: tens of ms. On failure *out_bad is the index of the culprit.
 */
bool expr_program_new(const char *const *texts, size_t count, struct expr_program **out,
		      size_t *out_bad, struct err *err) MUST_CHECK;
void expr_program_free(struct expr_program *program);

/* Calls visit with each value of one expression until it returns false. */
bool expr_program_run(struct expr_program *program, size_t index, const json_t *input,
		      bool (*visit)(void *context, const json_t *value), void *context,
		      struct err *err) MUST_CHECK;
