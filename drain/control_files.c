/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/control_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drain/control_guest.h"
#include "drain/session_files.h"

int control_rotate(struct control_context *c)
{
    struct session_files *files = control_files(c->control);
    char path[PATH_MAX];
    int err = files ? session_files_rotate(files, c->drain, path) : -ENOTSUP;

    if (!err)
        return answer_print(c->answer, "%s", path);
    if (err == -ENOTSUP)
        return answer_fail(c->answer, err, "this session writes no file that could be left");
    if (err == -ESPIPE)
        return answer_fail(c->answer, err, "this session does not write into a regular file");
    if (err == -ESHUTDOWN || !path[0])
        return err;
    return answer_fail(c->answer, err, "cannot go on in %s: %s", path, strerrordesc_np(-err));
}

/* Who waits for a snapshot. */
struct waiter {
    int fd;
    uint64_t mark; /* in case the application has closed it, and its number is another one now */
};

static void waiter_end(struct waiter *w)
{
    if (descriptor_is(w->fd, w->mark))
        close(w->fd);
    free(w);
}

static void snapshot_told(void *context, const struct snapshot_result *result)
{
    struct control_snapshot told = {.status = result->status, .file_bytes = result->file_bytes};
    struct waiter *w = context;

    memcpy(told.path, result->path, sizeof(told.path));
    if (descriptor_is(w->fd, w->mark))
        (void)!send(w->fd, &told, sizeof(told), MSG_NOSIGNAL | MSG_DONTWAIT);
    waiter_end(w);
}

/* One end for us, one for who asks. NULL: no descriptors, no memory. */
static struct waiter *waiter_create(int *theirs)
{
    struct waiter *w = malloc(sizeof(*w));
    int pair[2];

    if (!w || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        free(w);
        return NULL;
    }
    w->fd = pair[0];
    *theirs = pair[1];
    if (descriptor_mark(w->fd, &w->mark) == 0)
        return w;
    close(pair[0]);
    close(pair[1]);
    free(w);
    return NULL;
}

static int snapshot_refused(struct control_context *c, int err)
{
    if (err == -ENOTSUP)
        return answer_fail(c->answer, err, "this session takes no snapshots");
    if (err == -ESPIPE)
        return answer_fail(c->answer, err,
                           "this session does not write into a regular file: what it has written "
                           "cannot be read again");
    return err;
}

int control_snapshot(struct control_context *c)
{
    struct session_files *files = control_files(c->control);
    struct snapshot_wish wish = {
        .path = c->words[0][0] ? c->words[0] : NULL,
        .replace = c->words[1][0] == '1',
        .before_ns = strtoull(c->words[2], NULL, 10),
        .done = snapshot_told,
    };
    struct waiter *w;
    int theirs = -1, err = -ENOTSUP;

    if (!files)
        return snapshot_refused(c, err);
    if (wish.path && wish.path[0] != '/')
        return answer_fail(c->answer, -EINVAL, "the snapshot's path has to be absolute");
    w = waiter_create(&theirs);
    if (!w)
        return errno ? -errno : -ENOMEM;
    wish.context = w;
    err = answer_fd(c->answer, theirs);
    if (!err)
        err = session_files_snapshot(files, c->drain, &wish);
    if (err) {
        waiter_end(w);
        return snapshot_refused(c, err);
    }
    return 0;
}
