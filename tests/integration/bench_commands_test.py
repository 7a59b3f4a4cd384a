"""The program's own load generator and sink: every message accounted for, by MX through the relay, and `bench store`."""

import pytest
from support.bench import BenchSink, bench
from support.relay import Relay

pytestmark = pytest.mark.once

COUNT = 3000


def relay_for(start, sink, **more) -> Relay:
    return start(Relay, {"delivery": {"port": int(sink.at["smtp"].split(":")[1])}, "dns": {"servers": [sink.at["dns"]]}, **more})


def test_everything_is_accounted_for(start):
    sink = start(BenchSink, "--expect", str(COUNT))
    relay = relay_for(start, sink)
    sent = bench("send", "--to", "{}:{}".format(*relay.smtp), "--messages", COUNT, "--domains", 20, "--sessions", 10,
                 "--pipelining", "--chunking")
    assert sent["accepted"] == COUNT
    got = sink.result()
    assert (got["unique"], got["lost"], got["duplicated"], got["damaged"]) == (COUNT, 0, 0, 0)
    assert got["domains"]["seen"] == 20 and relay.received() == COUNT
    relay.stop()


def test_misbehaving_sink(start):
    sink = start(BenchSink, "--expect", str(COUNT), "--script", "rcpt: 451 @0.1", "--script", "end-of-data: disconnect @0.01",
                 "--script", "end-of-data: 451 @0.1")
    relay = relay_for(start, sink, queue={"retry": {"first": "1s", "factor": 1.0, "cap": "1s"}})
    bench("send", "--to", "{}:{}".format(*relay.smtp), "--messages", COUNT, "--domains", 20, "--sessions", 10)
    got = sink.result()
    assert (got["unique"], got["lost"], got["damaged"]) == (COUNT, 0, 0)
    assert relay.metrics().total("angarium_recipients_deferred_total") > COUNT / 20
    relay.stop()


def test_store(folder):
    result = bench("store", "--path", folder, "--sizes", "4KiB", "--groups", "1,8", "--seconds", "500ms")
    assert [(row["message_bytes"], row["under_way"]) for row in result["rows"]] == [(4096, 1), (4096, 8)]
    for row in result["rows"]:
        assert row["journal"]["rate"] > 0 and row["raw"]["rate"] > 0 and row["written_per_byte"] >= 1
        assert 1 <= row["messages_per_group"] <= row["under_way"]
    assert [(row["message_bytes"], row["batch"]) for row in result["batches"]] == [(4096, 1), (4096, 8)]
    for row in result["batches"]:
        assert row["store"]["rate"] > 0 and row["flush_p50_seconds"] > 0 and row["written_per_byte"] >= 1
    assert list(folder.iterdir()) == [], "nothing is left behind"
