/*
 * The tree that remembers where everything stood. It knows no syntax.
 *
 * Aliases share nodes and JSON values, so a small text cannot take much memory here; but whoever
 * walks or prints the tree would see everything expanded. Each node therefore carries what it
 * expands to, and adding it somewhere is refused when the sum passes a limit: "billion laughs" ends
 * at the first alias that is too much. The height is carried for the same reason: a chain of
 * aliases is deep without any line of it being so.
 */
#include "base/yaml_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct yaml_node *yaml_node_new(struct yaml_doc *doc, json_t *value, struct yaml_mark mark)
{
	struct yaml_node *node = arena_alloc(&doc->arena, sizeof(*node));

	node->value = value;
	node->mark = mark;
	node->nodes = 1;
	node->bytes = json_is_string(value) ? json_string_length(value) : 0;
	node->made_before = doc->made;
	doc->made = node;
	return node;
}

static void node_append(struct yaml_doc *doc, struct yaml_node *parent, struct yaml_item item)
{
	if (parent->count == parent->capacity) {
		size_t capacity = parent->capacity ? parent->capacity * 2 : 4;
		struct yaml_item *items = arena_alloc(&doc->arena, capacity * sizeof(*items));

		if (parent->count)
			memcpy(items, parent->items, parent->count * sizeof(*items));
		parent->items = items;
		parent->capacity = capacity;
	}
	parent->items[parent->count++] = item;
}

bool yaml_node_add(struct yaml_doc *doc, struct yaml_node *parent, unsigned depth, const char *key,
		   struct yaml_mark key_mark, struct yaml_node *child, struct err *err)
{
	parent->nodes += child->nodes;
	parent->bytes += child->bytes + (key ? strlen(key) : 0);
	if (parent->height < child->height + 1)
		parent->height = child->height + 1;
	if (depth + parent->height > YAML_MAX_DEPTH)
		return yaml_refuse(doc, key_mark, err, "nested more than %d deep", YAML_MAX_DEPTH);
	if (parent->nodes > YAML_MAX_NODES)
		return yaml_refuse(doc, key_mark, err, "more than %d values, aliases expanded",
				   YAML_MAX_NODES);
	if (parent->bytes > YAML_MAX_EXPANDED_BYTES)
		return yaml_refuse(doc, key_mark, err, "more than %d MiB of text, aliases expanded",
				   YAML_MAX_EXPANDED_BYTES >> 20);
	node_append(doc, parent,
		    (struct yaml_item){ .key = key, .key_mark = key_mark, .node = child });
	if (key)
		json_object_set_new_nocheck(parent->value, key, json_incref(child->value));
	else
		json_array_append_new(parent->value, json_incref(child->value));
	return true;
}

void yaml_free(struct yaml_doc *doc)
{
	if (!doc)
		return;
	for (struct yaml_node *node = doc->made; node; node = node->made_before)
		json_decref(node->value);
	arena_done(&doc->arena);
	free(doc->name);
	free(doc);
}

void yaml_freep(struct yaml_doc **doc)
{
	yaml_free(*doc);
	*doc = NULL;
}

const json_t *yaml_root(const struct yaml_doc *doc)
{
	return doc->root->value;
}

/* The item of a map whose key begins `path`; the longest, because keys may hold dots. */
static const struct yaml_item *find_key(const struct yaml_node *map, const char *path)
{
	const struct yaml_item *best = NULL;
	size_t best_length = 0;

	for (size_t i = 0; i < map->count; i++) {
		const char *key = map->items[i].key;
		size_t length = key ? strlen(key) : 0;

		if (!key || strncmp(path, key, length) || !strchr(".[#", path[length]))
			continue; /* strchr finds the NUL at the end of a path too */
		if (!best || length > best_length) {
			best = &map->items[i];
			best_length = length;
		}
	}
	return best;
}

static const struct yaml_item *find_index(const struct yaml_node *list, const char **path)
{
	char *end;
	unsigned long index = strtoul(*path + 1, &end, 10);

	if (*end != ']' || index >= list->count || list->items[index].key)
		return NULL;
	*path = end + 1;
	return &list->items[index];
}

struct yaml_mark yaml_where(const struct yaml_doc *doc, const char *path)
{
	const struct yaml_node *node = doc->root;

	while (*path) {
		const struct yaml_item *item;

		if (*path == '[') {
			item = find_index(node, &path);
		} else {
			item = find_key(node, path);
			if (item)
				path += strlen(item->key);
		}
		if (!item)
			break;
		if (!strcmp(path, "#"))
			return item->key_mark;
		node = item->node;
		if (*path == '.')
			path++;
	}
	return node->mark;
}

bool yaml_refuse(const struct yaml_doc *doc, struct yaml_mark mark, struct err *err,
		 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	err_vset(err, ERR_REJECT, format, args);
	va_end(args);
	return err_context(err, "%s:%u:%u", doc->name, mark.line, mark.column);
}

bool yaml_error(const struct yaml_doc *doc, const char *path, struct err *err, const char *format,
		...)
{
	size_t length = strlen(path);
	va_list args;

	va_start(args, format);
	err_vset(err, ERR_REJECT, format, args);
	va_end(args);
	if (length && path[length - 1] == '#')
		length--;
	if (length)
		err_context(err, "%.*s", (int)length, path);
	return err_context(err, "%s:%u:%u", doc->name, yaml_where(doc, path).line,
			   yaml_where(doc, path).column);
}
