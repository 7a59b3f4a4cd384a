"""Clients that hold connections and hardly speak, by the thousand: one thread, one epoll, addresses of their own (127.1.x.y).

A third each is silent behind the banner, stays within a command, and stays within a message: a byte now and then, never the end
of a line. In a process of its own: python3 -m support.slow_clients HOST PORT COUNT (from tests/); it says `ready`, and at TERM
in a JSON line what became of them.
"""

import collections
import contextlib
import json
import select
import signal
import socket
import sys
import threading
import time

from . import place
from .place import wait_until

RECIPIENT = "b@slow.test"  # mail for it must be taken from everybody
MANNERS = [
    ([], b""),
    ([b"EHLO slow.test\r\n"], b"MAIL FROM:<" + b"a" * 300),
    ([b"EHLO slow.test\r\n", b"MAIL FROM:<a@slow.test>\r\n", b"RCPT TO:<%s>\r\n" % RECIPIENT.encode(), b"DATA\r\n"], b"x" * 900),
]
TICKS = 20  # parts of a pace: in each, that share of the clients says its byte


class Client:
    def __init__(self, number: int, address: tuple[str, int], per_address: int):
        self.steps, self.drops = MANNERS[number % len(MANNERS)]
        self.said = self.dropped = 0
        self.holds = self.closed = False
        self.input = self.last = b""
        self.socket = socket.socket()
        self.socket.bind((f"127.1.{number // per_address // 250}.{number // per_address % 250 + 1}", 0))
        self.socket.connect(address)  # loopback: the kernel answers at once
        self.socket.setblocking(False)

    def readable(self) -> None:
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.input += data
        *lines, self.input = self.input.split(b"\r\n")
        for line in lines:
            if line[3:4] == b" ":
                self.replied(line)
        self.closed = self.closed or not data

    def replied(self, line: bytes) -> None:
        self.last = line
        if line[:1] not in b"23":
            self.holds = False
        elif self.said < len(self.steps):
            self.send(self.steps[self.said])
            self.said += 1
        else:
            self.holds = True

    def drop(self) -> None:
        if self.holds and self.dropped < len(self.drops):
            self.send(self.drops[self.dropped:self.dropped + 1])
            self.dropped += 1

    def send(self, data: bytes) -> None:
        try:
            self.socket.send(data)
        except OSError:
            self.closed = True


class SlowClients:
    """`per_address`: how many connections share an address; `pace`: seconds between two bytes of a client."""

    def __init__(self, address: tuple[str, int], count: int, per_address: int = 100, pace: float = 1.0):
        self.address, self.count, self.per_address, self.pace = address, count, per_address, pace
        self.clients: dict[int, Client] = {}
        self.ending = threading.Event()
        self.failure = ""

    def start(self) -> "SlowClients":
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self) -> None:
        try:
            self.hold()
        except OSError as error:
            self.failure = str(error)

    def hold(self) -> None:
        with select.epoll() as poll:
            tick = 0
            while not self.ending.is_set():
                for number in range(len(self.clients), min(self.count, len(self.clients) + 100)):
                    client = Client(number, self.address, self.per_address)
                    self.clients[client.socket.fileno()] = client
                    poll.register(client.socket, select.EPOLLIN)
                until = time.monotonic() + self.pace / TICKS
                opening = len(self.clients) < self.count
                while (left := until - time.monotonic()) > 0 or opening:
                    for descriptor, _ in poll.poll(0 if opening else left, 1000):
                        self.tell(poll, self.clients[descriptor])
                    if opening:
                        break
                for client in list(self.clients.values())[tick % TICKS::TICKS]:
                    if not client.closed:
                        client.drop()
                tick += 1

    def tell(self, poll, client: Client) -> None:
        client.readable()
        if client.closed:
            poll.unregister(client.socket)

    def holding(self) -> int:
        """How many are where they want to be: behind the banner, within a command or a message."""
        return sum(client.holds and not client.closed for client in list(self.clients.values()))

    def wait_holding(self, count: int | None = None, within: float = 60) -> "SlowClients":
        wanted = self.count if count is None else count
        wait_until(lambda: self.holding() >= wanted or self.failure, within, f"{wanted} slow clients")
        assert not self.failure, self.failure
        return self

    def closed(self) -> int:
        return sum(client.closed for client in list(self.clients.values()))

    def last_words(self) -> collections.Counter:
        """The codes of the last replies, of all clients."""
        return collections.Counter(client.last[:3].decode() for client in list(self.clients.values()))

    def end(self) -> None:
        self.ending.set()
        self.thread.join(30 * place.SLOWDOWN)
        for client in self.clients.values():
            with contextlib.suppress(OSError):
                client.socket.close()

    def report(self) -> str:
        return f"── {len(self.clients)} slow clients: {self.holding()} hold on, {self.closed()} closed, last replies {dict(self.last_words())} {self.failure}"


def main() -> None:
    host, port, count = sys.argv[1:4]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    clients = SlowClients((host, int(port)), int(count)).start().wait_holding(within=120)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    print(json.dumps({"holding": clients.holding(), "closed": clients.closed(), "last": clients.last_words()}), flush=True)
    clients.end()


if __name__ == "__main__":
    main()
