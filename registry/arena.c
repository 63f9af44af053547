/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/arena.h"
