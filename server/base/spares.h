/* spares.h - whether memory that was given back is kept for the next who asks. Builds with a
 * sanitizer do without, since reuse would hide mistakes. */
#ifndef GODWIT_BASE_SPARES_H
#define GODWIT_BASE_SPARES_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEP_SPARES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define KEEP_SPARES 0
#endif
#endif
#ifndef KEEP_SPARES
#define KEEP_SPARES 1
#endif

#endif
