/*
 * Asks fontconfig. A family that is missing is replaced by the first installed one of a short list
 * of screen fonts, since fontconfig's own answer is whatever covers the most characters.
 */
#include "pipeline/media/fonts.h"

#include <fontconfig/fontconfig.h>
#include <stdio.h>

#include "base/macros.h"

static const char *const preferred[] = {
	"Inter", "Montserrat", "Lato", "Open Sans", "Roboto", "Noto Sans", "DejaVu Sans",
};

static bool is_installed(const char *family)
{
	FcPattern *pattern = FcPatternCreate();
	FcObjectSet *objects = FcObjectSetBuild(FC_FAMILY, (char *)NULL);
	FcFontSet *fonts;
	bool is_found;

	FcPatternAddString(pattern, FC_FAMILY, (const FcChar8 *)family);
	fonts = FcFontList(NULL, pattern, objects);
	is_found = fonts && fonts->nfont > 0;
	if (fonts)
		FcFontSetDestroy(fonts);
	FcObjectSetDestroy(objects);
	FcPatternDestroy(pattern);
	return is_found;
}

static void choose_any(char out[FONT_NAME_MAX])
{
	FcPattern *pattern = FcNameParse((const FcChar8 *)"sans-serif:bold");
	FcPattern *found;
	FcChar8 *family = NULL;
	FcResult result;

	FcConfigSubstitute(NULL, pattern, FcMatchPattern);
	FcDefaultSubstitute(pattern);
	found = FcFontMatch(NULL, pattern, &result);
	if (found)
		FcPatternGetString(found, FC_FAMILY, 0, &family);
	snprintf(out, FONT_NAME_MAX, "%s", family ? (const char *)family : "sans-serif");
	if (found)
		FcPatternDestroy(found);
	FcPatternDestroy(pattern);
}

bool font_choose(const char *wanted, char out[FONT_NAME_MAX])
{
	if (wanted && is_installed(wanted)) {
		snprintf(out, FONT_NAME_MAX, "%s", wanted);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(preferred); i++)
		if (is_installed(preferred[i])) {
			snprintf(out, FONT_NAME_MAX, "%s", preferred[i]);
			return !wanted;
		}
	choose_any(out);
	return !wanted;
}

void font_warm_up(void)
{
	(void)FcInit(); /* without a configuration every name falls back, which is reported then */
}

void font_cool_down(void)
{
	FcFini();
}
