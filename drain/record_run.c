/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/record_run.h"

#include <adatrace/record.h>

#include "base/atomic.h"
#include "drain/ticks_widen.h"

/* Untrusted: the traced program can scribble on the words at any moment. Copied once; the rest is
 * about the copy. relaxed: ordered by the acquire of head before. Behind a word that ends the run
 * there may be addresses that the ring skips, where the producer writes; what was read there is not
 * looked at, so ThreadSanitizer must not see it as a race. */
__attribute__((no_sanitize("thread"))) static void words_copy(uint64_t *restrict words,
                                                              const unsigned char *bytes,
                                                              uint32_t count, uint32_t record_bytes)
{
    for (uint32_t i = 0; i < count; i++, bytes += record_bytes)
        words[i] = load_relaxed((const uint64_t *)(const void *)bytes);
}

/* Another size than the first one's, or no event. */
static uint64_t is_odd(uint64_t word, uint64_t first)
{
    uint64_t type = word >> ADA_RECORD_TYPE_SHIFT & (ADA_RECORD_TYPES - 1);

    return ((word ^ first) & 0xff) | (type - ADA_RECORD_FIRST_EVENT) >> 63;
}

void record_run_decode(struct record_run *run, const unsigned char *bytes, uint64_t size)
{
    uint64_t words[RECORD_RUN_MAX], first, odd = 0;
    uint32_t count;

    run->count = 0;
    if (size < sizeof(first))
        return;
    first = load_relaxed((const uint64_t *)(const void *)bytes); /* relaxed: as above */
    if (!(first & 0xff) || (first & 0xff) == ADA_RECORD_LARGE)
        return;
    run->record_bytes = (uint32_t)(first & 0xff) * 8;
    count = size / run->record_bytes < RECORD_RUN_MAX ? (uint32_t)(size / run->record_bytes)
                                                      : RECORD_RUN_MAX;
    words_copy(words, bytes, count, run->record_bytes);
    for (uint32_t i = 0; i < count; i++) {
        odd |= is_odd(words[i], first);
        run->ids[i] = (uint16_t)(words[i] >> ADA_RECORD_TYPE_SHIFT & (ADA_RECORD_TYPES - 1));
        run->ticks[i] = words[i] >> ADA_RECORD_TICKS_SHIFT;
    }
    if (odd)
        for (count = 0; !is_odd(words[count], first); count++)
            ;
    run->count = count;
}

void record_run_widen(struct record_run *run, uint64_t previous, uint64_t empty, uint64_t now,
                      uint64_t shift)
{
    uint64_t low, first, backward = 0;
    uint32_t count = run->count;

    if (!count)
        return;
    low = run->ticks[0];
    first = ticks_widen((low + shift) & ADA_RECORD_TICKS_MASK, previous, empty, now);
    for (uint32_t i = 1; i < count; i++)
        backward |= run->ticks[i] - run->ticks[i - 1];
    if (backward >> 63)
        for (count = 1; run->ticks[count] >= run->ticks[count - 1]; count++)
            ;
    /* Ticks that ticks_widen() had to make up do not fit; nor do such beyond now. */
    if (((first - low - shift) & ADA_RECORD_TICKS_MASK) != 0 ||
        run->ticks[count - 1] - low > now + TICKS_WIDEN_SKEW - first)
        count = 0;
    for (uint32_t i = 0; i < count; i++)
        run->ticks[i] += first - low;
    run->count = count;
}
