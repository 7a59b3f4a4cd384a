"""The program's own load generator and sink: every message accounted for, by MX through the relay, and `bench store`."""

import json
import re
import subprocess

from support import place
from support.relay import Relay
from support.sink import Process
from support.place import wait_until

COUNT = 3000


class BenchSink(Process):
    def __init__(self, folder, *options):
        super().__init__("bench-sink", folder)
        self.options = options

    def start(self):
        self.spawn([place.PROGRAM, "bench", "sink", "--listen", "127.0.4.1:0", "--listen", "127.0.4.2:0", "--dns", "127.0.0.1:0",
                    "--domains", "20", "--mx-hosts", "2", "--json", *self.options])
        wait_until(lambda: "\nready" in "\n" + self.output.read_text() or not self.alive(), 20, "the sink")
        assert self.alive(), self.report()
        self.at = {kind: address for kind, address in re.findall(r"^listening (\S+) (\S+)$", self.output.read_text(), re.M)}
        return self

    def result(self) -> dict:
        wait_until(lambda: not self.alive(), 60, "the sink's end")
        return json.loads(self.output.read_text().splitlines()[-1])


def bench(*arguments, within=120) -> dict:
    done = subprocess.run([place.PROGRAM, "bench", *map(str, arguments), "--json"], capture_output=True, text=True,
                          timeout=within * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


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
    sink = start(BenchSink, "--expect", str(COUNT), "--defer-rcpt", "0.1", "--defer-data", "0.1", "--disconnect", "0.01")
    relay = relay_for(start, sink, queue={"retry": {"first": "1s", "factor": 1.0, "cap": "1s"}})
    bench("send", "--to", "{}:{}".format(*relay.smtp), "--messages", COUNT, "--domains", 20, "--sessions", 10)
    got = sink.result()
    assert (got["unique"], got["lost"], got["damaged"]) == (COUNT, 0, 0)
    assert relay.metrics().total("angarium_recipients_deferred_total") > COUNT / 20
    relay.stop()


def test_store(folder):
    result = bench("store", "--path", folder, "--sizes", "4KiB", "--groups", "1,8", "--seconds", "100ms")
    assert result
