/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame as large as its array. From an emit that was left one learns only by a later one from
 * above it, and tests that leave some do so far below. Of an array, volatile or not, compilers keep
 * the bytes that are named (clang at -O3: two of 2,048), unless somebody has its address.
 */
#ifndef ADATRACE_TESTS_DEEP_FRAME_H
#define ADATRACE_TESTS_DEEP_FRAME_H

/* At the end of the function that has the array: it is all there, and no call before is a tail
 * call. */
#define DEEP_FRAME_KEEP(array) __asm__ volatile("" : : "r"(array) : "memory")

#endif
