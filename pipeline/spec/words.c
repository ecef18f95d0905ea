/*
 * The word lists, nothing else.
 */
#include "pipeline/spec/words.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

const char *const words_roles[] = { "reference",    "style", "character",   "product",
				    "composition",  "mood",  "start_frame", "end_frame",
				    "source_video", "audio", NULL };

const char *const words_tiers[] = { "draft", "standard", "final", NULL };

const char *const words_modalities[] = { "text->video", "image->video", "video->video",
					 "text->image", "image->image", NULL };

const char *const words_positions[] = { "top-left",    "top-center",	"top-right",
					"center-left", "center",	"center-right",
					"bottom-left", "bottom-center", "bottom-right",
					NULL };

const char *const words_colors[] = { "black",  "white", "gray",	 "silver",  "red",	   "maroon",
				     "yellow", "olive", "lime",	 "green",   "aqua",	   "cyan",
				     "teal",   "blue",	"navy",	 "fuchsia", "magenta",	   "purple",
				     "orange", "pink",	"brown", "gold",    "transparent", NULL };

bool words_hold(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

const char *words_show(const char *const *words, char out[256])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; words[i]; i++) {
		const char *between = !i ? "" : words[i + 1] ? ", " : " or ";

		if (used + strlen(words[i]) + 12 > 256) {
			snprintf(out + used, 256 - used, ", …");
			break;
		}
		used += (size_t)snprintf(out + used, 256 - used, "%s%s", between, words[i]);
	}
	return out;
}

const char *words_hint(const char *const *words, const char *word, char hint[160])
{
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (; *words; words++)
		nearest_offer(&nearest, *words);
	snprintf(hint, 160, "%s", nearest_hint(&nearest));
	return hint;
}
