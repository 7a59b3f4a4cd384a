"""HUP while mail flows: certificates and keys are replaced, no connection is dropped, no message is lost."""

import shutil
import signal
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor

from support.bench import BenchSink, bench
from support.certificates import Authority, Pair, tls_listener
from support.clients import RawClient
from support.mail import plain
from support.place import wait_until
from support.relay import Relay, toml


def hup(relay, says: str) -> str:
    """What the relay says from HUP until this."""
    before = len(relay.errors())
    relay.process.send_signal(signal.SIGHUP)
    wait_until(lambda: says in "\n" + relay.errors()[before:], 20, f"{says!r}")
    return relay.errors()[before:]


def put(pair: Pair, into: Pair) -> None:
    for new, old in zip(pair, into):
        shutil.copy(new, f"{old}.new")
        (old.parent / f"{old.name}.new").rename(old)


def shown(relay, context) -> bytes:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.starttls(context, "relay.test")
        client.command("EHLO client.test")
        client.command("QUIT", 221)
        return client.socket.getpeercert(binary_form=True)


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.chain.read_text())


def route(sink) -> dict:
    return {"route": [{"domains": ["*"], "to": sink.smtp}]}


def test_certificates_are_replaced_under_load(start, authority, folder):
    sink = start(BenchSink)
    used = Pair(folder / "used.pem", folder / "used.key")
    put(authority.issue("begin", "DNS:relay.test"), used)
    renewals = [authority.issue(f"new{number}", "DNS:relay.test", rsa=number % 2 == 1) for number in range(6)]
    relay = start(Relay, {**route(sink), **tls_listener(used), "runtime": {"shards": 2}})
    context = authority.client()
    kept = RawClient(relay.smtp)
    kept.command("EHLO client.test")
    kept.starttls(context, "relay.test")
    began_with = kept.socket.getpeercert(binary_form=True)

    enough = threading.Event()

    def load() -> list[dict]:
        """Runs of the generator, one behind the other, until there were enough reloads."""
        runs = []
        while not enough.is_set():
            runs.append(bench("send", "--to", "%s:%d" % relay.smtp, "--tls", "starttls", "--ca", authority.certificate, "--tls-name", "relay.test",
                              "--messages", 400, "--sessions", 20, "--messages-per-session", 10, "--no-tls-resumption"))
        return runs

    with ThreadPoolExecutor() as pool:
        loading = pool.submit(load)
        try:
            for new in renewals:
                before = relay.received()
                wait_until(lambda: relay.received() > before + 50 or loading.done(), 20, "further mail")
                put(new, used)
                hup(relay, "\nreloaded")
                assert shown(relay, context) == der(new)
        finally:
            enough.set()
    runs = loading.result()
    assert all((sent["errors"], sent["tls"]["failed"], list(sent["tls"]["verification"])) == ([], 0, ["ok"]) for sent in runs), runs
    accepted = sum(sent["accepted"] for sent in runs)

    # The connection from before goes on with what it began with.
    assert kept.socket.getpeercert(binary_form=True) == began_with
    kept.command("EHLO client.test")
    kept.mail("a@source.test", ["b@d000.example.test"], plain(1))
    kept.command("QUIT", 221)
    relay.wait_delivered(accepted + 1)
    metrics = relay.metrics()
    assert metrics.total("angarium_config_reloads_total") == 6 and metrics.total("angarium_config_reload_failures_total") == 0
    assert metrics.total("angarium_messages_received_total") == accepted + 1
    assert metrics['angarium_inbound_tls_handshakes_total{result="failed"}'] == 0
    relay.stop()
    got = sink.stop()
    assert (got["unique"], got["duplicated"], got["damaged"], got["foreign"]) == (accepted, 0, 0, 1)


def test_a_faulty_file_changes_nothing(relay_to, sink, authority, folder):
    used = Pair(folder / "used.pem", folder / "used.key")
    good = authority.issue("good", "DNS:relay.test")
    put(good, used)
    relay = relay_to(sink.address, **tls_listener(used))
    context = authority.client()

    def fails(*words: str) -> None:
        said = hup(relay, "nothing was changed")
        assert all(word in said for word in words), said
        assert shown(relay, context) == der(good)

    used.chain.write_text("nonsense")
    fails(str(used.chain), "BEGIN CERTIFICATE", "listener 127.0.0.1:0")
    put(Pair(authority.issue("other").chain, good.key), used)  # half of a renewal
    fails(str(used.key), str(used.chain), "does not belong")
    used.key.unlink()
    fails(f"private key '{used.key}'", "No such file")
    put(good, used)
    used.key.chmod(0o644)
    fails(str(used.key), "mode 0644", "chmod o=")
    relay.config_file.write_text("hostname = 7\n")
    fails(f"{relay.config_file}:1:12", "write a text")
    relay.config_file.write_text(toml(relay.config) + "\n")
    new = authority.issue("new", "DNS:relay.test")
    put(new, used)
    hup(relay, "\nreloaded")
    assert shown(relay, context) == der(new)
    metrics = relay.metrics()
    assert metrics.total("angarium_config_reload_failures_total") == 5 and metrics.total("angarium_config_reloads_total") == 1


def test_a_listener_changes_but_its_address(relay_to, sink, authority):
    """TLS, relay networks and all else of a listener are new for the next client; keys that need a restart are named."""
    relay = relay_to(sink.address)
    with RawClient(relay.smtp) as client:
        assert "STARTTLS" not in client.command("EHLO client.test").lines
    relay.config["listener"] = tls_listener(authority.issue("relay.test"), relay_from=[])["listener"]
    relay.config["limits"] = {"recipients": 123}
    relay.config["listener"].append({"address": "127.0.0.2:0"})
    relay.config_file.write_text(toml(relay.config) + "\n")
    said = hup(relay, "\nreloaded")
    assert "limits.recipients" in said and "listener" in said and "restart" in said
    with RawClient(relay.smtp) as client:
        assert "STARTTLS" in client.command("EHLO client.test").lines
        client.starttls(authority.client(), "relay.test")
        client.command("EHLO client.test")
        client.command("MAIL FROM:<a@source.test>")
        client.command("RCPT TO:<b@destination.test>", 550, "5.7.1")
        client.command("QUIT", 221)
    relay.config["listener"] = [{"address": "127.0.0.2:0"}]  # the one that listens is no longer named: it stays as it has become
    relay.config_file.write_text(toml(relay.config) + "\n")
    hup(relay, "\nreloaded")
    with RawClient(relay.smtp) as client:
        assert "STARTTLS" in client.command("EHLO client.test").lines
