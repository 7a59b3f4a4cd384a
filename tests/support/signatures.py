"""DKIM in tests: keys made by the program, and verifiers of others: dkimpy, and opendkim in its test mode."""

import re
import subprocess
from pathlib import Path

import dkim

from . import place

SIGNATURE = re.compile(rb"\A(?:DKIM-Signature:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+")
ONE = re.compile(rb"DKIM-Signature:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


class Key:
    """`angarium dkim keygen` into a file; `record` is its TXT record, joined, `zone_line` as it was printed."""

    def __init__(self, folder: Path, domain: str, selector: str, kind: str):
        self.domain, self.selector, self.kind = domain, selector, kind
        self.file = folder / f"{selector}.{domain}.pem"
        done = subprocess.run([place.PROGRAM, "dkim", "keygen", "--domain", domain, "--selector", selector, "--type", kind,
                               "--out", self.file], capture_output=True, text=True, timeout=60 * place.SLOWDOWN)
        assert done.returncode == 0, done.stderr
        self.zone_line = done.stdout.strip()
        self.name = f"{selector}._domainkey.{domain}"
        self.record = "".join(re.findall(r'"([^"]*)"', self.zone_line))

    def entry(self, **more) -> dict:
        return {"domains": [self.domain], "selector": self.selector, "key": str(self.file), **more}


def split_signatures(content: bytes) -> tuple[list[bytes], bytes]:
    """The DKIM-Signature fields in front, and everything behind them."""
    head = SIGNATURE.match(content)
    return (ONE.findall(head[0]), content[head.end():]) if head else ([], content)


def dkimpy_verifies(content: bytes, keys: list[Key]) -> list[bool]:
    """For each DKIM-Signature field, whether dkimpy verifies it with the keys' records."""
    records = {f"{key.name}.": key.record.encode() for key in keys}
    found = len(split_signatures(content)[0])
    results = []
    for index in range(found):
        try:
            results.append(dkim.DKIM(content).verify(index, dnsfunc=lambda name, timeout=5: records.get(name.decode() if isinstance(name, bytes) else name)))
        except dkim.DKIMException as why:
            print(f"dkimpy: {why}")
            results.append(False)
    return results


class OpenDkim:
    """opendkim -t: verifies files without a server, with keys from a file. Signatures are judged one at a time."""

    def __init__(self, folder: Path, keys: list[Key]):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.keys = folder / "keys"
        self.keys.write_text("".join(f"{key.name} {key.record}\n" for key in keys))
        self.conf = folder / "opendkim.conf"
        self.conf.write_text(f"Mode v\nTestPublicKeys {self.keys}\nSyslog no\n")

    def verifies(self, content: bytes) -> list[bool]:
        fields, rest = split_signatures(content)
        results = []
        for index, field in enumerate(fields):
            file = self.folder / f"message-{index}.eml"
            file.write_bytes(field + rest)
            done = subprocess.run([place.PEER, "opendkim", "-x", self.conf, "-t", file, "-v", "-v"], capture_output=True, text=True,
                                  timeout=60)
            print(done.stdout, done.stderr)
            results.append("verification" in done.stdout and "succeeded" in done.stdout)
        return results
