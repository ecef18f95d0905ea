/*
 * The spec's vocabulary as data: which names a map may hold, and what each may be. The validator
 * (check.c), the published JSON Schema (schema.c) and the reference (docs/spec.md, by a test) all
 * read these tables, so they cannot disagree.
 *
 * A table ends with a zeroed row.
 */
#pragma once

#include <stdbool.h>

enum field_type {
	FIELD_TEXT,   /* min..max characters */
	FIELD_NUMBER, /* min..max */
	FIELD_INT,    /* min..max */
	FIELD_BOOL,
	FIELD_WORD,	  /* one of words */
	FIELD_DURATION,	  /* "5m", "1.5s", 30: becomes milliseconds */
	FIELD_SECONDS,	  /* 8, 7.5, "8s": becomes seconds, min..max */
	FIELD_RATIO,	  /* "9:16" */
	FIELD_RESOLUTION, /* "1080p", "1080x1920" */
	FIELD_COLOR,	  /* "#RRGGBB", "#RRGGBBAA", a name */
	FIELD_LOUDNESS,	  /* LUFS or false */
	FIELD_MEDIA,	  /* a path, "m_…" or a stage */
	FIELD_MODEL,	  /* an id, a list of ids, "auto" */
	FIELD_PROFILE,	  /* an id of the catalogue */
	FIELD_CONFORM,	  /* the same, of one that says how to conform */
	FIELD_PUBLISHER,
	FIELD_CONDITION,  /* a bare expression over the context */
	FIELD_TEST,	  /* a bare expression over measurements */
	FIELD_CLASS,	  /* a verdict class that retry may name */
	FIELD_VERDICT,	  /* any verdict class that a stage may end with */
	FIELD_STAGES,	  /* a list of stage ids, or one */
	FIELD_OBJECT,	  /* a map of fields */
	FIELD_LIST,	  /* a list, each item by fields[0] */
	FIELD_OPERATIONS, /* a list of one-name maps out of the operations table */
	FIELD_ANY,	  /* passed through */
};

enum field_flag {
	FIELD_REQUIRED = 1,
	FIELD_STATIC = 2, /* no ${{ }} */
	FIELD_EARLY = 4,  /* ${{ }} without .stages: it must be known at submit */
	FIELD_APART = 8,  /* read by the parser itself, no member of the definition */
	FIELD_CROSS = 16, /* checked against other fields when all are known */
};

struct field {
	const char *name;
	enum field_type type;
	unsigned flags;
	double min, max; /* both 0: no limits */
	const char *const *words;
	const struct field *fields;
	const char *help;
};

enum input_kind {
	INPUT_NONE,	/* the value is no input: generate */
	INPUT_STAGE,	/* a stage */
	INPUT_MEDIA,	/* a stage or a media file */
	INPUT_OPTIONAL, /* a stage, true or nothing: noop */
};

struct stage_kind {
	const char *name; /* as it stands in the spec */
	enum input_kind input;
	bool is_gate;
	const char *lane;
	const struct field *fields;
	const char *help;
};

extern const struct stage_kind stage_kinds[]; /* ends with a zeroed row */
extern const struct field common_fields[];    /* of every stage */
extern const struct field operation_fields[]; /* of edit: each an object of its arguments */
extern const struct field top_fields[];	      /* of the spec itself */
extern const struct field schedule_fields[];
extern const struct field budget_fields[];
extern const struct field default_fields[];   /* in `defaults`, beside the stage types */
extern const char *const kinds_of_generate[]; /* what there is a model for */

const struct stage_kind *stage_kind_find(const char *name); /* NULL: none */
const struct field *field_find(const struct field *fields, const char *name);
