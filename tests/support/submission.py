"""A submission service under test: a relay that takes mail over TLS from accounts only, and how its messages look when they arrive."""

import atexit
import functools
import re
import shutil
import tempfile
from pathlib import Path

from . import place
from .accounts import add_user
from .certificates import Authority, Pair
from .relay import Relay

USER, PASSWORD = "jack@town.test", 'a pail, of "water" = 5 $'  # what quoting and escaping may get wrong
WRONG = "guessed-amiss"  # no word of any file's name or message
MODES = ["starttls", "implicit"]


@functools.cache
def credentials() -> tuple[Authority, list[Pair], Path]:
    """An authority, what it has signed, and a file of accounts: made once a process, since they cost more than most tests."""
    place.RUNS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="submission-", dir=place.RUNS))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority(folder)
    names = ["DNS:relay.test", "DNS:localhost", "IP:127.0.0.1"]
    add_user(folder / "accounts", USER, PASSWORD)
    return authority, [authority.issue("ecdsa", *names), authority.issue("rsa", *names, rsa=True)], folder / "accounts"


class Submission(Relay):
    """One listener, `mode` starttls or implicit; nobody may relay who has not authenticated. Everything is delivered to `to`.

    Its certificates (ECDSA, then RSA) are for relay.test, localhost and 127.0.0.1, signed by `authority`.
    """

    def __init__(self, folder: Path, mode: str, to: str, **listener):
        self.mode = mode
        self.authority, pairs, accounts = credentials()
        folder.mkdir(parents=True, exist_ok=True)
        self.accounts = Path(shutil.copy(accounts, folder / "accounts"))  # a test may change them
        super().__init__(folder, {
            "listener": [{"address": "127.0.0.1:0", "tls": mode, "certificate": [str(p.chain) for p in pairs],
                          "key": [str(p.key) for p in pairs], "auth": str(self.accounts), **listener}],
            "route": [{"domains": ["*"], "to": [to]}]})

    def arrived(self, sink, *, version: str = "TLSv1.3", protocol: str = "ESMTPSA", identity: str = USER) -> dict:
        """The one message that came through, and that it came as it should: by Received: and by the delivery log."""
        (message,) = sink.wait_messages(1)
        field = re.sub(r"\r\n[ \t]+", " ", message["received"])
        assert f" with {protocol} id " in field, field
        used = re.search(r"\(using (\S+) with cipher (\S+)\)", field)
        assert used and used[1] == version, field
        event = self.wait_log(lambda e: e["type"] == "reception")
        assert (event["protocol"], event["tls"], event["cipher"]) == (protocol, used[1], used[2]), event
        assert event.get("identity", "") == identity, event
        return message

    def nothing_came(self) -> None:
        """Nothing was accepted, and nothing of the password is in what the relay wrote."""
        assert self.received() == 0
        written = [self.errors(), *(path.read_text() for path in self.log_files())]
        assert not any(PASSWORD in text or WRONG in text for text in written), written
