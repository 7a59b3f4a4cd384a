"""`angarium queue summary` tells what waits where, for people and as JSON, and says so when no server runs."""

import json

from support.clients import Flood
from support.place import hold_port, wait_until
from support.sink import Sink


def test_summary_of_a_backlog(start, relay_to):
    sink = start(Sink)
    sink.end()
    held = hold_port("127.0.0.1", sink.port)
    relay = relay_to(sink.address, queue={"retry": {"first": "1h"}})
    Flood(relay.smtp, list(range(300)), domains=3).run()
    wait_until(lambda: relay.metrics().total("angarium_recipients_deferred_total") > 0, what="deferrals")
    people = relay.run("queue", "summary")
    assert people.returncode == 0, people.stderr
    for word in ("d0.test", "d1.test", "d2.test"):
        assert word in people.stdout, people.stdout
    machine = relay.run("queue", "summary", "--json")
    assert machine.returncode == 0, machine.stderr
    summary = json.loads(machine.stdout)
    assert "d0.test" in machine.stdout and summary
    held.close()
    relay.stop()


def test_without_a_server(start, relay_to):
    sink = start(Sink)
    relay = relay_to(sink.address)
    relay.stop()
    done = relay.run("queue", "summary")
    assert done.returncode not in (0, -6, -11) and not done.stdout
    assert done.stderr.strip(), "it says that no server answers, and where it looked"
