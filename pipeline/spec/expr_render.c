/*
 * Rendering a whole JSON value: first all its templates are collected, so that they are compiled
 * together, then evaluated in the same order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "pipeline/spec/expr_private.h"

struct render {
	struct expr_set *set;
	const json_t *input;
	int *handles; /* of the templates, in the order in which they are met */
	size_t count, next;
	bool is_collecting;
	struct err *err;
	char path[256];
};

static bool render_value(struct render *render, const json_t *value, json_t **out);

/* Appends to the path for the time of one visit; gives its old length. */
static size_t path_enter(struct render *render, const char *name, size_t index)
{
	size_t length = strlen(render->path), room = sizeof(render->path) - length;

	if (name)
		snprintf(render->path + length, room, "%s%s", length ? "." : "", name);
	else
		snprintf(render->path + length, room, "[%zu]", index);
	return length;
}

static bool render_text(struct render *render, const json_t *value, json_t **out)
{
	const char *text = json_string_value(value);
	bool ok;

	if (!expr_is_template(text)) {
		*out = json_incref((json_t *)(uintptr_t)value);
		return true;
	}
	if (render->is_collecting) {
		render->handles =
			xrealloc(render->handles, (render->count + 1) * sizeof(*render->handles));
		*out = json_null();
		ok = expr_add_template(render->set, text, &render->handles[render->count++],
				       render->err);
	} else {
		ok = expr_eval(render->set, render->handles[render->next++], render->input, out,
			       render->err);
	}
	return ok || err_context(render->err, "%s", render->path);
}

static bool render_object(struct render *render, const json_t *value, json_t **out)
{
	DEFER(json_freep) json_t *object = json_object();
	const char *name;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		size_t length = path_enter(render, name, 0);
		json_t *got;

		if (!render_value(render, item, &got))
			return false;
		if (json_is_null(got) && !json_is_null(item))
			json_decref(got);
		else
			json_object_set_new(object, name, got);
		render->path[length] = '\0';
	}
	*out = TAKE(object);
	return true;
}

static bool render_array(struct render *render, const json_t *value, json_t **out)
{
	DEFER(json_freep) json_t *array = json_array();

	for (size_t i = 0; i < json_array_size(value); i++) {
		size_t length = path_enter(render, NULL, i);
		json_t *got;

		if (!render_value(render, json_array_get(value, i), &got))
			return false;
		json_array_append_new(array, got);
		render->path[length] = '\0';
	}
	*out = TAKE(array);
	return true;
}

static bool render_value(struct render *render, const json_t *value, json_t **out)
{
	if (json_is_object(value))
		return render_object(render, value, out);
	if (json_is_array(value))
		return render_array(render, value, out);
	if (json_is_string(value))
		return render_text(render, value, out);
	*out = json_incref((json_t *)(uintptr_t)value);
	return true;
}

bool expr_render(const json_t *value, const json_t *input, json_t **out, struct err *err)
{
	DEFER(expr_set_freep) struct expr_set *set = expr_set_new();
	struct render render = { .set = set, .input = input, .is_collecting = true, .err = err };
	json_t *ignored;
	bool ok;

	ok = render_value(&render, value, &ignored);
	if (ok) {
		json_decref(ignored);
		render.is_collecting = false;
		render.path[0] = '\0';
		ok = render_value(&render, value, out);
	}
	free(render.handles);
	return ok;
}
