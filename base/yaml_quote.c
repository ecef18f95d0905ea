/*
 * Refuses text that YAML would take apart where a person meant one expression or sentence:
 *
 *      {text: ${{ .matrix.hook }}}        an error deep inside libfyaml
 *      require: [(.a, .b) | all]          silently two items
 *      if: .name == "a #b"                silently cut at the comment
 *      prompt: Sunrise: slow push-in      "mapping values not allowed"
 *
 * A light scan over the text that knows only enough YAML to find plain scalars: quotes, flow
 * brackets, comments, block scalars. Where it is unsure it stays silent; libfyaml has the last
 * word.
 */
#include "base/yaml_private.h"

#include <ctype.h>
#include <string.h>

struct scan {
	const struct yaml_doc *doc;
	struct err *err;
	const char *text, *at, *end; /* *end is a NUL */
	unsigned line;
	const char *line_start;
	unsigned depth;	     /* of flow brackets */
	int parent_indent;   /* column of the last key or dash: a plain text goes on deeper in */
	unsigned value_line; /* line on which a key was read: what follows on it is a value */
};

struct spot {
	const char *at, *line_start;
	unsigned line;
};

static struct spot spot_here(const struct scan *scan)
{
	return (struct spot){ scan->at, scan->line_start, scan->line };
}

static bool refuse_at(const struct scan *scan, struct spot spot, const char *advice,
		      const char *reason)
{
	struct yaml_mark mark = { spot.line, 1 };

	for (const char *at = spot.line_start; at < spot.at; at++)
		mark.column += (*at & 0xc0) != 0x80;
	return yaml_refuse(scan->doc, mark, scan->err, "%s: %s", advice, reason);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

static bool is_space(char c)
{
	return is_blank(c) || is_break(c);
}

static void next_line(struct scan *scan)
{
	while (scan->at < scan->end && *scan->at != '\n')
		scan->at++;
	if (scan->at < scan->end) {
		scan->at++;
		scan->line++;
		scan->line_start = scan->at;
	}
}

static void step(struct scan *scan)
{
	if (*scan->at == '\n') {
		scan->line++;
		scan->line_start = scan->at + 1;
	}
	scan->at++;
}

static int indent_of(const char *line)
{
	return (int)strspn(line, " ");
}

static void skip_blanks(struct scan *scan)
{
	while (is_blank(*scan->at))
		scan->at++;
}

/* Past a quoted text; past the end of everything when it is not closed, which libfyaml will say. */
static void skip_quoted(struct scan *scan)
{
	char quote = *scan->at;

	for (scan->at++; scan->at < scan->end; step(scan)) {
		if (quote == '"' && *scan->at == '\\' && scan->at + 1 < scan->end) {
			step(scan);
		} else if (*scan->at == quote) {
			if (quote == '"' || scan->at[1] != '\'')
				break;
			scan->at++;
		}
	}
	if (scan->at < scan->end)
		scan->at++;
}

static void skip_block_scalar(struct scan *scan)
{
	int indent = -1, least = scan->parent_indent;

	for (next_line(scan); scan->at < scan->end; next_line(scan)) {
		int here = indent_of(scan->at);

		if (is_break(scan->at[here]))
			continue;
		if (indent < 0)
			indent = here > least ? here : 1 << 30;
		if (here < indent)
			return;
	}
}

/* The lines that continue a plain text of several lines. */
static void skip_continuation(struct scan *scan)
{
	for (next_line(scan); scan->at < scan->end; next_line(scan)) {
		int here = indent_of(scan->at);

		if (is_break(scan->at[here]))
			continue;
		if (here <= scan->parent_indent || scan->at[here] == '#')
			return;
	}
}

static bool looks_like_expression(const char *at)
{
	if (*at == '.' || *at == '(' || !strncmp(at, "${{", 3))
		return true;
	while (isalnum((unsigned char)*at) || *at == '_')
		at++;
	return *at == '(';
}

/* An odd number of double quotes, or brackets that do not match. */
static bool is_cut(const char *from, const char *to)
{
	int round = 0;
	bool is_quoted = false;

	for (; from < to; from++) {
		if (*from == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted)
			round += (*from == '(') - (*from == ')');
	}
	return is_quoted || round != 0;
}

static const char *what_to_quote(const char *at, const char *end)
{
	if (looks_like_expression(at))
		return "quote this expression";
	for (; at + 2 < end; at++)
		if (!strncmp(at, "${{", 3))
			return "quote this expression";
	return "quote this text";
}

/* A quoted text or a [list] that something else follows on its line was meant as a part of an
 * expression. */
static bool check_trailing(struct scan *scan, struct spot start, const char *allowed)
{
	const char *at = scan->at;

	while (is_blank(*at))
		at++;
	if (is_break(*at) || *at == '#' || strchr(allowed, *at))
		return true;
	return refuse_at(scan, start, "quote this expression",
			 "YAML ends it in the middle of the line");
}

/* ---- block context ---- */

static bool end_block_plain(struct scan *scan, struct spot start, bool has_template)
{
	char c = *scan->at;

	if (c == ':' && (has_template || scan->value_line == start.line))
		return refuse_at(scan, start, what_to_quote(start.at, scan->at),
				 "unquoted, its ': ' is YAML");
	if (c == '#' && looks_like_expression(start.at) && is_cut(start.at, scan->at))
		return refuse_at(scan, start, what_to_quote(start.at, scan->at),
				 "unquoted, its ' #' begins a comment");
	if (c == ':') {
		scan->at++;
		scan->value_line = scan->line;
		scan->parent_indent = (int)(start.at - start.line_start);
	} else if (c == '#') {
		next_line(scan);
	} else {
		skip_continuation(scan);
	}
	return true;
}

static bool scan_block_plain(struct scan *scan)
{
	struct spot start = spot_here(scan);
	bool has_template = false, is_inside = false;

	for (; !is_break(*scan->at); scan->at++) {
		bool is_colon = *scan->at == ':' && is_space(scan->at[1]);
		bool is_hash = *scan->at == '#' && scan->at > start.at && is_blank(scan->at[-1]);

		if (!strncmp(scan->at, "${{", 3))
			has_template = is_inside = true;
		else if (!strncmp(scan->at, "}}", 2))
			is_inside = false;
		if (is_inside && is_hash)
			return refuse_at(scan, start, "quote this expression",
					 "unquoted, its ' #' begins a comment");
		if (is_colon || is_hash)
			break;
	}
	return end_block_plain(scan, start, has_template);
}

static bool scan_block_quoted(struct scan *scan)
{
	struct spot start = spot_here(scan);

	skip_quoted(scan);
	if (!check_trailing(scan, start, ":"))
		return false;
	skip_blanks(scan);
	if (*scan->at == ':' && is_space(scan->at[1])) {
		scan->at++;
		scan->value_line = scan->line;
		scan->parent_indent = (int)(start.at - start.line_start);
	}
	return true;
}

static bool scan_flow(struct scan *scan);

static bool scan_block(struct scan *scan)
{
	char c = *scan->at;

	if (is_space(c)) {
		step(scan);
	} else if (c == '#' || (c == '%' && scan->at == scan->line_start)) {
		next_line(scan);
	} else if ((c == '-' || c == '?' || c == ':') && is_space(scan->at[1])) {
		scan->parent_indent = (int)(scan->at - scan->line_start);
		scan->at++;
	} else if (scan->at == scan->line_start &&
		   (!strncmp(scan->at, "---", 3) || !strncmp(scan->at, "...", 3))) {
		scan->parent_indent = -1;
		scan->at += 3;
	} else if (c == '&' || c == '*' || c == '!') {
		while (!is_space(*scan->at))
			scan->at++;
	} else if (c == '|' || c == '>') {
		skip_block_scalar(scan);
	} else if (c == '"' || c == '\'') {
		return scan_block_quoted(scan);
	} else if (c == '[' || c == '{') {
		return scan_flow(scan);
	} else {
		return scan_block_plain(scan);
	}
	return true;
}

/* ---- flow context ---- */

static bool scan_flow_plain(struct scan *scan)
{
	struct spot start = spot_here(scan);
	char c;

	for (; !is_break(*scan->at) && !strchr(",[]{}", *scan->at); scan->at++) {
		if (*scan->at == ':' && (is_space(scan->at[1]) || strchr(",[]{}", scan->at[1])))
			break;
		if (*scan->at == '#' && scan->at > start.at && is_blank(scan->at[-1]))
			break;
	}
	c = *scan->at;
	if (c == '{' && scan->at > start.at && scan->at[-1] == '$')
		return refuse_at(scan, start, "quote this expression", "unquoted, its '{' is YAML");
	if (c == '{' || c == '[')
		return refuse_at(scan, start, what_to_quote(start.at, scan->at),
				 c == '{' ? "unquoted, its '{' is YAML"
					  : "unquoted, its '[' is YAML");
	if (!is_break(c) && looks_like_expression(start.at) && is_cut(start.at, scan->at))
		return refuse_at(scan, start, "quote this expression",
				 c == '#'   ? "unquoted, its ' #' begins a comment"
				 : c == ':' ? "unquoted, its ': ' is YAML"
					    : "unquoted, it is taken apart at its ','");
	return true;
}

static bool scan_flow_token(struct scan *scan)
{
	struct spot start = spot_here(scan);
	char c = *scan->at;

	if (is_space(c) || c == ',' || c == ':' || (c == '?' && is_space(scan->at[1]))) {
		step(scan);
	} else if (c == '#') {
		next_line(scan);
	} else if (c == '[' || c == '{') {
		scan->depth++;
		scan->at++;
	} else if (c == ']' || c == '}') {
		scan->depth--;
		scan->at++;
		return !scan->depth || check_trailing(scan, start, ",]}:");
	} else if (c == '"' || c == '\'') {
		skip_quoted(scan);
		return check_trailing(scan, start, ",]}:");
	} else if (c == '&' || c == '*' || c == '!') {
		while (!is_space(*scan->at) && !strchr(",[]{}", *scan->at))
			scan->at++;
	} else {
		return scan_flow_plain(scan);
	}
	return true;
}

static bool scan_flow(struct scan *scan)
{
	struct spot start = spot_here(scan);

	scan->depth = 0;
	do {
		if (!scan_flow_token(scan))
			return false;
	} while (scan->depth && scan->at < scan->end);
	scan->depth = 0;
	return check_trailing(scan, start, ":");
}

bool yaml_check_quoting(const struct yaml_doc *doc, const char *text, size_t len, struct err *err)
{
	struct scan scan = {
		.doc = doc,
		.err = err,
		.text = text,
		.at = text,
		.end = text + len,
		.line = 1,
		.line_start = text,
		.parent_indent = -1,
	};

	while (scan.at < scan.end)
		if (!scan_block(&scan))
			return false;
	return true;
}

/* ---- bytes ---- */

/* Length of the UTF-8 sequence at `at`, 0 when it is none or a control character. */
static size_t sequence_length(const unsigned char *at, const unsigned char *end)
{
	static const unsigned lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
	unsigned point;

	if (at[0] < 0x80)
		return at[0] >= 0x20 || at[0] == '\t' || at[0] == '\n' || at[0] == '\r';
	if (!length || (size_t)(end - at) < length)
		return 0;
	point = at[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	return point < lowest[length] || point > 0x10ffff || point >> 11 == 27 ? 0 : length;
}

bool yaml_check_bytes(const struct yaml_doc *doc, const char *text, size_t len, struct err *err)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + len;
	struct yaml_mark mark = { 1, 1 };

	while (at < end) {
		size_t length = sequence_length(at, end);

		if (!length)
			return yaml_refuse(doc, mark, err,
					   "byte 0x%02x is not text (UTF-8 is expected)", *at);
		mark.column++;
		if (*at == '\n')
			mark = (struct yaml_mark){ mark.line + 1, 1 };
		at += length;
	}
	return true;
}
