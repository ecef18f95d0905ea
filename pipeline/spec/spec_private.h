/*
 * What the files of the spec share. No one else includes this.
 *
 *      parse.c      the spec's own members, by the tables of fields.c
 *      parse_stage.c  its stages and defaults
 *      check.c      one value against one field; expressions become holes
 *      check_value.c  the single kinds of value
 *      generate.c   models, pictures' sizes and whatever else several fields decide together
 *      graph.c      who waits for whom, and why
 *      matrix.c     variants, matrix_list.c their files
 *      expand.c     holes filled, per variant
 */
#pragma once

#include <jansson.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/yaml.h"
#include "pipeline/spec/catalogue.h"
#include "pipeline/spec/expr.h"
#include "pipeline/spec/fields.h"
#include "pipeline/spec/spec.h"

enum {
	SPEC_MAX_STAGES = 32,
	SPEC_MAX_VARIANTS = 20000,
	SPEC_MAX_AXES = 32,
	SPEC_MAX_TEXT_FILE = 4 << 20,
	SPEC_PATH = 256, /* of a place in the spec, as shown in errors */
};

/* A value of a definition that is not known when the spec is read. In the definition's tree stands
 * its marker instead, a text of "\1NUMBER\1"; no text of a spec may hold that character. */
struct hole {
	int handle;		   /* the expression; -1: a media path, `text` */
	const struct field *field; /* what the value must be */
	const char *path;	   /* where it stands in the spec */
	const char *text;	   /* as written */
	bool is_late;		   /* reads .stages: stays as written, for the media worker */
	bool is_nested;		   /* inside operations, attach, …: null is refused */
};

/* An expression of the late set, and where it is written: for errors found later. */
struct late {
	int handle;
	const char *path;
	struct stage *stage;
	unsigned allowed;
};

/* What one stage needs another for; in the order in which it is blamed for a cycle. */
enum reason { REASON_INPUT, REASON_READS, REASON_NEEDS, REASON_GATE, REASONS };

struct stage {
	const char *id;
	const char *path; /* "stages.draft" */
	const struct stage_kind *kind;
	json_t *definition; /* owned; with markers */
	size_t hole_first, hole_end;
	bool has_cross_holes; /* fields that are checked together are not all known */
	uint32_t waits[REASONS];
	bool opens_gates;	  /* gate: false */
	struct spec_stage limits; /* retry and timeouts, read */
	bool has_on_fail, has_retry_classes;
};

struct spec {
	struct arena arena;
	struct yaml_doc *doc;
	const char *name;
	const struct catalogue *catalogue;
	struct expr_set *set;  /* what can be folded; holes that are not late have handles of it */
	struct expr_set *late; /* all expressions, and those over measurements: for checks alone */
	struct stage stages[SPEC_MAX_STAGES];
	size_t stage_count;
	struct late *lates;
	size_t late_count, late_capacity;
	struct hole *holes;
	size_t hole_count, hole_capacity;
	const char *
		*axes; /* names that .matrix may have; the columns of {csv:} come at expansion */
	size_t axis_count;
	bool has_open_axes; /* matrix: {csv: …} */
	const char *name_variants;
	int *name_handles; /* of the set: its ${{ }}, in order */
	size_t name_handle_count;
	struct spec_batch batch; /* name, labels, priority, … */
};

/* ---- check.c ---- */

struct check {
	struct spec *spec;
	struct stage *stage; /* NULL outside of stages */
	struct err *err;
	bool is_folded; /* values come out of holes: no expressions any more */
	bool is_nested;
	const char *variant; /* when folded: whose */
};

/* Checks value against field; *out is what the definition holds (owned by the caller). */
bool check_value(struct check *check, const struct field *field, const json_t *value,
		 const char *path, json_t **out) MUST_CHECK;

/* A map against a table, into a new object. `skip` (may be NULL) are names that are no fields. */
bool check_object(struct check *check, const struct field *fields, const json_t *value,
		  const char *path, json_t **out) MUST_CHECK;

/* Fills err: "file:line:column: path: text", and in which variant. Returns false. */
bool check_refuse(const struct check *check, const char *path, const char *format, ...)
	PRINTF_LIKE(3, 4);

bool check_refuse_type(const struct check *check, const char *path, const char *expected,
		       const json_t *found);

/* "path: unknown name, did you mean …", at the name. */
bool check_refuse_name(const struct check *check, const char *path, const char *name,
		       const char *const *known, size_t count);

/* Are all names that the expression (of the late set) reads there? Notes the stages it waits for.
 */
bool check_reads(struct check *check, int handle, const char *path, unsigned allowed) MUST_CHECK;

/* Adds an expression or template to the late set, and checks what it reads. */
typedef bool expr_add_fn(struct expr_set *set, const char *text, int *out, struct err *err);
bool check_late(struct check *check, expr_add_fn *add, const char *text, const char *path,
		unsigned allowed, int *out_handle) MUST_CHECK;

char *check_path(struct spec *spec, const char *path, const char *name);
char *check_path_item(struct spec *spec, const char *path, size_t index);

int spec_stage_index(const struct spec *spec, const char *id); /* -1: none */
bool check_stage_ref(struct check *check, const char *id, const char *path,
		     enum reason reason) MUST_CHECK;

/* The marker of hole `number`, and back (-1: none). */
json_t *hole_marker(size_t number);
long hole_number(const json_t *value);

/* ---- check_value.c: kinds of value without expressions; *out is owned by the caller ---- */

bool check_plain(struct check *check, const struct field *field, const json_t *value,
		 const char *path, json_t **out) MUST_CHECK;

/* ---- parse_stage.c ---- */

bool stages_collect(struct check *check, const json_t *stages) MUST_CHECK; /* their ids */
bool stages_parse_defaults(struct check *check, const json_t *defaults) MUST_CHECK;
bool stage_parse(struct check *check, const json_t *value) MUST_CHECK; /* check->stage */

/* ---- generate.c ---- */

/* What several fields of a stage decide together; markers are left alone. `tree` is the definition,
 * which it completes (defaults, model, width and height). */
bool check_together(struct check *check, json_t *tree, const char *path) MUST_CHECK;

/* Something a person should know; said once however often it is noted. */
void spec_notice(struct spec *spec, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- graph.c ---- */

/* Fills in what gates add, and refuses cycles. */
bool graph_complete(struct spec *spec, struct err *err) MUST_CHECK;
uint32_t graph_inputs(const struct stage *stage);
uint32_t graph_needs(const struct stage *stage);
uint32_t graph_gates(const struct spec *spec, size_t index); /* gates that stand before it */

/* ---- matrix.c ---- */

/* Checks what can be checked without its files, and learns the names of the axes. */
bool matrix_check(struct check *check, const json_t *matrix) MUST_CHECK;

/* The variants' `matrix` values, in order. Caller owns the list. */
bool matrix_expand(struct check *check, const struct spec_files *files, json_t **out) MUST_CHECK;

/* csv.c: {column: text} rows of an RFC 4180 text with a header. */
bool csv_parse(const char *text, json_t **out_rows, struct err *err) MUST_CHECK;

/* ---- name.c ---- */

bool name_check(struct check *check, const char *pattern) MUST_CHECK;
/* The variant's name, in the arena; `context` has all members but name. */
bool name_render(struct check *check, const json_t *context, struct arena *arena,
		 const char **out) MUST_CHECK;

/* ---- extra.c: schedule and budget ---- */

bool extra_check_schedule(struct check *check, json_t *schedule) MUST_CHECK;
bool extra_check_budget(struct check *check, const json_t *written, json_t *budget) MUST_CHECK;
