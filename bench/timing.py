"""Times taken in one run, told beside the floor of the same run: milliseconds do not travel, ratios do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from statistics import median


class Timings:
    """Hold samples in seconds, by name."""

    def __init__(self) -> None:
        self._samples: dict[str, list[float]] = defaultdict(list)

    def take(self, name: str, work: Callable[[], object]) -> None:
        """Time a piece of work once."""
        begun = time.perf_counter()
        work()
        self._samples[name].append(time.perf_counter() - begun)

    async def wait(self, name: str, work: Awaitable[object]) -> None:
        """Time a piece of work that is waited for, once."""
        begun = time.perf_counter()
        await work
        self._samples[name].append(time.perf_counter() - begun)

    def p50(self, name: str) -> float:
        """Give the middle sample."""
        return median(self._samples[name])

    def p95(self, name: str) -> float:
        """Give the sample that nineteen of twenty are no greater than."""
        return self._share(name, 0.95)

    def p99(self, name: str) -> float:
        """Give the sample that ninety-nine of a hundred are no greater than."""
        return self._share(name, 0.99)

    def _share(self, name: str, share: float) -> float:
        samples = sorted(self._samples[name])
        return samples[int(share * (len(samples) - 1))]

    def table(self) -> str:
        """Give a line a name: how many samples, the middle one, and the slow one."""
        lines = [f"{'':32}{'samples':>8}{'p50 ms':>10}{'p95 ms':>10}"]
        for name, samples in self._samples.items():
            lines.append(f"{name:32}{len(samples):8}{1e3 * self.p50(name):10.3f}{1e3 * self.p95(name):10.3f}")
        return "\n".join(lines)

    def ratio(self, name: str, floors: Sequence[str], limit: float | None = None) -> Iterator[str]:
        """Say how a middle sample stands to its floors together, and to the most it should be; nothing if unknown."""
        if not {name, *floors} <= self._samples.keys():
            return
        value = self.p50(name) / sum(map(self.p50, floors))
        yield f"{name}  /  {' + '.join(floors)}  =  {value:.2f}{_judged(value, limit)}"

    def slowest_ratio(self, name: str, floor: str, limit: float | None = None) -> Iterator[str]:
        """Say how the slowest of a hundred samples stands to a floor's middle one, and to the most it should be."""
        value = self.p99(name) / self.p50(floor)
        yield f"p99 of {name}  /  {floor}  =  {value:.2f}{_judged(value, limit)}"

    def fastest_ratio(self, name: str, floor: str) -> Iterator[str]:
        """Say how the fastest tenth of the samples stands to that of a floor."""
        yield f"p10 of {name}  /  {floor}  =  {self._share(name, 0.1) / self._share(floor, 0.1):.2f}"


def _judged(value: float, limit: float | None) -> str:
    return "" if limit is None else f"  (at most {limit:g}: {'reached' if value <= limit else 'MISSED'})"
