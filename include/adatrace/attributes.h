/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes: what the public headers say about their functions to the compiler. C11 and C++17.
 */
#ifndef ADATRACE_ATTRIBUTES_H
#define ADATRACE_ATTRIBUTES_H

#define ADA_INLINE      static inline __attribute__((always_inline))
#define ADA_LIKELY(x)   __builtin_expect(!!(x), 1)
#define ADA_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ADA_EXPORT      __attribute__((visibility("default")))
#define ADA_MUST_CHECK  __attribute__((warn_unused_result))

#endif
