/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/program_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/elf_needed.h"
#include "base/machine_kind.h"

enum { HEAD_BYTES = 4096, SCRIPTS_DEEP = 4, HEADERS_MAX = 64 };

static const char *machine_name(const Elf64_Ehdr *head)
{
    bool is_big = head->e_ident[EI_DATA] == ELFDATA2MSB;
    uint32_t machine = head->e_machine;

    if (is_big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
        machine = __builtin_bswap16(head->e_machine);
    return machine_kind_name(machine | (head->e_ident[EI_CLASS] == ELFCLASS64 ? 8u : 4u) * 0x10000);
}

static int refuse(struct program_verdict *v, bool may_preload, const char *why)
{
    v->is_traceable = false;
    v->may_preload = may_preload;
    snprintf(v->why, sizeof(v->why), "%s", why);
    return 0;
}

/* ---- privileges: the loader then ignores LD_PRELOAD, and our session is not its user's ---- */

static bool is_privileged(int fd, const struct stat *file, struct program_verdict *v)
{
    if ((file->st_mode & S_ISUID) && file->st_uid != geteuid())
        refuse(v, true, "it is set-user-ID");
    else if ((file->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
             file->st_gid != getegid())
        refuse(v, true, "it is set-group-ID");
    else if (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
        refuse(v, true, "it has file capabilities");
    else
        return false;
    return true;
}

/* ---- ELF ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The loader that the program asks for. 0: none. */
static ssize_t loader_read(int fd, const Elf64_Ehdr *head, char *out, size_t size)
{
    for (unsigned i = 0; i < head->e_phnum && i < HEADERS_MAX; i++) {
        Elf64_Phdr p;
        ssize_t got;

        if (pread(fd, &p, sizeof(p), (off_t)(head->e_phoff + i * sizeof(p))) != sizeof(p))
            return 0;
        if (p.p_type != PT_INTERP)
            continue;
        got = pread(fd, out, p.p_filesz < size ? p.p_filesz : size - 1, (off_t)p.p_offset);
        if (got > 0)
            out[got < (ssize_t)size ? got : (ssize_t)size - 1] = 0;
        return got;
    }
    return 0;
}

static int elf_inspect(int fd, const char *path, const unsigned char *head_bytes,
                       struct program_verdict *v)
{
    char loader[PATH_MAX], why[200];
    Elf64_Ehdr head;

    v->is_elf = true;
    memcpy(&head, head_bytes, sizeof(head)); /* the first 20 bytes are the same in both classes */
    if (head.e_machine != MACHINE_KIND_ELF || head.e_ident[EI_CLASS] != ELFCLASS64) {
        snprintf(why, sizeof(why), "it is built for %s", machine_name(&head));
        return refuse(v, false, why);
    }
    v->may_emit = true;
    if (loader_read(fd, &head, loader, sizeof(loader)) <= 0) {
        /* The loader itself, run with a program as its argument, does what loaders do. */
        if (strncmp(base_name(path), "ld-linux", 8) == 0)
            return 0;
        return refuse(v, true, "it is statically linked");
    }
    if (strncmp(base_name(loader), "ld-linux", 8) != 0) {
        snprintf(why, sizeof(why), "it is built for another C library (its loader is %.120s)",
                 loader);
        return refuse(v, false, why);
    }
    switch (elf_sanitizer_of(fd)) {
    case ELF_SANITIZER_ADDRESS:
        return refuse(v, false,
                      "AddressSanitizer's library wants to be loaded first (linked with "
                      "-static-libasan it could be traced)");
    case ELF_SANITIZER_THREAD:
        return refuse(v, false, "ThreadSanitizer would not stand the agent");
    default:
        return 0;
    }
}

/* ---- scripts ---- */

static int inspect(const char *path, struct program_verdict *v, unsigned depth);

/* "#!", spaces, interpreter, perhaps an argument, end of line. */
static int script_inspect(char *head, struct program_verdict *v, unsigned depth)
{
    char *interpreter = head + 2 + strspn(head + 2, " \t"), why[sizeof(v->why)];
    int err;

    interpreter[strcspn(interpreter, " \t\r\n")] = 0;
    if (!*interpreter)
        return 0;
    if (depth >= SCRIPTS_DEEP)
        return -ELOOP;
    err = inspect(interpreter, v, depth + 1);
    v->is_elf = false;
    if (err || v->is_traceable)
        return err;
    snprintf(why, sizeof(why), "of its interpreter %.100s: %.120s", interpreter, v->why);
    return refuse(v, v->may_preload, why);
}

static int inspect(const char *path, struct program_verdict *v, unsigned depth)
{
    unsigned char head[HEAD_BYTES + 1] = {0};
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err = 0;
    ssize_t got;

    *v = (struct program_verdict){.is_traceable = true, .may_preload = true};
    if (fd < 0)
        return -errno;
    if (fstat(fd, &file) || !S_ISREG(file.st_mode)) {
        err = -EACCES;
        goto out;
    }
    got = pread(fd, head, HEAD_BYTES, 0);
    if (got < 0) {
        err = -errno;
    } else if (got >= 2 && memcmp(head, "#!", 2) == 0) {
        err = script_inspect((char *)head, v, depth); /* set-ID bits of scripts mean nothing */
    } else if (got >= (ssize_t)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0) {
        v->is_elf = true;
        if (!is_privileged(fd, &file, v))
            err = elf_inspect(fd, path, head, v);
    }
out:
    close(fd);
    return err;
}

int program_inspect(const char *path, struct program_verdict *verdict)
{
    return inspect(path, verdict, 0);
}

/* ---- finding ---- */

static int executable_check(const char *path)
{
    struct stat file;

    if (stat(path, &file))
        return -errno;
    if (S_ISDIR(file.st_mode))
        return -EISDIR;
    return S_ISREG(file.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : -EACCES;
}

int program_find(const char *name, const char *search, char *path, size_t size)
{
    int found = -ENOENT;

    if (!*name)
        return -ENOENT;
    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, size, "%s", name) >= size)
            return -ENAMETOOLONG;
        return executable_check(path);
    }
    search = search ? search : "/bin:/usr/bin";
    for (;;) {
        size_t length = strcspn(search, ":");
        int err;

        /* An empty part is the current folder. */
        if ((size_t)snprintf(path, size, "%.*s%s%s", (int)length, search, length ? "/" : "./",
                             name) < size) {
            err = executable_check(path);
            if (!err)
                return 0;
            if (err != -ENOENT && err != -ENOTDIR && err != -EISDIR)
                found = -EACCES;
        }
        if (!search[length])
            return found;
        search += length + 1;
    }
}
