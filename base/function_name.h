/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Function names: which function people mean by a name. No state, any thread.
 */
#ifndef ADATRACE_BASE_FUNCTION_NAME_H
#define ADATRACE_BASE_FUNCTION_NAME_H

#include <stdbool.h>

/* Does the glob match a demangled name: all of it, without the parameters, or without parameters
 * and namespaces? "parse", "json::parse" and "json::*" all fit "json::parse(char const*)". */
bool function_name_fits(const char *glob, const char *name);

#endif
