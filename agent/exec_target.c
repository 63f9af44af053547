/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/exec_target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/elf_needed.h"
#include "base/machine_kind.h"

enum {
    SCRIPT_DEPTH = 4, /* as many interpreters of interpreters as the kernel follows */
    HEAD_BYTES = 128,
    SEGMENTS_MAX = 64,
    LINKER_BYTES = 128
};

/* The path of the dynamic linker that runs us; NULL: not known, and then any will do. */
static const char *our_linker;

static int find_linker(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            our_linker = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return 1; /* the first one listed is the program */
}

void exec_target_prepare(void)
{
    dl_iterate_phdr(find_linker, NULL);
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;

    if (!strcmp(a, b))
        return true;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The dynamic linker that the program asks for, into text[LINKER_BYTES]. False: none. */
static bool read_linker(int fd, const ElfW(Ehdr) * head, char *text)
{
    unsigned count = head->e_phnum < SEGMENTS_MAX ? head->e_phnum : SEGMENTS_MAX;
    ElfW(Phdr) p;

    for (unsigned i = 0; i < count; i++) {
        off_t at = (off_t)(head->e_phoff + (uint64_t)i * sizeof(p));
        size_t size;

        if (pread(fd, &p, sizeof(p), at) != sizeof(p))
            return false;
        if (p.p_type != PT_INTERP)
            continue;
        size = p.p_filesz < LINKER_BYTES - 1 ? (size_t)p.p_filesz : LINKER_BYTES - 1;
        if (pread(fd, text, size, (off_t)p.p_offset) != (ssize_t)size)
            return false;
        text[size] = 0;
        return true;
    }
    return false;
}

static bool elf_is_fit(int fd, const ElfW(Ehdr) * head)
{
    char linker[LINKER_BYTES];

    if (head->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        head->e_machine != MACHINE_KIND_ELF)
        return false;
    if (elf_sanitizer_of(fd) != ELF_SANITIZER_NONE)
        return false;
    /* None: static, or the dynamic linker called by its name. Both take care of themselves. */
    if (head->e_phentsize != sizeof(ElfW(Phdr)) || !read_linker(fd, head, linker))
        return true;
    return !our_linker || is_same_file(linker, our_linker);
}

/* The interpreter in a script's first line, cut out of it; NULL: there is none. */
static char *script_interpreter(char *line)
{
    char *path = line + 2 + strspn(line + 2, " \t");

    path[strcspn(path, " \t\n")] = 0;
    return *path ? path : NULL;
}

union file_head {
    ElfW(Ehdr) elf;
    char text[HEAD_BYTES];
};

/* True: *head is a script's, NUL-terminated; what it is otherwise stands in *fit. */
static bool look(int fd, union file_head *head, bool *fit)
{
    ssize_t got = pread(fd, head, sizeof(*head) - 1, 0);

    *fit = true;
    if (got < 0)
        return false;
    head->text[got] = 0;
    if (got >= (ssize_t)sizeof(head->elf) && !memcmp(head->text, ELFMAG, SELFMAG))
        *fit = elf_is_fit(fd, &head->elf);
    return got > 2 && head->text[0] == '#' && head->text[1] == '!';
}

bool exec_target_is_fit(int dir, const char *path)
{
    int saved = errno;
    union file_head head;
    bool fit = true, script = true;

    for (int depth = 0; depth <= SCRIPT_DEPTH && script && path; depth++) {
        int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd < 0)
            break;
        script = look(fd, &head, &fit);
        close(fd);
        path = script ? script_interpreter(head.text) : NULL;
        dir = AT_FDCWD;
    }
    errno = saved;
    return fit;
}

bool exec_target_fd_is_fit(int fd)
{
    int saved = errno;
    union file_head head;
    const char *path;
    bool fit;

    if (look(fd, &head, &fit) && (path = script_interpreter(head.text)))
        fit = exec_target_is_fit(AT_FDCWD, path);
    errno = saved;
    return fit;
}

const char *exec_target_find(const char *file, char *buffer, size_t size)
{
    const char *directory = getenv("PATH");
    size_t file_bytes = strlen(file) + 1;
    int saved = errno;

    if (strchr(file, '/') || !*file)
        return file;
    if (!directory)
        directory = "/bin:/usr/bin";
    for (;; directory++) {
        size_t length = strcspn(directory, ":");

        if (length + 1 + file_bytes <= size) {
            memcpy(buffer, directory, length);
            buffer[length] = '/';
            /* An empty directory is the current one. */
            memcpy(buffer + length + (length != 0), file, file_bytes);
            if (!access(buffer, X_OK)) {
                file = buffer;
                break;
            }
        }
        directory += length;
        if (!*directory)
            break;
    }
    errno = saved;
    return file;
}
