/* SPDX-License-Identifier: Apache-2.0 */
/* Included by model_mutants.c: {function, kind, order, tried as, why it stands there all the same}.
 */
{"ring_commit_slow", MODEL_STORE, __ATOMIC_RELEASE, __ATOMIC_RELAXED,
 "needed, and not shown: a consumer that reads at that moment meets the limit that MEMORY-MODEL.md "
 "names under what remains"},
    {"find_feet", MODEL_LOAD, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED,
     "needed where no mark is found in four tries: otherwise the fence in mark_read() makes what "
     "intent tells of visible, too; the case that would show it is a whole lap of free choices"},
    {"mark_read", MODEL_LOAD, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED,
     "needed, and not shown yet: the same lap of free choices"},
    {"ring_mark", MODEL_STORE, __ATOMIC_RELEASE, __ATOMIC_RELAXED,
     "needed, and not shown yet: the other end of that edge"},
    {"registry_unringed", MODEL_ADD, __ATOMIC_RELEASE, __ATOMIC_RELAXED,
     "needed, and not shown: what reads it is the drain, which is not explored"},
