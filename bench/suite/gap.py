# SPDX-License-Identifier: Apache-2.0
"""A gap: something that could not be measured, and why. It is printed and kept, never swallowed."""


class Gap(Exception):
    """Raised by a contestant that is not there or does not do the work; the text is for people."""
