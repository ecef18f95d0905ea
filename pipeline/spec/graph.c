/*
 * Who waits for whom. Four reasons, kept apart so that a cycle can be explained:
 *
 *      input   the stage works on the other's result; skipped when that is skipped
 *      reads   an expression reads .stages.OTHER
 *      needs   the spec says so
 *      gate    the other inspects or approves what this one uses (RACES 1)
 *
 * `inspect: X` and `approve: X` are gates on X: whatever else uses X waits for them. An approve
 * also waits for the inspects of the same X, for no person should look at what a machine refuses.
 * `gate: false` on either side opts out.
 */
#include <stdio.h>
#include <string.h>

#include "pipeline/spec/spec_private.h"

uint32_t graph_inputs(const struct stage *stage)
{
	return stage->waits[REASON_INPUT];
}

uint32_t graph_needs(const struct stage *stage)
{
	return (stage->waits[REASON_READS] | stage->waits[REASON_NEEDS] |
		stage->waits[REASON_GATE]) &
	       ~stage->waits[REASON_INPUT];
}

static uint32_t all_waits(const struct stage *stage)
{
	return graph_inputs(stage) | graph_needs(stage);
}

static bool is_gate(const struct stage *stage)
{
	return stage->kind->is_gate && !stage->opens_gates && stage->waits[REASON_INPUT];
}

static bool waits_for_gate(const struct stage *user, const struct stage *gate)
{
	uint32_t uses = user->waits[REASON_INPUT] | user->waits[REASON_READS];
	uint32_t guarded = gate->waits[REASON_INPUT];

	if (user == gate || user->opens_gates || !(uses & guarded))
		return false;
	if (is_gate(user) && (user->waits[REASON_INPUT] & guarded))
		return !strcmp(user->kind->name, "approve") && !strcmp(gate->kind->name, "inspect");
	return true;
}

static void add_gates(struct spec *spec)
{
	for (size_t g = 0; g < spec->stage_count; g++)
		for (size_t u = 0; is_gate(&spec->stages[g]) && u < spec->stage_count; u++)
			if (waits_for_gate(&spec->stages[u], &spec->stages[g]))
				spec->stages[u].waits[REASON_GATE] |= 1u << g;
}

/* All that must have ended before the stage: the graph has no cycle by now. */
static uint32_t closure(const struct spec *spec, size_t index)
{
	uint32_t all = all_waits(&spec->stages[index]), before;

	do {
		before = all;
		for (size_t i = 0; i < spec->stage_count; i++)
			if (before & (1u << i))
				all |= all_waits(&spec->stages[i]);
	} while (all != before);
	return all;
}

uint32_t graph_gates(const struct spec *spec, size_t index)
{
	uint32_t all = closure(spec, index), gates = 0;

	for (size_t i = 0; i < spec->stage_count; i++)
		if ((all & (1u << i)) && is_gate(&spec->stages[i]))
			gates |= 1u << i;
	return gates;
}

/* ---- cycles ---- */

static void put_reason(const struct spec *spec, struct buf *out, size_t from, size_t to)
{
	const struct stage *stage = &spec->stages[from], *other = &spec->stages[to];
	uint32_t bit = 1u << to;

	buf_printf(out, "%s%s waits for %s (", out->len ? ", " : "", stage->id, other->id);
	if (stage->waits[REASON_INPUT] & bit)
		buf_puts(out, "its input");
	else if (stage->waits[REASON_READS] & bit)
		buf_printf(out, "it reads .stages.%s", other->id);
	else if (stage->waits[REASON_NEEDS] & bit)
		buf_puts(out, "needs");
	else
		buf_printf(out, "a gate on %s, which %s uses; gate: false lets it pass",
			   spec->stages[__builtin_ctz(other->waits[REASON_INPUT])].id, stage->id);
	buf_putc(out, ')');
}

struct walk {
	const struct spec *spec;
	size_t trail[SPEC_MAX_STAGES], depth;
	bool is_open[SPEC_MAX_STAGES], is_done[SPEC_MAX_STAGES];
	struct err *err;
};

static bool refuse_cycle(const struct walk *walk, size_t start)
{
	DEFER(buf_done) struct buf text = { 0 };
	char path[SPEC_PATH];
	size_t at = 0;

	while (walk->trail[at] != start)
		at++;
	for (size_t i = at; i < walk->depth; i++)
		put_reason(walk->spec, &text, walk->trail[i],
			   i + 1 < walk->depth ? walk->trail[i + 1] : start);
	snprintf(path, sizeof(path), "%s#", walk->spec->stages[start].path);
	return yaml_error(walk->spec->doc, path, walk->err, "a cycle: %s", text.data);
}

static bool visit(struct walk *walk, size_t index)
{
	uint32_t waits = all_waits(&walk->spec->stages[index]);

	if (walk->is_done[index])
		return true;
	if (walk->is_open[index])
		return refuse_cycle(walk, index);
	walk->is_open[index] = true;
	walk->trail[walk->depth++] = index;
	for (size_t i = 0; i < walk->spec->stage_count; i++)
		if ((waits & (1u << i)) && !visit(walk, i))
			return false;
	walk->depth--;
	walk->is_done[index] = true;
	return true;
}

bool graph_complete(struct spec *spec, struct err *err)
{
	struct walk walk = { .spec = spec, .err = err };

	add_gates(spec);
	for (size_t i = 0; i < spec->stage_count; i++)
		if (!visit(&walk, i))
			return false;
	return true;
}
