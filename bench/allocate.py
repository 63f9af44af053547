# SPDX-License-Identifier: Apache-2.0
"""The memory benchmark: what a Python program does all day, the same every time.

    PYTHONMALLOC=malloc python3 allocate.py ROUNDS
"""
import sys


def row_make(number):
    return {"id": number, "name": f"row {number}", "tags": [str(number + i) for i in range(5)],
            "price": number * 0.25}


def main():
    kept = {}
    for turn in range(int(sys.argv[1])):
        rows = [row_make(turn * 1000 + i) for i in range(1000)]
        text = ";".join(f"{row['name']}={'/'.join(row['tags'])}" for row in rows)
        kept[turn % 7] = (text, {part: len(part) for part in text.split(";")})
    print(sum(len(text) for text, _ in kept.values()))


main()
