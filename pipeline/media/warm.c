/*
 * What every forked child would otherwise load again, and nothing more.
 *
 * libav draws in some 150 libraries. Linking them reads 25 MB of tables once and never again, yet
 * they would stay counted to the parent, which only waits. Segments that were mapped read-only are
 * clean copies of their files, so the kernel may forget that we ever looked: what a child needs
 * comes back from the page cache, sixteen pages a fault.
 */
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavutil/log.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline/media/fonts.h"
#include "pipeline/media/media.h"
#include "pipeline/media/text.h"

/* Writable segments are left alone: they hold relocations, RELRO among them. */
static int forget_read_only(struct dl_phdr_info *library, size_t size, void *context)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)context;
	for (int i = 0; i < library->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
		uintptr_t begin = library->dlpi_addr + segment->p_vaddr;
		uintptr_t end = (begin + segment->p_filesz) & ~(page - 1);

		begin = (begin + page - 1) & ~(page - 1);
		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && begin < end)
			(void)madvise((void *)begin, end - begin, MADV_DONTNEED); /* a saving */
	}
	return 0;
}

void media_warm_up(void)
{
	av_log_set_level(AV_LOG_FATAL); /* what matters comes back as an err */
	font_warm_up();
	text_engine_warm_up();
	/* The first look-up by name initialises libx264's tables and libavcodec's static ones. */
	(void)avcodec_find_encoder_by_name("libx264");
	(void)avfilter_get_by_name("overlay");
	dl_iterate_phdr(forget_read_only, NULL);
}

void media_cool_down(void)
{
	text_engine_cool_down(); /* first: it holds fontconfig's patterns */
	font_cool_down();
}
