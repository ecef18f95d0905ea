/*
 * The one expression language: jq, through libjq (its home), closed so that it reads neither files
 * nor the environment.
 *
 * Two forms: a template ("Ad for ${{ .matrix.hook }}", where an expression that is the whole text
 * keeps its JSON type), and a bare expression (`if`, `require`, `when`, `--jq`). Plain paths (.a.b,
 * .a[0], .a["b"]) are evaluated without libjq, because compiling a jq program costs about 20 ms and
 * a run 30 us; everything else goes into one jq program compiled once on first use.
 *
 * libjq has no step limit: whoever runs a user's expression does it in a process with CPU and
 * memory limits (RACES 21: never the supervisor, never the remote worker). jq 1.6 is the floor.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A set of expressions that are compiled together. */
struct expr_set;

struct expr_set *expr_set_new(void);
void expr_set_free(struct expr_set *set);
void expr_set_freep(struct expr_set **set);

/* Adds an expression and checks its syntax alone (0.1 ms); gives its handle. ERR_REJECT: what jq
 * said, position inside the text. Whether all its functions and variables exist is known from
 * expr_check on, which expr_eval calls. */
bool expr_add(struct expr_set *set, const char *text, int *out, struct err *err) MUST_CHECK;
bool expr_add_template(struct expr_set *set, const char *text, int *out,
		       struct err *err) MUST_CHECK;

/* Compiles the set, when something in it needs jq's word. On failure *out_handle is the culprit;
 * what expr_add_template gave is blamed for its parts. */
bool expr_check(struct expr_set *set, int *out_handle, struct err *err) MUST_CHECK;

/* A template that is one expression and nothing else keeps its type. */
bool expr_is_template(const char *text);     /* holds "${{" */
long expr_template_length(const char *text); /* of the expression behind a "${{", -1: not closed */
bool expr_is_plain(const struct expr_set *set, int handle); /* evaluated without libjq */
bool expr_is_whole(const struct expr_set *set, int handle);

/* The top-level names it reads ("matrix", "vars", "stages", ...) as bits of enum expr_root;
 * unknowable = all bits. */
enum expr_root {
	EXPR_MATRIX = 1,
	EXPR_VARS = 2,
	EXPR_STAGES = 4,   /* results of earlier stages: cannot be folded at submit */
	EXPR_PIPELINE = 8, /* name, index, labels, batch */
	EXPR_OTHER = 16,
};
unsigned expr_roots(const struct expr_set *set, int handle);
/* Stage ids a plain `.stages.ID...` path mentions, for dependencies: calls visit for each. */
void expr_each_stage(const struct expr_set *set, int handle,
		     void (*visit)(void *context, const char *stage), void *context);

/* The names it reads, as far as they are fixed: .matrix.hook -> "matrix", "hook". `second` is NULL
 * where none is written. Not called for an unknowable expression's hidden reads. */
void expr_each_path(const struct expr_set *set, int handle,
		    void (*visit)(void *context, const char *root, const char *second),
		    void *context);

/* First value of the expression on `input` (borrowed); no value at all gives null. The result is
 * the caller's. ERR_REJECT with jq's message when it raises an error. */
bool expr_eval(struct expr_set *set, int handle, const json_t *input, json_t **out,
	       struct err *err) MUST_CHECK;

/* All values, for `--jq`: calls visit for each; it borrows. */
bool expr_eval_all(struct expr_set *set, int handle, const json_t *input,
		   bool (*visit)(void *context, const json_t *value), void *context,
		   struct err *err) MUST_CHECK;

/* jq's notion of truth: everything but null and false. */
bool expr_truth(const json_t *value);

/* Renders every string with ${{ }} anywhere inside `value`; the result is the caller's. A member of
 * an object that renders to null is left out. Error text names the path inside. */
bool expr_render(const json_t *value, const json_t *input, json_t **out,
		 struct err *err) MUST_CHECK;

/* A rendered text that must not be taken for a template again: each "${{" in it becomes an
 * expression that gives "${{". Caller frees. */
char *expr_escape(const char *text);

/* How a process ends whose expression used up what expr_limit_process allowed. */
enum { EXPR_LIMIT_EXIT = 2 };

/* CPU seconds and bytes of address space for the rest of this process, with a clear last line when
 * they are used up: what a process calls before it runs a user's expression. */
void expr_limit_process(unsigned cpu_s, uint64_t address_bytes);
