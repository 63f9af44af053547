/* SPDX-License-Identifier: Apache-2.0 */
/* Included by model_mutants.c: {function, kind, order, tried as, why it stands there all the same}.
 */
{"ring_commit_slow", MODEL_STORE, __ATOMIC_RELEASE, __ATOMIC_RELAXED,
 "needed, and not shown: a consumer that reads at that moment meets the limit that MEMORY-MODEL.md "
 "names under what remains"},
