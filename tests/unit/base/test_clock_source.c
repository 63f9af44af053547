/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of records on whatever machine this is: what it is called, how fast it runs, and that
 * it goes on; and which one it is where the kernel, or the counters themselves, say that there is
 * none to be trusted. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cmocka.h>

#include <adatrace/emit.h>

#include "base/clock.h"
#include "base/clock_source.h"
#include "base/clock_warp.h"

#if defined(__x86_64__)
enum { HAS_COUNTER = true };
static const char trusted[] = "tsc\n";
#elif defined(__aarch64__)
enum { HAS_COUNTER = true };
static const char trusted[] = "arch_sys_counter\n";
#else
enum { HAS_COUNTER = false };
static const char trusted[] = "jiffies\n";
#endif

/* ---- another machine ---- */

static struct {
    bool is_another;      /* than the one at hand: what follows is what it says */
    const char *kernel;   /* the kernel's clocksource; NULL: the file is not there */
    bool is_unreadable;   /* the file is there, and reading it fails */
    bool counters_differ; /* from CPU to CPU */
    unsigned compared;    /* how often the counters were */
} machine;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
bool __real_clock_warp_found(uint64_t (*ticks)(void));
bool __wrap_clock_warp_found(uint64_t (*ticks)(void));

/* A file that says so. */
static int file_saying(const char *text)
{
    int fd = memfd_create("clocksource", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    unsigned mode;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if (!machine.is_another || !strstr(path, "current_clocksource"))
        return __real_open(path, flags, mode);
    if (machine.is_unreadable)
        return __real_open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* EISDIR */
    if (machine.kernel)
        return file_saying(machine.kernel);
    errno = ENOENT;
    return -1;
}

static uint64_t counter_of_this_cpu(void)
{
    const uint64_t second = 1000000000; /* nobody's journey takes as long */

    return clock_monotonic_ns() + (machine.counters_differ ? (uint64_t)sched_getcpu() * second : 0);
}

/* The real comparison, of that machine's counters. */
bool __wrap_clock_warp_found(uint64_t (*ticks)(void))
{
    machine.compared++;
    return __real_clock_warp_found(machine.is_another ? counter_of_this_cpu : ticks);
}

static enum clock_source chosen_where_kernel_says(const char *text)
{
    machine.is_another = true;
    machine.kernel = text;
    machine.compared = 0;
    return clock_source_choose(0);
}

static int this_machine_again(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    return 0;
}

/* Only there are the counters compared: the kernel's own comparison may be of another time. */
static bool is_virtual(void)
{
#if defined(__x86_64__)
    unsigned a, b, c = 0, d;

    return __get_cpuid(1, &a, &b, &c, &d) && c & 1u << 31;
#else
    return false;
#endif
}

static bool has_two_cpus(void)
{
    cpu_set_t cpus;

    return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 1;
}

/* ---- */

static void busy_ns(uint64_t ns)
{
    uint64_t until = clock_monotonic_ns() + ns;

    while (clock_monotonic_ns() < until)
        ;
}

static void source_that_is_chosen_has_a_name_that_readers_know(void **state)
{
    enum clock_source source = clock_source_choose(0);
    const char *name = clock_source_name(source);

    (void)state;
    assert_true(strcmp(name, "tsc") == 0 || strcmp(name, "cntvct") == 0 ||
                strcmp(name, "monotonic") == 0);
    assert_true(HAS_COUNTER || source == CLOCK_SOURCE_MONOTONIC);
    assert_string_equal(clock_source_name(CLOCK_SOURCE_MONOTONIC), "monotonic");
}

static void counter_never_goes_back_and_does_not_stand_still(void **state)
{
    uint64_t before = ada_ticks(), first = before, now;

    (void)state;
    if (!HAS_COUNTER)
        skip(); /* then it is not read: writers stay on the slow path */
    for (int i = 0; i < 100000; i++, before = now) {
        now = ada_ticks();
        assert_true(now >= before);
    }
    busy_ns(1000000);
    assert_true(ada_ticks() > first);
}

/* A tick is no nanosecond: 62.5 MHz, 24 MHz and 1 GHz are all found on Arm. */
static void rate_is_what_the_system_clock_says(void **state)
{
    const uint64_t window_ns = 50 * 1000 * 1000;
    uint64_t rate, ticks, ns;
    struct clock_reading from, to;

    (void)state;
    assert_int_equal(clock_source_rate(CLOCK_SOURCE_MONOTONIC), 1000000000);
    if (!HAS_COUNTER)
        skip();
    rate = clock_source_rate(CLOCK_SOURCE_COUNTER);
    from = clock_source_read(CLOCK_SOURCE_COUNTER);
    busy_ns(window_ns);
    to = clock_source_read(CLOCK_SOURCE_COUNTER);
    ticks = to.ticks - from.ticks;
    ns = to.monotonic_ns - from.monotonic_ns;
    assert_in_range(ticks, (uint64_t)((double)ns * (double)rate / 1e9 * 0.98),
                    (uint64_t)((double)ns * (double)rate / 1e9 * 1.02) + 1);
}

static void readings_are_close_pairs(void **state)
{
    struct clock_reading r = clock_source_read(CLOCK_SOURCE_MONOTONIC);

    (void)state;
    assert_int_equal(r.ticks, r.monotonic_ns);
    r = clock_source_read(clock_source_choose(0));
    assert_true(r.monotonic_ns <= clock_monotonic_ns());
    assert_true(r.uncertainty_ns < 1000000000);
    assert_true(r.realtime_ns > UINT64_C(1500000000) * 1000000000);
}

static void source_that_is_asked_for_is_taken(void **state)
{
    (void)state;
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_MONOTONIC), CLOCK_SOURCE_MONOTONIC);
#if defined(__x86_64__) || defined(__aarch64__)
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_COUNTER), CLOCK_SOURCE_COUNTER);
#endif
}

static void counter_that_the_kernel_trusts_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(chosen_where_kernel_says(trusted),
                     HAS_COUNTER ? CLOCK_SOURCE_COUNTER : CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(machine.compared, is_virtual());
}

/* The kernel uses another clock where the counter stops, changes its rate, or was found to differ.
 * Whose name only begins like the counter's is another one: "tsc-early" is not measured yet. */
static void counter_that_the_kernel_does_not_trust_is_not_chosen(void **state)
{
    static const char *const others[] = {"hpet\n",      "acpi_pm\n", "kvm-clock\n",
                                         "tsc-early\n", "ts\n",      "jiffies"};

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(chosen_where_kernel_says(others[i]), CLOCK_SOURCE_MONOTONIC);
        assert_int_equal(machine.compared, 0);
    }
}

static void kernel_that_does_not_say_is_not_guessed_at(void **state)
{
    (void)state;
    assert_int_equal(chosen_where_kernel_says(""), CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(chosen_where_kernel_says("\n"), CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(chosen_where_kernel_says(NULL), CLOCK_SOURCE_MONOTONIC);
    machine.is_unreadable = true;
    assert_int_equal(chosen_where_kernel_says(trusted), CLOCK_SOURCE_MONOTONIC);
}

static void counters_that_differ_are_not_chosen_though_the_kernel_trusts_them(void **state)
{
    (void)state;
    if (!is_virtual() || !has_two_cpus())
        skip(); /* nobody sets them behind the kernel's back; a single one agrees with itself */
    machine.counters_differ = true;
    assert_int_equal(chosen_where_kernel_says(trusted), CLOCK_SOURCE_MONOTONIC);
    assert_int_equal(machine.compared, 1);
}

/* Who asks for the counter knows better than a kernel that cannot be asked. */
static void counter_that_is_asked_for_is_taken_whatever_the_kernel_says(void **state)
{
    (void)state;
    if (!HAS_COUNTER)
        skip();
    machine.is_another = true;
    assert_int_equal(clock_source_choose(CLOCK_SOURCE_COUNTER), CLOCK_SOURCE_COUNTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_that_is_asked_for_is_taken),
        cmocka_unit_test(source_that_is_chosen_has_a_name_that_readers_know),
        cmocka_unit_test(counter_never_goes_back_and_does_not_stand_still),
        cmocka_unit_test(rate_is_what_the_system_clock_says),
        cmocka_unit_test(readings_are_close_pairs),
        cmocka_unit_test_teardown(counter_that_the_kernel_trusts_is_chosen, this_machine_again),
        cmocka_unit_test_teardown(counter_that_the_kernel_does_not_trust_is_not_chosen,
                                  this_machine_again),
        cmocka_unit_test_teardown(kernel_that_does_not_say_is_not_guessed_at, this_machine_again),
        cmocka_unit_test_teardown(counters_that_differ_are_not_chosen_though_the_kernel_trusts_them,
                                  this_machine_again),
        cmocka_unit_test_teardown(counter_that_is_asked_for_is_taken_whatever_the_kernel_says,
                                  this_machine_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
