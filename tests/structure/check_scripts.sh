#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every shell script of the tree passes shellcheck.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v shellcheck >/dev/null; then
    echo "skipped: no shellcheck"
    exit 77
fi
git grep -lzE '^#!.*\b(bash|sh)$' -- . | xargs -0 shellcheck --external-sources
