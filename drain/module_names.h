/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Module names: what functions of running programs are called, asked one address at a time while
 * recording. Files stay open once they were looked into. Belongs to one thread at a time.
 */
#ifndef ADATRACE_DRAIN_MODULE_NAMES_H
#define ADATRACE_DRAIN_MODULE_NAMES_H

#include "drain/drain.h"

struct module_names;

struct module_names *module_names_create(void); /* or NULL */
void module_names_destroy(struct module_names *names);

/* The demangled name of the function at an address, in the file's own numbering; NULL: not known.
 * It stays until the names are destroyed. */
const char *module_names_find(struct module_names *names, const struct drain_module *module,
                              uint64_t address);

#endif
