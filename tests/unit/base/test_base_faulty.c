/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions, schemas, clocks and descriptors of ours where any call can fail. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock_source.h"
#include "base/expression.h"
#include "base/machine_kind.h"
#include "base/own_file.h"
#include "expression_events.h"
#include "faulty.h"

/* ---- memory ---- */

static char text[4096];

static int parse_and_bind(void *unused)
{
    static const struct expression_binding binding = {.ticks_per_second = 3000000000};
    struct expression_program *program = NULL;
    struct expression_error error;
    struct expression *expression;
    int err = expression_parse(&expression, text, &error);

    (void)unused;
    if (err)
        return err;
    for (unsigned n = 0; events_types[n] && !err; n++) {
        err = expression_bind(expression, events_types[n], &binding, &program, &error);
        if (!err)
            expression_program_free(program);
    }
    if (!err)
        (void)expression_unmet(expression, &error);
    expression_free(expression);
    return err;
}

/* Every node there is, and more of them than there is room for at first. */
static void expression_without_memory_is_refused_and_keeps_nothing(void **state)
{
    static const char *const parts[] = {"latency_us + 2 * delta > %u", "customer contains \"x%u\"",
                                        "state == paid && id != %u",   "slow(f%u*)",
                                        "sizes[1] in %u..%u",          "!(price / 2 < %u.5)"};

    (void)state;
    for (unsigned n = 0; n < 40 && strlen(text) < sizeof(text) - 100; n++) {
        char one[96], all[4096];

        snprintf(one, sizeof(one), parts[n % 6], n, n + 1);
        if (n % 6 == 3 && n > 6)
            continue;
        memcpy(all, text, sizeof(all));
        snprintf(text, sizeof(text), "%.3900s%s(%s)", all, *all ? " || " : "", one);
        if (parse_and_bind(NULL)) /* not in this language: without it */
            memcpy(text, all, sizeof(text));
    }
    assert_true(strlen(text) > 300);
    assert_true(faulty_sweep(parse_and_bind, NULL, (const char *const[]){"strdup", NULL}, NULL) >
                10);
}

static int encode_and_decode(void *unused)
{
    static unsigned char bytes[SCHEMA_BYTES_MAX];
    struct schema_owned owned;
    int size = schema_encode(&events_type_order, bytes, sizeof(bytes)), err;

    (void)unused;
    assert_true(size > 0);
    err = schema_decode(bytes, (size_t)size, &owned);
    if (!err)
        schema_free(&owned);
    return err;
}

static void schema_without_memory_is_refused(void **state)
{
    (void)state;
    assert_int_equal(faulty_sweep(encode_and_decode, NULL, NULL, NULL), 1);
}

/* ---- clocks ---- */

static void counter_that_nobody_vouches_for_is_not_chosen(void **state)
{
    (void)state;
    faulty_next("open", ENOENT, 1); /* no sysfs */
    assert_int_equal(clock_source_choose(0), CLOCK_SOURCE_MONOTONIC);
    faulty_next("read", EIO, 1);
    assert_int_equal(clock_source_choose(0), CLOCK_SOURCE_MONOTONIC);
    faulty_next("read", FAULTY_SHORT, 1); /* half a name is another one */
    (void)clock_source_choose(0);
    faulty_next(NULL, 0, 0);
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_MONOTONIC), CLOCK_SOURCE_MONOTONIC);
    assert_string_equal(clock_source_name(CLOCK_SOURCE_MONOTONIC), "monotonic");
}

/* ---- descriptors ---- */

static void descriptor_that_others_took_is_opened_again_by_its_name(void **state)
{
    char path[] = "/tmp/adatrace-own-XXXXXX", moved[64];
    struct own_file own;
    int fd = mkstemp(path), again;

    (void)state;
    assert_true(fd >= 0);
    own_file_mark(&own, fd);
    assert_int_equal(own_file_hold(&own, fd, O_RDWR), fd);
    close(fd);
    assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), fd); /* the program's */
    assert_false(own_file_is(&own, fd));
    assert_false(own_file_is(&own, -1));
    again = own_file_hold(&own, fd, O_RDWR);
    assert_true(again >= 0 && again != fd);
    assert_true(own_file_is(&own, again));
    close(again);
    faulty_next("open", EMFILE, 1);
    assert_int_equal(own_file_hold(&own, fd, O_RDWR), -EBADF);
    /* By that name there is another file now. */
    snprintf(moved, sizeof(moved), "%s-moved", path);
    assert_int_equal(rename(path, moved), 0);
    again = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    close(again);
    assert_int_equal(own_file_hold(&own, fd, O_RDWR), -EBADF);
    unlink(path);
    unlink(moved);
    own_file_forget(&own);
    close(fd);
}

static void descriptor_without_a_name_is_not_opened_again(void **state)
{
    struct own_file own;
    int pipes[2];

    (void)state;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    own_file_mark(&own, pipes[0]);
    assert_null(own.path);
    assert_int_equal(own_file_hold(&own, pipes[1], O_RDONLY), pipes[1]); /* the same pipe */
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(own_file_hold(&own, pipes[1], O_RDONLY), -EBADF);
    own_file_forget(&own);
    /* What could not be marked is taken for it. */
    own_file_mark(&own, -1);
    assert_true(own_file_is(&own, 5));
    assert_int_equal(own_file_hold(&own, 5, O_RDONLY), 5);
    own_file_forget(&own);
}

static void machines_have_names(void **state)
{
    (void)state;
    assert_string_equal(machine_kind_name(EM_X86_64 | 0x80000), "x86-64");
    assert_string_equal(machine_kind_name(EM_S390 | 0x80000 | MACHINE_KIND_BIG_ENDIAN), "s390x");
    assert_string_equal(machine_kind_name(7), "another machine");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expression_without_memory_is_refused_and_keeps_nothing),
        cmocka_unit_test(schema_without_memory_is_refused),
        cmocka_unit_test(counter_that_nobody_vouches_for_is_not_chosen),
        cmocka_unit_test(descriptor_that_others_took_is_opened_again_by_its_name),
        cmocka_unit_test(descriptor_without_a_name_is_not_opened_again),
        cmocka_unit_test(machines_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
