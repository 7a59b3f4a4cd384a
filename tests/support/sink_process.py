"""A recording SMTP server in a process of its own: fast, exact to the byte, told by rules what to refuse.

    python3 -m support.sink_process '{"listen": ["127.0.0.1:0"], "record": "FILE", ...}'   (from tests/)

It prints `listening ADDRESS` a listener and `ready`, and appends one JSON line an event to the record, written before the reply:
    {"event": "connect", "connection": 1, "local": "127.0.0.1:9"}
    {"event": "message", "connection": 1, "from": "a@b", "parameters": "...", "to": [...], "size": 9, "digest": "...", "number": 7, "by": "DATA"}
    {"event": "rule", "connection": 1, "stage": "rcpt"}
    {"event": "close", "connection": 1, "messages": 3, "quit": true}
`digest` is of everything behind the relay's Received: field, `number` the X-Number field; with "bodies" the event also
carries "received" and "body" (Latin-1, so every byte survives).

Rules, first match wins: {"stage": "mail", "match": "regular expression", "reply": "450 4.2.0 later", "times": 3, "share": 0.25,
"close": true, "delay": 0.5, "while": "FILE"}; stages: banner, ehlo, helo, mail, rcpt, data, dot, bdat, rset, noop, quit. "match" looks at
the command line (dot, bdat: at the first recipient); with "share" only so many of those that match are meant, at random; with "while"
only what comes while that file exists. A rule without "reply" only delays or closes.
"""

import asyncio
import json
import os
import random
import re
import sys

from .mail import digest, split_received

NUMBER = re.compile(rb"^X-Number: (\d+)", re.MULTILINE)
PATH = re.compile(r"<([^>]*)>(.*)", re.DOTALL)


class Rules:
    def __init__(self, rules: list[dict]):
        self.rules = [(rule, re.compile(rule.get("match", ""), re.IGNORECASE)) for rule in rules]
        self.stages = {rule["stage"] for rule in rules}
        self.dice = random.Random(0)

    def find(self, stage: str, text: str) -> dict | None:
        if stage not in self.stages:
            return None
        for rule, pattern in self.rules:
            if "while" in rule and not os.path.exists(rule["while"]):
                continue
            if rule["stage"] == stage and pattern.search(text) and rule.get("times", 1) > 0 and self.dice.random() < rule.get("share", 1):
                if "times" in rule:
                    rule["times"] -= 1
                return rule
        return None


class Sink:
    def __init__(self, options: dict):
        self.record = open(options["record"], "a", buffering=1 if options.get("flush", True) else 65536)
        self.bodies = options.get("bodies", False)
        self.extensions = options.get("extensions", ["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "CHUNKING",
                                                     "ENHANCEDSTATUSCODES"])
        self.rules = Rules(options.get("rules", []))
        self.per_connection = options.get("messages_per_connection", 0)  # then 421 and close
        self.connections = 0

    def write(self, **event) -> None:
        self.record.write(json.dumps(event) + "\n")


class Session(asyncio.Protocol):
    def __init__(self, sink: Sink):
        self.sink = sink
        self.buffer = bytearray()
        self.scanned = 0          # DATA: where to look on for the final dot
        self.mode = "command"     # or "data", "bdat", "closed"
        self.held = False         # a delayed reply is under way: read nothing more
        self.bdat_left, self.bdat_last = 0, False
        self.chunks: list[bytes] = []
        self.messages, self.quit = 0, False
        self.forget()

    def forget(self) -> None:
        self.sender, self.parameters, self.recipients = None, "", []
        self.chunks = []

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.sink.connections += 1
        self.number = self.sink.connections
        self.out: list[bytes] = []
        local = transport.get_extra_info("sockname")
        self.sink.write(event="connect", connection=self.number, local=f"{local[0]}:{local[1]}")
        if not self.applied("banner", ""):
            self.reply("220 sink.test ESMTP")
        self.flush()

    def connection_lost(self, error) -> None:
        self.mode = "closed"
        self.sink.write(event="close", connection=self.number, messages=self.messages, quit=self.quit)

    def reply(self, text: str) -> None:
        self.out.append(text.encode() + b"\r\n")

    def flush(self) -> None:
        if self.out and not self.transport.is_closing():
            self.transport.write(b"".join(self.out))
        self.out.clear()

    def close(self) -> None:
        self.flush()
        self.mode = "closed"
        self.transport.close()

    def applied(self, stage: str, text: str) -> dict | None:
        """Does what the first matching rule says; the rule, if it answered or closed."""
        rule = self.sink.rules.find(stage, text)
        if rule is None:
            return None
        self.sink.write(event="rule", connection=self.number, stage=stage)
        if rule.get("delay") and not rule.get("waited"):
            self.hold(rule["delay"], rule)
            return rule
        return self.obey(rule)

    def obey(self, rule: dict) -> dict | None:
        if rule.get("reply"):
            self.reply(rule["reply"])
        if rule.get("close"):
            self.close()
        return rule if rule.get("reply") or rule.get("close") else None

    def hold(self, seconds: float, rule: dict) -> None:
        self.flush()
        self.held = True
        asyncio.get_running_loop().call_later(seconds, self.release, rule)

    def release(self, rule: dict) -> None:
        self.held = False
        if self.transport.is_closing():
            return
        then, self.after_delay = getattr(self, "after_delay", None), None
        if self.obey(rule) is None and then:
            then()
        self.data_received(b"")

    def stage(self, stage: str, text: str, otherwise) -> bool:
        """`otherwise` unless a rule answers; true when a rule answered (so the command did not succeed)."""
        rule = self.applied(stage, text)
        if rule is None:
            otherwise()
            return False
        if self.held:
            self.after_delay = otherwise
        return True

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.buffer and not self.held and self.mode != "closed":
            step = {"command": self.read_command, "data": self.read_data, "bdat": self.read_bdat}[self.mode]
            if not step():
                break
        if self.mode != "closed":
            self.flush()

    def read_command(self) -> bool:
        end = self.buffer.find(b"\r\n")
        if end < 0:
            return False
        line = self.buffer[:end].decode("utf-8", "surrogateescape")
        del self.buffer[:end + 2]
        verb, _, rest = line.partition(" ")
        handler = getattr(self, "do_" + verb.lower(), None)
        if handler:
            handler(line, rest)
        else:
            self.reply("500 5.5.2 unknown command")
        return True

    def do_ehlo(self, line, rest):
        lines = ["sink.test", *self.sink.extensions]
        text = "\r\n".join([f"250-{word}" for word in lines[:-1]] + [f"250 {lines[-1]}"])
        self.stage("ehlo", line, lambda: self.reply(text))

    def do_helo(self, line, rest):
        self.stage("helo", line, lambda: self.reply("250 sink.test"))

    def do_mail(self, line, rest):
        def accept():
            self.forget()
            self.sender, self.parameters = PATH.search(rest).groups()
            self.reply("250 2.1.0 ok")
        self.stage("mail", line, accept)

    def do_rcpt(self, line, rest):
        def accept():
            if self.sender is None:
                return self.reply("503 5.5.1 MAIL first")
            self.recipients.append(PATH.search(rest).group(1))
            self.reply("250 2.1.5 ok")
        self.stage("rcpt", line, accept)

    def do_data(self, line, rest):
        def accept():
            if not self.recipients:
                return self.reply("554 5.5.1 no valid recipients")
            self.reply("354 go on")
            self.mode, self.scanned = "data", 0
        self.stage("data", line, accept)

    def do_bdat(self, line, rest):
        words = rest.split()
        self.bdat_left, self.bdat_last = int(words[0]), len(words) > 1
        self.mode = "bdat"
        if self.bdat_left == 0:
            self.end_bdat()

    def do_rset(self, line, rest):
        def accept():
            self.forget()
            self.reply("250 2.0.0 ok")
        self.stage("rset", line, accept)

    def do_noop(self, line, rest):
        self.stage("noop", line, lambda: self.reply("250 2.0.0 ok"))

    def do_quit(self, line, rest):
        self.quit = True
        self.reply("221 2.0.0 bye")
        self.close()

    def read_data(self) -> bool:
        if self.scanned == 0 and self.buffer.startswith(b".\r\n"):
            start, end = 0, 3
        else:
            found = self.buffer.find(b"\r\n.\r\n", max(0, self.scanned - 4))
            if found < 0:
                self.scanned = len(self.buffer)
                return False
            start, end = found + 2, found + 5
        body = bytes(self.buffer[:start])
        del self.buffer[:end]
        body = body.replace(b"\r\n.", b"\r\n")
        if body.startswith(b"."):
            body = body[1:]
        self.mode = "command"
        self.finish(body, "dot", "DATA")
        return True

    def read_bdat(self) -> bool:
        take = min(self.bdat_left, len(self.buffer))
        self.chunks.append(bytes(self.buffer[:take]))
        del self.buffer[:take]
        self.bdat_left -= take
        if self.bdat_left:
            return False
        self.end_bdat()
        return True

    def end_bdat(self) -> None:
        self.mode = "command"
        if not self.recipients:
            self.chunks = []
            self.reply("503 5.5.1 no valid recipients")
        elif self.bdat_last:
            self.finish(b"".join(self.chunks), "bdat", "BDAT")
        else:
            self.reply("250 2.0.0 chunk")

    def finish(self, body: bytes, stage: str, by: str) -> None:
        def accept():
            received, rest = split_received(body)
            number = NUMBER.search(rest)
            event = {"event": "message", "connection": self.number, "from": self.sender, "parameters": self.parameters.strip(),
                     "to": self.recipients, "size": len(body), "digest": digest(rest), "by": by,
                     "number": int(number[1]) if number else None}
            if self.sink.bodies:
                event |= {"received": received.decode("latin-1"), "body": rest.decode("latin-1")}
            self.sink.write(**event)
            self.messages += 1
            self.reply("250 2.0.0 stored")
            self.forget()
            if self.sink.per_connection and self.messages >= self.sink.per_connection:
                self.reply("421 4.7.0 enough for one connection")
                self.close()
        if self.stage(stage, self.recipients[0] if self.recipients else "", accept) and not self.held:
            self.forget()


async def main() -> None:
    options = json.loads(sys.argv[1])
    sink = Sink(options)
    loop = asyncio.get_running_loop()
    port = 0
    for address in options["listen"]:
        host, _, wanted = address.rpartition(":")
        server = await loop.create_server(lambda: Session(sink), host, int(wanted) or port, backlog=4096)
        name = server.sockets[0].getsockname()
        port = name[1] if options.get("same_port") else 0
        print(f"listening {name[0]}:{name[1]}", flush=True)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
