// links: base
/*
 * Any bytes as YAML: refused or read, and what is read has places for its names.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc *doc = NULL;
	struct err err;

	if (yaml_parse((const char *)data, size, "fuzz", &doc, &err)) {
		const char *name;
		json_t *value;

		free(json_text(yaml_root(doc)));
		json_object_foreach((json_t *)(uintptr_t)yaml_root(doc), name, value)
		{
			struct yaml_mark mark = yaml_where(doc, name);

			if (!mark.line || !mark.column)
				abort();
		}
	} else if (err.kind != ERR_REJECT || !*err.text) {
		abort();
	}
	yaml_free(doc);
	return 0;
}
