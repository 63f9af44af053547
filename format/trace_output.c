/* SPDX-License-Identifier: Apache-2.0 */
#include "format/trace_output.h"

#include "base/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    AHEAD_BYTES_MIN = 256 << 10, /* allocated at a time: as much as is written, between these */
    AHEAD_BYTES_MAX = 4 << 20,
    CHECK_BYTES = 1 << 20,   /* without allocation: look up free room at least this often */
    RESERVE_SHARE = 8,       /* the reserve is at most this part of the free room */
    RESERVE_SHARE_SMALL = 2, /* where that is so little that an end may not fit into it */
    ROOM_SMALL_BYTES = 64 << 10,
    WRITE_BYTES_MAX = 1 << 30, /* of one write(2): well below its own limit */
    ANEW_MAX = 4,              /* for one block: somebody closes whatever we open */
};

static uint64_t free_bytes(int fd)
{
    struct statvfs vfs;

    if (fstatvfs(fd, &vfs) != 0 || vfs.f_blocks == 0)
        return UINT64_MAX; /* some file systems do not know their own size */
    return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

static uint64_t size_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

void trace_output_open(struct trace_output *output, int fd, uint64_t reserve)
{
    struct stat status;
    uint64_t room, most;

    memset(output, 0, sizeof(*output));
    output->fd = fd;
    own_file_mark(&output->own, fd);
    output->seekable = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    output->allocates = output->seekable;
    if (!output->seekable)
        return;
    room = free_bytes(fd);
    if (size_limit() < room)
        room = size_limit();
    most = room / (room < ROOM_SMALL_BYTES ? RESERVE_SHARE_SMALL : RESERVE_SHARE);
    output->reserve = reserve < most ? reserve : most;
}

/* fallocate(2) without changing the size: a crash leaves a file that ends with its last block. */
static int allocate(struct trace_output *output, uint64_t end)
{
    int status;

    do
        status = fallocate(output->fd, FALLOC_FL_KEEP_SIZE, (off_t)output->allocated,
                           (off_t)(end - output->allocated));
    while (status != 0 && errno == EINTR);
    if (status == 0)
        output->allocated = end;
    return status == 0 ? 0 : -errno;
}

static uint64_t ahead_bytes(const struct trace_output *output)
{
    if (output->written < AHEAD_BYTES_MIN)
        return AHEAD_BYTES_MIN;
    return output->written < AHEAD_BYTES_MAX ? output->written : AHEAD_BYTES_MAX;
}

/* Is there room for `size` more bytes, the reserve not counted? Only ENOSPC, EDQUOT and EFBIG are
 * a no, and EBADF says that we have no file just now; whatever else stops us from knowing is left
 * to write(2). */
static int room_secure(struct trace_output *output, size_t size)
{
    uint64_t need = output->written + size + output->reserve;
    uint64_t ahead_end = need + ahead_bytes(output);
    int status;

    if (need > size_limit())
        return -EFBIG;
    if (output->allocates && need > output->allocated) {
        if (output->allocated < output->written)
            output->allocated = output->written;
        if (ahead_end > size_limit() || allocate(output, ahead_end) != 0) {
            status = allocate(output, need); /* the last megabytes of a small disk */
            if (status == -ENOSPC || status == -EDQUOT || status == -EFBIG || status == -EBADF)
                return status;
            output->allocates = status == 0;
        }
    }
    if (!output->allocates && output->written >= output->check_at) {
        uint64_t room = free_bytes(output->fd), ahead;

        if (room < size + output->reserve)
            return -ENOSPC;
        ahead = (room - size - output->reserve) / 2; /* the fuller, the oftener */
        output->check_at = output->written + (ahead < CHECK_BYTES ? ahead : CHECK_BYTES);
    }
    return 0;
}

/* A descriptor that somebody else made non-blocking (a terminal, a pipe) is waited for. */
static bool writable_wait(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

static int bytes_write(int fd, const unsigned char *bytes, size_t size, size_t *done)
{
    for (*done = 0; *done < size;) {
        size_t left = size - *done;
        ssize_t part = write(fd, bytes + *done, left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX);

        if (part < 0 && (errno == EINTR || (errno == EAGAIN && writable_wait(fd))))
            continue;
        if (part < 0)
            return -errno;
        if (part == 0)
            return -ENOSPC;
        *done += (size_t)part;
    }
    return 0;
}

/* The number can be the same as before: it is the position that has to be found again. */
static int descriptor_renew(struct trace_output *output)
{
    int fd = own_file_open(&output->own, O_WRONLY);

    if (fd < 0)
        return fd;
    if (lseek(fd, (off_t)output->written, SEEK_SET) < 0) {
        close(fd);
        return -EBADF;
    }
    output->fd = fd;
    return 0;
}

int trace_output_hold(struct trace_output *output)
{
    return own_file_is(&output->own, output->fd) ? 0 : descriptor_renew(output);
}

static int block_write(struct trace_output *output, const void *bytes, size_t size, bool last,
                       size_t *done)
{
    int status = 0;

    *done = 0;
    if (output->seekable && !last)
        status = room_secure(output, size);
    else if (output->seekable && output->written + size > size_limit())
        status = -EFBIG;
    if (status != 0)
        return status;
    CRASH_POINT_WRITE("block.torn", output->fd, bytes, size);
    return bytes_write(output->fd, bytes, size, done);
}

/* Closed between our look and our write, and perhaps somebody else's by then: the block is nowhere,
 * or elsewhere. */
static bool is_lost(const struct trace_output *output, int status)
{
    return status == -EBADF || !own_file_is(&output->own, output->fd);
}

/* What stands behind the last whole block. False: it stays. */
static bool rest_take_back(struct trace_output *output)
{
    output->allocated = output->written; /* cutting back gives away what was held ahead */
    return output->seekable && own_file_is(&output->own, output->fd) &&
           ftruncate(output->fd, (off_t)output->written) == 0 &&
           lseek(output->fd, (off_t)output->written, SEEK_SET) >= 0;
}

int trace_output_write(struct trace_output *output, const void *bytes, size_t size, bool last)
{
    size_t done = 0;
    int status;

    if (output->broken)
        return -EIO;
    status = trace_output_hold(output);
    if (status == 0)
        status = block_write(output, bytes, size, last, &done);
    for (int n = 0; is_lost(output, status); n++) {
        if (n == ANEW_MAX) {
            status = -EBADF;
            break;
        }
        status = descriptor_renew(output);
        if (status == 0)
            status = block_write(output, bytes, size, last, &done);
    }
    if (status == 0)
        output->written += size;
    else if (done > 0)
        output->broken = !rest_take_back(output);
    return status;
}

int trace_output_cut(struct trace_output *output, uint64_t size)
{
    int status = output->seekable ? trace_output_hold(output) : -ESPIPE;

    if (status != 0)
        return status;
    output->written = size;
    output->broken = !rest_take_back(output);
    return output->broken ? -EIO : 0;
}

int trace_output_close(struct trace_output *output)
{
    int status = trace_output_hold(output);

    if (status == 0 && output->seekable && output->allocated > output->written &&
        ftruncate(output->fd, (off_t)output->written) != 0)
        status = -errno;
    if (status != -EBADF && close(output->fd) != 0 && errno != EINTR && status == 0)
        status = -errno;
    own_file_forget(&output->own);
    output->fd = -1;
    return status;
}
