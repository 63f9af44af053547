/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef char *demangler(const char *name, char *buffer, size_t *size, int *status);

static demangler *demangler_load(void)
{
    static const char *const libraries[] = {"libstdc++.so.6", "libc++abi.so.1"};
    void *function = NULL;
    demangler *result;

    for (size_t i = 0; !function && i < sizeof(libraries) / sizeof(*libraries); i++) {
        /* Never closed: it is needed until the end. */
        void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_LOCAL);

        function = library ? dlsym(library, "__cxa_demangle") : NULL;
    }
    memcpy(&result, &function, sizeof(result));
    return result;
}

char *demangle(const char *name)
{
    static demangler *load;
    static bool tried;
    int status = 0;

    if (name[0] != '_' || name[1] != 'Z')
        return NULL;
    if (!tried)
        load = demangler_load();
    tried = true;
    return load ? load(name, NULL, NULL, &status) : NULL;
}
