/* SPDX-License-Identifier: Apache-2.0 */
/* Included by model_mutants.c: {function, kind, order, tried as, why it stands there all the same}.
 */
{NULL, 0, 0, 0, NULL}, /* none at present */
