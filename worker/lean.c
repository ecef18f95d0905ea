/*
 * Loading libavfilter and its 200 relatives touches some 28 MB of their code and tables once, and a
 * process keeps what it touched. Pages of a file mapping that was never written are a copy of the
 * page cache: dropped here, the next use maps them again (a minor fault). Children lose nothing,
 * because fork does not copy the page tables of such mappings anyway.
 *
 * Mappings with a single page of their own (relocated tables are read-only again, but not what the
 * file holds) must stay; "Anonymous" in smaps tells.
 */
#include "worker/lean.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/macros.h"

struct mapping {
	unsigned long start, end, inode;
	char permissions[5];
};

static void file_finish(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void drop(const struct mapping *mapping)
{
	if (!mapping->inode || mapping->permissions[1] == 'w')
		return;
	/* Failing (locked pages) leaves it as it was, which is right too. */
	(void)madvise((void *)(uintptr_t)mapping->start, mapping->end - mapping->start,
		      MADV_DONTNEED);
}

void lean_now(void)
{
	DEFER(file_finish) FILE *maps = fopen("/proc/self/smaps", "re");
	struct mapping mapping = { 0 }, next;
	char line[512];
	unsigned long anonymous_kb;

	malloc_trim(0);
	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &next.start, &next.end,
			   next.permissions, &next.inode) == 4)
			mapping = next;
		else if (sscanf(line, "Anonymous: %lu kB", &anonymous_kb) == 1 && !anonymous_kb)
			drop(&mapping);
	}
}
