/* SPDX-License-Identifier: Apache-2.0 */
/* `adatrace top` on a terminal: ncurses shows the lines of top_view.c, keys change what they are
 * about. */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <ncurses.h>

#include "base/clock.h"
#include "cli/message.h"
#include "cli/status.h"
#include "cli/terminal.h"
#include "cli/top.h"

enum {
    SLICE_NS = 50 * 1000 * 1000, /* between two looks at the keyboard */
    ESCAPE_MS = 25,
};

struct screen {
    struct top *top;
    enum top_part part;
    int selected; /* row of the events */
    int row;      /* the next line goes there */
    bool frozen, typing, quits;
    bool waits;     /* the last question had no answer */
    char said[256]; /* the line at the bottom */
};

static const char *const part_names[] = {"all", "threads", "events", "functions"};
static const char *const sort_names[] = {"rate", "dropped", "fill", "name"};

/* ---- drawing ---- */

static int attribute_of(enum top_style style)
{
    switch (style) {
    case TOP_TITLE:
        return (int)A_BOLD;
    case TOP_HEADING:
        return (int)A_REVERSE;
    case TOP_WARNING:
        return has_colors() ? COLOR_PAIR(1) : (int)A_BOLD;
    case TOP_ALARM:
        return (has_colors() ? COLOR_PAIR(2) : (int)A_STANDOUT) | (int)A_BOLD;
    case TOP_SELECTED:
        return (int)A_STANDOUT;
    default:
        return (int)A_NORMAL;
    }
}

/* As much as fits: addnstr() would go on in the next row. */
static size_t bytes_of_columns(const char *text, int columns)
{
    size_t at = 0;

    for (; text[at]; at++)
        if ((text[at] & 0xc0) != 0x80 && columns-- == 0)
            break;
    return at;
}

static void line_put(void *context, enum top_style style, const char *text)
{
    struct screen *s = context;

    if (s->row >= LINES - 1)
        return;
    attrset(attribute_of(style));
    mvaddnstr(s->row++, 0, text, (int)bytes_of_columns(text, COLS));
    attrset((int)A_NORMAL);
}

static void bottom_draw(const struct screen *s)
{
    char text[512];

    if (s->typing)
        snprintf(text, sizeof(text), "filter: %s_", s->top->filter);
    else if (s->said[0])
        snprintf(text, sizeof(text), "%s", s->said);
    else
        snprintf(text, sizeof(text),
                 "q quit  Tab %s  s sort: %s  / filter%s%s  up, down, space: event on, off  "
                 "p %s  r reset",
                 part_names[s->part], sort_names[s->top->sort], s->top->filter[0] ? ": " : "",
                 s->top->filter, s->frozen ? "go on" : "pause");
    attrset((int)A_DIM);
    mvaddnstr(LINES - 1, 0, text, (int)bytes_of_columns(text, COLS));
    attrset((int)A_NORMAL);
}

static void draw(struct screen *s)
{
    const struct top_page page = {
        .context = s, .line = line_put, .width = (unsigned)COLS, .utf8 = terminal_is_utf8()};

    erase();
    s->row = 0;
    if (s->selected >= (int)s->top->event_count)
        s->selected = (int)s->top->event_count - 1;
    top_draw(s->top, &page, s->part, LINES > 2 ? (unsigned)LINES - 1 : 1, s->selected);
    bottom_draw(s);
    refresh();
}

/* ---- keys ---- */

static void filter_type(struct screen *s, int key)
{
    size_t length = strlen(s->top->filter);

    if (key == '\n' || key == KEY_ENTER || key == 27) {
        s->typing = false;
        if (key == 27)
            s->top->filter[0] = 0;
    } else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && length) {
        s->top->filter[length - 1] = 0;
    } else if (key >= ' ' && key < 127 && length + 1 < sizeof(s->top->filter)) {
        s->top->filter[length] = (char)key;
        s->top->filter[length + 1] = 0;
    }
}

static void event_switch(struct screen *s)
{
    if (s->selected < 0 || s->selected >= (int)s->top->event_count)
        snprintf(s->said, sizeof(s->said), "choose an event with the arrows first");
    else
        (void)!top_switch(s->top, &s->top->events[s->selected], s->said, sizeof(s->said));
}

/* True: what is shown changes with it. */
static bool key_obey(struct screen *s, int key)
{
    s->said[0] = 0;
    switch (key) {
    case 'q':
        s->quits = true;
        break;
    case '\t':
        s->part = (s->part + 1) % TOP_PARTS;
        break;
    case 's':
        s->top->sort = (s->top->sort + 1) % TOP_SORTS;
        return true;
    case '/':
        s->typing = true;
        break;
    case 'p':
        s->frozen = !s->frozen;
        break;
    case 'r':
        top_calls_reset(&s->top->calls);
        return true;
    case KEY_UP:
        s->selected -= s->selected >= 0;
        break;
    case KEY_DOWN:
        s->selected++;
        break;
    case ' ':
        event_switch(s);
        return true;
    default:
        break; /* KEY_RESIZE among them: it is drawn anew */
    }
    return false;
}

/* All keys that were pressed. True: draw. */
static bool keys_take(struct screen *s, bool *changes)
{
    bool any = false;
    int key;

    while (!s->quits && (key = getch()) != ERR) {
        any = true;
        if (s->typing) {
            filter_type(s, key);
            *changes = true;
        } else {
            *changes |= key_obey(s, key);
        }
    }
    return any;
}

/* ---- the loop ---- */

/* What was shown stays when there is no answer in time: on a busy machine one comes later. */
static int update(struct screen *s)
{
    int err = top_update(s->top);

    if (err == -ETIMEDOUT)
        snprintf(s->said, sizeof(s->said), "the session has not answered in time: it is busy");
    else if (s->waits)
        s->said[0] = 0;
    s->waits = err == -ETIMEDOUT;
    return s->waits ? 0 : err;
}

static int show(struct screen *s, uint64_t interval_ns)
{
    uint64_t next_ns = clock_monotonic_ns() + interval_ns;
    int err = 0;

    draw(s);
    while (!err && !s->quits && !s->top->ended) {
        bool changes = false, keys;
        uint64_t now_ns = clock_monotonic_ns();

        err = top_listen(s->top, now_ns + SLICE_NS < next_ns ? now_ns + SLICE_NS : next_ns);
        keys = keys_take(s, &changes);
        if (clock_monotonic_ns() >= next_ns) {
            if (!s->frozen && !err)
                err = update(s);
            next_ns = clock_monotonic_ns() + interval_ns;
            changes = true;
        } else if (changes && !err) {
            err = top_rows(s->top);
        }
        if ((keys || changes) && !err)
            draw(s);
    }
    return err;
}

int top_screen(struct top *top, uint64_t interval_ns)
{
    struct screen s = {.top = top, .selected = -1};
    int err;

    setlocale(LC_ALL, "");
    set_escdelay(ESCAPE_MS);
    if (!initscr())
        return message_failure(ENOTTY, "the terminal cannot be used");
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_YELLOW, -1);
        init_pair(2, COLOR_RED, -1);
    }
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    curs_set(0);
    err = show(&s, interval_ns);
    endwin();
    if (top->ended || err == -ESHUTDOWN) {
        message_print("the session %s has ended", session_entry_name(&top->entry));
        return STATUS_GOOD;
    }
    return err ? message_failure(err, "the session cannot be watched any more") : STATUS_GOOD;
}
