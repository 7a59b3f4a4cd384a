"""Several recipients of one message at one destination share a transaction and are settled one by one."""

from support.clients import RawClient
from support.place import wait_until
from support.sink import Sink


def test_each_recipient_has_its_own_end(start, relay_to):
    sink = start(Sink, bodies=True, rules=[
        {"stage": "rcpt", "match": "never@", "reply": "550 5.1.1 no such mailbox"},
        {"stage": "rcpt", "match": "later@", "reply": "452 4.2.2 full", "times": 1},
    ])
    relay = relay_to(sink.address, queue={"retry": {"first": "1s", "jitter": 0.0}})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        client.mail("a@source.test", [f"{who}@destination.test" for who in ("one", "never", "later", "two")],
                    b"Subject: x\r\n\r\ny\r\n")
    wait_until(lambda: len(sink.messages()) == 3, 20, "the first try, the bounce, the second try")
    to = [m["to"] for m in sink.messages()]
    assert ["one@destination.test", "two@destination.test"] in to
    assert ["later@destination.test"] in to
    assert ["a@source.test"] in to
    relay.wait_delivered(4)

    def ends() -> list[tuple[str, str]]:
        return sorted((e["type"], e["recipient"]) for e in relay.log()
                      if e["type"] in ("delivery", "failure", "transient_failure") and e["recipient"] != "a@source.test")

    wait_until(lambda: len(ends()) >= 5, what="the log to catch up")
    assert ends() == [("delivery", "later@destination.test"), ("delivery", "one@destination.test"),
                      ("delivery", "two@destination.test"), ("failure", "never@destination.test"),
                      ("transient_failure", "later@destination.test")]
    relay.stop()
