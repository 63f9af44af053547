/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up names in a process of its own: what it finds arrives, also when it comes to a bad end.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "drain/symbol_apart.h"

enum { MANY = 5000, LONG = 40000, PATIENCE_MS = 60 * 1000, SILENCE_MS = 50 };

struct heard {
    unsigned symbols, notes;
    struct trace_symbol last; /* its texts in what follows */
    char name[LONG + 1], file[64], note[64];
};

static void symbol_hear(void *context, const struct trace_symbol *symbol)
{
    struct heard *h = context;

    h->symbols++;
    h->last = *symbol;
    snprintf(h->name, sizeof(h->name), "%s", symbol->name);
    snprintf(h->file, sizeof(h->file), "%s", symbol->file);
}

static void note_hear(void *context, const struct trace_note *note)
{
    struct heard *h = context;

    h->notes++;
    snprintf(h->note, sizeof(h->note), "%s", note->text);
}

static struct heard heard;
static const struct symbol_sink ear = {&heard, symbol_hear, note_hear};

static int ear_clean(void **state)
{
    (void)state;
    memset(&heard, 0, sizeof(heard));
    return 0;
}

static void symbol_say(const struct symbol_sink *sink, uint64_t address, const char *name)
{
    const struct trace_symbol symbol = {
        .process = 1, .module = 2, .address = address, .name = name, .file = "main.c", .line = 7};

    sink->symbol(sink->context, &symbol);
}

/* ---- what the child does ---- */

static void many_say(void *context, const struct symbol_sink *sink)
{
    (void)context;
    for (unsigned i = 0; i < MANY; i++)
        symbol_say(sink, i, "parse");
    sink->note(sink->context, &(struct trace_note){.kind = TRACE_NOTE_WARNING, .text = "a word"});
}

static void long_name_say(void *name, const struct symbol_sink *sink)
{
    symbol_say(sink, 1, name);
}

static void one_say_and_die(void *context, const struct symbol_sink *sink)
{
    for (unsigned i = 0; i < MANY; i++) /* more than is held back before it is sent */
        symbol_say(sink, i, "parse");
    raise(*(const int *)context);
}

static void leave(void *context, const struct symbol_sink *sink)
{
    (void)sink;
    /* As libdw does without memory. */
    fprintf(stderr, "this must not be seen\n");
    exit(*(const int *)context);
}

/* As one that opens a pipe nobody writes to. */
static void one_say_and_wait(void *context, const struct symbol_sink *sink)
{
    (void)context;
    for (unsigned i = 0; i < MANY; i++)
        symbol_say(sink, i, "parse");
    for (;;)
        pause();
}

/* ---- cases ---- */

static void all_that_is_found_arrives(void **state)
{
    (void)state;
    assert_int_equal(symbol_apart_run(many_say, NULL, &ear, PATIENCE_MS), 0);
    assert_int_equal(heard.symbols, MANY);
    assert_int_equal(heard.last.address, MANY - 1);
    assert_int_equal(heard.last.module, 2);
    assert_int_equal(heard.last.line, 7);
    assert_string_equal(heard.name, "parse");
    assert_string_equal(heard.file, "main.c");
    assert_int_equal(heard.notes, 1);
    assert_string_equal(heard.note, "a word");
}

static void name_longer_than_the_pipe_arrives_whole(void **state)
{
    static char name[LONG + 1];

    (void)state;
    memset(name, 'n', LONG);
    assert_int_equal(symbol_apart_run(long_name_say, name, &ear, PATIENCE_MS), 0);
    assert_string_equal(heard.name, name);
}

static void crash_costs_what_was_not_sent_yet(void **state)
{
    const int signals[] = {SIGSEGV, SIGABRT, SIGKILL};

    (void)state;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        int signal = signals[i];

        ear_clean(NULL);
        assert_int_equal(symbol_apart_run(one_say_and_die, &signal, &ear, PATIENCE_MS), -EIO);
        assert_in_range(heard.symbols, 1, MANY - 1);
    }
}

static void child_that_falls_silent_is_ended(void **state)
{
    (void)state;
    assert_int_equal(symbol_apart_run(one_say_and_wait, NULL, &ear, SILENCE_MS), -EIO);
    assert_in_range(heard.symbols, 0, MANY - 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    assert_int_equal(errno, ECHILD);
}

static void end_in_between_is_a_bad_end_and_is_not_heard(void **state)
{
    int seen[2], saved = dup(STDERR_FILENO);
    const int statuses[] = {0, 1};
    char byte;

    (void)state;
    assert_int_equal(pipe2(seen, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(seen[1], STDERR_FILENO);
    for (size_t i = 0; i < 2; i++) {
        int status = statuses[i];

        assert_int_equal(symbol_apart_run(leave, &status, &ear, PATIENCE_MS), -EIO);
    }
    dup2(saved, STDERR_FILENO);
    assert_int_equal(read(seen[0], &byte, 1), -1);
    close(seen[0]);
    close(seen[1]);
    close(saved);
}

static void nothing_stays(void **state)
{
    (void)state;
    assert_int_equal(symbol_apart_run(many_say, NULL, &ear, PATIENCE_MS), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_that_is_found_arrives, ear_clean),
        cmocka_unit_test_setup(name_longer_than_the_pipe_arrives_whole, ear_clean),
        cmocka_unit_test_setup(crash_costs_what_was_not_sent_yet, ear_clean),
        cmocka_unit_test_setup(child_that_falls_silent_is_ended, ear_clean),
        cmocka_unit_test_setup(end_in_between_is_a_bad_end_and_is_not_heard, ear_clean),
        cmocka_unit_test_setup(nothing_stays, ear_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
