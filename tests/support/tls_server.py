"""A server that offers STARTTLS by Python's ssl, and breaks it as a test says: `trouble` is what happens instead of its part
of the handshake. With `user` it takes mail only after a login; its SCRAM is written from RFC 5802, independent of ours."""

import base64
import hashlib
import hmac
import secrets
import ssl

from .raw_server import Peer, RawServer


class TlsServer(RawServer):
    def __init__(self, folder, chain, key, *, trouble: str = "", context=None, host: str = "127.0.0.1", port: int = 0,
                 plain=("PIPELINING", "8BITMIME"), secure=("PIPELINING", "8BITMIME"), implicit: bool = False,
                 user: str = "", password: str = "", iterations: int = 4096):
        super().__init__(self.dialogue, host, port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        if context is not None:
            context(self.context)
        self.trouble, self.plain, self.secure, self.implicit = trouble, plain, secure, implicit
        self.user, self.password, self.iterations = user, password, iterations
        self.salt = secrets.token_bytes(16)
        self.logins: list[str] = []  # mechanisms of those that were right
        self.messages: list[tuple[bytes, bool]] = []  # content, and whether it came by TLS
        self.lines: list[str] = []
        self.starttls = self.full = self.resumed = 0
        self.clean_ends = 0  # after QUIT, by close_notify where TLS is spoken

    def dialogue(self, peer: Peer) -> None:
        secure, known = False, not self.user
        if self.implicit:
            if not self.shake(peer):
                return
            secure = True
        peer.send("220 tls.test")
        while line := peer.line():
            self.lines.append(line)
            verb = line[:4].upper()
            if verb == "EHLO":
                extensions = self.secure if secure else [*self.plain, "STARTTLS"]
                peer.send("\r\n".join(f"250-{word}" for word in ["tls.test", *extensions]) + "\r\n250 HELP")
            elif verb == "STAR":
                self.starttls += 1
                if not self.begin(peer):
                    return
                secure = True
            elif verb == "AUTH":
                known = self.log_in(peer, *line.split()[1:])
                peer.send("235 2.7.0 welcome" if known else "535 5.7.8 authentication credentials invalid")
            elif verb == "MAIL" and not known:
                peer.send("530 5.7.0 Authentication required")
            elif verb == "DATA":
                peer.send("354 go on")
                self.messages.append((peer.body(), secure))
                peer.send("250 2.0.0 stored")
            elif verb == "QUIT":
                peer.send("221 2.0.0 bye")
                self.clean_ends += peer.line() == ""  # else an OSError: no close_notify
                return
            else:
                peer.send("250 2.0.0 ok")

    def begin(self, peer: Peer) -> bool:
        if self.trouble == "454":
            peer.send("454 4.7.0 TLS is out today")
            return bool(peer.line())
        if self.trouble == "injection":
            peer.send(b"220 2.0.0 go\r\n250 2.0.0 who knows\r\n")
            return bool(peer.line())
        peer.send("220 2.0.0 go")
        if self.trouble in ("close", "reset"):
            peer.reset() if self.trouble == "reset" else peer.close()
            return False
        if self.trouble == "garbage":
            peer.send("220 let us go on in plain text")
        if self.trouble in ("garbage", "silence"):
            while peer.socket.recv(4096):
                pass
            return False
        return self.shake(peer)

    def shake(self, peer: Peer) -> bool:
        try:
            peer.file.close()
            peer.socket = self.context.wrap_socket(peer.socket, server_side=True, suppress_ragged_eofs=False)
        except ssl.SSLError:
            return False
        peer.file = peer.socket.makefile("rb")
        if peer.socket.session_reused:
            self.resumed += 1
        else:
            self.full += 1
        return True

    def log_in(self, peer: Peer, mechanism: str, initial: str | None = None) -> bool:
        def ask(challenge: bytes) -> bytes:
            return base64.b64decode(peer.answer_to("334 " + base64.b64encode(challenge).decode()))

        first = None if initial is None else base64.b64decode(initial)
        user, password = self.user.encode(), self.password.encode()
        if mechanism == "PLAIN":
            right = (ask(b"") if first is None else first) == b"\0" + user + b"\0" + password
        elif mechanism == "LOGIN":
            right = ((ask(b"Username:") if first is None else first), ask(b"Password:")) == (user, password)
        elif mechanism == "SCRAM-SHA-256":
            right = self.scram(ask(b"") if first is None else first, ask)
        else:
            right = False
        if right:
            self.logins.append(mechanism)
        return right

    def scram(self, message: bytes, ask) -> bool:
        """RFC 5802, section 3, without channel binding."""
        assert message.startswith(b"n,,n=" + self.user.encode() + b",r="), message
        bare = message[3:]
        nonce = bare.split(b",r=")[1] + secrets.token_hex(9).encode()
        server_first = b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(self.salt), self.iterations)
        without_proof, _, proof = ask(server_first).rpartition(b",p=")
        assert without_proof == b"c=biws,r=" + nonce, without_proof
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations)
        everything = b",".join((bare, server_first, without_proof))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), everything, "sha256")
        if bytes(a ^ b for a, b in zip(client_key, signature)) != base64.b64decode(proof):
            return False
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return ask(b"v=" + base64.b64encode(hmac.digest(server_key, everything, "sha256"))) == b""
