/*
 * JSON text into the tree of yaml.h. jansson has parsed it and found it right; this walks text and
 * value in step only to learn where each value stood. (libfyaml reads JSON as YAML, but neither its
 * tabs nor its \ud83d\ude00.)
 */
#include "base/yaml_private.h"

#include <string.h>

struct walk {
	struct yaml_doc *doc;
	const char *at, *end;
	const char *seen; /* up to here the mark was counted: a minified text is one long line */
	struct yaml_mark mark;
	struct err *err;
};

static void skip_blanks(struct walk *walk)
{
	while (walk->at < walk->end && strchr(" \t\r\n", *walk->at))
		walk->at++;
}

static struct yaml_mark here(struct walk *walk)
{
	for (; walk->seen < walk->at; walk->seen++) {
		walk->mark.column += (*walk->seen & 0xc0) != 0x80;
		if (*walk->seen == '\n')
			walk->mark = (struct yaml_mark){ walk->mark.line + 1, 1 };
	}
	return walk->mark;
}

static void skip_scalar(struct walk *walk)
{
	if (*walk->at != '"') {
		while (walk->at < walk->end && !strchr(",]} \t\r\n", *walk->at))
			walk->at++;
		return;
	}
	for (walk->at++; *walk->at != '"'; walk->at++)
		if (*walk->at == '\\')
			walk->at++;
	walk->at++;
}

static struct yaml_node *walk_value(struct walk *walk, json_t *value, unsigned depth);

static bool walk_child(struct walk *walk, struct yaml_node *parent, unsigned depth, const char *key,
		       struct yaml_mark key_mark, json_t *value)
{
	struct yaml_node *child = walk_value(walk, value, depth + 1);

	if (!child)
		return false;
	if (!key)
		key_mark = child->mark;
	return yaml_node_add(walk->doc, parent, depth, key, key_mark, child, walk->err);
}

static bool walk_object(struct walk *walk, struct yaml_node *node, json_t *value, unsigned depth)
{
	const char *key;
	json_t *child;

	json_object_foreach(value, key, child)
	{
		struct yaml_mark mark;

		walk->at++; /* the brace or the comma */
		skip_blanks(walk);
		mark = here(walk);
		skip_scalar(walk);
		skip_blanks(walk);
		walk->at++; /* the colon */
		if (!walk_child(walk, node, depth, arena_strdup(&walk->doc->arena, key), mark,
				child))
			return false;
		skip_blanks(walk);
	}
	return true;
}

static bool walk_array(struct walk *walk, struct yaml_node *node, json_t *value, unsigned depth)
{
	for (size_t i = 0; i < json_array_size(value); i++) {
		walk->at++;
		if (!walk_child(walk, node, depth, NULL, (struct yaml_mark){ 0 },
				json_array_get(value, i)))
			return false;
		skip_blanks(walk);
	}
	return true;
}

/* Past an empty [ ] or { }, or the closing bracket of a full one. */
static void skip_close(struct walk *walk, bool is_empty)
{
	if (is_empty) {
		walk->at++;
		skip_blanks(walk);
	}
	walk->at++;
}

static struct yaml_node *walk_value(struct walk *walk, json_t *value, unsigned depth)
{
	struct yaml_node *node;
	struct yaml_mark mark;

	skip_blanks(walk);
	mark = here(walk);
	if (depth > YAML_MAX_DEPTH) {
		yaml_refuse(walk->doc, mark, walk->err, "nested more than %d deep", YAML_MAX_DEPTH);
		return NULL;
	}
	if (json_is_object(value)) {
		node = yaml_node_new(walk->doc, json_object(), mark);
		if (!walk_object(walk, node, value, depth))
			return NULL;
		skip_close(walk, json_object_size(value) == 0);
	} else if (json_is_array(value)) {
		node = yaml_node_new(walk->doc, json_array(), mark);
		if (!walk_array(walk, node, value, depth))
			return NULL;
		skip_close(walk, json_array_size(value) == 0);
	} else {
		node = yaml_node_new(walk->doc, json_incref(value), mark);
		skip_scalar(walk);
	}
	return node;
}

bool yaml_build_json(struct yaml_doc *doc, const char *text, size_t len, json_t *value,
		     struct err *err)
{
	struct walk walk = {
		.doc = doc,
		.at = text,
		.end = text + len,
		.seen = text,
		.mark = { 1, 1 },
		.err = err,
	};

	doc->root = walk_value(&walk, value, 0);
	json_decref(value);
	return doc->root != NULL;
}
