/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is(int fd)
{
    return isatty(fd) == 1;
}

bool terminal_has_escapes(int fd)
{
    const char *kind = getenv("TERM");

    return terminal_is(fd) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool terminal_has_colour(int fd)
{
    const char *no_colour = getenv("NO_COLOR");

    return !(no_colour && *no_colour) && terminal_has_escapes(fd);
}

static struct winsize size_of(int fd)
{
    struct winsize size = {0};

    (void)ioctl(fd, TIOCGWINSZ, &size); /* fails: it stays zero */
    return size;
}

unsigned terminal_columns(int fd)
{
    return size_of(fd).ws_col;
}

unsigned terminal_rows(int fd)
{
    return size_of(fd).ws_row;
}

bool terminal_is_utf8(void)
{
    /* Only the character set: numbers keep their point in every locale. */
    return setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
