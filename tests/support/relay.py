"""The relay under test: writes its configuration, starts it on free ports, watches it, stops or kills it.

Standard error of each start goes to a file of its own; the lines `listening smtp ADDRESS`, `listening http ADDRESS` and
`ready` tell where it listens and when to begin. Nothing here sleeps for a fixed time.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request
from pathlib import Path

from . import place
from .place import wait_until

LISTENING = re.compile(r"^listening (\S+) (\S+):(\d+)$", re.MULTILINE)


def merged(base: dict, extra: dict) -> dict:
    """`extra` laid over `base`, table by table."""
    result = dict(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def toml(table: dict, prefix: str = "") -> str:
    """The table as TOML: values first, then tables, then arrays of tables."""
    tables = {k: v for k, v in table.items() if isinstance(v, dict)}
    arrays = {k: v for k, v in table.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    out = [f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in tables and key not in arrays]
    for key, value in tables.items():
        out += ["", f"[{prefix}{key}]", toml(value, f"{prefix}{key}.")]
    for key, values in arrays.items():
        for value in values:
            out += ["", f"[[{prefix}{key}]]", toml(value, f"{prefix}{key}.")]
    return "\n".join(out)


class Metrics(dict):
    """One scrape: 'name{labels}' -> value."""

    def total(self, name: str) -> float:
        """The sum over all labels; fails where the metric does not exist."""
        found = [value for key, value in self.items() if key == name or key.startswith(name + "{")]
        assert found, f"no metric {name}; there are: {', '.join(sorted({k.split('{')[0] for k in self}))}"
        return sum(found)


def parse_metrics(text: str) -> Metrics:
    result = Metrics()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            result[name] = float(value)
    return result


class Relay:
    def __init__(self, folder: Path, config: dict | None = None, *, program: Path | None = None,
                 environment: dict[str, str] | None = None, under: tuple[str, ...] = ()):
        """`under`: a command that runs the program and becomes it, such as ("prlimit", "--nofile=300")."""
        self.folder = folder
        self.program = program or place.PROGRAM
        self.environment = environment or {}  # besides the test's own
        self.under = under
        self.options: list[str] = []  # behind `serve`
        self.config_file = folder / "relay.toml"
        self.config = merged({
            "hostname": "relay.test",
            "listener": [{"address": "127.0.0.1:0", "relay_from": ["127.0.0.0/8"]}],
            # A start fills a segment a shard, and soon a second one: of 64 MiB, as it ships, the tests would write 100 GiB of zeros.
            "queue": {"path": str(folder / "queue"), "segment": "4MiB"},
            "dns": {"allow": ["127.0.0.0/8"], "timeout": "10s"},
            "http": {"address": "127.0.0.1:0"},
        }, config or {})
        self.process: subprocess.Popen | None = None
        self.starts = 0
        self.smtp: tuple[str, int] = ("", 0)
        self.http: tuple[str, int] = ("", 0)
        folder.mkdir(parents=True, exist_ok=True)

    # ── starting and ending ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def command(self) -> list[str]:
        return [*self.under, str(self.program), "serve", "--config", str(self.config_file), *self.options]

    @property
    def errors_file(self) -> Path:
        return self.folder / f"relay-{self.starts}.err"

    def errors(self) -> str:
        """What this start has said on standard error."""
        return self.errors_file.read_text(errors="backslashreplace") if self.errors_file.exists() else ""

    def launch(self) -> "Relay":
        """Starts the program without waiting for it."""
        assert self.process is None, "already running"
        self.config_file.write_text(toml(self.config) + "\n")
        self.starts += 1
        with open(self.errors_file, "wb") as errors, open(self.folder / f"relay-{self.starts}.out", "wb") as output:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                            env={**os.environ, **self.environment})
        return self

    def start(self, within: float = 30) -> "Relay":
        """Starts the program and waits until it says `ready`."""
        self.launch()

        def ready() -> bool:
            exited = self.process.poll()
            if exited is not None:
                raise AssertionError(f"the relay ended with {exited} while starting:\n{place.tail(self.errors_file)}")
            return re.search(r"^ready$", self.errors(), re.MULTILINE) is not None

        wait_until(ready, within, "the relay's 'ready'")
        self.listeners = [(kind, (host, int(port))) for kind, host, port in LISTENING.findall(self.errors())]
        self.smtp = next(address for kind, address in self.listeners if kind == "smtp")
        self.http = next((address for kind, address in self.listeners if kind == "http"), ("", 0))
        return self

    def wait_end(self, within: float = 30) -> int:
        """Waits for the end of the program; its exit code."""
        try:
            code = self.process.wait(within * place.SLOWDOWN)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the relay did not end within {within * place.SLOWDOWN:g} s") from None
        self.process = None
        return code

    def terminate(self) -> None:
        """Asks it to drain, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self, within: float = 30) -> None:
        """TERM: it drains and must exit with 0."""
        self.terminate()
        code = self.wait_end(within)
        assert code == 0, f"the relay ended with {code} after TERM:\n{place.tail(self.errors_file)}"

    def kill9(self) -> bool:
        """SIGKILL, also to a stopped program. False: it had ended before, by itself and well."""
        self.process.kill()
        code = self.process.wait(30)
        self.process = None
        assert code in (0, -signal.SIGKILL), f"the relay had ended by itself with {code}:\n{place.tail(self.errors_file)}"
        return code != 0

    def end(self) -> None:
        """For fixtures: leaves nothing running, and tells of a program that had ended by itself."""
        if self.process is None:
            return
        code = self.process.poll()
        self.process.kill()
        self.process.wait(30)
        self.process = None
        assert code is None, f"the relay had ended by itself with {code}:\n{place.tail(self.errors_file)}"

    # ── looking inside ───────────────────────────────────────────────────────────────────────────────────────────

    def get(self, path: str, within: float = 10) -> str:
        """The body of an HTTP answer; an error status raises."""
        url = f"http://{self.http[0]}:{self.http[1]}{path}"
        with urllib.request.urlopen(url, timeout=within * place.SLOWDOWN) as answer:
            return answer.read().decode()

    def metrics(self) -> Metrics:
        return parse_metrics(self.get("/metrics"))

    def received(self) -> int:
        return int(self.metrics().total("angarium_messages_received_total"))

    def delivered(self) -> int:
        return int(self.metrics().total("angarium_recipients_delivered_total"))

    def wait_delivered(self, recipients: int, within: float = 30) -> None:
        """Until so many recipients were delivered since the start."""
        wait_until(lambda: self.delivered() >= recipients, within, f"{recipients} delivered recipients")

    def queue(self) -> dict:
        """What waits where, as the running relay says."""
        return json.loads(self.get("/queue"))

    def wait_idle(self, within: float = 30) -> None:
        """Until nothing waits: neither in the journals nor in the store nor for any destination."""
        def idle() -> bool:
            state = self.queue()
            stored = state["stored"]["ready"] + state["stored"]["deferred"]
            return state["young_messages"] == 0 and stored == 0 and not state["destinations"]
        wait_until(idle, within, "an empty queue")

    def log(self) -> list[dict]:
        """The delivery logs' complete lines so far, all shards'. What `response` holds stands in the event itself, too."""
        events = []
        for path in self.log_files():
            text = path.read_bytes().decode()
            for line in text[:text.rfind("\n") + 1].split("\n")[:-1]:
                event = json.loads(line)
                events.append({"code": 0, **event.get("response", {}), **event})
        return events

    def log_files(self) -> list[Path]:
        return sorted(self.folder.rglob("deliveries-*.jsonl"))

    def wait_log(self, condition, within: float = 15, what: str = "an event in the delivery log") -> dict:
        """The first event for which `condition` is true."""
        return wait_until(lambda: next((e for e in self.log() if condition(e)), None), within, what)

    def resident(self) -> int:
        """Resident memory now, in bytes."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak_resident(self) -> int:
        """The highest resident memory since the start, in bytes."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))

    def descriptors(self) -> int:
        """How many files and connections it has open now."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self) -> float:
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self, *arguments: str, within: float = 30) -> subprocess.CompletedProcess:
        """Another command of the program with this configuration: run("queue", "summary", "--json")."""
        self.config_file.write_text(toml(self.config) + "\n")
        return subprocess.run([str(self.program), *arguments, "--config", str(self.config_file)], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=within * place.SLOWDOWN)

    def report(self) -> str:
        """For a failed test: how to run it again by hand, what was configured, what it said."""
        parts = [f"$ {shlex.join(self.command)}", self.config_file.read_text() if self.config_file.exists() else "(not started)"]
        for number in range(max(1, self.starts - 1), self.starts + 1):
            parts += [f"── relay-{number}.err", place.tail(self.folder / f"relay-{number}.err")]
        for path in self.log_files():
            parts += [f"── {path.name}", place.tail(path, 20)]
        return "\n".join(parts)


def addresses(message_count: int, domains: int = 1, domain: str = "d{}.test") -> list[str]:
    """Distinct recipients spread over so many domains."""
    return [f"r{number}@{domain.format(number % domains)}" for number in range(message_count)]
