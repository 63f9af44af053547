/* SPDX-License-Identifier: Apache-2.0 */
/* Calls instrumented functions a known number of times: fib(argv[1]). */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) long fib(long n);
long fib(long n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((no_instrument_function)) int main(int argc, char **argv)
{
    printf("%ld\n", fib(argc > 1 ? strtol(argv[1], NULL, 10) : 10));
    return 0;
}
