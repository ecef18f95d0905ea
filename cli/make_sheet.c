/*
 * Records, then media, then texts; the page appears last, so that whoever sees it sees all of it.
 */
#include "cli/make_sheet.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/gather.h"
#include "cli/records.h"
#include "cli/sheet.h"
#include "cli/target.h"

struct make {
	struct session *session;
	const char *to;
	enum make_sheet_form form;
	int64_t limit_bytes;
	struct arena arena;
	struct sheet sheet;
};

static bool collect(struct make *make, const char *batch, struct err *err)
{
	struct queue_pipeline *pipelines;
	struct queue_batch record;
	size_t count;

	if (!queue_batch_get(make->session->client, batch, &record, err))
		return false;
	if (!target_all_pipelines(make->session, batch, true, &pipelines, &count, err)) {
		queue_batch_done(&record);
		return false;
	}
	sheet_build(&record, pipelines, count, &make->arena, &make->sheet);
	record_free_pipelines(pipelines, count);
	queue_batch_done(&record);
	return true;
}

static bool gather(struct make *make, struct store *store, struct err *err)
{
	const char *folder = make->to;

	switch (make->form) {
	case MAKE_PAGE:
		return gather_inline(store, &make->sheet, make->limit_bytes, &make->arena, err);
	case MAKE_FLAT: return gather_files(store, &make->sheet, folder, "", &make->arena, err);
	case MAKE_FOLDER:
		folder = arena_printf(&make->arena, "%s/media", make->to);
		return gather_files(store, &make->sheet, folder, "media/", &make->arena, err);
	}
	return true;
}

static bool write_texts(struct make *make, const char *html_path, const char *csv_path,
			struct err *err)
{
	DEFER(buf_done) struct buf html = { 0 };
	DEFER(buf_done) struct buf csv = { 0 };

	sheet_csv(&make->sheet, &csv);
	if (!file_write_atomic(csv_path, csv.data, csv.len, 0644, err))
		return false;
	sheet_html(&make->sheet, &html);
	return file_write_atomic(html_path, html.data, html.len, 0644, err);
}

static bool make_all(struct make *make, const char *batch, char **out_path, struct err *err)
{
	DEFER(store_freep) struct store *store = NULL;
	const char *html = make->to, *csv;

	if (make->form == MAKE_PAGE) {
		csv = arena_printf(&make->arena, "%.*s.csv", (int)(strlen(html) - strlen(".html")),
				   html);
	} else {
		if (!file_make_dirs(make->to, 0755, err))
			return false;
		html = arena_printf(&make->arena, "%s/sheet.html", make->to);
		csv = arena_printf(&make->arena, "%s/sheet.csv", make->to);
	}
	if (!collect(make, batch, err) || !store_open(make->session->config->store, &store, err) ||
	    !gather(make, store, err) || !write_texts(make, html, csv, err))
		return err_context(err, "sheet");
	*out_path = xstrdup(html);
	return true;
}

bool make_sheet(struct session *session, const char *batch, const char *to,
		enum make_sheet_form form, int64_t limit_bytes, char **out_path, struct err *err)
{
	struct make make = {
		.session = session, .to = to, .form = form, .limit_bytes = limit_bytes
	};
	bool is_good = make_all(&make, batch, out_path, err);

	arena_done(&make.arena);
	return is_good;
}
