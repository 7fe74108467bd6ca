"""Compare a contract set with what it was, and say what breaks whom.

Four degrees: what a shape takes (`shapes`), what source code names (`source`), what happens behind an unchanged shape
(`behaviour`), and what is only said differently (`documentation`).
"""
