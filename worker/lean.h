/*
 * A worker that waits should not hold the pages of libraries it used once to get ready.
 */
#pragma once

/* Lets go of every page that the kernel can bring back from a file by itself. */
void lean_now(void);
