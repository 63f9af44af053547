/* SPDX-License-Identifier: Apache-2.0 */
/* What a picture becomes as text: whatever names look like, and whoever shares a label. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/metrics_http.h"
#include "cli/metrics_text.h"

static struct {
    struct stats_session session;
    struct stats_process processes[100];
    struct stats_thread threads[4];
} rows;

/* NUL-terminated, to be freed. */
static char *print(enum metrics_format format, const char *session)
{
    const struct stats_picture picture = {
        .session = &rows.session, .processes = rows.processes, .threads = rows.threads};
    const struct metrics_labels labels = {.session = session, .command = "c"};
    struct out_buffer out;

    assert_int_equal(out_open_memory(&out), 0);
    assert_int_equal(metrics_print(&out, &picture, &labels, format), 0);
    out_put_char(&out, 0);
    return out.memory;
}

static void process_set(unsigned n, uint32_t pid, const char *name, uint32_t flags,
                        uint64_t written)
{
    rows.processes[n] =
        (struct stats_process){.pid = pid, .flags = flags, .counts.written = written};
    snprintf(rows.processes[n].name, sizeof(rows.processes[n].name), "%s", name);
    rows.session.process_count = n + 1;
}

static int setup(void **state)
{
    (void)state;
    memset(&rows, 0, sizeof(rows));
    return 0;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("there is no %s", part);
}

static void name_of_any_bytes_becomes_valid_text(void **state)
{
    char *text;

    (void)state;
    process_set(0, 7, "a\"b\\c\nd", 0, 1);
    process_set(1, 8, "gr\xc3\xbc\xc3\x9f", 0, 1);                    /* good UTF-8 */
    process_set(2, 9, "\xff\xc3(\xed\xa0\x80\xc0\xaf\xe2\x82", 0, 1); /* none of it is */
    text = print(METRICS_PROMETHEUS, "s");
    assert_has(text, "pid=\"7\",process=\"a\\\"b\\\\c\\nd\"}");
    assert_has(text, "process=\"gr\xc3\xbc\xc3\x9f\"}");
#define BAD "\xef\xbf\xbd"
    assert_has(text, "process=\"" BAD BAD "(" BAD BAD BAD BAD BAD BAD BAD "\"}");
    free(text);
}

/* Exec of the same program: two images, one process. A series must not stand there twice. */
static void processes_with_the_same_labels_are_one_series(void **state)
{
    char *text;

    (void)state;
    process_set(0, 7, "x", STATS_PROCESS_ENDED, 10);
    process_set(1, 8, "x", 0, 1);
    process_set(2, 7, "x", 0, 5);
    process_set(3, 7, "y", 0, 2);
    text = print(METRICS_PROMETHEUS, "s");
    assert_has(text,
               "adatrace_process_written_records_total{session=\"s\",pid=\"7\",process=\"x\"} "
               "15\n"
               "adatrace_process_written_records_total{session=\"s\",pid=\"7\",process=\"y\"} "
               "2\n"
               "adatrace_process_written_records_total{session=\"s\",pid=\"8\",process=\"x\"} "
               "1\n");
    assert_has(text, "adatrace_processes{session=\"s\"} 3\n");
    free(text);
}

static void processes_that_ended_have_64_series_and_one(void **state)
{
    unsigned series = 0;
    char *text;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        process_set(i, i + 1, "x", STATS_PROCESS_ENDED, 1);
        rows.processes[i].number = i + 1;
    }
    text = print(METRICS_PROMETHEUS, "s");
    assert_has(text, "_written_records_total{session=\"s\",pid=\"0\",process=\"(ended)\"} 36\n");
    assert_has(text, "_written_records_total{session=\"s\",pid=\"100\",process=\"x\"} 1\n");
    for (char *at = text; (at = strstr(at, "\nadatrace_process_written_records_total{")); at++)
        series++;
    assert_int_equal(series, 65);
    free(text);
}

static void formats_differ_where_openmetrics_is_stricter(void **state)
{
    char *classic, *open;

    (void)state;
    process_set(0, 7, "x", 0, UINT64_MAX);
    rows.session.lag_ns = 1234567890123;
    classic = print(METRICS_PROMETHEUS, "s");
    open = print(METRICS_OPENMETRICS, "s");
    assert_has(classic, "# TYPE adatrace_process_written_records_total counter\n");
    assert_has(classic, "# TYPE adatrace_session_info gauge\n");
    assert_null(strstr(classic, "# EOF"));
    assert_has(open, "# TYPE adatrace_process_written_records counter\n");
    assert_has(open, "# TYPE adatrace_session info\n");
    assert_has(open, "# UNIT adatrace_drain_lag_seconds seconds\n");
    assert_string_equal(open + strlen(open) - strlen("# EOF\n"), "# EOF\n");
    assert_has(open, "_written_records_total{session=\"s\",pid=\"7\",process=\"x\"} "
                     "18446744073709551615\n");
    assert_has(open, "adatrace_drain_lag_seconds{session=\"s\"} 1234.567890123\n");
    free(classic);
    free(open);
}

static void format_is_the_one_that_is_wanted_most(void **state)
{
    static const struct {
        const char *accept;
        enum metrics_format format;
    } cases[] = {
        {NULL, METRICS_PROMETHEUS},
        {"*/*", METRICS_PROMETHEUS},
        {"text/plain", METRICS_PROMETHEUS},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"application/openmetrics-text;q=0", METRICS_PROMETHEUS},
        {"application/openmetrics-text; q=0.2, text/plain;q=0.8", METRICS_PROMETHEUS},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         METRICS_OPENMETRICS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(metrics_format_wanted(cases[i].accept), cases[i].format);
}

static void address_is_told_from_a_file_name(void **state)
{
    static const char *const addresses[] = {":9464", "127.0.0.1:9464", "[::1]:9464", "localhost:1"};
    static const char *const files[] = {"a.prom", "./a:9464", "/tmp/x:1", "a:b",
                                        ":",      "::1:9464", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        assert_true(metrics_http_is_address(addresses[i]));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        assert_false(metrics_http_is_address(files[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(name_of_any_bytes_becomes_valid_text, setup),
        cmocka_unit_test_setup(processes_with_the_same_labels_are_one_series, setup),
        cmocka_unit_test_setup(processes_that_ended_have_64_series_and_one, setup),
        cmocka_unit_test_setup(formats_differ_where_openmetrics_is_stricter, setup),
        cmocka_unit_test_setup(format_is_the_one_that_is_wanted_most, setup),
        cmocka_unit_test_setup(address_is_told_from_a_file_name, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
