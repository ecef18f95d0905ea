/*
 * Finds the files, reads them; what is in them is the catalogue's business.
 */
#include "cli/data.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"

static const char *const our_files[] = { "models.yaml", "profiles.yaml", "publishers.yaml" };
static const char *const user_folders[] = { "models.d", "profiles.d" };

typedef bool visit_fn(void *context, const char *path, bool is_ours);

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

static bool each_in_folder(const char *folder, visit_fn *visit, void *context)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_yaml, alphasort);
	bool is_on = true;

	if (count < 0)
		return true; /* the usual case: the user has none */
	for (int i = 0; i < count; i++) {
		DEFER(freep) char *path = xasprintf("%s/%s", folder, entries[i]->d_name);

		is_on = is_on && visit(context, path, false);
		free(entries[i]);
	}
	free(entries);
	return is_on;
}

static char *user_config_folder(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return xasprintf("%s/reel", xdg);
	return xasprintf("%s/.config/reel", home ? home : "/nonexistent");
}

static bool each_user_file(const char *root, visit_fn *visit, void *context)
{
	for (size_t i = 0; i < ARRAY_LEN(user_folders); i++) {
		DEFER(freep) char *folder = xasprintf("%s/%s", root, user_folders[i]);

		if (!each_in_folder(folder, visit, context))
			return false;
	}
	return true;
}

void data_each_file(const struct config *config, visit_fn *visit, void *context)
{
	DEFER(freep) char *own = user_config_folder();

	for (size_t i = 0; i < ARRAY_LEN(our_files); i++) {
		DEFER(freep) char *path = config_data_path(config, our_files[i]);

		if (!visit(context, path ? path : our_files[i], true))
			return;
	}
	if (each_user_file("/etc/reeld", visit, context))
		(void)each_user_file(own, visit, context);
}

struct load {
	struct catalogue *catalogue;
	struct err *err;
	bool is_good;
};

static bool load_file(void *context, const char *path, bool is_ours)
{
	struct load *load = context;
	DEFER(buf_done) struct buf text = { 0 };

	if (!file_read(path, 4 << 20, &text, load->err)) {
		load->is_good = err_context(
			load->err,
			is_ours ? "data file (is REEL_DATA_DIR or data_dir right?)" : "data file");
		return false;
	}
	load->is_good = catalogue_add(load->catalogue, text.data ? text.data : "", text.len, path,
				      load->err);
	return load->is_good;
}

bool data_load_catalogue(const struct config *config, struct catalogue **out, struct err *err)
{
	DEFER(catalogue_freep) struct catalogue *catalogue = catalogue_new();
	struct load load = { catalogue, err, true };

	data_each_file(config, load_file, &load);
	if (!load.is_good)
		return false;
	*out = TAKE(catalogue);
	return true;
}
