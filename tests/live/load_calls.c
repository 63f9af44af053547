/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that call each other, built with -finstrument-functions: a call trace for
 * load_threads.c. */
void load_calls(unsigned long count);

static volatile unsigned long sink;

__attribute__((noinline)) static void leaf(unsigned long n)
{
    sink += n;
}

__attribute__((noinline)) static void branch(unsigned long n)
{
    for (unsigned long i = 0; i < n % 5; i++)
        leaf(i);
}

__attribute__((noinline)) static void tree(unsigned long n)
{
    branch(n);
    if (n % 3)
        branch(n / 3);
    if (n > 7 && n % 7 == 0)
        tree(n / 7);
}

void load_calls(unsigned long count)
{
    for (unsigned long i = 1; i <= count; i++)
        tree(i);
}
