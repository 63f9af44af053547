# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How our scripts talk: what they do now, what they run, and at the first failure what to do about it.
# Sourced by the others; leaves the caller in the root of the tree.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# By tests and users alike: sizes and messages that do not depend on where we are.
export LC_ALL=C.UTF-8

steps_bold='' steps_red='' steps_plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    steps_bold=$'\e[1m' steps_red=$'\e[31m' steps_plain=$'\e[0m'
fi

# step TEXT: what comes now.
step() {
    printf '%s==> %s%s\n' "$steps_bold" "$*" "$steps_plain"
}

# note TEXT: more about it.
note() {
    printf '    %s\n' "$*"
}

# die TEXT HINT: what went wrong, what to do about it.
die() {
    printf '%s%s: %s%s\n' "$steps_red" "${0##*/}" "$1" "$steps_plain" >&2
    printf '    What to do: %s\n' "$2" >&2
    exit 1
}

# must HINT COMMAND...: show and run the command; when it fails, stop with the hint.
must() {
    local hint=$1 status=0
    shift
    printf '    $ %s\n' "$*"
    "$@" || status=$?
    [ "$status" -eq 0 ] || die "this failed with status $status: $*" "$hint"
}

# jobs_default: how many things to do at once.
jobs_default() {
    nproc 2>/dev/null || echo 2
}
