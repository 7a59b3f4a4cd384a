"""Postfix's smtp-sink receives: without extensions, refusing, disconnecting and delaying at every stage."""

import pytest
from support.clients import Flood
from support.mail import message
from support.place import wait_until
from support.sink import SmtpSink

COUNT = 30
SLOW_RETRY = {"queue": {"retry": {"first": "1h"}}}


def send(relay, count=COUNT, **options) -> None:
    Flood(relay.smtp, list(range(count)), connections=3, content=message, size=2000, **options).run()


@pytest.mark.parametrize("options", [[], ["-p"], ["-e"], ["-8", "-E", "-N"]],
                         ids=["all extensions", "no pipelining", "no ESMTP", "no 8BITMIME, status codes, DSN"])
def test_delivered(start, relay_to, options):
    sink = start(SmtpSink, *options, dump=True)
    relay = relay_to(sink.address)
    plain = {"content": lambda number, size: b"Subject: %d\r\n\r\nseven bits\r\n.dot\r\n" % number}
    Flood(relay.smtp, list(range(COUNT)), connections=3, **plain).run()
    relay.wait_delivered(COUNT)
    stored = sink.stored()
    for number in range(COUNT):
        copies = [copy for copy in stored if b"\nSubject: %d\n\nseven bits\n.dot\n" % number in copy]
        assert len(copies) == 1, f"message {number} is there {len(copies)} times"
        assert b"X-Mail-Args: <sender@source.test>" in copies[0]
    relay.stop()


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO,HELO", "MAIL", "RCPT", "DATA", "."])
def test_soft_rejects_are_deferred(start, relay_to, stage):
    sink = start(SmtpSink, "-r", stage)
    relay = relay_to(sink.address, **SLOW_RETRY)
    send(relay, 3)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert event["code"] == 450, event
    assert relay.delivered() == 0 and relay.metrics().total("angarium_recipients_failed_total") == 0
    relay.stop()


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_hard_rejects_fail(start, relay_to, stage):
    sink = start(SmtpSink, "-f", stage)
    relay = relay_to(sink.address, **SLOW_RETRY)
    send(relay, 3, sender="")
    wait_until(lambda: relay.metrics().total("angarium_recipients_failed_total") == 3, what="three failures")
    event = relay.wait_log(lambda e: e["type"] == "failure")
    assert event["code"] == 500, event
    assert relay.metrics().total("angarium_bounces_total") == 0, "the null sender gets no bounce"
    relay.stop()


@pytest.mark.parametrize("option", ["-q", "-Q"], ids=["disconnect", "421 and disconnect"])
@pytest.mark.parametrize("stage", ["CONNECT", "EHLO,HELO", "MAIL", "RCPT", "DATA", "."])
def test_disconnects_are_deferred(start, relay_to, option, stage):
    sink = start(SmtpSink, option, stage)
    relay = relay_to(sink.address, **SLOW_RETRY)
    send(relay, 3)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert event["code"] == (421 if option == "-Q" else 0), event
    assert relay.delivered() == 0 and relay.metrics().total("angarium_recipients_failed_total") == 0
    relay.stop()


@pytest.mark.parametrize("stage", ["CONNECT", "MAIL", "DATA", "."])
def test_delays_are_waited_for(start, relay_to, stage):
    sink = start(SmtpSink, "-p", "-W", f"{stage}:1", dump=True)  # -p: what is pipelined behind a delay it answers out of order
    relay = relay_to(sink.address)
    send(relay, 5)
    relay.wait_delivered(5)
    assert len(sink.stored()) == 5
    relay.stop()
    events = [event for event in relay.log() if event["type"] == "delivery"]
    assert max(event.get("connect_seconds" if stage == "CONNECT" else "attempt_seconds", 0) for event in events) >= 1, events


def test_delay_beyond_the_timeout_is_deferred(start, relay_to):
    sink = start(SmtpSink, "-p", "-W", "MAIL:60")
    relay = relay_to(sink.address, delivery={"timeouts": {"command": "1s"}}, **SLOW_RETRY)
    send(relay, 1)
    event = relay.wait_log(lambda e: e["type"] == "transient_failure")
    assert event["code"] == 0 and "4.4" in event["status"], event
    relay.stop(within=60)
