"""The matrix of smuggling and injection: what a client sends, to the byte, the exact replies, and what may arrive of it.

Every case stands on a connection of its own, behind an EHLO whose name tells it from the others in Received:. What arrives
must arrive at every receiver, once and in exactly these bytes. `smuggled` is what a server that sees an end where there is
none would take for a second transaction; it writes to VICTIM, who may hear of it only where it was submitted as such (the
first cases: without them the others would prove nothing).
"""

from dataclasses import dataclass, field

from .mail import dot_stuffed

READER, VICTIM = b"reader", b"victim"  # local parts

SENDER_OK, RECIPIENT_OK = "250 2.1.0 OK", "250 2.1.5 OK"
GO_ON, CHUNK = "354 End data with <CR><LF>.<CR><LF>", "250 2.0.0 Chunk received"
QUEUED = "250 2.0.0 queued as ID"
BARE_LF, BARE_CR = "550 5.5.2 Message contains a bare LF", "550 5.5.2 Message contains a bare CR"
NUL = "550 5.6.0 Message contains a NUL"
EARLY, MAIL_FIRST = "554 5.5.0 Input before the reply to this command", "503 5.5.1 Send MAIL first"
BAD_BDAT = "521 5.5.4 Syntax: BDAT size [LAST]"
LINE_END, CONTROLS = "500 5.5.2 Lines must end in CRLF", "500 5.5.2 Control characters are not allowed in commands"
NO_8BIT = "500 5.5.2 Non-ASCII characters are not allowed here"
NEEDS_UTF8 = "553 5.6.7 Non-ASCII addresses need SMTPUTF8"
BAD_SENDER, BAD_RECIPIENT = "501 5.1.7 Bad sender address syntax", "501 5.1.3 Bad recipient address syntax"
BAD_VALUE, BAD_NAME = "501 5.5.4 Bad parameter value", "501 5.5.4 Bad domain name or address literal"

HEAD = b"From: <a@source.test>\r\nSubject: outer\r\n\r\n"
SMUGGLED_CONTENT = b"Subject: smuggled\r\n\r\nboo\r\n"

# A block of the scanner, a page, a receive buffer, a pipe, a part of a message: octets.
SIZES = [64, 4096, 16_384, 65_536, 262_144]

# What others have taken for the end of data, or might, and the reply when the true end has come.
FALSE_ENDS = {
    b"\n.\n": BARE_LF, b"\n.\r\n": BARE_LF, b"\r\n.\n": BARE_LF, b"\n.\r": BARE_LF, b"\n\n.\n\n": BARE_LF,
    b"\n\n.\r\n": BARE_LF, b"\n\r.\n\r": BARE_LF, b"\n.\r\r\n": BARE_LF, b"\r\n\n.\n": BARE_LF, b"\r\n..\n": BARE_LF,
    b"\r\n.\n\r\n": BARE_LF, b"\n\0.\n": BARE_LF,
    b"\r.\r": BARE_CR, b"\r.\r\n": BARE_CR, b"\r\n.\r": BARE_CR, b"\r.\n": BARE_CR, b"\r\r.\r\r": BARE_CR,
    b"\r\r\n.\r\r\n": BARE_CR, b"\r\n.\r\r\n": BARE_CR, b"\r\n\r.\r\n": BARE_CR, b"\r\n..\r": BARE_CR,
    b"\r\0\n.\r\0\n": BARE_CR, b"\r\n.\r\0\n": BARE_CR,
    b"\r\n\0.\r\n": NUL, b"\r\n.\0\r\n": NUL, b"\r\n\0.\0\r\n": NUL, b"\0\r\n.\0\r\n": NUL,
}
# A true end behind a fault: the message is refused, and what follows is commands, by their own rules.
FAULTY_TRUE_ENDS = {b"\r\r\n.\r\n": BARE_CR, b"\n\r\n.\r\n": BARE_LF, b"\0\r\n.\r\n": NUL}
# As the first octets of a message, or of its body.
FIRST = {
    b".\n": BARE_LF, b"\n.\n": BARE_LF, b"\n.\r\n": BARE_LF, b".\r": BARE_CR, b"\r.\r": BARE_CR, b"\r.\r\n": BARE_CR,
    b".\r\r\n": BARE_CR, b".\0\r\n": NUL, b"\0.\r\n": NUL,
}
# What is neither an end nor a fault: it arrives, and the transaction behind it is text.
TEXT = [
    b"\r\n..\r\n", b"\r\n...\r\n", b"\r\n. \r\n", b"\r\n \r\n", b"\r\n .\r\n", b"\r\n.\t\r\n", b"\r\n\t.\r\n", b"\r\n.x\r\n",
    b"\v.\v", b"\f.\f", b"\r\n\b.\r\n", b"\r\n\x1a\r\n", b"\xc2\x85.\xc2\x85", b"\xe2\x80\xa8.\xe2\x80\xa8",
    b"\r\n\xff.\r\n", b"\r\n.\xff\r\n", b"\x8d\x8a.\x8d\x8a",
]
IN_CHUNKS = {b"\n.\n": BARE_LF, b"\r\n.\n": BARE_LF, b"\n": BARE_LF, b"\r.\r": BARE_CR, b"\r\n.\r": BARE_CR, b"\r": BARE_CR,
             b"\0": NUL}

MAIL_ARGUMENTS = {
    b"<a@source.test\rX-Injected: y>": CONTROLS, b'<"a\\\r"@source.test>': CONTROLS, b"<a\0@source.test>": CONTROLS,
    b"<a@source.test>,<b@source.test>": BAD_SENDER, b"<a b@source.test>": BAD_SENDER, b"<a@b@source.test>": BAD_SENDER,
    b"<a@source.test> <b@source.test>": BAD_VALUE, b"<gr\xc3\xbc\xc3\x9fe@source.test>": NEEDS_UTF8,
    b"<gr\xfc\xdfe@source.test> SMTPUTF8": BAD_SENDER, b"<a\xc2\x85b@source.test> SMTPUTF8": BAD_SENDER,
} | {b"<a@source.test> " + parameter: BAD_VALUE for parameter in (
    b"ENVID=a+0D+0AX-Injected:+20y", b"ENVID=a+00", b"ENVID=a+0", b"ENVID=a+0d", b"AUTH=<>+0D+0A", b"AUTH=a+0D+0Ab",
    b"SIZE=1+1", b"BODY=8BITMIME,7BIT", b"=", b"RET=FULL=")}
RCPT_ARGUMENTS = {
    b"<r@x.test\rX-Injected: y>": CONTROLS, b"<r@x.test,v@x.test>": BAD_RECIPIENT, b"<r@x.test><v@x.test>": BAD_RECIPIENT,
    b"<r v@x.test>": BAD_RECIPIENT, b"<r@x.test": BAD_RECIPIENT, b"<>": BAD_RECIPIENT, b"<r@x.test> <v@x.test>": BAD_VALUE,
    b"<gr\xc3\xbc\xc3\x9fe@x.test>": NEEDS_UTF8,
} | {b"<r@x.test> " + parameter: BAD_VALUE for parameter in (
    b"ORCPT=rfc822;a+0D+0Ab", b"ORCPT=rfc822;a+00", b"ORCPT=rfc822+0A;a", b"ORCPT=rfc;822;+0A", b"NOTIFY=NEVER,FAILURE")}
HELLOS = {b"x (evil)": BAD_NAME, b"x;y": BAD_NAME, b"<x>": BAD_NAME, b'x"y': BAD_NAME, b"x\tby": CONTROLS,
          b"x\rX-Injected: y": CONTROLS, b"gr\xfc\xdfe": NO_8BIT}


@dataclass
class Case:
    name: str
    steps: list[tuple[bytes | list[bytes], list[str]]]  # what is sent (a list: piece by piece), and the replies to it
    arrives: dict[bytes, bytes] = field(default_factory=dict)  # local part -> content
    closes: bool = False


def filler(octets: int) -> bytes:
    """So many octets of lines; the last one is open unless it comes out even."""
    return (b"x" * 62 + b"\r\n") * (octets // 64) + b"x" * (octets % 64)


def octets_of(data: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in data]


class Matrix:
    """All cases, for receivers at these domains."""

    def __init__(self, domains: list[str]):
        self.domains = [domain.encode() for domain in domains]
        self.taken = [SENDER_OK] + [RECIPIENT_OK] * len(domains)  # the replies to an envelope
        self.opening = self.envelope(READER), self.taken
        self.smuggled = self.envelope(VICTIM) + b"DATA\r\n" + SMUGGLED_CONTENT + b".\r\n"
        self.as_text = self.smuggled.removesuffix(b".\r\n")  # its own end is the true one
        self.cases: list[Case] = []
        for part in (self.two_messages, self.ends, self.text, self.boundaries, self.chunks, self.dialogue, self.arguments):
            part()

    def envelope(self, local: bytes) -> bytes:
        recipients = b"".join(b"RCPT TO:<%s@%s>\r\n" % (local, domain) for domain in self.domains)
        return b"MAIL FROM:<a@source.test>\r\n" + recipients

    def add(self, name: str, *steps, arrives: dict[bytes, bytes] | None = None, closes: bool = False) -> None:
        self.cases.append(Case(name, list(steps), arrives or {}, closes))

    def data(self, name: str, sent: bytes | list[bytes], answer: str, arrives: bytes | None = None) -> None:
        """One message by DATA; `sent` holds its true end, behind which one reply comes."""
        self.add(name, self.opening, (b"DATA\r\n", [GO_ON]), (sent, [answer]),
                 arrives={} if arrives is None else {READER: arrives})

    def bdat(self, name: str, *chunks: tuple[bytes, str], arrives: bytes | None = None) -> None:
        """One message by BDAT, each chunk with its reply."""
        words = [b""] * (len(chunks) - 1) + [b" LAST"]
        steps = [(b"BDAT %d%s\r\n%s" % (len(chunk), word, chunk), [answer])
                 for (chunk, answer), word in zip(chunks, words, strict=True)]
        self.add(name, self.opening, *steps, arrives={} if arrives is None else {READER: arrives})

    # ── the table ────────────────────────────────────────────────────────────────────────────────────────────────

    def two_messages(self) -> None:
        """What is submitted as two arrives as two."""
        text = HEAD + b"text\r\n"
        both = {READER: text, VICTIM: SMUGGLED_CONTENT}
        second = self.envelope(VICTIM) + b"DATA\r\n", [*self.taken, GO_ON]
        content = SMUGGLED_CONTENT + b".\r\n", [QUEUED]
        for name, first, before in (("true end", text + b".\r\n", [(b"DATA\r\n", [GO_ON])]),
                                    ("last chunk", b"BDAT %d LAST\r\n%s" % (len(text), text), [])):
            self.add(f"{name}, a second transaction in the same write", self.opening, *before,
                     (first + second[0], [QUEUED, *second[1]]), content, arrives=both)
        self.data("true end, octet by octet", octets_of(text + b".\r\n"), QUEUED, text)
        self.data("the dot at once", b".\r\n", QUEUED, b"")

    def ends(self) -> None:
        start = HEAD + b"text"
        for end, answer in FALSE_ENDS.items():
            self.data(f"false end {end!r}", start + end + self.smuggled, answer)
            self.data(f"false end {end!r}, octet by octet", [start, *octets_of(end), self.smuggled], answer)
        for end, answer in FAULTY_TRUE_ENDS.items():
            self.add(f"true end {end!r}", self.opening, (b"DATA\r\n", [GO_ON]),
                     (start + end + self.smuggled, [answer, *self.taken, EARLY]), closes=True)
        for end, answer in FIRST.items():
            self.data(f"first of all {end!r}", end + self.smuggled, answer)
            self.data(f"first in the body {end!r}", HEAD + end + self.smuggled, answer)

    def text(self) -> None:
        for text in TEXT:
            arrives = HEAD + b"text" + text.replace(b"\r\n.", b"\r\n") + self.as_text
            self.data(f"text {text!r}", HEAD + b"text" + text + self.smuggled, QUEUED, arrives)
        self.data("first of all a doubled dot", b"..: x\r\n\r\n" + self.smuggled, QUEUED, b".: x\r\n\r\n" + self.as_text)
        eight = HEAD[:-2] + b"X-Eight: gr\xfc\xdfe \xe2\x82\xac\r\n\r\n" + bytes(range(128, 256)) + b"\r\n"
        self.data("8-bit in header and body, undeclared", eight + b".\r\n", QUEUED, eight)

    def boundaries(self) -> None:
        """The end, or what looks like it, with a boundary of our buffers at each of its octets."""
        for size in SIZES:
            for end in (b"\n.\n", b"\r\n.\n", b"\r\n.\r"):
                for cut in range(1, len(end)):
                    self.data(f"{end!r}, octet {cut} at {size}", filler(size - cut) + end + self.smuggled, FALSE_ENDS[end])
            for cut in range(5):
                doubled = HEAD + filler(size - len(HEAD) - cut) + b"\r\n..\r\n"
                arrives = doubled.replace(b"\r\n..", b"\r\n.")
                self.data(f"CRLF..CRLF, octet {cut} at {size}", doubled + b".\r\n", QUEUED, arrives)
        # Lines of one dot all around the boundary of a part, wherever our Received: has shifted it.
        dots = HEAD + filler(SIZES[-1] - 600) + b"\r\n" + b".\r\n" * 300
        self.data("dots around a part's boundary", dot_stuffed(dots), QUEUED, dots)

    def chunks(self) -> None:
        start = HEAD + b"text"
        for octets, answer in IN_CHUNKS.items():
            self.bdat(f"chunk with {octets!r}", (start + octets + self.smuggled, answer))
            self.bdat(f"chunk that ends in {octets!r}", (start + octets, answer))
        whole = start + b"\r\n.\r\n" + self.smuggled
        self.bdat("chunk with CRLF.CRLF and a transaction", (whole, QUEUED), arrives=whole)
        for cut in range(len(start), len(start) + 6):
            self.bdat(f"two chunks, cut at octet {cut - len(start)} of CRLF.CRLF", (whole[:cut], CHUNK), (whole[cut:], QUEUED),
                      arrives=whole)
        self.bdat("a chunk for each octet", *((octet, CHUNK) for octet in octets_of(whole[:-1])), (whole[-1:], QUEUED),
                  arrives=whole)
        dotted = b".: x\r\n\r\n.\r\n" + self.smuggled
        self.bdat("first of all a dot", (dotted, QUEUED), arrives=dotted)
        self.bdat("last line open", (start, QUEUED), arrives=start)
        self.bdat("last line an open dot", (start + b"\r\n.", QUEUED), arrives=start + b"\r\n.")
        self.bdat("CR, then a chunk without LF", (start + b"\r", CHUNK), (b".\r\n", BARE_CR))
        self.bdat("CR, then nothing", (start + b"\r", CHUNK), (b"", BARE_CR))
        self.add("the chunk behind a refused one is no command", self.opening,
                 (b"BDAT 2\r\n\n\nBDAT %d LAST\r\n%s" % (len(self.smuggled), self.smuggled), [BARE_LF, MAIL_FIRST]))
        for size in (b"-1", b"+5", b"0x5", b"5 LASTLY", b"18446744073709551616", b""):
            self.add(f"BDAT {size!r}", self.opening, (b"BDAT %s\r\n" % size, [BAD_BDAT]), closes=True)

    def dialogue(self) -> None:
        """Commands that run together, and content where none may be."""
        mail, rcpt = b"MAIL FROM:<a@source.test>", b"RCPT TO:<%s@%s>\r\n" % (VICTIM, self.domains[0])
        self.add("content behind DATA", self.opening, (b"DATA\r\n" + HEAD + b"text\r\n.\r\n", [EARLY]), closes=True)
        self.add("a transaction behind EHLO", (b"EHLO again.test\r\n" + self.smuggled, [EARLY]), closes=True)
        self.add("a transaction behind NOOP", (b"NOOP\r\n" + self.smuggled, [EARLY]), closes=True)
        self.add("MAIL, bare LF, RCPT", (mail + b"\n" + rcpt, [LINE_END, LINE_END]))
        self.add("MAIL, bare CR, RCPT", (mail + b"\r" + rcpt, [CONTROLS]))
        self.add("MAIL, NUL, RCPT", (mail + b"\0" + rcpt, [CONTROLS]))
        self.add("MAIL, CR CR LF", (mail + b"\r\r\n", [CONTROLS]))
        self.add("BDAT, bare LF, RCPT", self.opening, (b"BDAT %d LAST\n" % len(self.smuggled) + rcpt, [LINE_END, LINE_END]))
        self.add("bare LF in an address", (b'MAIL FROM:<"a\nb"@source.test>\r\n', [LINE_END, LINE_END]))

    def arguments(self) -> None:
        """What would become a header, a log line or a command elsewhere."""
        quoted = b'"a, b; RCPT TO: \\"c"'
        self.add("a quoted recipient", (self.envelope(quoted), self.taken), (b"DATA\r\n", [GO_ON]), (HEAD + b".\r\n", [QUEUED]),
                 arrives={quoted: HEAD})
        for name, answer in HELLOS.items():
            self.add(f"EHLO {name!r}", (b"EHLO %s\r\n" % name, [answer]))
        for argument, answer in MAIL_ARGUMENTS.items():
            self.add(f"MAIL {argument!r}", (b"MAIL FROM:%s\r\n" % argument, [answer]))
        for argument, answer in RCPT_ARGUMENTS.items():
            self.add(f"RCPT {argument!r}", (b"MAIL FROM:<a@source.test>\r\n", [SENDER_OK]),
                     (b"RCPT TO:%s\r\n" % argument, [answer]))
