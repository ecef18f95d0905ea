/*
 * Evaluates `require` and explains failures: an expression that starts with a plain path names the
 * value that was found, because "0.42" is what a person wants to know.
 */
#include "pipeline/stage/require.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "pipeline/spec/expr.h"
#include "pipeline/stage/expressions.h"

enum { REQUIRE_MAX = 64 };

/* Length of the plain path (.a.b) at the start, when a comparison follows it; else 0. */
static size_t leading_path(const char *text)
{
	size_t len = 0, gap;

	while (text[len] == '.' || isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	gap = strspn(text + len, " \t");
	return len > 1 && text[0] == '.' && strchr("<>=!", text[len + gap]) && text[len + gap] ? len
											       : 0;
}

static const json_t *value_at(const json_t *metrics, const char *path, size_t len)
{
	const json_t *value = metrics;

	while (len && value) {
		size_t name = 1;
		DEFER(freep) char *key = NULL;

		while (name < len && path[name] != '.')
			name++;
		key = xstrndup(path + 1, name - 1);
		value = json_object_get(value, key);
		path += name;
		len -= name;
	}
	return value;
}

static void put_value(struct buf *out, const json_t *value)
{
	if (json_is_real(value)) {
		buf_printf(out, "%.6g", json_real_value(value));
	} else {
		DEFER(freep) char *text = json_text(value);

		buf_printf(out, "%.100s", text);
	}
}

static void explain(const char *expression, const json_t *metrics, struct buf *failures)
{
	const char *text = expression + strspn(expression, " \t\n");
	size_t len = leading_path(text);
	const json_t *value = value_at(metrics, text, len);

	if (failures->len)
		buf_puts(failures, "; ");
	if (!len) {
		buf_printf(failures, "required %s", text);
		return;
	}
	buf_put(failures, text + 1, len - 1);
	if (!value || json_is_null(value)) {
		buf_puts(failures, " was not measured");
	} else {
		buf_puts(failures, " is ");
		put_value(failures, value);
	}
	buf_printf(failures, ", required %s", text);
}

static bool add_all(struct expr_set *set, const json_t *require, int *handles, struct err *err)
{
	const json_t *item;
	size_t index;

	if (json_array_size(require) > REQUIRE_MAX)
		return err_set(err, ERR_REJECT, "require: more than %d expressions", REQUIRE_MAX);
	json_array_foreach(require, index, item)
	{
		if (!json_is_string(item))
			return err_set(err, ERR_REJECT, "require[%zu]: expected text", index);
		if (!expr_add(set, json_string_value(item), &handles[index], err))
			return err_context(err, "require[%zu]", index);
	}
	return true;
}

static bool check_all(struct expr_set *set, const json_t *require, const json_t *metrics,
		      const struct expressions *expressions, json_t *verdicts, struct buf *failures,
		      struct err *err)
{
	int handles[REQUIRE_MAX];
	const json_t *item;
	size_t index;

	if (!add_all(set, require, handles, err))
		return false;
	json_array_foreach(require, index, item)
	{
		DEFER(json_freep) json_t *value = NULL;
		char place[32];
		bool ok;

		snprintf(place, sizeof(place), "require[%zu]", index);
		expressions_at(expressions, place);
		if (!expr_eval(set, handles[index], metrics, &value, err))
			return err_context(err, "%s", place);
		ok = expr_truth(value);
		json_array_append_new(verdicts,
				      json_pack("{s:O, s:b}", "expression", item, "ok", (int)ok));
		if (!ok)
			explain(json_string_value(item), metrics, failures);
	}
	return true;
}

bool require_check(const json_t *require, const json_t *metrics,
		   const struct stage_context *context, json_t **out, struct buf *failures,
		   struct err *err)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	DEFER(json_freep) json_t *verdicts = json_array();
	struct expressions expressions;
	bool ok;

	expressions_begin(context, &expressions);
	ok = check_all(set, require, metrics, &expressions, verdicts, failures, err);
	expressions_end(&expressions);
	if (ok)
		*out = TAKE(verdicts);
	return ok;
}
