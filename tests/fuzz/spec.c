// links: spec
/*
 * Any bytes as a spec, against a small catalogue: refused with a place, or parsed. Nothing is
 * expanded, for that may run expressions.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/spec/catalogue.h"
#include "pipeline/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CATALOGUE[] =
	"models: {local/animatic: {modalities: [text->video, image->video], roles: [start_frame], "
	"lane: cpu}}\n"
	"profiles: {reel: {conform: {width: 1080}}}\n"
	"publishers: {outbox: {lane: cpu}}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct catalogue *catalogue;
	struct spec *spec = NULL;
	struct err err;

	if (!catalogue) {
		catalogue = catalogue_new();
		if (!catalogue_add(catalogue, CATALOGUE, strlen(CATALOGUE), "catalogue", &err))
			abort();
	}
	if (!spec_parse((const char *)data, size, "fuzz", catalogue, &spec, &err) &&
	    (err.kind != ERR_REJECT || strncmp(err.text, "fuzz", 4) != 0))
		abort();
	spec_free(spec);
	return 0;
}
