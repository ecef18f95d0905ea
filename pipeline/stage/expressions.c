/*
 * The CPU limit of expressions: the soft limit alone is lowered and put back, and it is the sandbox
 * that hears the signal. Memory is the sandbox's limit.
 */
#include "pipeline/stage/expressions.h"

#include <stddef.h>

void expressions_begin(const struct stage_context *context, struct expressions *out)
{
	rlim_t seconds =
		(rlim_t)(context->expression_cpu_s ? context->expression_cpu_s : EXPRESSION_CPU_S);
	struct rlimit limited;
	struct rusage used;
	rlim_t until;

	*out = (struct expressions){ context, { RLIM_INFINITY, RLIM_INFINITY } };
	getrusage(RUSAGE_SELF, &used);
	getrlimit(RLIMIT_CPU, &out->before);
	until = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1) + seconds;
	limited = (struct rlimit){ until < out->before.rlim_cur ? until : out->before.rlim_cur,
				   out->before.rlim_max };
	(void)setrlimit(RLIMIT_CPU, &limited); /* only ever lowers */
}

void expressions_at(const struct expressions *expressions, const char *place)
{
	const struct stage_context *context = expressions->context;

	if (context->expression)
		context->expression(context->reporter, place);
}

void expressions_end(const struct expressions *expressions)
{
	expressions_at(expressions, NULL);
	/* up to the hard limit, which did not move */
	(void)setrlimit(RLIMIT_CPU, &expressions->before);
}
