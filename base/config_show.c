/*
 * Prints options: what is in force and where it came from, and the example file. Passwords are
 * never shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config_options.h"
#include "base/json.h"

static const char *show_in_units(int64_t value, const int64_t *sizes, const char *const *names,
				 size_t count, char out[32])
{
	for (size_t i = 0; i < count; i++) {
		if (value && value % sizes[i] == 0) {
			snprintf(out, 32, "%" PRId64 "%s", value / sizes[i], names[i]);
			return out;
		}
	}
	snprintf(out, 32, "%" PRId64, value);
	return out;
}

const char *config_show_number(const struct config_option *option, int64_t value, char out[32])
{
	static const int64_t durations[] = { 86400000, 3600000, 60000, 1000, 1 };
	static const char *const duration_names[] = { "d", "h", "m", "s", "ms" };
	static const int64_t sizes[] = { 1 << 30, 1 << 20, 1 << 10 };
	static const char *const size_names[] = { "GiB", "MiB", "KiB" };

	if (option->type == CONFIG_DURATION)
		return show_in_units(value, durations, duration_names, 5, out);
	if (option->type == CONFIG_BYTES)
		return show_in_units(value, sizes, size_names, 3, out);
	snprintf(out, 32, "%" PRId64, value);
	return out;
}

/* redis://user:secret@host -> redis://user:***@host */
static void put_masked(struct buf *out, const char *text)
{
	const char *scheme = strstr(text, "://"), *at = strrchr(text, '@');
	const char *colon =
		scheme && at ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;

	if (!colon) {
		buf_puts(out, text);
		return;
	}
	buf_put(out, text, (size_t)(colon + 1 - text));
	buf_puts(out, "***");
	buf_puts(out, at);
}

static bool is_number(const struct config_option *option)
{
	return option->type != CONFIG_TEXT && option->type != CONFIG_PATH;
}

/* False when there is no value. */
static bool put_value(const struct config *config, const struct config_option *option,
		      struct buf *out)
{
	const void *at = (const char *)config + option->offset;
	const char *text;
	char number[32];

	if (is_number(option)) {
		buf_puts(out, config_show_number(option, *(const int64_t *)at, number));
		return true;
	}
	text = *(const char *const *)at;
	if (text)
		put_masked(out, text);
	return text != NULL;
}

static void show_lanes_text(const struct config *config, struct buf *out)
{
	if (config->lane_count)
		buf_puts(out, "lanes:\n");
	for (size_t i = 0; i < config->lane_count; i++)
		buf_printf(out, "  %s: {limit: %" PRId64 ", rate: %g, burst: %" PRId64 "}\n",
			   config->lanes[i].name, config->lanes[i].limit, config->lanes[i].rate,
			   config->lanes[i].burst);
}

static void show_text(const struct config *config, struct buf *out)
{
	for (size_t i = 0; config_options[i].name; i++) {
		size_t start = out->len;

		buf_printf(out, "%s: ", config_options[i].name);
		if (!put_value(config, &config_options[i], out))
			buf_puts(out, "# none");
		do
			buf_putc(out, ' ');
		while (out->len - start < 48);
		buf_printf(out, "# %s\n", config->private->sources[i]);
	}
	show_lanes_text(config, out);
}

static void show_lanes_json(const struct config *config, struct buf *out)
{
	buf_puts(out, ",\"lanes\":{");
	for (size_t i = 0; i < config->lane_count; i++) {
		buf_puts(out, i ? "," : "");
		json_put_text(out, config->lanes[i].name);
		buf_printf(out, ":{\"limit\":%" PRId64 ",\"rate\":%g,\"burst\":%" PRId64 "}",
			   config->lanes[i].limit, config->lanes[i].rate, config->lanes[i].burst);
	}
	buf_putc(out, '}');
}

static void show_json(const struct config *config, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t i = 0; config_options[i].name; i++) {
		DEFER(buf_done) struct buf value = { 0 };

		buf_printf(out, "%s\"%s\":{\"value\":", i ? "," : "", config_options[i].name);
		if (!put_value(config, &config_options[i], &value))
			buf_puts(out, "null");
		else if (config_options[i].type == CONFIG_COUNT)
			buf_puts(out, value.data);
		else
			json_put_text(out, value.data);
		buf_puts(out, ",\"source\":");
		json_put_text(out, config->private->sources[i]);
		buf_putc(out, '}');
	}
	show_lanes_json(config, out);
	buf_puts(out, "}\n");
}

void config_show(const struct config *config, bool as_json, struct buf *out)
{
	if (as_json)
		show_json(config, out);
	else
		show_text(config, out);
}

void config_show_for_workers(const struct config *config, struct buf *out)
{
	for (size_t i = 1; config_options[i].name; i++) { /* the first is `redis` */
		DEFER(buf_done) struct buf value = { 0 };

		if (!put_value(config, &config_options[i], &value))
			continue;
		buf_printf(out, "%s: ", config_options[i].name);
		json_put_text(out, value.data);
		buf_putc(out, '\n');
	}
}

/* A comment of at most 98 columns a line. */
static void put_comment(struct buf *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (!column || column + 1 + word > 98) {
			buf_puts(out, column ? "\n#" : "#");
			column = 1;
		}
		buf_putc(out, ' ');
		buf_put(out, text, word);
		column += 1 + word;
		text += word + (text[word] == ' ');
	}
	buf_putc(out, '\n');
}

void config_show_example(struct buf *out)
{
	put_comment(out,
		    "reeld.yaml: read from -c PATH, else $REEL_CONFIG, else "
		    "/etc/reeld/reeld.yaml, else ~/.config/reel/reeld.yaml. `reeld -t` checks "
		    "it, `reel config` shows what is in force, SIGHUP makes reeld read it again.");
	buf_puts(out, "\nredis: redis://127.0.0.1:6379\n\n");
	put_comment(out, "Everything below is optional; the values are the defaults.");
	for (size_t i = 1; config_options[i].name; i++) { /* the first is `redis` */
		const struct config_option *option = &config_options[i];

		buf_putc(out, '\n');
		put_comment(out, option->help);
		if (option->env)
			buf_printf(out, "# $%s wins over it.\n", option->env);
		buf_printf(out, "#%s: %s\n", option->name,
			   option->fallback ? option->fallback : option->example);
	}
	buf_puts(out, "\n# Limits of lanes, farm-wide: stages at once, claims per second (0: no "
		      "limit), burst.\n#lanes:\n#  cpu: {limit: 8}\n#  account:example: {limit: "
		      "20, rate: 0.5, burst: 5}\n");
}
