/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a session of its own, closes every descriptor there is, as daemons do, and leaves their
 * numbers free; closes all once more and opens files of its own in their place. Says how many
 * events it emitted; status 1 when somebody has touched those files.
 *
 *     close_everything TRACE FOLDER [SEGMENT]
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <adatrace/adatrace.h>

enum { FILES = 32, FILE_BYTES = 8 << 20, EVENTS = 300000 };

ADA_EVENT(closing, step, (u64, number), (string, text))

static const char mark[] = "not to be touched";
static uint64_t emitted;

static void emit_many(void)
{
    for (int i = 0; i < EVENTS; i++)
        ada_trace_closing_step(++emitted, "some words to fill the ring with");
}

static int file_make(const char *folder, int n)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "%s/mine.%d", folder, n);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || ftruncate(fd, FILE_BYTES) || pwrite(fd, mark, sizeof(mark), 0) < 0 ||
        pwrite(fd, mark, sizeof(mark), FILE_BYTES - (off_t)sizeof(mark)) < 0)
        return -1;
    return fd;
}

static bool is_untouched(int fd)
{
    char head[sizeof(mark)], tail[sizeof(mark)];
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_size == FILE_BYTES && lseek(fd, 0, SEEK_CUR) == 0 &&
           status.st_blocks <= 2 * 64 && pread(fd, head, sizeof(head), 0) == sizeof(head) &&
           pread(fd, tail, sizeof(tail), FILE_BYTES - (off_t)sizeof(tail)) == sizeof(tail) &&
           !memcmp(head, mark, sizeof(mark)) && !memcmp(tail, mark, sizeof(mark));
}

int main(int count, char **words)
{
    struct ada_session_options options = {.size = sizeof(options), .replace = 1};
    int fds[FILES], status = 0;

    if (count < 3)
        return 2;
    options.segment_path = count > 3 ? words[3] : NULL;
    options.policy = ADA_POLICY_BLOCK;
    options.timeout_ms = 60000;
    options.ring_bytes = 64 << 10; /* grows, and is given back */
    if (ada_session_start(words[1], &options))
        return 3;
    emit_many();
    (void)close_range(3, ~0u, 0);
    emit_many(); /* more than the rings hold: the file was opened anew, under the old number */
    (void)close_range(3, ~0u, 0);
    for (int i = 0; i < FILES; i++)
        if ((fds[i] = file_make(words[2], i)) < 0)
            return 4;
    emit_many();
    sleep(3); /* calm: what the ring has grown to is given back */
    emit_many();
    if (ada_session_stop())
        return 5;
    for (int i = 0; i < FILES; i++)
        if (!is_untouched(fds[i])) {
            fprintf(stderr, "descriptor %d was used by somebody else\n", fds[i]);
            status = 1;
        }
    printf("%llu\n", (unsigned long long)emitted);
    return status;
}
