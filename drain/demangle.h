/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Demangling of C++ names, by the machine's own libstdc++ or libc++abi, loaded when the first such
 * name comes along. One thread.
 */
#ifndef ADATRACE_DRAIN_DEMANGLE_H
#define ADATRACE_DRAIN_DEMANGLE_H

/* What `name` means to people, for the caller to free(); NULL: it is not mangled, or nobody can
 * tell. */
char *demangle(const char *name);

#endif
