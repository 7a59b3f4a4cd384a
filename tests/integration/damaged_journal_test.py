"""The journal's end after a crash: a torn last group is normal, a damaged earlier one means that synced data is gone.

The files are edited here, after the format in queue/journal_format.hpp.
"""

import re
from pathlib import Path

import pytest
from support.clients import RawClient
from support.journal_file import damage, groups, tear
from support.mail import plain
from support.place import wait_until
from support.sink import Sink

COUNT = 10


def stopped_with_backlog(start, relay_to):
    """A killed relay whose journal holds COUNT messages, each in a group of its own, and nothing else."""
    sink = start(Sink, rules=[{"stage": "banner", "delay": 600}])  # attempts neither succeed nor fail
    relay = relay_to(sink.address, runtime={"shards": 1})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for number in range(COUNT):
            client.mail("a@source.test", ["b@destination.test"], plain(number, 5000))
    relay.kill9()
    sink.end()
    sink.options["rules"] = []
    sink.start()
    found = groups(Path(relay.config["queue"]["path"]))
    assert len(found) >= COUNT, found
    return relay, sink, found


@pytest.mark.parametrize("kept", [0, 8, 64, 4096, 5000])
def test_torn_last_group_starts(start, relay_to, kept):
    relay, sink, found = stopped_with_backlog(start, relay_to)
    tear(found[-1], kept)  # as if the power had gone while it was being written, before its 250
    relay.start()
    wait_until(lambda: len(sink.messages()) >= COUNT - 1, 20, "all but the torn one")
    assert sorted(m["number"] for m in sink.messages()) == list(range(COUNT - 1))
    with RawClient(relay.smtp) as client:  # and the journal goes on behind it
        client.command("EHLO client.test")
        client.mail("a@source.test", ["b@destination.test"], plain(99))
    relay.stop()
    relay.start()
    wait_until(lambda: len(sink.messages()) == COUNT, 20, "the new one")
    relay.stop()


@pytest.mark.parametrize("at", [0, 10, 40, None], ids=["magic", "checksum", "length", "record"])
def test_damaged_earlier_group_refuses_to_start(start, relay_to, at):
    relay, sink, found = stopped_with_backlog(start, relay_to)
    damage(found[COUNT // 2], at)
    relay.launch()
    code = relay.wait_end()
    words = relay.errors()
    print(words)
    assert code not in (0, -6, -11), f"it must refuse with words, not crash: {code}"
    assert "listening" not in words and "ready" not in words.splitlines()
    assert str(found[0].file) in words, "it names the file"
    assert "repair" in words or "damaged" in words, "it says what is wrong and what to do"
    assert not sink.messages()


def test_a_repair_is_once(start, relay_to):
    relay, sink, found = stopped_with_backlog(start, relay_to)
    damage(found[COUNT // 2])
    relay.options = ["--repair-journal"]
    relay.start()
    assert "skipped the damage" in relay.errors()
    lost = COUNT // 2 - (len(found) - COUNT)  # the groups of the messages are the last ones
    rest = [number for number in range(COUNT) if number != lost]
    wait_until(lambda: len(sink.messages()) == len(rest), 20, "all but the damaged one")
    assert sorted(m["number"] for m in sink.messages()) == rest
    relay.kill9()
    relay.options = []
    relay.start()  # as every day from now on
    relay.stop()


def test_a_repair_gives_up_a_message_whose_part_is_damaged(start, relay_to):
    """A large one lies in parts, in groups before the one that makes it a message."""
    sink = start(Sink, rules=[{"stage": "banner", "delay": 600}])
    relay = relay_to(sink.address, runtime={"shards": 1})
    with RawClient(relay.smtp) as client:
        client.command("EHLO client.test")
        for number, size in [(0, 5000), (1, 700_000), (2, 5000)]:
            client.mail("a@source.test", ["b@destination.test"], plain(number, size))
    relay.kill9()
    sink.end()
    sink.options["rules"] = []
    sink.start()
    parts = [group for group in groups(Path(relay.config["queue"]["path"])) if group.bytes > 200_000]
    assert len(parts) >= 2, parts
    damage(parts[0])
    relay.options = ["--repair-journal"]
    relay.start()
    assert re.search(r"message [0-9A-Z]{26} is lost", relay.errors()), relay.errors()
    wait_until(lambda: len(sink.messages()) == 2, 20, "the others")
    assert sorted(m["number"] for m in sink.messages()) == [0, 2]
    relay.stop()


def test_the_helper_finds_and_damages_groups(start, relay_to):
    """Kept honest, since the tests above rest on it: each group holds its message, until just that one is damaged or torn."""
    _, _, found = stopped_with_backlog(start, relay_to)

    def holds(group, number: int) -> bool:
        return plain(number, 5000) in group.file.read_bytes()[group.offset:group.offset + group.bytes]

    for number, group in enumerate(found[-COUNT:]):
        assert [holds(group, other) for other in range(COUNT)] == [other == number for other in range(COUNT)]
    damage(found[-1])
    tear(found[-2], 4096)
    assert [holds(group, number) for number, group in enumerate(found[-COUNT:])] == [True] * (COUNT - 2) + [False] * 2
