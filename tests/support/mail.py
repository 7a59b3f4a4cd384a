"""Messages as bytes: made from a number, so that any copy can be checked without keeping the original."""

import hashlib
import random
import re


def message(number: int, size: int = 1024) -> bytes:
    """A message of about `size` bytes with awkward lines: leading dots, empty and long lines, 8-bit text."""
    generator = random.Random(number)
    lines = [
        b"From: <sender@source.test>",
        b"To: <reader@destination.test>",
        b"Subject: number %d" % number,
        b"Message-Id: <%d@source.test>" % number,
        b"X-Number: %d" % number,
        b"",
        b".",
        b"..two dots",
        b".leading dot",
        b"",
        "grüße, 8 bit".encode(),
    ]
    length = sum(len(line) + 2 for line in lines)
    while length < size:
        line = bytes(generator.choices(b"abcdefghijklmnopqrstuvwxyz .", k=min(generator.randint(0, 998), max(0, size - length - 2))))
        lines.append(line)
        length += len(line) + 2
    return b"\r\n".join(lines) + b"\r\n"


def plain(number: int, size: int = 1024) -> bytes:
    """A cheap message of about `size` bytes for floods; its number stands in X-Number."""
    head = b"From: <sender@source.test>\r\nSubject: number %d\r\nX-Number: %d\r\n\r\n" % (number, number)
    line = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\r\n"
    return head + line * max(1, (size - len(head)) // len(line))


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


FIRST_FIELD = re.compile(rb"\A([!-9;-~]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)")


def split_received(data: bytes) -> tuple[bytes, bytes]:
    """The relay's own Received: field in front (with its folded lines) and everything after it."""
    match = FIRST_FIELD.match(data)
    if not match or not match[1].lower().startswith(b"received:"):
        return b"", data
    return match[1], data[match.end():]


def dot_stuffed(data: bytes) -> bytes:
    """What goes over the wire after DATA, with the final dot."""
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + b".\r\n"
