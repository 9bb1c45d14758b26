"""plot.py - a chart as SVG: lines over a logarithmic axis, from zero upwards."""
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 48
COLOURS = ["#1b6ca8", "#c8553d", "#3c7a3c", "#7a4f9a"]
TICKS = 5


def short(number):
    return f"{number:.3g}" if number < 1000 else f"{number:.0f}"


def step(highest):
    """The distance of horizontal lines: 1, 2 or 5 times a power of ten."""
    raw = highest / TICKS
    power = 10 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)


class Chart:
    """Made of series {name: [(x, y), ...]}."""

    def __init__(self, title, x_title, y_title, series):
        self.series = series
        points = [point for line in series.values() for point in line]
        self.sizes = sorted({x for x, _ in points})
        self.step = step(max(y for _, y in points) or 1)
        self.highest = math.ceil(max(y for _, y in points) / self.step) * self.step or self.step
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
                      'font-family="sans-serif" font-size="12">',
                      f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
        self.text(WIDTH / 2, 20, title, "middle", 'font-size="15"')
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_title, "middle")
        self.text(14, (TOP + HEIGHT - BOTTOM) / 2, y_title, "middle",
                  f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})"')
        self.axes()
        for number, (name, line) in enumerate(series.items()):
            self.line(COLOURS[number % len(COLOURS)], sorted(line))
            self.key(COLOURS[number % len(COLOURS)], name, number)
        self.parts.append("</svg>")

    def x(self, size):
        low, high = math.log10(self.sizes[0]), math.log10(self.sizes[-1])
        return LEFT + (WIDTH - LEFT - RIGHT - 20) * (math.log10(size) - low) / ((high - low) or 1) + 10

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.highest

    def text(self, x, y, text, anchor, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{text}</text>')

    def axes(self):
        for number in range(round(self.highest / self.step) + 1):
            y = self.y(number * self.step)
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                              'stroke="#ddd"/>')
            self.text(LEFT - 6, y + 4, short(number * self.step), "end")
        for size in self.sizes:
            self.text(self.x(size), HEIGHT - BOTTOM + 18, f"{size:,}", "middle")

    def line(self, colour, points):
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.5" fill="{colour}"/>')
            self.text(self.x(x), self.y(y) - 8, short(y), "middle", f'fill="{colour}"')

    def key(self, colour, name, number):
        x = LEFT + 10 + number * 190
        self.parts.append(f'<rect x="{x}" y="26" width="10" height="10" fill="{colour}"/>')
        self.text(x + 14, 35, name, "start")

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(self.parts) + "\n")
