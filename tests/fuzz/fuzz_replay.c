/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_TARGET FILE-or-FOLDER...: gives a target these inputs, one after another; of folders all
 * files in them. Stands in for libFuzzer's main in builds without it, so that every input that ever
 * found something is tried again with every compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz_target.h"

int __attribute__((weak)) LLVMFuzzerInitialize(int *count, char ***words)
{
    (void)count;
    (void)words;
    return 0;
}

static void fail(const char *path)
{
    printf("%s: %s\n", path, strerror(errno));
    exit(1);
}

/* A block of exactly its size: what is read behind it shows. */
static void file_give(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size ? size : 1);

    if (!file || !bytes || fread(bytes, 1, size, file) != size)
        fail(path);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static unsigned give(const char *path)
{
    struct stat about;
    struct dirent **entries;
    unsigned given = 0;
    char inner[4096];
    int count;

    if (stat(path, &about))
        fail(path);
    if (!S_ISDIR(about.st_mode)) {
        file_give(path, (size_t)about.st_size);
        return 1;
    }
    count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        fail(path);
    for (int i = 0; i < count; i++) {
        snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            given += give(inner);
        free(entries[i]);
    }
    free(entries);
    return given;
}

int main(int count, char **words)
{
    unsigned given = 0;
    FILE *out;

    (void)LLVMFuzzerInitialize(&count, &words);
    for (int i = 1; i < count; i++)
        given += give(words[i]);
    out = fopen("/dev/stderr", "w"); /* a target may have silenced stdout */
    if (out) {
        fprintf(out, "%u inputs\n", given);
        fclose(out);
    }
    return given ? 0 : 1;
}
