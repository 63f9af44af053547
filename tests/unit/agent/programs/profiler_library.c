/* SPDX-License-Identifier: Apache-2.0 */
/* A library that hooks functions by itself, as a program's own profiler does. */
#include <stdio.h>

void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);

static int enters, exits;

void __cyg_profile_func_enter(void *function, void *site)
{
    (void)function;
    (void)site;
    enters++;
}

void __cyg_profile_func_exit(void *function, void *site)
{
    (void)function;
    (void)site;
    exits++;
}

__attribute__((destructor)) static void end(void)
{
    printf("profiler: %d in, %d out\n", enters, exits);
}
