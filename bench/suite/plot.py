# SPDX-License-Identifier: Apache-2.0
"""One picture: how many times better than each peer, on a logarithmic scale, as SVG by hand."""

import math
from xml.sax.saxutils import escape

from markdown import number

PEERS = {"lttng-ust": "#c4572b", "babeltrace2": "#c4572b", "uftrace": "#2b6cb0",
         "heaptrack": "#6b8e23"}
UNITS = ("ns", "ms", "s", "M/s", "bytes")
WIDTH, LEFT, RIGHT, BAR, TOP = 860, 330, 90, 17, 64


def bars(results):
    """(label, peer, low, median, high), skipping what is no comparison with a peer."""
    found = []
    for result in results:
        for row in result.rows():
            for peer in PEERS:
                figure = result.find(row, peer)
                times = result.times_better(row, peer) if figure and figure.unit in UNITS else None
                if times and times[0] > 0 and "events a second" not in row:
                    found.append((f"{result.name}: {row}", peer, *times))
    return found


def draw(results):
    rows = bars(results)
    if not rows:
        return None
    top = max(2.0, *(high for *_, high in rows))
    bottom = min(0.5, *(low for _, _, low, _, _ in rows))
    span = math.log10(top) - math.log10(bottom)

    def x(value):
        return LEFT + (math.log10(value) - math.log10(bottom)) / span * (WIDTH - LEFT - RIGHT)

    height = TOP + len(rows) * (BAR + 5) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="15" font-weight="bold">How many times better adatrace is'
        '</text>',
        '<text x="12" y="40" fill="#555">median of the round-by-round ratios, quartiles as a line; '
        'logarithmic; left of 1: worse</text>',
    ]
    for power in range(math.floor(math.log10(bottom)), math.ceil(math.log10(top)) + 1):
        value = 10.0 ** power
        if bottom <= value <= top:
            weight = "#333" if power == 0 else "#ddd"
            parts.append(f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{TOP - 6}" '
                         f'y2="{height - 22}" stroke="{weight}"/>')
            parts.append(f'<text x="{x(value):.1f}" y="{height - 8}" text-anchor="middle">'
                         f'{number(value)} ×</text>')
    for index, (label, peer, low, median, high) in enumerate(rows):
        y = TOP + index * (BAR + 5)
        left, right = sorted((x(1), x(median)))
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(label)} '
            f'<tspan fill="{PEERS[peer]}">{peer}</tspan></text>',
            f'<rect x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}" height="{BAR}" '
            f'fill="{PEERS[peer]}" opacity="0.8"/>',
            f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}" '
            'stroke="#000"/>',
            f'<text x="{max(right, x(high)) + 6:.1f}" y="{y + 13}">{number(median)} ×</text>',
        ]
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
