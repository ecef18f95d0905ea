/*
 * The three clocks, in microseconds. Read once per turn of a loop and pass `now` down.
 */
#pragma once

#include <stdint.h>

int64_t clock_monotonic_us(void); /* for intervals; stands still while the machine sleeps */
int64_t clock_boot_us(void);	  /* for deadlines and leases: goes on while the machine sleeps */
int64_t clock_real_us(void);	  /* for people and file names only; may jump */
