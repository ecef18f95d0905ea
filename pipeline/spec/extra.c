/*
 * Schedule and budget: read and checked now, acted on in later releases, which is said in a notice.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/spec/cron.h"
#include "pipeline/spec/spec_private.h"

static void set_default(json_t *object, const char *name, const char *text)
{
	if (!json_object_get(object, name))
		json_object_set_new(object, name, json_string(text));
}

bool extra_check_schedule(struct check *check, json_t *schedule)
{
	const char *zone = json_string_value(json_object_get(schedule, "timezone"));
	struct cron cron;

	if (!cron_parse(json_string_value(json_object_get(schedule, "cron")), &cron, check->err))
		return check_refuse(check, "schedule.cron", "%s", check->err->text);
	if (zone && !cron_check_timezone(zone, check->err))
		return check_refuse(check, "schedule.timezone", "%s", check->err->text);
	set_default(schedule, "timezone", "UTC");
	set_default(schedule, "missed", "once");
	set_default(schedule, "overlap", "skip");
	set_default(schedule, "dst", "shift");
	return true;
}

/* "40 USD", "0.5 USD", "$40" in millionths of a dollar; -1: none of these. */
static int64_t read_money(const char *text)
{
	bool has_sign = *text == '$';
	size_t digits = strspn(text + has_sign, "0123456789.");
	char *end;
	double amount = strtod(text + has_sign, &end);

	if (!digits || end != text + has_sign + digits || amount > 1e9)
		return -1;
	while (*end == ' ')
		end++;
	if (has_sign ? *end != '\0' : strcmp(end, "USD") != 0)
		return -1;
	return llround(amount * 1e6);
}

bool extra_check_budget(struct check *check, const json_t *written, json_t *budget)
{
	const json_t *max = json_object_get(written, "max");
	int64_t amount = json_is_string(max) ? read_money(json_string_value(max)) : -1;

	if (amount < 0)
		return check_refuse_type(check, "budget.max", "an amount such as 40 USD", max);
	json_object_set_new(budget, "max_micro_usd", json_integer(amount));
	set_default(budget, "on_exceed", "hold");
	return true;
}
