"""swaks submits, lock-step and pipelined."""

import pytest
from support.clients import swaks


@pytest.mark.parametrize("options", [[], ["--pipeline"]], ids=["lock-step", "pipelined"])
def test_swaks_message_arrives(relay_to, sink, options):
    relay = relay_to(sink.address)
    transcript = swaks(relay.smtp, *options, "--helo", "client.test", "--from", "a@source.test",
                       "--to", "b@destination.test,c@destination.test", "--header", "Subject: by swaks",
                       "--body", "first line\n.dot\nlast line")
    assert "queued as" in transcript
    (stored,) = sink.wait_messages(1)
    assert stored["from"] == "a@source.test"
    assert stored["to"] == ["b@destination.test", "c@destination.test"]
    assert "Subject: by swaks\r\n" in stored["body"]
    assert "first line\r\n.dot\r\nlast line\r\n" in stored["body"]
