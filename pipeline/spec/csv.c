/*
 * RFC 4180 text with a header: fields in quotes may hold commas, line breaks and doubled quotes;
 * lines end with LF or CRLF; a row that is shorter or longer than the header is refused. Values
 * stay text, as the file has them.
 */
#include <string.h>

#include "base/buf.h"
#include "pipeline/spec/spec_private.h"

struct csv {
	const char *at;
	unsigned line;
	struct err *err;
};

static bool read_quoted(struct csv *csv, struct buf *out)
{
	unsigned from = csv->line;

	for (csv->at++;; csv->at++) {
		if (!*csv->at)
			return err_set(csv->err, ERR_REJECT, "line %u: a quote is not closed",
				       from);
		if (*csv->at == '"' && *++csv->at != '"')
			break;
		csv->line += *csv->at == '\n';
		buf_putc(out, *csv->at);
	}
	if (*csv->at && !strchr(",\r\n", *csv->at))
		return err_set(csv->err, ERR_REJECT, "line %u: text behind a closing quote",
			       csv->line);
	return true;
}

/* One field into the list; leaves csv->at behind it. */
static bool read_field(struct csv *csv, json_t *row)
{
	DEFER(buf_done) struct buf field = { 0 };
	json_t *text;

	if (*csv->at == '"') {
		if (!read_quoted(csv, &field))
			return false;
	} else {
		size_t length = strcspn(csv->at, ",\r\n");

		buf_put(&field, csv->at, length);
		csv->at += length;
	}
	text = json_stringn(field.data ? field.data : "", field.len);
	if (!text)
		return err_set(csv->err, ERR_REJECT, "line %u: not UTF-8", csv->line);
	json_array_append_new(row, text);
	return true;
}

static bool read_row(struct csv *csv, json_t *row)
{
	for (;;) {
		if (!read_field(csv, row))
			return false;
		if (*csv->at != ',')
			break;
		csv->at++;
	}
	csv->at += *csv->at == '\r';
	csv->at += *csv->at == '\n';
	return true;
}

static bool check_header(const json_t *header, struct err *err)
{
	for (size_t i = 0; i < json_array_size(header); i++) {
		const char *name = json_string_value(json_array_get(header, i));

		if (!*name)
			return err_set(err, ERR_REJECT, "line 1: column %zu has no name", i + 1);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(name, json_string_value(json_array_get(header, j))))
				return err_set(err, ERR_REJECT,
					       "line 1: two columns are called '%s'", name);
	}
	return true;
}

static json_t *row_object(const json_t *header, const json_t *row)
{
	json_t *object = json_object();

	for (size_t i = 0; i < json_array_size(header); i++)
		json_object_set(object, json_string_value(json_array_get(header, i)),
				json_array_get(row, i));
	return object;
}

bool csv_parse(const char *text, json_t **out_rows, struct err *err)
{
	DEFER(json_freep) json_t *header = json_array(), *rows = json_array();
	struct csv csv = { .at = text, .line = 1, .err = err };

	if (!strncmp(text, "\xef\xbb\xbf", 3))
		csv.at += 3;
	if (!read_row(&csv, header) || !check_header(header, err))
		return false;
	for (csv.line = 2; *csv.at; csv.line++) {
		DEFER(json_freep) json_t *row = json_array();
		unsigned line = csv.line;

		if (strspn(csv.at, "\r\n")) { /* an empty line */
			csv.at += *csv.at == '\r';
			csv.at += *csv.at == '\n';
			continue;
		}
		if (!read_row(&csv, row))
			return false;
		if (json_array_size(row) != json_array_size(header))
			return err_set(err, ERR_REJECT, "line %u: %zu fields, the header has %zu",
				       line, json_array_size(row), json_array_size(header));
		json_array_append_new(rows, row_object(header, row));
	}
	*out_rows = TAKE(rows);
	return true;
}
