"""[[relay]]: who may relay what, by network, sender and recipient domain; what `angarium check` says of it."""

import signal
import subprocess

import pytest
from support.accounts import add_user, plain
from support.clients import RawClient
from support.place import wait_until
from support.relay import Relay, toml
from support.sink import Sink

POLICY = [
    {"action": "deny", "recipient": ["blocked.test", "*.blocked.test"]},
    {"action": "allow", "from": ["127.0.0.2/32"], "sender": ["source.test"]},
    {"action": "allow", "recipient": ["own.test"]},
    {"action": "deny", "from": ["127.0.0.4/32"]},
]


@pytest.fixture
def relay(start):
    sink = start(Sink, bodies=True)
    relay = start(Relay, {"listener": [{"address": "127.0.0.1:0", "relay_from": ["127.0.0.3/32", "127.0.0.4/32"]}],
                          "limits": {"connections_per_address": 1},
                          "relay": POLICY, "route": [{"domains": ["*"], "to": [sink.address]}]})
    relay.sink = sink
    return relay


@pytest.mark.parametrize("source, sender, allowed, denied", [
    ("127.0.0.1", "a@source.test", ["own.test"], ["any.test", "blocked.test", "sub.own.test"]),
    ("127.0.0.2", "a@source.test", ["own.test", "any.test"], ["blocked.test", "deep.down.blocked.test"]),
    ("127.0.0.2", "a@other.test", ["own.test"], ["any.test"]),
    ("127.0.0.2", "", ["own.test"], ["any.test"]),
    ("127.0.0.3", "a@other.test", ["own.test", "any.test"], ["blocked.test"]),
    ("127.0.0.4", "a@source.test", ["own.test"], ["any.test"]),
], ids=str)
def test_the_first_match_decides(relay, source, sender, allowed, denied):
    before = relay.metrics()['angarium_inbound_rejections_total{reason="relay"}']
    with RawClient(relay.smtp, source=source) as client:
        client.command("EHLO client.test")
        client.command(f"MAIL FROM:<{sender}>")
        for domain in allowed:
            client.command(f"RCPT TO:<b@{domain}>")
        tricks = [f"b%{allowed[0]}@{domain}" for domain in denied] + [f"@{allowed[0]}:b@{domain}" for domain in denied]
        for recipient in [f"b@{domain}" for domain in denied] + tricks:
            client.command(f"RCPT TO:<{recipient}>", 550, "5.7.1")
        client.command("DATA", 354)
        client.command(b"Subject: x\r\n\r\ntext\r\n.\r\n")
    expected = sorted(f"b@{domain}" for domain in allowed)
    relay.sink.wait_messages(len(allowed))
    assert sorted(to for message in relay.sink.messages() for to in message["to"]) == expected
    assert relay.metrics()['angarium_inbound_rejections_total{reason="relay"}'] - before == len(denied) * 3
    relay.stop()


@pytest.mark.parametrize("source, limited", [("127.0.0.1", True), ("127.0.0.2", False), ("127.0.0.3", False),
                                             ("127.0.0.4", True)])
def test_networks_that_may_relay_are_exempt_from_the_limit_per_address(relay, source, limited):
    with RawClient(relay.smtp, source=source), \
         RawClient(relay.smtp, source=source, banner=421 if limited else 220):
        pass
    relay.stop()


def test_identities(start, sink, folder):
    accounts = folder / "accounts"
    add_user(accounts, "jack", "pail")
    add_user(accounts, "reports", "hill", "--from", "town.test,<>")
    relay = start(Relay, {"listener": [{"address": "127.0.0.1:0", "auth": str(accounts), "auth_without_tls": True}],
                          "relay": [{"action": "allow", "identity": ["reports"], "recipient": ["own.test"]},
                                    {"action": "deny", "identity": ["reports"]}],
                          "route": [{"domains": ["*"], "to": [sink.address]}]})
    denied, taken = (550, "5.7.1"), (250, "2.1.5")
    for name, password, sender, own, other in [(None, "", "a@town.test", denied, denied), ("jack", "pail", "a@any.test", taken, taken),
                                               ("reports", "hill", "a@town.test", taken, denied), ("reports", "hill", "", taken, denied),
                                               ("reports", "hill", "a@any.test", None, None)]:
        with RawClient(relay.smtp) as client:
            client.command("EHLO client.test")
            if name:
                client.command(f"AUTH PLAIN {plain(name, password)}", 235)
            client.command(f"MAIL FROM:<{sender}>", *((250, "2.1.0") if own else (553, "5.7.1")))
            client.command("RCPT TO:<b@own.test>", *(own or (503, "5.5.1")))
            client.command("RCPT TO:<b@other.test>", *(other or (503, "5.5.1")))
            client.command("QUIT", 221)
    # Two rows of the entries, then what the listener's accounts may.
    rows = relay.run("check").stdout.split("# Who may relay what")[1].splitlines()[3:]
    assert ["authenticated as reports" in row for row in rows] == [True, True, False, False] and "auth of listener" in rows[2]
    relay.stop()


def test_a_reload_changes_the_policy_for_new_sessions(relay):
    with RawClient(relay.smtp, source="127.0.0.3") as before:
        before.command("EHLO client.test")
        before.command("MAIL FROM:<a@source.test>")
        relay.config["relay"] = [{"action": "deny", "recipient": ["any.test"]}]
        relay.config_file.write_text(toml(relay.config))
        relay.process.send_signal(signal.SIGHUP)

        def answer() -> int:
            with RawClient(relay.smtp, source="127.0.0.3") as client:
                client.command("EHLO client.test")
                client.command("MAIL FROM:<a@source.test>")
                client.send("RCPT TO:<b@any.test>")
                return client.reply().code

        wait_until(lambda: answer() == 550, 10, "the new policy")
        before.command("RCPT TO:<b@any.test>")  # keeps what it began with
        before.command("RCPT TO:<b@blocked.test>", 550, "5.7.1")
    relay.stop()


def test_check_prints_the_table_and_it_reads_back(relay):
    done = relay.run("check")
    assert done.returncode == 0 and not done.stderr
    table = done.stdout[done.stdout.index("# Who may relay what"):].splitlines()
    rows = [line.split() for line in table[3:]]
    assert [(row[1], row[-1]) for row in rows[:4]] == [("deny", "1"), ("allow", "2"), ("allow", "3"), ("deny", "4")]
    assert "relay_from" in table[7] and "everybody else" in table[-1]
    again = relay.folder / "printed.toml"
    again.write_text(done.stdout)
    second = subprocess.run([relay.program, "check", "--config", again], capture_output=True, text=True, timeout=30)
    assert second.stdout == done.stdout
    relay.stop()


@pytest.mark.parametrize("entry, words", [
    ({}, "open relay"),
    ({"sender": ["own.test"]}, "forged"),
    ({"from": ["0.0.0.0/0"]}, "0.0.0.0/0"),
    ({"from": ["64.0.0.0/2"]}, "wide public network"),
], ids=str)
def test_check_warns_of_open_relays(folder, entry, words):
    relay = Relay(folder, {"relay": [{"action": "allow", **entry}]})
    done = relay.run("check")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: ") and "relay.toml:" in done.stderr and words in done.stderr
