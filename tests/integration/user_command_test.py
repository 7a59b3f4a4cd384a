"""`angarium user`: accounts are made, listed and removed; the file keeps what is in it, shows nobody a password, and is refused
when everybody may read it."""

import json
import os
import pty
import select
import stat
import subprocess

from support import place
from support.accounts import add_user, user


def test_accounts_come_and_go(tmp_path):
    file = tmp_path / "users"
    add_user(file, "jack@town.test", "water")
    add_user(file, "jill", "wäter", "--no-scram", "--from", "town.test,*.hill.test")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "water" not in text and "wäter" not in text
    assert "scram-sha-256=16384:" in text.split("jack@town.test ")[1].splitlines()[0]
    assert "scram" not in text.split("jill ")[1].splitlines()[0]

    listed = json.loads(user("list", "--file", str(file), "--json").stdout)
    assert listed == [
        {"name": "jack@town.test", "mechanisms": ["PLAIN", "LOGIN", "SCRAM-SHA-256"], "from": []},
        {"name": "jill", "mechanisms": ["PLAIN", "LOGIN"], "from": ["town.test", "*.hill.test"]},
    ]
    shown = user("list", "--file", str(file)).stdout
    assert "any sender" in shown and "town.test *.hill.test" in shown
    assert "scrypt" not in shown and ":" not in shown

    user("remove", "jack@town.test", "--file", str(file))
    assert [one["name"] for one in json.loads(user("list", "--file", str(file), "--json").stdout)] == ["jill"]
    assert "no such account" in user("remove", "jack@town.test", "--file", str(file), code=78).stderr


def test_an_account_is_replaced_only_when_asked_to(tmp_path):
    file = tmp_path / "users"
    add_user(file, "jack", "water")
    file.write_text("# by hand\n" + file.read_text() + "\n# the end\n")
    before = file.read_text()
    assert "--replace" in user("add", "jack", "--file", str(file), "--cost", "10", password="wine", code=78).stderr
    assert file.read_text() == before
    add_user(file, "jack", "wine", "--replace", "--from", "town.test")
    after = file.read_text()
    assert after.startswith("# by hand\n") and after.endswith("\n# the end\n") and after.count("\njack ") == 1
    assert "from=town.test" in after


def test_what_is_no_account_is_refused(tmp_path):
    file = tmp_path / "users"
    for name in ("a b", "#jack", "@jack", "a\x01b", "x" * 256):
        assert "no account name" in user("add", name, "--file", str(file), password="water", code=78).stderr
    for password in ("", "a\x01b", "x" * 1001):
        assert "password" in user("add", "jack", "--file", str(file), password=password, code=78).stderr
    assert "no sender" in user("add", "jack", "--file", str(file), "--from", "a@b@c", password="water", code=78).stderr
    user("add", "jack", "--file", str(file), "--cost", "9", password="water", code=64)
    assert "no password" in user("add", "jack", "--file", str(file), code=78).stderr
    assert not file.exists()
    missing = user("list", "--file", str(file), code=78).stderr
    assert str(file) in missing and "user add" in missing


def test_a_file_that_everybody_may_read_is_refused(tmp_path):
    file = tmp_path / "users"
    add_user(file, "jack", "water")
    file.chmod(0o644)
    for arguments in (("list",), ("remove", "jack"), ("add", "jill")):
        said = user(*arguments, "--file", str(file), password="water", code=78).stderr
        assert f"chmod o= {file}" in said
    file.chmod(0o640)
    user("list", "--file", str(file))


def test_a_damaged_line_is_named(tmp_path):
    file = tmp_path / "users"
    add_user(file, "jack", "water")
    file.write_text(file.read_text() + "jill scrypt=15:8:1:AAAA\n")
    said = user("list", "--file", str(file), code=78).stderr
    line = len(file.read_text().splitlines())
    assert f"{file}:{line}: jill: " in said and "user add --replace" in said and "AAAA" not in said


def test_a_terminal_shows_no_password(tmp_path):
    file = tmp_path / "users"
    for second, code in (("water", 0), ("wine", 78)):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(place.PROGRAM), "user", "add", f"jack{code}", "--file", str(file), "--cost", "10"],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        shown = converse(ours, [(b"Password: ", b"water\n"), (b"Again: ", second.encode() + b"\n")])
        assert process.wait(30) == code, shown
        os.close(ours)
        assert b"water" not in shown and b"wine" not in shown
    assert "jack0 " in file.read_text() and "jack78" not in file.read_text()


def converse(terminal: int, steps: list[tuple[bytes, bytes]]) -> bytes:
    """Types each answer once its prompt has come; everything that was shown until the end."""
    shown, at = b"", 0
    while True:
        if steps and steps[0][0] in shown[at:]:
            at = len(shown)
            os.write(terminal, steps.pop(0)[1])
        ready, _, _ = select.select([terminal], [], [], 30 * place.SLOWDOWN)
        assert ready, f"nothing more came: {shown!r}"
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            return shown
        if not data:
            return shown
        shown += data
