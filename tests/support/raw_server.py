"""A server that misbehaves exactly as a test says: the script is a function that is called with each connection."""

import socket
import threading

from . import place


class Peer:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket, number: int):
        self.socket, self.number = connection, number
        self.file = connection.makefile("rb")

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def line(self) -> str:
        """The next line without its end; "" at the end of the stream."""
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def answer(self, text: str) -> str:
        """Reads a line and answers it; the line."""
        line = self.line()
        self.send(text)
        return line

    def answer_to(self, text: str) -> str:
        """Says it, and reads a line; the line."""
        self.send(text)
        return self.line()

    def greet(self, *extensions: str) -> None:
        """Banner and EHLO."""
        self.send("220 raw.test")
        self.line()
        words = ["raw.test", *extensions]
        for word in words[:-1]:
            self.send(f"250-{word}")
        self.send(f"250 {words[-1]}")

    def body(self) -> bytes:
        """What follows a 354, with its dots removed."""
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def transaction(self, final: str = "250 2.0.0 stored") -> bytes:
        """A whole plain transaction (one recipient); the body."""
        for reply in ("250 2.1.0 ok", "250 2.1.5 ok", "354 go on"):
            self.answer(reply)
        body = self.body()
        self.send(final)
        return body

    def reset(self) -> None:
        """Closes so that the other side sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class RawServer:
    def __init__(self, script, host: str = "127.0.0.1", port: int = 0):
        self.script = script
        self.listener = socket.create_server((host, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.connections = 0
        self.failures: list[str] = []  # assertions of the script, for check()

    def start(self) -> "RawServer":
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(60 * place.SLOWDOWN)
            self.connections += 1
            threading.Thread(target=self.serve, args=(Peer(connection, self.connections),), daemon=True).start()

    def serve(self, peer: Peer) -> None:
        try:
            self.script(peer)
        except OSError:
            pass  # the relay left first; what that means is for the test to judge
        except Exception as failure:  # shown by check()
            self.failures.append(f"connection {peer.number}: {type(failure).__name__}: {failure}")
        finally:
            peer.close()

    def check(self) -> None:
        assert not self.failures, self.failures

    def end(self) -> None:
        self.listener.close()

    def report(self) -> str:
        return f"── raw server {self.address}: {self.connections} connections, failures {self.failures}"
