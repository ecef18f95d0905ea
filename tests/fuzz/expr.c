// links: spec
/*
 * Any text as an expression and as a template: refused or added, and what is plain is evaluated.
 * libjq's own evaluation stays out of it: it may run for ever, by design.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "pipeline/spec/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(void *context, const char *root, const char *second)
{
	(void)second;
	*(unsigned *)context += root != NULL;
}

static void try(const char *text, bool is_template, const json_t *context)
{
	struct expr_set *set = expr_set_new();
	struct err err;
	unsigned count = 0;
	int handle;

	if ((is_template ? expr_add_template : expr_add)(set, text, &handle, &err)) {
		json_t *value = NULL;

		expr_each_path(set, handle, visit, &count);
		(void)expr_roots(set, handle);
		if (expr_is_plain(set, handle) && expr_eval(set, handle, context, &value, &err))
			json_decref(value);
	} else if (err.kind != ERR_REJECT || !*err.text) {
		abort();
	}
	expr_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	json_t *context = json_pack("{s:{s:s, s:[i, i]}, s:i}", "matrix", "hook", "x", "list", 1, 2,
				    "index", 3);

	try(text, false, context);
	try(text, true, context);
	free(expr_escape(text));
	json_decref(context);
	free(text);
	return 0;
}
