"""The program's own load generator and sink."""

import json
import re
import subprocess
import urllib.request

from . import place
from .place import wait_until
from .relay import Metrics, parse_metrics
from .sink import Process


class BenchSink(Process):
    """`bench sink` with DNS; `smtp` and `at` say where it listens, result() is its summary once it has ended."""

    def __init__(self, folder, *options, domains=20, listen=("127.0.4.1:0", "127.0.4.2:0"), **how):
        super().__init__("bench-sink", folder)
        self.listen = [word for address in listen for word in ("--listen", address)]
        self.options, self.domains, self.how = options, domains, how  # `how`: for Popen

    def start(self):
        self.spawn([place.PROGRAM, "bench", "sink", *self.listen, "--dns", "127.0.0.1:0",
                    "--domains", str(self.domains), "--mx-hosts", "2", "--json", *self.options], **self.how)
        wait_until(lambda: "\nready" in "\n" + self.output.read_text() or not self.alive(), 20, "the sink")
        assert self.alive(), self.report()
        listening = re.findall(r"^listening (\S+) (\S+)$", self.output.read_text(), re.M)
        self.at = dict(listening)
        self.smtp = [address for kind, address in listening if kind == "smtp"]
        return self

    def page(self) -> str:
        """/metrics, with --http."""
        with urllib.request.urlopen(f"http://{self.at['http']}/metrics", timeout=10 * place.SLOWDOWN) as response:
            return response.read().decode()

    def metrics(self) -> Metrics:
        return parse_metrics(self.page())

    def stop(self) -> dict:
        """TERM, and its summary."""
        self.process.terminate()
        return self.result()

    def result(self, within: float = 60) -> dict:
        wait_until(lambda: not self.alive(), within, "the sink's end")
        return json.loads(self.output.read_text().splitlines()[-1])


def bench(*arguments, within=120, code=0) -> dict:
    """Runs a bench command that ends with this exit code; what it printed."""
    done = subprocess.run([place.PROGRAM, "bench", *map(str, arguments), "--json"], capture_output=True, text=True,
                          timeout=within * place.SLOWDOWN, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
