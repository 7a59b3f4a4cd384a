"""`angarium dkim keygen` and `check`, and keys that are refused."""

import base64
import json
import subprocess

import pytest
from support import place
from support.names import BrokenNames, Nsd
from support.relay import Relay
from support.signatures import Key

pytestmark = pytest.mark.once


def keygen(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([place.PROGRAM, "dkim", "keygen", *arguments], capture_output=True, text=True, timeout=60 * place.SLOWDOWN)


@pytest.mark.parametrize("kind, octets", [("rsa-2048", 294), ("rsa-4096", 550), ("ed25519", 32)])
def test_keygen(folder, kind, octets):
    key = Key(folder, "Example.Test", "S1", kind)
    assert key.file.stat().st_mode & 0o777 == 0o600
    assert key.zone_line.startswith("s1._domainkey.example.test. IN TXT ( \"v=DKIM1; k=" + kind.split("-")[0] + "; p=")
    assert len(base64.b64decode(key.record.split("p=")[1])) == octets
    text = key.file.read_text()
    assert text.startswith("-----BEGIN PRIVATE KEY-----\n")
    shown = subprocess.run(["openssl", "pkey", "-in", key.file, "-noout"], capture_output=True, timeout=30)
    assert shown.returncode == 0, shown.stderr
    again = keygen("--domain", "example.test", "--selector", "s1", "--out", key.file)
    assert again.returncode == 73 and "--force" in again.stderr and again.stdout == ""
    assert key.file.read_text() == text
    forced = keygen("--domain", "example.test", "--selector", "s1", "--out", key.file, "--force", "--type", "ed25519")
    assert forced.returncode == 0 and key.file.read_text() != text
    assert "PRIVATE" not in forced.stdout + forced.stderr


@pytest.mark.parametrize("arguments", [["--domain", "a b"], ["--selector", "_!"], ["--type", "rsa-512"]])
def test_keygen_refuses(folder, arguments):
    options = {"--domain": "example.test", "--selector": "s", "--out": str(folder / "key.pem")}
    options |= dict(zip(arguments[::2], arguments[1::2]))
    done = keygen(*[word for pair in options.items() for word in pair])
    assert done.returncode == 64 and arguments[0] in done.stderr, done.stderr
    assert not (folder / "key.pem").exists()


def relay_of(folder, keys: list[Key], servers: list[str], timeout: str = "1s") -> Relay:
    return Relay(folder / "relay", {"dkim": [key.entry() for key in keys], "dns": {"servers": servers, "timeout": timeout, "tries": 1}})


def test_check(start, folder):
    keys = {name: Key(folder, f"{name}.test", "s", "ed25519" if name == "small" else "rsa-2048")
            for name in ("good", "small", "missing", "other", "revoked", "elsewhere")}
    stranger = Key(folder, "stranger.test", "s", "rsa-2048")
    lines = {"good": keys["good"].zone_line, "small": keys["small"].zone_line, "missing": "x TXT \"x\"",
             "other": stranger.zone_line.replace("stranger.test", "other.test"),
             "revoked": 's._domainkey TXT "v=DKIM1; k=rsa; p="', "elsewhere": 's._domainkey TXT "v=spf1 -all"'}
    nsd = start(Nsd, {f"{name}.test": line for name, line in lines.items()})
    relay = relay_of(folder, list(keys.values()), [nsd.address], "10s")
    done = relay.run("dkim", "check", "--json")
    assert done.returncode == 1, done.stderr
    verdicts = {entry["domain"].split(".")[0]: entry for entry in json.loads(done.stdout)}
    assert {name: entry["verdict"] for name, entry in verdicts.items()} == {
        "good": "ok", "small": "ok", "missing": "missing", "other": "different", "revoked": "revoked", "elsewhere": "missing"}
    assert verdicts["good"]["expected"] == keys["good"].record and verdicts["good"]["record"] == "s._domainkey.good.test"
    text = relay.run("dkim", "check")
    assert text.returncode == 1
    assert [line.split()[0] for line in text.stdout.splitlines()] == ["ok", "ok", "missing", "different", "revoked", "missing"]
    for name, code in (("good", 0), ("small", 0), ("revoked", 1)):
        assert relay.run("dkim", "check", "--domain", f"{name}.test").returncode == code
    unknown = relay.run("dkim", "check", "--domain", "nobody.test")
    assert unknown.returncode == 78 and "nobody.test" in unknown.stderr


def test_check_without_names(start, folder):
    """No answer says nothing about the key."""
    key = Key(folder, "good.test", "s", "ed25519")
    names = start(BrokenNames, 2)
    done = relay_of(folder, [key], [names.address]).run("dkim", "check", "--json")
    assert done.returncode == 75, done.stderr
    assert json.loads(done.stdout)[0]["verdict"] == "unknown"


def test_a_key_that_all_may_read_is_refused(folder):
    key = Key(folder, "signed.test", "s", "ed25519")
    relay = relay_of(folder, [key], [])
    key.file.chmod(0o644)
    for command in (["serve"], ["check"], ["dkim", "check"]):
        done = relay.run(*command)
        assert done.returncode == 78 and f"chmod 600 {key.file}" in done.stderr, done.stderr
    key.file.chmod(0o640)
    checked = relay.run("check")
    assert checked.returncode == 0 and "[[dkim]]" in checked.stdout and "PRIVATE" not in checked.stdout
    key.file.unlink()
    assert str(key.file) in relay.run("check").stderr
    key.file.write_text("nonsense")
    key.file.chmod(0o600)
    done = relay.run("serve")
    assert done.returncode == 78 and "no private key" in done.stderr


def test_a_weak_key_is_warned_of(folder):
    file = folder / "weak.pem"
    subprocess.run(["openssl", "genrsa", "-out", file, "1024"], check=True, capture_output=True)
    file.chmod(0o600)
    relay = Relay(folder / "relay", {"dkim": [{"domains": ["signed.test"], "selector": "s", "key": str(file)}]})
    done = relay.run("check")
    assert done.returncode == 0 and "1024 bits" in done.stderr


@pytest.mark.parametrize("wrong, words", [
    ({"canonicalization": "loose"}, "canonicalization"), ({"selector": "a b"}, "selector"), ({"domains": []}, "domains"),
    ({"domains": ["*.signed.test"]}, "domains"), ({"headers": ["from", "received"]}, "received changes"), ({"oversign": ["a:b"]}, "oversign"),
    ({"expire": "2s"}, "expire"), ({"keys": "x"}, "did you mean")])
def test_errors_name_the_place(folder, wrong, words):
    key = Key(folder, "signed.test", "s", "ed25519")
    relay = Relay(folder / "relay", {"dkim": [key.entry(**wrong)]})
    done = relay.run("check")
    assert done.returncode == 78 and words in done.stderr and "relay.toml:" in done.stderr, done.stderr


def test_two_keys_need_two_selectors(folder):
    key = Key(folder, "signed.test", "s", "ed25519")
    done = Relay(folder / "relay", {"dkim": [key.entry(), key.entry()]}).run("check")
    assert done.returncode == 78 and "selector of its own" in done.stderr
