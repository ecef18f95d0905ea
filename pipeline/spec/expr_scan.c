/*
 * A light reader of jq's tokens. It answers three questions without libjq, whose compiler takes 20
 * ms and tells none of them: do quotes and brackets match (an expression that closes a bracket it
 * did not open would break out of the wrapper), where does a template's expression end, and which
 * names of the context can it read.
 *
 * The last answer is allowed to be too large, never too small. What stands behind a pipe works on
 * what came through the pipe, so only terms in front of any pipe of their bracket read the context.
 * Where `.`, a function or $c uses the context as a whole there, everything may be read.
 */
#include "pipeline/spec/expr_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct level {
	char open;	    /* ( [ { or i for if */
	bool is_piped_base; /* what a new branch in this bracket starts with */
	bool is_piped;	    /* a pipe stands before */
	bool is_binding;    /* `as $x` was read: its pipe leaves the input as it was */
	const char *call;   /* ( of a call: its name */
	size_t call_length, arity;
};

struct scan {
	const char *text, *at, *end;
	struct arena *arena;
	struct expr_facts *facts; /* NULL: only look for the end of a template */
	struct err *err;
	struct level levels[EXPR_MAX_DEPTH + 1];
	size_t depth;
	bool is_after_term; /* a following .name goes on from a value */
};

static bool refuse(const struct scan *scan, const char *text)
{
	return err_set(scan->err, ERR_REJECT, "%s at character %zu", text,
		       (size_t)(scan->at - scan->text) + 1);
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool is_name_part(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t name_length(const char *at)
{
	const char *from = at;

	if (!is_name_start(*at))
		return 0;
	while (is_name_part(*at))
		at++;
	return (size_t)(at - from);
}

static bool is_word(const char *at, size_t length, const char *words)
{
	const char *found = words;

	while ((found = strstr(found, " ")) && found[1]) {
		if (!strncmp(found + 1, at, length) && found[1 + length] == ' ')
			return true;
		found++;
	}
	return false;
}

static struct level *top(struct scan *scan)
{
	return &scan->levels[scan->depth];
}

static bool reads_context(struct scan *scan)
{
	return scan->facts && !top(scan)->is_piped;
}

static void note_all(struct scan *scan)
{
	if (!scan->facts)
		return;
	scan->facts->is_unknowable = true;
	scan->facts->roots |= EXPR_MATRIX | EXPR_VARS | EXPR_STAGES | EXPR_PIPELINE | EXPR_OTHER;
}

static unsigned root_bit(const char *name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} roots[] = {
		{ "matrix", EXPR_MATRIX },	 { "vars", EXPR_VARS },
		{ "stages", EXPR_STAGES },	 { "labels", EXPR_PIPELINE },
		{ "name", EXPR_PIPELINE },	 { "index", EXPR_PIPELINE },
		{ "batch_name", EXPR_PIPELINE },
	};

	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		if (!strcmp(roots[i].name, name))
			return roots[i].bit;
	return EXPR_OTHER;
}

static void note_path(struct scan *scan, char *root, char *second)
{
	struct expr_facts *facts = scan->facts;
	struct expr_path *paths =
		arena_alloc(scan->arena, (facts->path_count + 1) * sizeof(*paths));

	if (facts->path_count)
		memcpy(paths, facts->paths, facts->path_count * sizeof(*paths));
	paths[facts->path_count++] = (struct expr_path){ root, second };
	facts->paths = paths;
	facts->roots |= root_bit(root);
}

/* Functions of jq 1.6 that have no input or output beside the value: what `jq -n builtins` lists,
 * less FORBIDDEN. */
static const char KNOWN[] =
	" IN/1 IN/2 INDEX/1 INDEX/2 JOIN/2 JOIN/3 JOIN/4 acos/0 acosh/0 add/0 all/0 all/1 all/2 any/0 "
	"any/1 any/2 arrays/0 ascii_downcase/0 ascii_upcase/0 asin/0 asinh/0 atan/0 atan2/2 atanh/0 "
	"booleans/0 bsearch/1 builtins/0 capture/1 capture/2 cbrt/0 ceil/0 combinations/0 "
	"combinations/1 contains/1 copysign/2 cos/0 cosh/0 del/1 delpaths/1 drem/2 empty/0 endswith/1 "
	"error/0 error/1 exp/0 exp10/0 exp2/0 explode/0 expm1/0 fabs/0 fdim/2 finites/0 first/0 "
	"first/1 flatten/0 flatten/1 floor/0 fma/3 fmax/2 fmin/2 fmod/2 format/1 frexp/0 "
	"from_entries/0 fromdate/0 fromdateiso8601/0 fromjson/0 fromstream/1 gamma/0 getpath/1 "
	"gmtime/0 group_by/1 gsub/2 gsub/3 has/1 hypot/2 implode/0 in/1 index/1 indices/1 infinite/0 "
	"inside/1 isempty/1 isfinite/0 isinfinite/0 isnan/0 isnormal/0 iterables/0 join/1 keys/0 "
	"keys_unsorted/0 last/0 last/1 ldexp/2 leaf_paths/0 length/0 limit/2 localtime/0 log/0 "
	"log10/0 log1p/0 log2/0 logb/0 ltrimstr/1 map/1 map_values/1 match/1 match/2 max/0 max_by/1 "
	"min/0 min_by/1 mktime/0 modf/0 nan/0 nearbyint/0 normals/0 not/0 now/0 nth/1 nth/2 nulls/0 "
	"numbers/0 objects/0 path/1 paths/0 paths/1 pow/2 range/1 range/2 range/3 recurse/0 recurse/1 "
	"recurse/2 remainder/2 repeat/1 reverse/0 rindex/1 rint/0 round/0 rtrimstr/1 scalars/0 scan/1 "
	"select/1 setpath/2 sin/0 sinh/0 sort/0 sort_by/1 split/1 split/2 splits/1 splits/2 sqrt/0 "
	"startswith/1 strflocaltime/1 strftime/1 strings/0 strptime/1 sub/2 sub/3 tan/0 tanh/0 test/1 "
	"test/2 to_entries/0 todate/0 todateiso8601/0 tojson/0 tonumber/0 tostream/0 tostring/0 "
	"transpose/0 trunc/0 truncate_stream/1 type/0 unique/0 unique_by/1 until/2 utf8bytelength/0 "
	"values/0 walk/1 while/2 with_entries/1 true/0 false/0 null/0 ";

static const char FORBIDDEN[] = " env input inputs debug stderr halt halt_error input_filename "
				"input_line_number modulemeta get_search_list get_jq_origin "
				"get_prog_origin import include ";

/* A function was named; `arity` arguments. */
static void note_function(struct scan *scan, const char *name, size_t length, size_t arity)
{
	char key[48];

	if (!scan->facts)
		return;
	snprintf(key, sizeof(key), " %.*s/%zu ", (int)(length > 32 ? 32 : length), name, arity);
	if (!strstr(KNOWN, key))
		scan->facts->has_unknown_names = true;
}

/* ---- paths ---- */

/* The text between plain double quotes at *at, without escapes or interpolation; moves past it. */
static char *take_plain_string(struct scan *scan, const char **at)
{
	const char *from = *at + 1, *to = from;

	while (to < scan->end && *to != '"' && *to != '\\')
		to++;
	if (to >= scan->end || *to != '"')
		return NULL;
	*at = to + 1;
	return arena_strndup(scan->arena, from, (size_t)(to - from));
}

/* A fixed name behind a value: .name  ."name"  ["name"]  .["name"]. NULL, nothing moved: none. */
static char *take_step(struct scan *scan)
{
	const char *at = scan->at;
	char *name;

	if (*at == '.' && is_name_start(at[1])) {
		size_t length = name_length(at + 1);

		scan->at = at + 1 + length;
		return arena_strndup(scan->arena, at + 1, length);
	}
	at += *at == '.';
	if (*at == '"' && at > scan->at) {
		name = take_plain_string(scan, &at);
		if (name)
			scan->at = at;
		return name;
	}
	if (at[0] != '[' || at[1] != '"')
		return NULL;
	at++;
	name = take_plain_string(scan, &at);
	if (!name || *at != ']')
		return NULL;
	scan->at = at + 1;
	return name;
}

/* At a dot, or behind $c: the beginning of a path from the context. */
static void scan_context_path(struct scan *scan, bool is_dot)
{
	char *root = take_step(scan);

	scan->is_after_term = true;
	if (root) {
		note_path(scan, root, take_step(scan));
		return;
	}
	if (is_dot)
		scan->at++;
	note_all(scan);
}

/* ---- tokens ---- */

static bool scan_token(struct scan *scan);

static bool push(struct scan *scan, char open)
{
	bool is_piped = top(scan)->is_piped;

	if (scan->depth == EXPR_MAX_DEPTH)
		return refuse(scan, "brackets nested too deep");
	scan->levels[++scan->depth] = (struct level){
		.open = open,
		.is_piped_base = is_piped,
		.is_piped = is_piped,
	};
	scan->is_after_term = false;
	return true;
}

static void restart_branch(struct scan *scan)
{
	top(scan)->is_piped = top(scan)->is_piped_base;
	top(scan)->is_binding = false;
	scan->is_after_term = false;
}

static char opener_of(char close)
{
	return close == ')' ? '(' : close == ']' ? '[' : '{';
}

static bool pop(struct scan *scan)
{
	char text[] = "')' without its opening bracket";

	while (scan->depth && top(scan)->open == 'i')
		scan->depth--; /* an `if` without `end`: jq will say so */
	text[1] = *scan->at;
	if (!scan->depth || top(scan)->open != opener_of(*scan->at))
		return refuse(scan, text);
	if (top(scan)->call)
		note_function(scan, top(scan)->call, top(scan)->call_length, top(scan)->arity);
	scan->depth--;
	scan->at++;
	scan->is_after_term = true;
	return true;
}

/* A text with \( ) inside, which may hold texts again. */
static bool scan_string(struct scan *scan)
{
	const char *from = scan->at;
	size_t depth = scan->depth;

	for (scan->at++; scan->at < scan->end && *scan->at != '"';) {
		if (*scan->at != '\\') {
			scan->at++;
		} else if (scan->at[1] != '(') {
			scan->at += scan->at + 1 < scan->end ? 2 : 1;
		} else {
			scan->at++;
			if (!push(scan, '('))
				return false;
			scan->at++;
			while (scan->depth > depth)
				if (!scan_token(scan))
					return false;
		}
	}
	if (scan->at >= scan->end) {
		scan->at = from;
		return refuse(scan, "a text without its closing quote");
	}
	scan->at++;
	scan->is_after_term = true;
	return true;
}

static bool scan_keyword(struct scan *scan, const char *at, size_t length)
{
	scan->is_after_term = false;
	if (is_word(at, length, " if "))
		return push(scan, 'i');
	if (is_word(at, length, " then elif else ") && top(scan)->open == 'i')
		restart_branch(scan);
	if (is_word(at, length, " end ")) {
		scan->depth -= top(scan)->open == 'i';
		scan->is_after_term = true;
	}
	if (is_word(at, length, " as "))
		top(scan)->is_binding = true;
	/* functions and labels of its own: no telling what their dots are */
	if (is_word(at, length, " def label reduce foreach "))
		note_all(scan);
	return true;
}

static bool is_object_key(const struct scan *scan, const char *from)
{
	const char *at = from;

	if (scan->levels[scan->depth].open != '{')
		return false;
	while (at > scan->text && isspace((unsigned char)at[-1]))
		at--;
	return at > scan->text && (at[-1] == '{' || at[-1] == ',');
}

static bool scan_function(struct scan *scan, const char *name, size_t length, const char *bracket)
{
	if (reads_context(scan) &&
	    !is_word(name, length, " true false null range now empty infinite nan "))
		note_all(scan);
	scan->is_after_term = true;
	if (!bracket) {
		note_function(scan, name, length, 0);
		return true;
	}
	scan->at = bracket + 1;
	if (!push(scan, '('))
		return false;
	top(scan)->call = name;
	top(scan)->call_length = length;
	top(scan)->arity = 1;
	return true;
}

static bool scan_name(struct scan *scan)
{
	const char *from = scan->at, *next;
	size_t length = name_length(from);
	bool is_key = is_object_key(scan, from);
	char text[96];

	scan->at += length;
	for (next = scan->at; next < scan->end && isspace((unsigned char)*next);)
		next++;
	scan->is_after_term = true;
	if (is_key && *next == ':')
		return true;
	if (is_key) { /* {matrix} is {matrix: .matrix} */
		if (reads_context(scan))
			note_path(scan, arena_strndup(scan->arena, from, length), NULL);
		return true;
	}
	if (is_word(from, length, FORBIDDEN)) {
		scan->at = from;
		snprintf(text, sizeof(text), "'%.*s' is not available in expressions", (int)length,
			 from);
		return refuse(scan, text);
	}
	if (is_word(from, length,
		    " if then elif else end as def label reduce foreach and or try catch __loc__ "))
		return scan_keyword(scan, from, length);
	return scan_function(scan, from, length, *next == '(' ? next : NULL);
}

static bool scan_variable(struct scan *scan)
{
	size_t length = name_length(scan->at + 1);
	bool is_context = length == 1 && scan->at[1] == 'c';

	if (!strncmp(scan->at, "$__", 3) && !(length == 7 && !strncmp(scan->at, "$__loc__", 8)))
		return refuse(scan, "names that begin with '$__' are not available");
	scan->at += 1 + length;
	scan->is_after_term = true;
	if (is_context && scan->facts)
		scan_context_path(scan, false);
	else if (scan->facts)
		scan->facts->has_unknown_names = true;
	return true;
}

static bool scan_dot(struct scan *scan)
{
	if (scan->at[1] == '.') {
		scan->at += 2;
		if (reads_context(scan))
			note_all(scan);
		scan->is_after_term = true;
	} else if (isdigit((unsigned char)scan->at[1])) {
		scan->at++;
		scan->is_after_term = true;
	} else if (reads_context(scan) && !scan->is_after_term) {
		scan_context_path(scan, true);
	} else {
		scan->at++;
		scan->at += name_length(scan->at);
		scan->is_after_term = true;
	}
	return true;
}

static bool scan_operator(struct scan *scan)
{
	char c = *scan->at, next = scan->at + 1 < scan->end ? scan->at[1] : '\0';

	scan->is_after_term = c == '?';
	scan->at++;
	if (c == '|' && next != '=') {
		if (!top(scan)->is_binding)
			top(scan)->is_piped = true;
		top(scan)->is_binding = false;
	} else if (c == ';' || (c == ',' && top(scan)->open == '{')) {
		top(scan)->arity++;
		restart_branch(scan);
	} else if ((c == '=' || c == '!' || c == '<' || c == '>') && next == '=') {
		scan->at++;
	} else if (c == '=' || next == '=') { /* assignments give the whole context back */
		scan->at += next == '=';
		if (reads_context(scan))
			note_all(scan);
	}
	return true;
}

static bool scan_token(struct scan *scan)
{
	char c = *scan->at;

	if (scan->at >= scan->end)
		return refuse(scan, "a closing bracket is missing");
	if (isspace((unsigned char)c)) {
		scan->at++;
	} else if (c == '#') {
		while (scan->at < scan->end && *scan->at != '\n')
			scan->at++;
	} else if (c == '"') {
		return scan_string(scan);
	} else if (c == '(' || c == '[' || c == '{') {
		if (!push(scan, c))
			return false;
		scan->at++;
	} else if (c == ')' || c == ']' || c == '}') {
		return pop(scan);
	} else if (c == '.') {
		return scan_dot(scan);
	} else if (c == '$' && is_name_start(scan->at[1])) {
		return scan_variable(scan);
	} else if (c == '@') {
		scan->at++;
		scan->at += name_length(scan->at);
		if (scan->at < scan->end && reads_context(scan) && *scan->at != ' ')
			note_all(scan);
	} else if (is_name_start(c)) {
		return scan_name(scan);
	} else if (isdigit((unsigned char)c)) {
		while (isalnum((unsigned char)*scan->at) || *scan->at == '.')
			scan->at++;
		scan->is_after_term = true;
	} else {
		return scan_operator(scan);
	}
	return true;
}

bool expr_scan(const char *text, size_t length, struct arena *arena, struct expr_facts *facts,
	       struct err *err)
{
	struct scan scan = {
		.text = text,
		.at = text,
		.end = text + length,
		.arena = arena,
		.facts = facts,
		.err = err,
	};

	*facts = (struct expr_facts){ 0 };
	if (length > EXPR_MAX_BYTES)
		return err_set(err, ERR_REJECT, "longer than %d bytes", EXPR_MAX_BYTES);
	while (scan.at < scan.end)
		if (!scan_token(&scan))
			return false;
	while (scan.depth && scan.levels[scan.depth].open == 'i')
		scan.depth--;
	return !scan.depth || refuse(&scan, "a closing bracket is missing");
}

long expr_template_length(const char *text)
{
	struct err ignored;
	struct scan scan = {
		.text = text,
		.at = text,
		.end = text + strlen(text),
		.err = &ignored,
	};

	while (scan.at < scan.end) {
		while (scan.depth && scan.levels[scan.depth].open == 'i')
			scan.depth--;
		if (!scan.depth && !strncmp(scan.at, "}}", 2))
			return scan.at - text;
		if (!scan_token(&scan))
			return -1;
	}
	return -1;
}
