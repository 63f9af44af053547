/* SPDX-License-Identifier: Apache-2.0 */
#include "drain/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

static void cpu_read(char *out, size_t size)
{
    char line[512], *at;
    FILE *file = fopen("/proc/cpuinfo", "re");

    *out = 0;
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "model name", 10) != 0 || !(at = strchr(line, ':')))
            continue;
        at += 1 + strspn(at + 1, " \t");
        at[strcspn(at, "\n")] = 0;
        snprintf(out, size, "%.*s", (int)size - 1, at);
        break;
    }
    if (file)
        fclose(file);
}

static void boot_id_read(char *out, int size)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (!file || !fgets(out, size, file))
        *out = 0;
    out[strcspn(out, "\n")] = 0;
    if (file)
        fclose(file);
}

static void session_name(char *out, size_t size)
{
    uint64_t number = 0;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = 0;
    snprintf(out, number ? size : 1, "%016llx", (unsigned long long)number);
}

void machine_describe(struct machine *machine, enum clock_source clock, uint64_t ticks_per_second)
{
    struct utsname name = {.sysname = "Linux"};

    memset(machine, 0, sizeof(*machine));
    (void)uname(&name);
    snprintf(machine->host, sizeof(machine->host), "%s", name.nodename);
    snprintf(machine->kernel, sizeof(machine->kernel), "%.64s %.64s %.64s", name.sysname,
             name.release, name.machine);
    cpu_read(machine->cpu, sizeof(machine->cpu));
    boot_id_read(machine->boot_id, sizeof(machine->boot_id));
    session_name(machine->session, sizeof(machine->session));
    if (!getcwd(machine->directory, sizeof(machine->directory)))
        machine->directory[0] = 0;
    machine->recording = (struct trace_recording){
        .adatrace_version = ADATRACE_VERSION,
        .host = machine->host,
        .kernel = machine->kernel,
        .cpu = machine->cpu,
        .directory = machine->directory,
        .command = "",
        .policy = "drop",
        .clock_source = clock_source_name(clock),
        .cpu_count = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
        .page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
        .ticks_per_second = ticks_per_second,
        .boot_id = machine->boot_id,
        .session = machine->session,
    };
}

/* ---- in binary ---- */

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void machine_boot_id(uint8_t id[16])
{
    char text[40];
    unsigned digits = 0;

    memset(id, 0, 16);
    boot_id_read(text, sizeof(text));
    for (const char *at = text; *at && digits < 32; at++)
        if (digit_of(*at) >= 0) {
            id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit_of(*at));
            digits++;
        }
}

void machine_boot_id_print(char text[40], const uint8_t id[16])
{
    static const uint8_t none[16];
    char *at = text;

    *at = 0;
    for (unsigned i = 0; i < 16 && memcmp(id, none, 16) != 0; i++)
        at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
}
