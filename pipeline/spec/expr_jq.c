/*
 * The one home of libjq: a set of expressions as one closed program.
 *
 *      def env: ...;                         what would reach outside is shadowed
 *      .w as $__w | .c | . as $c | {} as $ENV  which expression, the context, no environment
 *      | if $__w < 2 then (if $__w < 1 then (
 *      EXPRESSION 0
 *      ) else ( ...                          a tree of ifs: each alone would cost 30 ms to compile
 *
 * expr_scan has seen to it that an expression's brackets match, so none breaks out of its own. What
 * jq 1.6 does beside that (all seen on Debian 12's 1.6-2.1): it loads ~/.jq as a library, so HOME
 * is hidden while it compiles; `modulemeta` asserts without a library path, so there is an empty
 * one;
 * `$ENV`, `import` in brackets and `input_filename` are closed by the wrapper.
 */
#include "pipeline/spec/expr_private.h"

#include <ctype.h>
#include <jq.h>
#include <jv.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	VALUE_MAX_DEPTH = 200,
	MESSAGE_MAX_BYTES = 400,
};

struct expr_program {
	jq_state *jq;
};

#define CLOSED(name) "def " name ": error(\"'" name "' is not available in expressions\"); "

static const char WRAPPER[] =
	CLOSED("env") CLOSED("input") CLOSED("inputs") CLOSED("debug") CLOSED("stderr") CLOSED(
		"halt") CLOSED("halt_error") CLOSED("input_filename") CLOSED("input_line_number")
		CLOSED("modulemeta") CLOSED("get_search_list") CLOSED("get_jq_origin")
			CLOSED("get_prog_origin") "def halt_error(f): halt_error; "
						  ".w as $__w | .c | . as $c | {} as $ENV | ";

/* ---- JSON to jq and back ---- */

static jv to_jq(const json_t *value)
{
	const char *name;
	json_t *item;
	jv out;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_OBJECT:
		out = jv_object();
		json_object_foreach((json_t *)(uintptr_t)value, name, item)
		{
			out = jv_object_set(out, jv_string(name), to_jq(item));
		}
		return out;
	case JSON_ARRAY:
		out = jv_array();
		for (size_t i = 0; i < json_array_size(value); i++)
			out = jv_array_append(out, to_jq(json_array_get(value, i)));
		return out;
	case JSON_STRING:
		return jv_string_sized(json_string_value(value), (int)json_string_length(value));
	case JSON_INTEGER: {
		long long number = json_integer_value(value);
		char text[32];

		/* jq's numbers are doubles: an id beyond 2^53 would lose its tail */
		if (llabs(number) <= 1ll << 53)
			return jv_number((double)number);
		snprintf(text, sizeof(text), "%lld", number);
		return jv_string(text);
	}
	case JSON_REAL: return jv_number(json_real_value(value));
	case JSON_TRUE: return jv_true();
	case JSON_FALSE: return jv_false();
	case JSON_NULL: return jv_null();
	}
	return jv_null();
}

static json_t *from_jq(jv value, int depth);

static json_t *number_from_jq(double number)
{
	if (isnan(number))
		return json_null();
	if (isinf(number))
		return json_real(number > 0 ? 1.7976931348623157e308 : -1.7976931348623157e308);
	if (number == floor(number) && fabs(number) <= 9007199254740992.0)
		return json_integer((json_int_t)number);
	return json_real(number);
}

static json_t *array_from_jq(jv value, int depth)
{
	json_t *out = json_array();

	jv_array_foreach(value, i, item)
	{
		json_t *got = from_jq(item, depth + 1);

		if (!got || json_array_append_new(out, got)) {
			json_decref(out);
			out = NULL;
			break;
		}
	}
	jv_free(value);
	return out;
}

static json_t *object_from_jq(jv value, int depth)
{
	json_t *out = json_object();

	jv_object_foreach(value, key, item)
	{
		json_t *got = from_jq(item, depth + 1);
		bool ok = got && !json_object_set_new(out, jv_string_value(key), got);

		jv_free(key);
		if (!ok) {
			json_decref(out);
			out = NULL;
			break;
		}
	}
	jv_free(value);
	return out;
}

/* Takes value. NULL: nested too deep. */
static json_t *from_jq(jv value, int depth)
{
	json_t *out = NULL;

	if (depth > VALUE_MAX_DEPTH) {
		jv_free(value);
		return NULL;
	}
	switch (jv_get_kind(value)) {
	case JV_KIND_OBJECT: return object_from_jq(value, depth);
	case JV_KIND_ARRAY: return array_from_jq(value, depth);
	case JV_KIND_STRING: {
		const char *text = jv_string_value(value);

		/* a NUL in a text would cut it short wherever it is a C string */
		out = json_stringn(text,
				   strnlen(text, (size_t)jv_string_length_bytes(jv_copy(value))));
		break;
	}
	case JV_KIND_NUMBER: out = number_from_jq(jv_number_value(value)); break;
	case JV_KIND_TRUE: out = json_true(); break;
	case JV_KIND_FALSE: out = json_false(); break;
	case JV_KIND_NULL: out = json_null(); break;
	case JV_KIND_INVALID: break;
	}
	jv_free(value);
	return out;
}

/* ---- messages ---- */

/* The first complaint counts: what follows it is mostly its echo. */
static void keep_message(void *context, jv message)
{
	struct buf *out = context;

	message = jq_format_error(message);
	if (!out->len)
		buf_puts(out, jv_string_value(message));
	jv_free(message);
}

static void replace(struct buf *text, const char *what, const char *by)
{
	char *found;

	while (text->data && (found = strstr(text->data, what))) {
		struct buf next = { 0 };

		buf_put(&next, text->data, (size_t)(found - text->data));
		buf_puts(&next, by);
		buf_puts(&next, found + strlen(what));
		buf_done(text);
		*text = next;
	}
}

/* "jq: error: syntax error, unexpected if, expecting $end (Unix shell quoting issues?) at
 * <top-level>, line 3:\n(source)" -> "syntax error, unexpected if"; gives the line. */
static unsigned clean_message(struct buf *message)
{
	static const char *const cuts[] = { ", expecting ", " (Unix shell", " at line ",
					    " at <top-level>" };
	const char *at = message->data ? strstr(message->data, "<top-level>, line ") : NULL;
	unsigned line = at ? (unsigned)strtoul(at + 18, NULL, 10) : 0;

	for (size_t i = 0; message->data && i < ARRAY_LEN(cuts); i++) {
		char *cut = strstr(message->data, cuts[i]);

		if (cut) {
			*cut = '\0';
			message->len = (size_t)(cut - message->data);
		}
	}
	replace(message, "jq: error: ", "");
	replace(message, "INVALID_CHARACTER", "character");
	replace(message, "$end", "end");
	replace(message, "QQSTRING_START", "text");
	replace(message, "QQSTRING_TEXT", "text");
	return line;
}

/* ---- compile ---- */

/* Compiles; false leaves jq's first complaint in message. */
static bool compile(jq_state *jq, const char *program, struct buf *message)
{
	/* ~/.jq would be loaded */
	DEFER(freep) char *home = getenv("HOME") ? xstrdup(getenv("HOME")) : NULL;
	bool ok;

	unsetenv("HOME");
	jq_set_error_cb(jq, keep_message, message);
	ok = jq_compile(jq, program) != 0;
	if (home)
		setenv("HOME", home, 1);
	return ok;
}

static NORETURN void on_no_memory(void *context)
{
	static const char text[] = "an expression used up its memory; nothing was changed\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)context;
	(void)ignored; /* nothing is left to be done about it */
	_exit(EXPR_LIMIT_EXIT);
}

static jq_state *new_jq(void)
{
	jq_state *jq = jq_init();

	if (!jq)
		on_no_memory(NULL);
	jq_set_nomem_handler(jq, on_no_memory, NULL);
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/nonexistent"));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/nonexistent"));
	return jq;
}

/* The parser alone: after it, an import of nothing stops jq before it binds its 200 builtins, which
 * is what takes the time. NULL in *out: the syntax is fine. */
static void parse_only(const char *head, const char *text, size_t length, const char *tail,
		       struct buf *message, unsigned *out_line)
{
	DEFER(buf_done) struct buf program = { 0 };
	jq_state *jq = new_jq();

	buf_puts(&program, "import \"nothing\" as nothing; ");
	buf_puts(&program, head);
	buf_put(&program, text, length);
	buf_puts(&program, tail);
	(void)compile(jq, program.data, message); /* always fails: the message tells */
	jq_teardown(&jq);
	if (message->data && strstr(message->data, "module not found"))
		buf_clear(message);
	*out_line = message->len ? clean_message(message) : 0;
}

/* Does the complaint lie within the first `length` bytes? Behind them, in a line of its own, stands
 * a character that nothing can make sense of; a text cut in the middle complains of other things.
 */
static bool fails_within(const char *text, size_t length, unsigned lines, const char *complaint)
{
	DEFER(buf_done) struct buf message = { 0 };
	unsigned line;

	parse_only("(\n", text, length, "\n^", &message, &line);
	return line <= lines && message.data && !strcmp(message.data, complaint);
}

static unsigned count_lines(const char *text, size_t length)
{
	unsigned lines = 2; /* the wrapper's own is the first */

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

/* The shortest beginning that already fails ends with the culprit: jq itself tells only lines. */
static size_t find_culprit(const char *text, const char *complaint)
{
	size_t low = 0, high = strlen(text);

	while (low + 1 < high) {
		size_t middle = (low + high) / 2;

		if (fails_within(text, middle, count_lines(text, middle), complaint))
			high = middle;
		else
			low = middle;
	}
	while (high > 1 && (isalnum((unsigned char)text[high - 1]) || text[high - 1] == '_') &&
	       (isalnum((unsigned char)text[high - 2]) || text[high - 2] == '_'))
		high--;
	return high;
}

static size_t characters(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += (text[i] & 0xc0) != 0x80;
	return count;
}

bool expr_check_syntax(const char *text, struct err *err)
{
	DEFER(buf_done) struct buf message = { 0 };
	unsigned line;
	size_t length = strlen(text), at;

	parse_only("(\n", text, length, "\n)", &message, &line);
	if (!message.len)
		return true;
	if (line > count_lines(text, length))
		return err_set(err, ERR_REJECT, "syntax error, it ends too early");
	at = find_culprit(text, message.data);
	return err_set(err, ERR_REJECT, "%.*s at character %zu", MESSAGE_MAX_BYTES, message.data,
		       characters(text, at));
}

static void put_tree(struct buf *program, const char *const *texts, size_t low, size_t high)
{
	size_t middle = (low + high) / 2;

	if (high - low == 1) {
		buf_printf(program, "(\n%s\n)", texts[low]);
		return;
	}
	buf_printf(program, "if $__w < %zu then ", middle);
	put_tree(program, texts, low, middle);
	buf_puts(program, " else ");
	put_tree(program, texts, middle, high);
	buf_puts(program, " end");
}

static bool compile_texts(const char *const *texts, size_t count, jq_state **out,
			  struct buf *message)
{
	DEFER(buf_done) struct buf program = { 0 };
	jq_state *jq = new_jq();

	buf_puts(&program, WRAPPER);
	put_tree(&program, texts, 0, count);
	if (!compile(jq, program.data, message)) {
		jq_teardown(&jq);
		return false;
	}
	*out = jq;
	return true;
}

static bool blame(const char *const *texts, size_t count, size_t *out_bad, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(buf_done) struct buf message = { 0 };
		jq_state *jq;

		if (compile_texts(texts + i, 1, &jq, &message)) {
			jq_teardown(&jq);
			continue;
		}
		clean_message(&message);
		*out_bad = i;
		return err_set(err, ERR_REJECT, "%.*s", MESSAGE_MAX_BYTES,
			       message.data ? message.data : "does not compile");
	}
	*out_bad = 0;
	return err_set(err, ERR_REJECT, "the expressions do not compile together");
}

bool expr_program_new(const char *const *texts, size_t count, struct expr_program **out,
		      size_t *out_bad, struct err *err)
{
	DEFER(buf_done) struct buf message = { 0 };
	jq_state *jq;

	if (!compile_texts(texts, count, &jq, &message))
		return blame(texts, count, out_bad, err);
	*out = xcalloc(1, sizeof(**out));
	(*out)->jq = jq;
	return true;
}

void expr_program_free(struct expr_program *program)
{
	if (!program)
		return;
	jq_teardown(&program->jq);
	free(program);
}

/* ---- run ---- */

/* Takes an invalid value; its message may be any JSON. */
static bool refuse_value(jv value, struct err *err)
{
	jv message = jv_invalid_get_msg(value);

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	err_set(err, ERR_REJECT, "%.*s", MESSAGE_MAX_BYTES, jv_string_value(message));
	jv_free(message);
	return false;
}

bool expr_program_run(struct expr_program *program, size_t index, const json_t *input,
		      bool (*visit)(void *context, const json_t *value), void *context,
		      struct err *err)
{
	jv start = jv_object();
	bool goes_on = true;

	start = jv_object_set(start, jv_string("w"), jv_number((double)index));
	start = jv_object_set(start, jv_string("c"), to_jq(input));
	jq_start(program->jq, start, 0);
	while (goes_on) {
		jv value = jq_next(program->jq);
		json_t *got;

		if (!jv_is_valid(value) && jv_invalid_has_msg(jv_copy(value)))
			return refuse_value(value, err);
		if (!jv_is_valid(value)) {
			jv_free(value);
			break;
		}
		got = from_jq(value, 0);
		if (!got)
			return err_set(err, ERR_REJECT, "its result is nested more than %d deep",
				       VALUE_MAX_DEPTH);
		goes_on = visit(context, got);
		json_decref(got);
	}
	return true;
}

/* ---- limits ---- */

static void on_cpu_limit(int number)
{
	static const char text[] =
		"an expression used up its processor time; nothing was changed\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)number;
	(void)ignored; /* nothing is left to be done about it */
	_exit(EXPR_LIMIT_EXIT);
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SHADOW_MEMORY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif

void expr_limit_process(unsigned cpu_s, uint64_t address_bytes)
{
	struct sigaction action = { .sa_handler = on_cpu_limit };
	struct rusage used;
	struct rlimit limit;

	getrusage(RUSAGE_SELF, &used);
	limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1 + cpu_s;
	limit.rlim_max = limit.rlim_cur + 5; /* the kernel's SIGKILL, should the handler not run */
	sigaction(SIGXCPU, &action, NULL);
	(void)setrlimit(RLIMIT_CPU, &limit); /* only ever lowers; a lower limit is fine */
#ifndef HAS_SHADOW_MEMORY
	limit.rlim_cur = limit.rlim_max = (rlim_t)address_bytes;
	(void)setrlimit(RLIMIT_AS, &limit);
#else
	(void)address_bytes;
#endif
}
