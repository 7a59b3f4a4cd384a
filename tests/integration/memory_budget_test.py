"""Hundreds of clients hold half a message each, together more than the memory budget: who would need more memory than there is hears
452 4.3.1, the process stays within its budget, and when they are gone mail is taken as before.
"""

import contextlib

import pytest
from support import place
from support.clients import Flood, RawClient

BUDGET = 96 << 20
CLIENTS = 600
HALF = b"x" * 70 + b"\r\n"
HALF *= 200_000 // len(HALF)


@pytest.mark.parametrize("declared", ["", f" SIZE={len(HALF)}"], ids=["unknown size", "declared size"])
def test_half_messages(relay_to, sink, declared):
    relay = relay_to(sink.address, limits={"memory": f"{BUDGET >> 20}MiB"}, runtime={"shards": 1})
    early, late = 0, []
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            client = stack.enter_context(RawClient(relay.smtp))
            client.command("EHLO client.test")
            client.send(f"MAIL FROM:<a@source.test>{declared}")
            if client.reply().code == 452:
                early += 1
                continue
            client.command("RCPT TO:<b@destination.test>")
            client.send("DATA")
            reply = client.reply()
            if reply.code == 452:
                early += 1
                continue
            assert reply.code == 354, client.story()
            client.send(HALF)
            late.append(client)
        metrics = relay.metrics()
        used, peak = metrics.total("angarium_memory_used_bytes"), relay.peak_resident()
        codes = []
        for client in late:
            client.send(b".\r\n")
            codes.append(client.reply())
    refused = [reply for reply in codes if reply.code == 452]
    assert early or refused, "there was more than fits"
    assert all(reply.code == 250 or reply.lines[0].startswith("4.3.1") for reply in codes)
    taken = len(codes) - len(refused)
    print(f"{CLIENTS} clients with {len(HALF) * CLIENTS >> 20} MiB: {early} refused before the content, {len(refused)} behind it, {taken} taken; "
          f"{int(used) >> 20} MiB charged, peak resident {peak >> 20} MiB of {BUDGET >> 20}")
    assert relay.metrics()['angarium_inbound_rejections_total{reason="memory"}'] == early + len(refused)
    Flood(relay.smtp, list(range(100))).run()
    sink.wait_messages(taken + 100)
    if not place.SANITIZED:  # a sanitizer's shadow memory is not in the budget
        assert relay.peak_resident() <= BUDGET
    relay.stop()
