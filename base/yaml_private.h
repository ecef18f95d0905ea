/*
 * What the files of the YAML reader share. No one else includes this.
 *
 *      yaml.c        parser events -> tree (the one home of libfyaml)
 *      yaml_json.c   JSON text -> the same tree
 *      yaml_quote.c  refuses expressions that YAML would take apart, before libfyaml sees them
 *      yaml_tree.c   the tree itself: limits, places, error text
 */
#pragma once

#include "base/alloc.h"
#include "base/yaml.h"

/* Text that aliases may expand to; nodes are limited by YAML_MAX_NODES. */
enum { YAML_MAX_EXPANDED_BYTES = 4 * YAML_MAX_BYTES };

struct yaml_node {
	json_t *value; /* owned */
	struct yaml_mark mark;
	struct yaml_item *items; /* of a map or list */
	size_t count, capacity;
	size_t nodes, bytes; /* with everything below it, aliases expanded: never over the limits */
	unsigned height;     /* levels below it */
	struct yaml_node *made_before;
};

struct yaml_item {
	const char *key;	   /* NULL in a list */
	struct yaml_mark key_mark; /* in a list: where the item is used, which may be an alias */
	struct yaml_node *node;	   /* may be shared with an anchor */
};

struct yaml_doc {
	char *name;
	struct arena arena;
	struct yaml_node *root; /* NULL only while parsing */
	struct yaml_node *made; /* all nodes, newest first */
};

/* Takes the value. */
struct yaml_node *yaml_node_new(struct yaml_doc *doc, json_t *value, struct yaml_mark mark);

/* Puts child into a map (key not NULL) or list; `depth` is the parent's. Refuses what is too much.
 * A key must not be there yet. */
bool yaml_node_add(struct yaml_doc *doc, struct yaml_node *parent, unsigned depth, const char *key,
		   struct yaml_mark key_mark, struct yaml_node *child, struct err *err) MUST_CHECK;

/* Fills err with "name:line:column: text"; returns false. */
bool yaml_refuse(const struct yaml_doc *doc, struct yaml_mark mark, struct err *err,
		 const char *format, ...) PRINTF_LIKE(4, 5);

/* yaml_json.c: `value` was parsed from this text and is taken. */
bool yaml_build_json(struct yaml_doc *doc, const char *text, size_t len, json_t *value,
		     struct err *err) MUST_CHECK;

/* yaml_quote.c: all bytes are UTF-8 and printable. */
bool yaml_check_bytes(const struct yaml_doc *doc, const char *text, size_t len,
		      struct err *err) MUST_CHECK;
bool yaml_check_quoting(const struct yaml_doc *doc, const char *text, size_t len,
			struct err *err) MUST_CHECK;
