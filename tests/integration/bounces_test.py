"""A permanent failure gives one RFC 3464 report to the sender: multipart/report, null sender, never about a null sender."""

import email
import email.policy

from support.clients import RawClient
from support.place import wait_until
from support.sink import Sink

LETTER = b"From: a@source.test\r\nSubject: the original\r\nMessage-Id: <1@source.test>\r\n\r\nsecret text\r\n"
NEVER = {"stage": "rcpt", "match": "never", "reply": "550 5.1.1 <b> no such mailbox"}


def one_bounce(sink) -> email.message.EmailMessage:
    (bounce,) = sink.wait_messages(1)
    assert bounce["from"] == "", "a bounce has the null sender"
    return email.message_from_bytes((bounce["received"] + bounce["body"]).encode("latin-1"), policy=email.policy.default)


def send(relay, *recipients: str, sender: str = "a@source.test", mail: str = "", rcpt: str = "") -> str:
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.command(f"MAIL FROM:<{sender}>{mail}")
        for recipient in recipients:
            client.command(f"RCPT TO:<{recipient}>{rcpt}")
        client.command("DATA", 354)
        return client.command(LETTER + b".\r\n").text.split("queued as ")[1]


def test_report_has_its_three_parts(start, relay_to):
    sink = start(Sink, bodies=True, rules=[NEVER])
    relay = relay_to(sink.address)
    send(relay, "never1@destination.test", "never2@destination.test", mail=" ENVID=QQ314159 RET=HDRS")
    bounce = one_bounce(sink)
    assert bounce["To"] == "a@source.test" and "mailer-daemon@relay.test" in bounce["From"].lower()
    assert bounce["Date"] and bounce["Message-Id"] and bounce["Auto-Submitted"].startswith("auto-")
    assert bounce.get_content_type() == "multipart/report" and bounce.get_param("report-type") == "delivery-status"
    text, status, original = bounce.iter_parts()
    assert text.get_content_type() == "text/plain" and "never1@destination.test" in text.get_content()
    assert status.get_content_type() == "message/delivery-status"
    whole, *each = status.get_payload()
    assert whole["Reporting-MTA"] == "dns; relay.test" and whole["Arrival-Date"]
    assert whole["Original-Envelope-Id"] == "QQ314159"
    assert [fields["Final-Recipient"] for fields in each] == ["rfc822; never1@destination.test", "rfc822; never2@destination.test"]
    for fields in each:
        assert fields["Action"] == "failed" and fields["Status"] == "5.1.1"
        assert fields["Diagnostic-Code"].startswith("smtp; 550 5.1.1") and fields["Remote-MTA"]
    assert original.get_content_type() == "text/rfc822-headers"
    returned = original.get_payload()
    assert "Subject: the original" in returned and "secret text" not in returned
    relay.stop()


def test_full_return_when_asked(start, relay_to):
    sink = start(Sink, bodies=True, rules=[NEVER])
    relay = relay_to(sink.address)
    send(relay, "never@destination.test", mail=" RET=FULL", rcpt=" NOTIFY=FAILURE ORCPT=rfc822;first+2Baddress@elsewhere.test")
    bounce = one_bounce(sink)
    _, status, original = bounce.iter_parts()
    assert status.get_payload()[1]["Original-Recipient"].replace(" ", "") == "rfc822;first+address@elsewhere.test"
    assert original.get_content_type() == "message/rfc822"
    assert original.get_payload(0).get_payload() == "secret text\n".replace("\n", "\r\n") or "secret text" in original.as_string()
    relay.stop()


def test_no_bounce_where_none_is_wanted(start, relay_to):
    sink = start(Sink, bodies=True, rules=[NEVER])
    relay = relay_to(sink.address)
    send(relay, "never1@destination.test", sender="")
    send(relay, "never2@destination.test", rcpt=" NOTIFY=NEVER")
    send(relay, "never3@destination.test", rcpt=" NOTIFY=SUCCESS,DELAY")
    wait_until(lambda: relay.metrics().total("angarium_recipients_failed_total") == 3, what="three failures")
    relay.wait_idle()
    assert relay.metrics().total("angarium_bounces_total") == 0 and not sink.messages()
    relay.stop()


def test_bounce_that_fails_makes_no_bounce(start, relay_to):
    sink = start(Sink, bodies=True, rules=[NEVER])
    relay = relay_to(sink.address)
    send(relay, "never@destination.test", sender="never-a@source.test")
    wait_until(lambda: relay.metrics().total("angarium_recipients_failed_total") == 2, what="failure of message and bounce")
    relay.wait_idle()
    assert relay.metrics().total("angarium_bounces_total") == 1 and not sink.messages()
    relay.stop()


def test_bounce_survives_a_crash(start, relay_to):
    """The failure and its bounce are one group: after a crash there is exactly one of each."""
    # The bounces are put off one by one: a 421 would put off the whole site, and the failures with it.
    sink = start(Sink, bodies=True, rules=[NEVER, {"stage": "mail", "match": "<>", "reply": "451 4.3.2 not now"}])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}})
    for _ in range(20):
        send(relay, "never@destination.test")
    wait_until(lambda: relay.metrics().total("angarium_bounces_total") > 5, what="bounces")
    relay.kill9()
    sink.end()
    sink.options["rules"] = [NEVER]
    sink.start()
    relay.start()
    relay.wait_idle(30)
    bounces = [m for m in sink.messages() if m["from"] == ""]
    about = {email.message_from_string(m["body"])["Message-Id"] for m in bounces}
    assert len(about) == len(bounces) == 20
    relay.stop()
