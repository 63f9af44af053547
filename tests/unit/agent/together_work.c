/* SPDX-License-Identifier: Apache-2.0 */
/* A function that is told of: compiled with -finstrument-functions. */
unsigned together_work(unsigned depth);

unsigned together_work(unsigned depth)
{
    return depth ? together_work(depth - 1) + depth : 0;
}
