"""Two destinations share one site, and the server hangs up on all mail for one of them: the other's goes through.

One shard: only there do two destinations surely share what is known of their site.
"""

from support.clients import RawClient
from support.place import wait_until
from support.sink import Sink


def test_mail_that_is_hung_up_on_does_not_hold_up_its_neighbours(start, relay_to):
    sink = start(Sink, rules=[{"stage": "mail", "match": "hated@", "reply": "421 4.7.0 not from you", "close": True}])
    relay = relay_to(sink.address, runtime={"shards": 1}, queue={"retry": {"first": "1s", "factor": 1.0, "jitter": 0.0}})
    refused = lambda: [e for e in relay.log() if e["type"] == "transient_failure"]  # noqa: E731
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for number in range(40):
            client.mail("hated@source.test", [f"h{number}@hated.test"], b"Subject: x\r\n\r\nx\r\n")
        wait_until(lambda: len(refused()) >= 6, what="the server's opinion")
        for number in range(40):
            client.mail("liked@source.test", [f"l{number}@liked.test"], b"Subject: x\r\n\r\nx\r\n")
    arrived = lambda: sum(m["from"] == "liked@source.test" for m in sink.messages())  # noqa: E731
    wait_until(lambda: arrived() == 40, 30, "what the server takes")
    assert len(sink.messages()) == 40
    # What it does not take waits: it is not lost, and its failures are nobody else's.
    assert all(e["recipient"].endswith("@hated.test") for e in refused())
    wait_until(lambda: relay.metrics().total("angarium_messages_queued") == 40, what="what arrived to be recorded")
    relay.stop()
