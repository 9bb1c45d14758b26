/* micro.h - what the files of the micro benchmarks share: a table of cases from each. */
#ifndef GODWIT_BENCH_MICRO_H
#define GODWIT_BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>

struct micro {
	const char *name; /* NULL ends a table */
	/* Does it so many times. What it needs is made by the first call. */
	void (*run)(size_t count);
	/* Threads wait for each other, so the time that passes counts, and not that of one CPU. */
	bool by_wall_clock;
};

extern const struct micro micro_xml[];
extern const struct micro micro_base[];
extern const struct micro micro_mail[];
extern const struct micro micro_router[];

/* Makes the compiler believe that the value is used. */
static inline void micro_keep(const void *value)
{
	__asm__ volatile("" : : "r"(value) : "memory");
}

#endif
