/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warden: a thread that does nothing but live as long as its process. What the process holds in
 * shared memory is held in the warden's name, by robust futex words: when the process ends, however
 * it does, the kernel marks each of them and wakes who sleeps on it.
 *
 * Of our own, and no robust mutexes of the C library's: whoever opens a channel in one thread may
 * use it in another, and the links that the kernel follows lie in private memory
 * (rings/spsc_map.h), where who shares the words cannot bend them. The thread is there while
 * anything is held; it blocks all signals. A forked child holds nothing. Any thread; not
 * async-signal-safe.
 */
#ifndef ADATRACE_RINGS_WARDEN_H
#define ADATRACE_RINGS_WARDEN_H

#include "rings/spsc.h"

/*
 * Hold an end that lies in the first SPSC_SHADOW_BYTES of a mapped file, and set *tid to the
 * warden's. -EBUSY: a living process holds it, or ours; -EAGAIN: no thread; -ENOSYS: the kernel
 * marks nothing here. `again` false: only an end that nobody has ever held, or that was freed.
 */
int warden_hold(struct spsc_end *end, bool again, uint32_t *tid)
    __attribute__((warn_unused_result));

/* Give it up, which looks like death to the others, but for `left`, and wake who sleeps on it. */
void warden_release(struct spsc_end *end);

#endif
