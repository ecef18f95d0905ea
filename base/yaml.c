/*
 * YAML text into a tree: the one home of libfyaml, of which it uses only the event stream, because
 * events come with marks, need no recursion, and leave aliases to us, who count what they expand
 * to.
 *
 * Where libfyaml 0.7.12 (Debian 12) would answer with something puzzling, yaml_quote.c has answered
 * before.
 */
#include "base/yaml_private.h"

#include <ctype.h>
#include <errno.h>
#include <libfyaml.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* They are searched from the newest, one by one. */
enum { ANCHORS_MAX = 1000 };

struct frame {
	struct yaml_node *node;
	const char *key; /* of a map: read, its value is awaited */
	struct yaml_mark key_mark;
	bool is_merge;		  /* that key is a plain << */
	struct yaml_node *merges; /* a list of the maps to merge when this one is complete */
	const char *anchor;
};

struct anchor {
	const char *name;
	struct yaml_node *node; /* NULL while it is being read */
};

struct loader {
	struct yaml_doc *doc;
	struct err *err;
	struct frame frames[YAML_MAX_DEPTH + 1];
	unsigned depth; /* frames in use */
	struct anchor *anchors;
	size_t anchor_count, anchor_capacity;
	bool is_over; /* the document's end was seen */
};

/* ---- scalars: the YAML 1.2 core schema ---- */

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static bool is_integer(const char *text)
{
	text += *text == '-' || *text == '+';
	return *text && !text[strspn(text, "0123456789")];
}

static bool is_real(const char *text)
{
	size_t before, after = 0;

	text += *text == '-' || *text == '+';
	before = strspn(text, "0123456789");
	text += before;
	if (*text == '.') {
		after = strspn(text + 1, "0123456789");
		text += 1 + after;
	}
	if (!before && !after)
		return false;
	if (*text == 'e' || *text == 'E') {
		text += text[1] == '-' || text[1] == '+' ? 2 : 1;
		return *text && !text[strspn(text, "0123456789")];
	}
	return !*text;
}

/* Base 8 and 16 of the core schema: 0o17, 0x1f. */
static int integer_base(const char *text)
{
	if (!strncmp(text, "0o", 2) && text[2] && !text[2 + strspn(text + 2, "01234567")])
		return 8;
	if (!strncmp(text, "0x", 2) && text[2] &&
	    !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
		return 16;
	return is_integer(text) ? 10 : 0;
}

/* NULL when it is no number, or one that JSON cannot carry exactly: an id of twenty digits stays
 * text. */
static json_t *number_value(const char *text)
{
	int base = integer_base(text);
	double real;

	errno = 0;
	if (base) {
		long long number = strtoll(text + (base == 10 ? 0 : 2), NULL, base);

		return errno ? NULL : json_integer(number);
	}
	if (!is_real(text))
		return NULL;
	real = strtod(text, NULL);
	return isfinite(real) ? json_real(real) : NULL;
}

static json_t *plain_value(const char *text, size_t len)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	json_t *number;

	if (is_one_of(text, nulls))
		return json_null();
	if (is_one_of(text, trues))
		return json_true();
	if (is_one_of(text, falses))
		return json_false();
	number = number_value(text);
	return number ? number : json_stringn(text, len);
}

/* ---- anchors ---- */

static struct anchor *anchor_find(struct loader *loader, const char *name)
{
	for (size_t i = loader->anchor_count; i-- > 0;)
		if (!strcmp(loader->anchors[i].name, name))
			return &loader->anchors[i];
	return NULL;
}

/* A name may be anchored again: the newest counts from there on. */
static bool anchor_add(struct loader *loader, const char *name, struct yaml_node *node,
		       struct yaml_mark mark)
{
	if (!name)
		return true;
	if (loader->anchor_count == ANCHORS_MAX)
		return yaml_refuse(loader->doc, mark, loader->err, "more than %d anchors",
				   ANCHORS_MAX);
	if (loader->anchor_count == loader->anchor_capacity) {
		loader->anchor_capacity = loader->anchor_capacity * 2 + 8;
		loader->anchors = xrealloc(loader->anchors,
					   loader->anchor_capacity * sizeof(*loader->anchors));
	}
	loader->anchors[loader->anchor_count++] = (struct anchor){ name, node };
	return true;
}

/* ---- events ---- */

static struct yaml_mark mark_of(const struct loader *loader, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	const struct frame *frame = loader->depth ? &loader->frames[loader->depth - 1] : NULL;

	if (mark)
		return (struct yaml_mark){ (unsigned)mark->line + 1, (unsigned)mark->column + 1 };
	/* an implicit null: where its key stands */
	if (frame)
		return frame->key_mark.line ? frame->key_mark : frame->node->mark;
	return (struct yaml_mark){ 1, 1 };
}

static const char *token_copy(struct loader *loader, struct fy_token *token, size_t *out_len)
{
	size_t len = 0;
	const char *text = token ? fy_token_get_text(token, &len) : "";

	*out_len = len;
	return text ? arena_strndup(&loader->doc->arena, text, len) : NULL;
}

static bool refuse_duplicate(struct loader *loader, const struct yaml_node *map, const char *key,
			     struct yaml_mark mark)
{
	unsigned line = 0;

	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->items[i].key, key))
			line = map->items[i].key_mark.line;
	return yaml_refuse(loader->doc, mark, loader->err, "'%s' is here twice, first in line %u",
			   key, line);
}

static bool take_key(struct loader *loader, struct frame *frame, const char *text, bool is_plain,
		     struct yaml_mark mark)
{
	if (is_plain && !*text)
		return yaml_refuse(loader->doc, mark, loader->err, "a name is missing before ':'");
	frame->key = text;
	frame->key_mark = mark;
	frame->is_merge = is_plain && !strcmp(text, "<<");
	if (!frame->is_merge && json_object_get(frame->node->value, text))
		return refuse_duplicate(loader, frame->node, text, mark);
	return true;
}

static bool take_merge(struct loader *loader, struct frame *frame, struct yaml_node *node)
{
	static const char expected[] = "expected a map or a list of maps behind '<<'";

	if (frame->merges)
		return yaml_refuse(loader->doc, frame->key_mark, loader->err, "'<<' is here twice");
	frame->merges = node;
	if (json_is_object(node->value))
		return true;
	if (!json_is_array(node->value))
		return yaml_refuse(loader->doc, frame->key_mark, loader->err, "%s", expected);
	for (size_t i = 0; i < node->count; i++)
		if (!json_is_object(node->items[i].node->value))
			return yaml_refuse(loader->doc, frame->key_mark, loader->err, "%s",
					   expected);
	return true;
}

/* A complete value goes to where it belongs. `mark` is where it is used: an alias's own place. */
static bool take_node(struct loader *loader, struct yaml_node *node, struct yaml_mark mark)
{
	struct frame *frame = loader->depth ? &loader->frames[loader->depth - 1] : NULL;
	const char *key;

	if (!frame) {
		loader->doc->root = node;
		return true;
	}
	key = TAKE(frame->key);
	if (key && frame->is_merge)
		return take_merge(loader, frame, node);
	return yaml_node_add(loader->doc, frame->node, loader->depth - 1, key,
			     key ? frame->key_mark : mark, node, loader->err);
}

static bool is_key_awaited(const struct loader *loader)
{
	const struct frame *frame = loader->depth ? &loader->frames[loader->depth - 1] : NULL;

	return frame && json_is_object(frame->node->value) && !frame->key;
}

static bool is_quoted(struct fy_token *token)
{
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;

	return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

static bool on_scalar(struct loader *loader, struct fy_event *event, const char *anchor)
{
	struct yaml_mark mark = mark_of(loader, event);
	struct fy_token *token = event->scalar.value;
	bool is_plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
	size_t len;
	const char *text = token_copy(loader, token, &len);
	struct yaml_node *node;
	json_t *value;

	/* libfyaml's mark stands behind the opening quote */
	mark.column -= is_quoted(token) && mark.column > 1;
	if (!text)
		return yaml_refuse(loader->doc, mark, loader->err, "this text cannot be read");
	if (strlen(text) != len)
		return yaml_refuse(loader->doc, mark, loader->err, "text with a NUL in it");
	if (is_key_awaited(loader))
		return take_key(loader, &loader->frames[loader->depth - 1], text, is_plain, mark);
	value = is_plain ? plain_value(text, len) : json_stringn(text, len);
	if (!value)
		return yaml_refuse(loader->doc, mark, loader->err, "text that is not UTF-8");
	node = yaml_node_new(loader->doc, value, mark);
	return anchor_add(loader, anchor, node, mark) && take_node(loader, node, mark);
}

static bool on_start(struct loader *loader, struct fy_event *event, json_t *value,
		     const char *anchor)
{
	struct yaml_node *node = yaml_node_new(loader->doc, value, mark_of(loader, event));

	if (is_key_awaited(loader))
		return yaml_refuse(loader->doc, node->mark, loader->err,
				   "expected a name, found a %s",
				   json_is_object(value) ? "map" : "list");
	if (loader->depth == YAML_MAX_DEPTH)
		return yaml_refuse(loader->doc, node->mark, loader->err, "nested more than %d deep",
				   YAML_MAX_DEPTH);
	loader->frames[loader->depth++] = (struct frame){ .node = node, .anchor = anchor };
	return anchor_add(loader, anchor, NULL, node->mark);
}

static bool merge_map(struct loader *loader, struct yaml_node *into, const struct yaml_node *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct yaml_item *item = &from->items[i];

		if (json_object_get(into->value, item->key))
			continue;
		if (!yaml_node_add(loader->doc, into, loader->depth, item->key, item->key_mark,
				   item->node, loader->err))
			return false;
	}
	return true;
}

static bool on_end(struct loader *loader)
{
	struct frame frame = loader->frames[--loader->depth];
	const struct yaml_node *merges = frame.merges;
	struct anchor *anchor;

	if (merges && json_is_object(merges->value) && !merge_map(loader, frame.node, merges))
		return false;
	if (merges && json_is_array(merges->value))
		for (size_t i = 0; i < merges->count; i++)
			if (!merge_map(loader, frame.node, merges->items[i].node))
				return false;
	anchor = frame.anchor ? anchor_find(loader, frame.anchor) : NULL;
	if (anchor)
		anchor->node = frame.node;
	return take_node(loader, frame.node, frame.node->mark);
}

static bool on_alias(struct loader *loader, struct fy_event *event)
{
	struct yaml_mark mark = mark_of(loader, event);
	size_t len;
	const char *name = token_copy(loader, event->alias.anchor, &len);
	struct anchor *anchor = name ? anchor_find(loader, name) : NULL;

	mark.column -= mark.column > 1; /* libfyaml's begins behind the star */
	if (is_key_awaited(loader))
		return yaml_refuse(loader->doc, mark, loader->err,
				   "expected a name, found an alias");
	if (!anchor)
		return yaml_refuse(loader->doc, mark, loader->err,
				   "'*%s' refers to no anchor above; text that begins with '*' "
				   "needs quotes",
				   name ? name : "");
	if (!anchor->node)
		return yaml_refuse(loader->doc, mark, loader->err, "'*%s' contains itself", name);
	return take_node(loader, anchor->node, mark);
}

static bool on_event(struct loader *loader, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event);
	size_t len;
	const char *name = anchor ? token_copy(loader, anchor, &len) : NULL;

	if (fy_event_get_tag_token(event))
		return yaml_refuse(loader->doc, mark_of(loader, event), loader->err,
				   "tags such as !!str are not supported; text that begins with "
				   "'!' needs quotes");
	switch (event->type) {
	case FYET_SCALAR: return on_scalar(loader, event, name);
	case FYET_MAPPING_START: return on_start(loader, event, json_object(), name);
	case FYET_SEQUENCE_START: return on_start(loader, event, json_array(), name);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END: return on_end(loader);
	case FYET_ALIAS: return on_alias(loader, event);
	case FYET_DOCUMENT_START:
		if (loader->is_over)
			return yaml_refuse(loader->doc, mark_of(loader, event), loader->err,
					   "a second document begins here, expected one");
		return true;
	case FYET_DOCUMENT_END: loader->is_over = true; return true;
	case FYET_NONE:
	case FYET_STREAM_START:
	case FYET_STREAM_END: return true;
	}
	return true;
}

static bool refuse_syntax(struct loader *loader, struct fy_diag *diag)
{
	void *before = NULL;
	struct fy_diag_error *first = fy_diag_errors_iterate(diag, &before);

	if (!first)
		return yaml_refuse(loader->doc, (struct yaml_mark){ 1, 1 }, loader->err,
				   "not valid YAML");
	return yaml_refuse(loader->doc,
			   (struct yaml_mark){ first->line > 0 ? (unsigned)first->line : 1,
					       first->column > 0 ? (unsigned)first->column : 1 },
			   loader->err, "not valid YAML: %s", first->msg);
}

static bool read_events(struct loader *loader, struct fy_parser *parser, struct fy_diag *diag)
{
	bool is_complete = false;

	while (!is_complete) {
		struct fy_event *event = fy_parser_parse(parser);
		bool ok;

		if (!event)
			return refuse_syntax(loader, diag);
		is_complete = event->type == FYET_STREAM_END;
		ok = on_event(loader, event);
		fy_parser_event_free(parser, event);
		if (!ok)
			return false;
	}
	if (!loader->doc->root) /* nothing but comments */
		loader->doc->root =
			yaml_node_new(loader->doc, json_null(), (struct yaml_mark){ 1, 1 });
	return true;
}

static bool parse_yaml(struct yaml_doc *doc, const char *text, size_t len, struct err *err)
{
	/* The library's own messages are collected, never printed. */
	struct fy_diag_cfg diag_config = { .level = FYET_ERROR, .module_mask = ~0u };
	struct fy_diag *diag = fy_diag_create(&diag_config);
	struct fy_parse_cfg config = { .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2,
				       .diag = diag };
	struct loader loader = { .doc = doc, .err = err };
	struct fy_parser *parser;
	bool ok = false;

	fy_diag_set_collect_errors(diag, true);
	parser = fy_parser_create(&config);
	if (!parser || fy_parser_set_string(parser, text, len))
		(void)refuse_syntax(&loader, diag);
	else
		ok = read_events(&loader, parser, diag);
	fy_parser_destroy(parser);
	fy_diag_destroy(diag);
	free(loader.anchors);
	return ok;
}

/* JSON is read by jansson; what only looks like it ({a: 1}) is YAML, unless its name says json. */
static bool parse_text(struct yaml_doc *doc, const char *text, size_t len, struct err *err)
{
	size_t blanks = strspn(text, " \t\r\n"), name_length = strlen(doc->name);
	bool is_json_name = name_length > 5 && !strcmp(doc->name + name_length - 5, ".json");

	if (text[blanks] == '{' || text[blanks] == '[' || is_json_name) {
		json_error_t problem;
		json_t *value =
			json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);

		if (value)
			return yaml_build_json(doc, text, len, value, err);
		if (is_json_name)
			return yaml_refuse(doc,
					   (struct yaml_mark){ (unsigned)problem.line,
							       (unsigned)problem.column },
					   err, "not valid JSON: %s", problem.text);
	}
	return yaml_check_quoting(doc, text, len, err) && parse_yaml(doc, text, len, err);
}

bool yaml_parse(const char *text, size_t len, const char *name, struct yaml_doc **out,
		struct err *err)
{
	DEFER(yaml_freep) struct yaml_doc *doc = xcalloc(1, sizeof(*doc));
	DEFER(freep) char *copy = NULL;

	doc->name = xstrdup(name);
	if (len > YAML_MAX_BYTES)
		return err_set(err, ERR_REJECT, "%s: larger than %d MiB", name,
			       YAML_MAX_BYTES >> 20);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark */
		text += 3;
		len -= 3;
	}
	if (!yaml_check_bytes(doc, text, len, err))
		return false;
	copy = xstrndup(text, len); /* the scanners like a NUL behind it */
	if (!parse_text(doc, copy, len, err))
		return false;
	*out = TAKE(doc);
	return true;
}
