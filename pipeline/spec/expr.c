/*
 * Sets of expressions. A handle is one of
 *
 *      constant   null, 5, "text"                 nothing to run
 *      path       .matrix.hook  .outputs[0]       walked here, in 50 ns
 *      program    everything else                 libjq, all of a set compiled together on first
 * use template   text ${{ … }} text              parts, each a handle of one of the above
 *
 * Null in the middle of a text is refused: a hook that is missing should stop a submit, not leave a
 * hole in forty prompts.
 */
#include "pipeline/spec/expr_private.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum kind { KIND_CONSTANT, KIND_PATH, KIND_PROGRAM, KIND_TEMPLATE };

struct step {
	const char *name; /* NULL: index */
	long index;
};

struct part {
	const char *text; /* NULL: handle */
	int handle;
};

struct expression {
	enum kind kind;
	const char *text;
	struct expr_facts facts;
	json_t *constant;   /* owned */
	struct step *steps; /* of a path */
	size_t step_count;
	size_t program_index; /* place among the set's programs */
	struct part *parts;   /* of a template */
	size_t part_count;
	bool is_whole; /* one expression and blanks around it */
};

struct expr_set {
	struct arena arena;
	struct expression *items;
	size_t count, capacity;
	const char **program_texts;
	int *program_handles;
	size_t program_count;
	bool has_unchecked;
	struct expr_program *program; /* of all program_texts; NULL: not compiled yet */
};

struct expr_set *expr_set_new(void)
{
	return xcalloc(1, sizeof(struct expr_set));
}

void expr_set_free(struct expr_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		json_decref(set->items[i].constant);
	expr_program_free(set->program);
	arena_done(&set->arena);
	free(set->items);
	free(set->program_texts);
	free(set->program_handles);
	free(set);
}

void expr_set_freep(struct expr_set **set)
{
	expr_set_free(*set);
	*set = NULL;
}

/* ---- adding ---- */

static int set_push(struct expr_set *set, struct expression expression)
{
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? set->capacity * 2 : 16;
		set->items = xrealloc(set->items, set->capacity * sizeof(*set->items));
	}
	set->items[set->count] = expression;
	return (int)set->count++;
}

static int push_program(struct expr_set *set, struct expression expression)
{
	size_t count = set->program_count + 1;

	expr_program_free(TAKE(set->program));
	set->program_texts = xrealloc(set->program_texts, count * sizeof(*set->program_texts));
	set->program_handles = xrealloc(set->program_handles, count * sizeof(int));
	set->program_texts[set->program_count] = expression.text;
	set->program_handles[set->program_count] = (int)set->count;
	expression.kind = KIND_PROGRAM;
	expression.program_index = set->program_count++;
	set->has_unchecked |= expression.facts.has_unknown_names;
	return set_push(set, expression);
}

static bool read_index(const char **at, struct step *step)
{
	char *end;

	*step = (struct step){ 0 };
	if (**at == '"') {
		const char *close = strpbrk(*at + 1, "\"\\");

		if (!close || *close != '"' || close[1] != ']')
			return false;
		step->name = *at + 1; /* ends at the quote: cut by the caller's copy */
		*at = close + 2;
		return true;
	}
	if (!isdigit((unsigned char)**at))
		return false;
	step->index = strtol(*at, &end, 10);
	if (*end != ']' || step->index > 1000000)
		return false;
	*at = end + 1;
	return true;
}

static const char *copy_until(struct arena *arena, const char *from, const char *stops)
{
	return arena_strndup(arena, from, strcspn(from, stops));
}

/* .a.b[0]["c d"] and "." alone; false: not such a path. */
static bool read_path(struct arena *arena, const char *text, struct expression *out)
{
	struct step steps[EXPR_MAX_DEPTH];
	size_t count = 0;

	if (!strcmp(text, "."))
		text = "";
	for (; *text; count++) {
		if (count == EXPR_MAX_DEPTH)
			return false;
		if (*text == '.' && (isalpha((unsigned char)text[1]) || text[1] == '_')) {
			size_t length = 1;

			while (isalnum((unsigned char)text[length]) || text[length] == '_')
				length++;
			steps[count] = (struct step){
				.name = arena_strndup(arena, text + 1, length - 1),
			};
			text += length;
			continue;
		}
		text += *text == '.' && !count; /* .[0] */
		if (*text != '[')
			return false;
		text++;
		if (!read_index(&text, &steps[count]))
			return false;
		if (steps[count].name)
			steps[count].name = copy_until(arena, steps[count].name, "\"");
	}
	out->kind = KIND_PATH;
	out->step_count = count;
	out->steps = arena_alloc(arena, (count + 1) * sizeof(*steps));
	memcpy(out->steps, steps, count * sizeof(*steps));
	return true;
}

/* Text that is one JSON scalar. \( ) is no escape of JSON's, so interpolation goes to jq. */
static bool read_constant(const char *text, struct expression *out)
{
	if (!strchr("\"-0123456789tfn", *text))
		return false;
	out->kind = KIND_CONSTANT;
	out->constant = json_loads(text, JSON_DECODE_ANY, NULL);
	return out->constant != NULL;
}

static bool add(struct expr_set *set, const char *text, size_t length, int *out, struct err *err)
{
	struct expression expression = { 0 };

	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (!length)
		return err_set(err, ERR_REJECT, "an empty expression");
	if (set->count == EXPR_MAX_COUNT)
		return err_set(err, ERR_REJECT, "more than %d expressions", EXPR_MAX_COUNT);
	text = arena_strndup(&set->arena, text, length);
	expression.text = text;
	if (!expr_scan(text, length, &set->arena, &expression.facts, err))
		return false;
	if (read_path(&set->arena, text, &expression) || read_constant(text, &expression)) {
		*out = set_push(set, expression);
		return true;
	}
	if (!expr_check_syntax(text, err))
		return false;
	*out = push_program(set, expression);
	return true;
}

bool expr_add(struct expr_set *set, const char *text, int *out, struct err *err)
{
	return add(set, text, strlen(text), out, err);
}

static void part_push(struct expr_set *set, struct expression *template, struct part part)
{
	struct part *parts = arena_alloc(&set->arena, (template->part_count + 1) * sizeof(*parts));

	if (template->part_count)
		memcpy(parts, template->parts, template->part_count * sizeof(*parts));
	parts[template->part_count++] = part;
	template->parts = parts;
}

static void facts_merge(struct expr_set *set, struct expr_facts *into,
			const struct expr_facts *from)
{
	size_t count = into->path_count + from->path_count;
	struct expr_path *paths = arena_alloc(&set->arena, (count + 1) * sizeof(*paths));

	if (into->path_count)
		memcpy(paths, into->paths, into->path_count * sizeof(*paths));
	if (from->path_count)
		memcpy(paths + into->path_count, from->paths, from->path_count * sizeof(*paths));
	into->paths = paths;
	into->path_count = count;
	into->roots |= from->roots;
	into->is_unknowable |= from->is_unknowable;
}

static bool is_blank_text(const char *text)
{
	return !text[strspn(text, " \t\r\n")];
}

static bool is_whole(const struct expression *template)
{
	size_t expressions = 0;

	for (size_t i = 0; i < template->part_count; i++) {
		if (!template->parts[i].text)
			expressions++;
		else if (!is_blank_text(template->parts[i].text))
			return false;
	}
	return expressions == 1;
}

static bool add_part(struct expr_set *set, struct expression *template, const char **text,
		     struct err *err)
{
	struct part part = { 0 };
	long length;

	if (strncmp(*text, "${{", 3) != 0) {
		const char *next = strstr(*text, "${{");
		size_t count = next ? (size_t)(next - *text) : strlen(*text);

		part.text = arena_strndup(&set->arena, *text, count);
		part_push(set, template, part);
		*text += count;
		return true;
	}
	length = expr_template_length(*text + 3);
	if (length < 0)
		return err_set(err, ERR_REJECT, "'${{' without its '}}' at character %zu",
			       (size_t)(*text - template->text) + 1);
	if (!add(set, *text + 3, (size_t)length, &part.handle, err))
		return err_context(err, "in ${{ }}");
	facts_merge(set, &template->facts, &set->items[part.handle].facts);
	part_push(set, template, part);
	*text += 3 + length + 2;
	return true;
}

bool expr_add_template(struct expr_set *set, const char *text, int *out, struct err *err)
{
	struct expression template = { .kind = KIND_TEMPLATE, .text = text };

	while (*text)
		if (!add_part(set, &template, &text, err))
			return false;
	template.text = NULL;
	template.is_whole = is_whole(&template);
	*out = set_push(set, template);
	return true;
}

bool expr_is_template(const char *text)
{
	return strstr(text, "${{") != NULL;
}

bool expr_is_plain(const struct expr_set *set, int handle)
{
	const struct expression *expression = &set->items[handle];

	for (size_t i = 0; i < expression->part_count; i++)
		if (!expression->parts[i].text && !expr_is_plain(set, expression->parts[i].handle))
			return false;
	return expression->kind != KIND_PROGRAM;
}

bool expr_is_whole(const struct expr_set *set, int handle)
{
	return set->items[handle].is_whole;
}

/* ---- what is read ---- */

unsigned expr_roots(const struct expr_set *set, int handle)
{
	return set->items[handle].facts.roots;
}

void expr_each_path(const struct expr_set *set, int handle,
		    void (*visit)(void *context, const char *root, const char *second),
		    void *context)
{
	const struct expr_facts *facts = &set->items[handle].facts;

	for (size_t i = 0; i < facts->path_count; i++)
		visit(context, facts->paths[i].root, facts->paths[i].second);
}

void expr_each_stage(const struct expr_set *set, int handle,
		     void (*visit)(void *context, const char *stage), void *context)
{
	const struct expr_facts *facts = &set->items[handle].facts;

	for (size_t i = 0; i < facts->path_count; i++)
		if (!strcmp(facts->paths[i].root, "stages") && facts->paths[i].second)
			visit(context, facts->paths[i].second);
}

/* ---- evaluating ---- */

static int handle_of_part(const struct expr_set *set, int program_handle)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t j = 0; j < set->items[i].part_count; j++)
			if (!set->items[i].parts[j].text &&
			    set->items[i].parts[j].handle == program_handle)
				return (int)i;
	return program_handle;
}

static bool compile(struct expr_set *set, int *out_handle, struct err *err)
{
	size_t bad = 0;

	if (set->program)
		return true;
	if (!expr_program_new(set->program_texts, set->program_count, &set->program, &bad, err)) {
		if (out_handle)
			*out_handle = handle_of_part(set, set->program_handles[bad]);
		return false;
	}
	set->has_unchecked = false;
	return true;
}

bool expr_check(struct expr_set *set, int *out_handle, struct err *err)
{
	return !set->has_unchecked || compile(set, out_handle, err);
}

static const char *kind_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "a map";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "text";
	case JSON_INTEGER:
	case JSON_REAL: return "a number";
	case JSON_TRUE:
	case JSON_FALSE: return "true or false";
	case JSON_NULL: return "null";
	}
	return "nothing";
}

/* As jq does it: a step into null gives null, into anything unfitting is an error. */
static bool walk_path(const struct expression *path, const json_t *input, const json_t **out,
		      struct err *err)
{
	const json_t *value = input;

	for (size_t i = 0; value && i < path->step_count; i++) {
		const struct step *step = &path->steps[i];

		if (json_is_null(value))
			break;
		if (step->name && !json_is_object(value))
			return err_set(err, ERR_REJECT, "'%s' of %s", step->name, kind_name(value));
		if (!step->name && !json_is_array(value))
			return err_set(err, ERR_REJECT, "item %ld of %s", step->index,
				       kind_name(value));
		value = step->name ? json_object_get(value, step->name)
				   : json_array_get(value, (size_t)step->index);
	}
	*out = value;
	return true;
}

static bool keep_first(void *context, const json_t *value)
{
	json_t **out = context;

	*out = json_incref((json_t *)(uintptr_t)value);
	return false;
}

static bool put_as_text(struct buf *out, const json_t *value, struct err *err)
{
	DEFER(freep) char *text = NULL;
	double number = json_number_value(value);

	if (json_is_string(value)) {
		buf_put(out, json_string_value(value), json_string_length(value));
		return true;
	}
	if (json_is_null(value))
		return err_set(err, ERR_REJECT, "gave null inside a text");
	if (json_is_real(value) && number == floor(number) && fabs(number) <= 9007199254740992.0) {
		buf_printf(out, "%.0f", number); /* as jq prints it: 3, not 3.0 */
		return true;
	}
	text = json_text(value);
	buf_puts(out, text);
	return true;
}

static bool eval_template(struct expr_set *set, int handle, const json_t *input, json_t **out,
			  struct err *err)
{
	const struct expression template = set->items[handle];
	DEFER(buf_done) struct buf text = { 0 };

	for (size_t i = 0; i < template.part_count; i++) {
		DEFER(json_freep) json_t *value = NULL;

		if (template.parts[i].text) {
			if (!template.is_whole)
				buf_puts(&text, template.parts[i].text);
			continue;
		}
		if (!expr_eval(set, template.parts[i].handle, input, &value, err))
			return false;
		if (template.is_whole) {
			*out = TAKE(value);
			return true;
		}
		if (!put_as_text(&text, value, err))
			return err_context(err, "%s", set->items[template.parts[i].handle].text);
	}
	*out = json_stringn(text.data ? text.data : "", text.len);
	return *out || err_set(err, ERR_REJECT, "gave text that is not UTF-8");
}

bool expr_eval_all(struct expr_set *set, int handle, const json_t *input,
		   bool (*visit)(void *context, const json_t *value), void *context,
		   struct err *err)
{
	const struct expression *expression = &set->items[handle];
	const json_t *found = NULL;
	json_t *text = NULL;

	switch (expression->kind) {
	case KIND_CONSTANT: visit(context, expression->constant); return true;
	case KIND_PATH:
		if (!walk_path(expression, input, &found, err))
			return err_context(err, "%s", expression->text);
		visit(context, found ? found : json_null());
		return true;
	case KIND_PROGRAM:
		if (!compile(set, NULL, err) ||
		    !expr_program_run(set->program, expression->program_index, input, visit,
				      context, err))
			return err_context(err, "%s", expression->text);
		return true;
	case KIND_TEMPLATE:
		if (!eval_template(set, handle, input, &text, err))
			return false;
		visit(context, text);
		json_decref(text);
		return true;
	}
	return true;
}

bool expr_eval(struct expr_set *set, int handle, const json_t *input, json_t **out, struct err *err)
{
	json_t *value = NULL;

	if (!expr_eval_all(set, handle, input, keep_first, &value, err)) {
		json_decref(value);
		return false;
	}
	*out = value ? value : json_null();
	return true;
}

bool expr_truth(const json_t *value)
{
	return value && !json_is_null(value) && !json_is_false(value);
}

char *expr_escape(const char *text)
{
	struct buf out = { 0 };
	const char *next;

	while ((next = strstr(text, "${{"))) {
		buf_put(&out, text, (size_t)(next - text));
		buf_puts(&out, "${{ \"${{\" }}");
		text = next + 3;
	}
	buf_puts(&out, text);
	return buf_take(&out);
}
