"""Reads and damages journal segments by their format on disk (queue/journal_format.hpp), without the program's code."""

import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = 0x31304A474E41 | 0xA5 << 56
HEADER = struct.Struct("<QQQQQIIB")  # magic, checksum, LSN, number, previous checksum, bytes, records, shard
ALIGNMENT = 4096


@dataclass
class Group:
    file: Path
    offset: int   # of its header in the file
    lsn: int
    number: int
    bytes: int    # header and records
    records: int
    shard: int


def groups(queue: Path) -> list[Group]:
    """All groups below a queue's folder that look whole, by shard and number; old ones in recycled segments included."""
    found = []
    for path in sorted(p for p in queue.rglob("*") if p.is_file() and "journal" in str(p.relative_to(queue))):
        data = path.read_bytes()
        offset = 0
        while offset + HEADER.size <= len(data):
            magic, _, lsn, number, _, size, records, shard = HEADER.unpack_from(data, offset)
            if magic == MAGIC and size:
                found.append(Group(path, offset, lsn, number, size, records, shard))
                offset += -(-size // ALIGNMENT) * ALIGNMENT
            else:
                offset += ALIGNMENT
    return sorted(found, key=lambda group: (group.shard, group.number))


def damage(group: Group, at: int | None = None) -> None:
    """Inverts one byte of a group, by default the middle one of its records."""
    position = group.offset + (at if at is not None else HEADER.size + (group.bytes - HEADER.size) // 2)
    with open(group.file, "r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ 0xFF]))


def tear(group: Group, kept: int) -> None:
    """Only the first `kept` bytes of a group reached the disk; the rest is what a recycled segment held: not it."""
    with open(group.file, "r+b") as file:
        file.seek(group.offset + kept)
        file.write(b"\0" * (group.bytes - kept))
