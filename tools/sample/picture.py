#!/usr/bin/python3
"""A terminal's text as an SVG picture, for the README: COMMAND | picture.py OUT.svg"""
import html
import sys

WIDTH, LINE, CHAR = 150, 17, 7.85


def main():
    lines = [line.rstrip("\n")[:WIDTH] for line in sys.stdin]
    width = int(max(len(line) for line in lines) * CHAR) + 32
    height = len(lines) * LINE + 32
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
           f'<rect width="{width}" height="{height}" rx="8" fill="#16181d"/>',
           '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13" fill="#d7dae0" '
           'xml:space="preserve">']
    for number, line in enumerate(lines):
        colour = ' fill="#7fb4ff"' if line.startswith("$ ") else ' fill="#9aa0ab"' if line.isupper() else ""
        out.append(f'<text x="16" y="{30 + number * LINE}"{colour}>{html.escape(line)}</text>')
    out.append("</g></svg>")
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
