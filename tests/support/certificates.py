"""Certificates for a test, made by the openssl command: an authority of its own, and what it has signed."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Pair(NamedTuple):
    chain: Path
    key: Path


def openssl(*arguments, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=60, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done


class Authority:
    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 3, "-subj", "/CN=Test Authority",
                "-keyout", self.key, "-out", self.certificate)

    def client(self, *, version: ssl.TLSVersion | None = None, pair: Pair | None = None) -> ssl.SSLContext:
        """For a client that trusts this authority, speaks this version only, and shows this certificate."""
        context = ssl.create_default_context(cafile=self.certificate)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if pair is not None:
            context.load_cert_chain(pair.chain, pair.key)
        return context

    def issue(self, name: str, *alternatives: str, rsa: bool = False, expired: bool = False, days: int = 3) -> Pair:
        """`alternatives` as in "DNS:mx.test" and "IP:127.0.0.1"; else the name."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("req", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(alternatives or [f"DNS:{name}"]))
        # Of a certificate that ends a day before it begins only the end counts.
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", -1 if expired else days,
                "-extfile", extensions, "-out", pair.chain)
        return pair


def tls_listener(pair: Pair, mode: str = "starttls", **more) -> dict:
    """Configuration of one listener that speaks TLS: tls_listener(authority.issue("relay.test"), "implicit")."""
    return {"listener": [{"address": "127.0.0.1:0", "relay_from": ["127.0.0.0/8"], "tls": mode, "certificate": str(pair.chain),
                          "key": str(pair.key), **more}]}
