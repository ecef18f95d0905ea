/*
 * The event-loop worker: thousands of stages in one process, each a small record and at most one
 * timer. It carries the no-op stage; remote APIs come as a step machine inside the same record.
 */
#pragma once

/* Takes channel_fd. page_fd (-1: none) is a file of at least 8 bytes, shared with the supervisor;
 * before every step into a stage its tag is written there, so that a crash is charged to the one
 * stage that made it (RACES 18). Runs until the supervisor says drain or goes; gives the exit code.
 */
int remote_main(int channel_fd, int page_fd);
