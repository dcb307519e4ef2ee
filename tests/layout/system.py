"""A process as /proc shows it, made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEAD = "{:012x}-{:012x} rw-p 00000000 00:00 0 {}\n"
BODY = "Size: {0} kB\nRss: {0} kB\nAnonymous: {1} kB\nAnonHugePages: {2} kB\nVmFlags: rd wr\n"
START = 0x7F0000000000
EXCLUSIVE, SWAPPED, PRESENT = 1 << 56, 1 << 62, 1 << 63
HEAD_FLAG, TAIL_FLAG = 1 << 15, 1 << 16


def smaps(*sizes_kb: tuple[int, int, int]) -> str:
    """Return mappings of size, anonymous and PMD-mapped memory in KiB, 1 GiB apart."""
    text = ""
    for place, (size, anonymous, huge) in enumerate(sizes_kb):
        start = START + (place << 30)
        text += HEAD.format(start, start + (size << 10), "") + BODY.format(size, anonymous, huge)
    return text


def process(root: Path, frames: list[int], orders: dict[int, int], *, huge_kb: int = 0) -> Path:
    """Write a process (number 42) of one mapping with a page in each frame; 0: not there, -1: in
    swap.

    ``orders``: of the folios that begin at some frames. Frames may be hidden with ``[1 << 60]``.
    """
    folder = root / "42"
    folder.mkdir(parents=True)
    there = sum(frame > 0 for frame in frames)
    (folder / "smaps").write_text(smaps((4 * len(frames), 4 * there, huge_kb)))
    (folder / "comm").write_text("redis-server\n")
    words = [PRESENT | EXCLUSIVE | frame if frame else 0 for frame in frames]
    words = [SWAPPED if frame < 0 else word for frame, word in zip(frames, words, strict=True)]
    with (folder / "pagemap").open("wb") as stream:
        stream.seek(START // 4096 * 8)
        stream.write(np.array(words, np.uint64).tobytes())
    flags = np.zeros(1 << 14, np.uint64)
    for start, order in orders.items():
        flags[start] |= np.uint64(HEAD_FLAG)
        flags[start + 1 : start + (1 << order)] |= np.uint64(TAIL_FLAG)
    (root / "kpageflags").write_bytes(flags.tobytes())
    return root
