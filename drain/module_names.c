/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/module_names.h"

#include <stdlib.h>
#include <string.h>

#include "drain/symbol_file.h"

/* A file, found readable or not. */
struct named_file {
    struct named_file *next;
    struct symbol_file *symbols; /* NULL: not readable, or another file by now */
    char build_id[65];
    char path[];
};

struct module_names {
    struct named_file *files;
};

struct module_names *module_names_create(void)
{
    return calloc(1, sizeof(struct module_names));
}

void module_names_destroy(struct module_names *names)
{
    while (names && names->files) {
        struct named_file *file = names->files;

        names->files = file->next;
        if (file->symbols)
            symbol_file_close(file->symbols);
        free(file);
    }
    free(names);
}

static struct named_file *file_open(struct module_names *names, const struct drain_module *module)
{
    struct named_file *file = calloc(1, sizeof(*file) + strlen(module->path) + 1);

    if (!file)
        return NULL;
    strcpy(file->path, module->path);
    memcpy(file->build_id, module->build_id, sizeof(file->build_id));
    /* A handful of addresses: their names, no lines. */
    if (symbol_file_open(&file->symbols, module->path, module->build_id, 1))
        file->symbols = NULL;
    file->next = names->files;
    names->files = file;
    return file;
}

const char *module_names_find(struct module_names *names, const struct drain_module *module,
                              uint64_t address)
{
    struct named_file *file = names->files;

    while (file &&
           (strcmp(file->path, module->path) != 0 || strcmp(file->build_id, module->build_id) != 0))
        file = file->next;
    if (!file)
        file = file_open(names, module);
    return file && file->symbols ? symbol_file_find(file->symbols, address).name : NULL;
}
