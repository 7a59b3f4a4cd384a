"""Who sends mail in tests: exact dialogues, fast floods, Postfix's smtp-source, swaks."""

import re
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field

from . import place
from .mail import dot_stuffed, plain

QUEUED = re.compile(rb"queued as ([0-9A-Z]{26})")


@dataclass
class Reply:
    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class RawClient:
    """A dialogue to the byte: strings get CRLF, bytes go as they are; each reply is checked against what is expected."""

    def __init__(self, address: tuple[str, int], timeout: float = 20, banner: int | None = 220, source: str = ""):
        self.socket = socket.create_connection(address, timeout=timeout * place.SLOWDOWN,
                                               source_address=(source, 0) if source else None)
        self.buffer = b""
        self.dialogue: list[str] = []
        if banner is not None:
            self.greeting = self.expect(banner)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()

    def send(self, data: str | bytes) -> None:
        raw = data if isinstance(data, bytes) else data.encode() + b"\r\n"
        self.dialogue.append(f"C: {raw[:200]!r}")
        self.socket.sendall(raw)

    def line(self) -> bytes:
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no reply in time; the dialogue was:\n{self.story()}") from None
            if not data:
                raise ConnectionError(f"the server closed; the dialogue was:\n{self.story()}")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        self.dialogue.append(f"S: {line!r}")
        assert line.endswith(b"\r"), f"a reply line ends with a bare LF: {line!r}"
        return line[:-1]

    def reply(self) -> Reply:
        lines = []
        while True:
            line = self.line().decode("utf-8", "backslashreplace")
            assert re.match(r"[2-5]\d\d[ -]", line) or len(line) == 3, f"not a reply line: {line!r}\n{self.story()}"
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def expect(self, code: int, enhanced: str | None = None) -> Reply:
        """The next reply, which must have this code (and begin with this enhanced status)."""
        reply = self.reply()
        fits = reply.code == code and (enhanced is None or reply.lines[0].startswith(enhanced))
        assert fits, f"expected {code} {enhanced or ''}, got {reply.code} {reply.text}; the dialogue was:\n{self.story()}"
        return reply

    def command(self, line: str | bytes, code: int = 250, enhanced: str | None = None) -> Reply:
        self.send(line)
        return self.expect(code, enhanced)

    def mail(self, sender: str, recipients: list[str], content: bytes) -> Reply:
        """One whole transaction with DATA; the reply to the final dot, which must be 250."""
        self.command(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}>")
        self.command("DATA", 354)
        return self.command(dot_stuffed(content))

    def secure(self, context: ssl.SSLContext, name: str | None = None, session: ssl.SSLSession | None = None) -> "RawClient":
        """The TLS handshake; what follows is secure. `name`: asked for by SNI, and in the certificate where `context` verifies it."""
        assert not self.buffer, f"input before TLS: {self.buffer!r}"
        self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session)
        self.dialogue.append(f"-- {self.socket.version()} {self.socket.cipher()[0]}")
        return self

    def starttls(self, context: ssl.SSLContext, name: str | None = None) -> "RawClient":
        self.command("STARTTLS", 220)
        return self.secure(context, name)

    def closed(self) -> bool:
        """True when the server has nothing more to say and closes."""
        if self.buffer:
            return False
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def story(self) -> str:
        return "\n".join(self.dialogue[-40:])


@dataclass
class Flood:
    """Sends numbered messages over several connections, one recipient each, pipelined with BDAT: a flight carries many.

    `acknowledged` gets a number once its 250 has been read; when the server goes away the flood ends quietly.
    """

    address: tuple[str, int]
    numbers: list[int]
    recipient: object = "r{0}@d{1}.test"  # or a function of the number; {0} is the number, {1} the number modulo `domains`
    domains: int = 1
    content: object = plain
    size: int = 1024
    connections: int = 10
    flight: int = 20
    sender: str = "sender@source.test"
    timeout: float = 120
    acknowledged: dict[int, str] = field(default_factory=dict)  # number -> queue id
    refused: dict[int, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def to(self, number: int) -> str:
        return self.recipient(number) if callable(self.recipient) else self.recipient.format(number, number % self.domains)

    def start(self) -> "Flood":
        shares = [self.numbers[i::self.connections] for i in range(self.connections)]
        self.threads = [threading.Thread(target=self.work, args=(share,), daemon=True) for share in shares if share]
        for thread in self.threads:
            thread.start()
        return self

    def wait(self) -> "Flood":
        for thread in self.threads:
            thread.join(self.timeout * place.SLOWDOWN)
            assert not thread.is_alive(), f"flood: {len(self.acknowledged)} of {len(self.numbers)} acknowledged, then no progress"
        return self

    def run(self) -> "Flood":
        self.start().wait()
        assert not self.errors, f"flood: {self.errors[:3]}"
        assert not self.refused, f"flood: {len(self.refused)} refused, such as {list(self.refused.items())[:3]}"
        return self

    def running(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def transaction(self, number: int) -> bytes:
        body = self.content(number, self.size)
        return b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%s" % (
            self.sender.encode(), self.to(number).encode(), len(body), body)

    def work(self, numbers: list[int]) -> None:
        try:
            with RawClient(self.address, timeout=self.timeout) as client:
                client.command("EHLO flood.test")
                for start in range(0, len(numbers), self.flight):
                    batch = numbers[start:start + self.flight]
                    client.socket.sendall(b"".join(self.transaction(number) for number in batch))
                    for number in batch:
                        self.read(client, number)
                client.dialogue.clear()
                client.command("QUIT", 221)
        except (OSError, AssertionError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")

    def read(self, client: RawClient, number: int) -> None:
        for _ in range(3):  # MAIL, RCPT, BDAT: what follows from a refusal is not news
            line = client.line()
            if not line.startswith(b"250"):
                self.refused.setdefault(number, line.decode(errors="replace"))
        client.dialogue.clear()
        if number not in self.refused:
            self.acknowledged[number] = QUEUED.search(line)[1].decode()


def smtp_source(address: tuple[str, int], *options: str, within: float = 120) -> None:
    """Postfix's smtp-source; fails with its words when it fails."""
    command = [str(place.PEER), "smtp-source", *options, f"{address[0]}:{address[1]}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=within * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"$ {' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"


def swaks(address: tuple[str, int], *options: str, within: float = 60) -> str:
    """swaks; its transcript."""
    command = ["swaks", "--server", address[0], "--port", str(address[1]), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=within * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"$ {' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
