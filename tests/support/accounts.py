"""Accounts for tests: the file of a listener's `auth`, made by `angarium user add`."""

import base64
import hashlib
import hmac
import secrets
import subprocess
from pathlib import Path

from . import place


def user(*arguments: str, password: str | None = None, code: int = 0) -> subprocess.CompletedProcess:
    """`angarium user`, which must end with this code."""
    command = [str(place.PROGRAM), "user", *arguments]
    done = subprocess.run(command, input=None if password is None else password + "\n", capture_output=True, text=True,
                          stdin=subprocess.DEVNULL if password is None else None, timeout=60 * place.SLOWDOWN)
    assert done.returncode == code, f"$ {' '.join(command)}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def add_user(file: Path, name: str, password: str, *options: str) -> None:
    """An account whose hash costs little, so that tests need not wait."""
    user("add", name, "--file", str(file), "--cost", "10", *options, password=password)


def plain(name: str, password: str) -> str:
    """PLAIN's message in base64 (RFC 4616)."""
    return base64.b64encode(f"\0{name}\0{password}".encode()).decode()


class Scram:
    """A client's SCRAM-SHA-256 (RFC 7677), written from the RFC and not from ours: the two must agree."""

    def __init__(self, name: str, password: str, header: str = "n,,"):
        self.password, self.header = password.encode(), header
        escaped = name.replace("=", "=3D").replace(",", "=2C")
        self.nonce = secrets.token_urlsafe(18)
        self.bare = f"n={escaped},r={self.nonce}"

    def first(self) -> str:
        return encoded(self.header + self.bare)

    def final(self, challenge: str) -> str:
        server_first = base64.b64decode(challenge, validate=True).decode()
        nonce, salt, iterations = (part[2:] for part in server_first.split(","))
        assert nonce.startswith(self.nonce) and nonce != self.nonce
        self.salt = salt
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(salt), int(iterations))
        without_proof = f"c={encoded(self.header)},r={nonce}"
        auth = ",".join((self.bare, server_first, without_proof)).encode()
        client_key = digest(salted, b"Client Key")
        signature = digest(hashlib.sha256(client_key).digest(), auth)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = digest(digest(salted, b"Server Key"), auth)
        return encoded(f"{without_proof},p={base64.b64encode(proof).decode()}")

    def check(self, challenge: str) -> None:
        assert base64.b64decode(challenge) == b"v=" + base64.b64encode(self.expected), "the server's signature is wrong"


def digest(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def scram_login(client, name: str, password: str, header: str = "n,,"):
    """AUTH SCRAM-SHA-256 over a RawClient; the last reply, whatever it is."""
    scram = Scram(name, password, header)
    client.send(f"AUTH SCRAM-SHA-256 {scram.first()}")
    reply = client.reply()
    if reply.code != 334:
        return reply
    client.send(scram.final(reply.text))
    reply = client.reply()
    if reply.code != 334:
        return reply
    scram.check(reply.text)
    client.send("")
    return client.reply()
