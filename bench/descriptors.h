/* descriptors.h - as many open files as the system allows us. */
#ifndef GODWIT_BENCH_DESCRIPTORS_H
#define GODWIT_BENCH_DESCRIPTORS_H

/* Raises the limit of this process on open descriptors as far as it may. */
void descriptors_raise(void);

#endif
