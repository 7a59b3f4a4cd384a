"""AUTH (RFC 4954) by clients of the world and by the letter: every mechanism, over TLS and, where it is allowed, without; what
the login opens, what it shows, what a reload changes."""

import json
import signal
import smtplib
import subprocess
import threading

import pytest
from support import place
from support.accounts import Scram, add_user, plain, scram_login, user
from support.certificates import tls_listener
from support.clients import RawClient, swaks
from support.mail import plain as message
from support.place import wait_until
from support.relay import Relay


@pytest.fixture
def users(folder):
    file = folder / "users"
    add_user(file, "jack", "pail of water")
    add_user(file, "jill@hill.test", "wäter", "--from", "hill.test,*.hill.test")
    add_user(file, "joe", "no scram", "--no-scram")
    return file


@pytest.fixture
def relay(relay_to, sink, users, authority):
    """Nobody may relay but who has logged in."""
    listener = tls_listener(authority.issue("relay.test"), auth=str(users), relay_from=[])
    return relay_to(sink.address, **listener)


@pytest.fixture
def bare(relay_to, sink, users):
    """The same without TLS, over two shards."""
    return relay_to(sink.address, listener=[{"address": "127.0.0.1:0", "auth": str(users), "auth_without_tls": True}], runtime={"shards": 2})


def offer(client) -> list[str]:
    lines = client.command("EHLO client.test").lines
    return next((line.split()[1:] for line in lines if line.startswith("AUTH")), [])


def test_a_login_opens_the_relay(relay, sink, authority):
    with RawClient(relay.smtp) as client:
        assert offer(client) == []
        client.command(f"AUTH PLAIN {plain('jack', 'pail of water')}", 538, "5.7.11")
        client.starttls(authority.client(), "relay.test")
        assert offer(client) == ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
        client.command("MAIL FROM:<jack@town.test>")
        client.command("RCPT TO:<a@far.test>", 550, "5.7.1")
        client.command("RSET")
        client.command(f"AUTH PLAIN {plain('jack', 'pail of water')}", 235, "2.7.0")
        assert offer(client) == []
        client.command("AUTH PLAIN", 503, "5.5.1")
        client.mail("jack@town.test", ["a@far.test"], message(1))
        client.command("QUIT", 221)
    received = sink.wait_messages(1)[0]["received"]
    assert "with ESMTPSA id " in received and "jack" not in received
    event = relay.wait_log(lambda e: e["type"] == "reception")
    assert (event["identity"], event["protocol"]) == ("jack", "ESMTPSA") and event["tls"]
    assert relay.metrics()['angarium_inbound_auth_total{result="accepted"}'] == 1


def test_the_name_is_shown_where_that_is_wanted(relay_to, sink, users):
    relay = relay_to(sink.address, listener=[{"address": "127.0.0.1:0", "auth": str(users), "auth_without_tls": True,
                                              "show_identity": True}])
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command(f"AUTH PLAIN {plain('jill@hill.test', 'wäter')}", 235)
        client.mail("any@hill.test", ["a@far.test"], message(1))
    assert "(authenticated as jill@hill.test)" in sink.wait_messages(1)[0]["received"]


def test_an_account_is_bound_to_its_senders(bare):
    with RawClient(bare.smtp) as client:
        client.command("EHLO client.test")
        client.command(f"AUTH PLAIN {plain('jill@hill.test', 'wäter')}", 235)
        client.command("MAIL FROM:<jack@town.test>", 553, "5.7.1")
        client.command("MAIL FROM:<any@hill.test>")
        client.command("RSET")
        client.command("MAIL FROM:<any@deep.hill.test>")
        client.command("RCPT TO:<a@far.test>")
        client.command("QUIT", 221)


@pytest.mark.parametrize("name, password, code", [
    ("jack", "pail of water", 235), ("jill@hill.test", "wäter", 235), ("jack", "wine", 535), ("ghost", "wäter", 535),
    ("joe", "no scram", 535)])
def test_scram_is_that_of_the_rfc(bare, name, password, code):
    for header in ("n,,", "y,,", f"n,a={name},"):
        with RawClient(bare.smtp) as client:
            client.command("EHLO client.test")
            assert scram_login(client, name, password, header).code == code
            client.command("NOOP")


def test_a_ghosts_salt_looks_like_any_other(bare, users):
    def salt(name):
        with RawClient(bare.smtp) as client:
            client.command("EHLO client.test")
            scram = Scram(name, "x")
            scram.final(client.command(f"AUTH SCRAM-SHA-256 {scram.first()}", 334).text)
            return scram.salt
    salts = {name: salt(name) for name in ("jack", "ghost", "spook", "joe")}
    assert len(set(salts.values())) == 4 and len({len(salt) for salt in salts.values()}) == 1
    add_user(users, "another", "x")
    bare.stop()
    bare.start()
    assert {name: salt(name) for name in salts} == salts


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("secure", [True, False])
def test_smtplib(relay, bare, sink, authority, mechanism, secure):
    server = relay if secure else bare
    with smtplib.SMTP(*server.smtp, timeout=20 * place.SLOWDOWN) as client:
        if secure:
            client._host = "relay.test"  # asked for by SNI, and compared
            client.starttls(context=authority.client())
        client.ehlo("client.test")
        client.user, client.password = "jack", "pail of water"
        code, _ = client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
        assert code == 235
        client.sendmail("jack@town.test", ["a@far.test"], message(1))
    sink.wait_messages(1)


def test_smtplib_chooses_by_itself(bare, sink):
    with smtplib.SMTP(*bare.smtp, timeout=20 * place.SLOWDOWN) as client:
        client.login("jack", "pail of water")
        client.sendmail("jack@town.test", ["a@far.test"], message(1))
    sink.wait_messages(1)
    with smtplib.SMTP(*bare.smtp, timeout=20 * place.SLOWDOWN) as client, pytest.raises(smtplib.SMTPAuthenticationError) as error:
        client.login("jack", "wine")
    assert error.value.smtp_code == 535


@pytest.mark.parametrize("options", [("--auth", "PLAIN"), ("--auth", "LOGIN"), ("--auth", "PLAIN", "--tls"), ("--auth", "LOGIN", "--tls")],
                         ids=" ".join)
def test_swaks(relay, bare, sink, options):
    server = relay if "--tls" in options else bare
    shown = swaks(server.smtp, "--from", "jack@town.test", "--to", "a@far.test", "--auth-user", "jack", "--auth-password",
                  "pail of water", *options)
    assert "235 2.7.0" in shown
    sink.wait_messages(1)


def test_what_is_not_offered_is_not_there(bare):
    with RawClient(bare.smtp) as client:
        assert "CRAM-MD5" not in offer(client)
        for mechanism in ("CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "XOAUTH2", "EXTERNAL", "ANONYMOUS", "NTLM"):
            client.command(f"AUTH {mechanism}", 504, "5.5.4")


def test_our_own_generator_logs_in(bare, sink, folder):
    credentials = folder / "credentials"
    credentials.write_text("jack:pail of water\n")
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
        done = subprocess.run(
            [str(place.PROGRAM), "bench", "send", "--to", "%s:%d" % bare.smtp, "--messages", "20", "--sessions", "4",
             "--messages-per-session", "1", "--auth-file", str(credentials), "--auth-mechanism", mechanism, "--json"],
            capture_output=True, text=True, timeout=60 * place.SLOWDOWN, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout)
        assert result["accepted"] == 20 and result["logins"] >= 20 and result["logins_per_second"] > 0
    metrics = bare.metrics()
    accepted = metrics['angarium_inbound_auth_total{result="accepted"}']
    # One password, judged at most once by each shard; whoever came meanwhile joined in, and SCRAM needs no hash.
    assert accepted >= 60 and metrics["angarium_inbound_auth_cached_total"] >= 30
    assert 1 <= metrics["angarium_inbound_auth_verification_seconds_count"] <= 2


def test_equal_logins_at_once_are_judged_once(bare):
    codes = []

    def log_in():
        with RawClient(bare.smtp) as client:
            client.command("EHLO client.test")
            client.send(f"AUTH PLAIN {plain('jack', 'pail of water')}")
            codes.append(client.reply().code)

    threads = [threading.Thread(target=log_in) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [235] * 30
    assert 1 <= bare.metrics()["angarium_inbound_auth_verification_seconds_count"] <= 2, "once by each shard"


def test_a_reload_changes_who_may_log_in(bare, users):
    def log_in(name, password):
        with RawClient(bare.smtp) as client:
            client.command("EHLO client.test")
            client.send(f"AUTH PLAIN {plain(name, password)}")
            return client.reply().code

    def reload():
        before = bare.metrics().total("angarium_config_reloads_total")
        bare.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bare.metrics().total("angarium_config_reloads_total") > before, 15, "a reload")
        wait_until(lambda: bare.errors().count("\nreloaded\n") > before, 15, "its end on all shards")

    kept = RawClient(bare.smtp)
    kept.command("EHLO client.test")
    assert (log_in("jack", "pail of water"), log_in("new", "one")) == (235, 535)
    user("remove", "jack", "--file", str(users))
    add_user(users, "new", "one")
    assert log_in("jack", "pail of water") == 235  # not yet
    reload()
    assert (log_in("jack", "pail of water"), log_in("new", "one")) == (535, 235)
    kept.command(f"AUTH PLAIN {plain('jack', 'pail of water')}", 235)  # it began before
    users.chmod(0o644)  # refused: everything stays
    failures = bare.metrics().total("angarium_config_reload_failures_total")
    bare.process.send_signal(signal.SIGHUP)
    wait_until(lambda: bare.metrics().total("angarium_config_reload_failures_total") > failures, 15, "a refused reload")
    assert "chmod o= " in bare.errors()
    assert log_in("new", "one") == 235


def test_a_damaged_file_keeps_it_from_starting(relay_to, start, users, folder):
    users.write_text(users.read_text() + "broken line\n")
    relay = Relay(folder / "broken", {"listener": [{"address": "127.0.0.1:0", "auth": str(users), "auth_without_tls": True}]})
    for command in ("check", "serve"):
        done = relay.run(command)
        assert done.returncode == 78
        line = len(users.read_text().splitlines())
        assert f"{users}:{line}: broken: " in done.stderr


def test_check_shows_what_a_login_opens(folder, users):
    relay = Relay(folder / "checked", {"listener": [{"address": "127.0.0.1:2525", "auth": str(users), "auth_without_tls": True}]})
    shown = relay.run("check")
    assert shown.returncode == 0, shown.stderr
    row = next(line for line in shown.stdout.splitlines() if "authenticated" in line and line.startswith("# allow"))
    assert "auth of listener 127.0.0.1:2525" in row
    assert "scrypt" not in shown.stdout
    for keys, word in (({"auth": str(users)}, "under TLS only"), ({"auth_without_tls": True}, "has no effect without auth"),
                       ({"require_auth": True}, "nobody could log in")):
        refused = Relay(folder / "refused", {"listener": [{"address": "127.0.0.1:2525", **keys}]}).run("check")
        assert refused.returncode == 78 and word in refused.stderr
