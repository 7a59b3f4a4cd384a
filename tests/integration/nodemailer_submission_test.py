"""nodemailer submits over TLS with the mechanisms that it knows."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import place
from support.submission import MODES, PASSWORD, Submission, USER, WRONG

FOLDER = Path(os.environ.get("ANGARIUM_PEERS", place.ROOT / "build/peers")) / "node"
MISSING = ("node is not installed" if not shutil.which("node") else
           None if (FOLDER / "node_modules/nodemailer").exists() else
           f"nodemailer is not there: {place.tail(FOLDER / '.missing', 1)}")
pytestmark = [pytest.mark.once, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]

# What is to be done comes on standard input; the outcome goes to standard output.
SCRIPT = """
const fs = require('fs');
const task = JSON.parse(fs.readFileSync(0));
const transport = require('nodemailer').createTransport(task.transport);
transport.sendMail(task.message).then(
  (done) => console.log(JSON.stringify(done)),
  (error) => console.log(JSON.stringify({code: error.code, responseCode: error.responseCode, response: error.response,
                                         message: error.message})));
"""


def submit(relay, password: str, mechanism: str) -> dict:
    transport = {"host": "localhost", "port": relay.smtp[1], "secure": relay.mode == "implicit",
                 "requireTLS": True, "name": "client.test", "authMethod": mechanism, "auth": {"user": USER, "pass": password},
                 "tls": {"ca": relay.authority.certificate.read_text(), "servername": "relay.test"}}
    message = {"from": f"Jack <{USER}>", "to": ["jill@hill.test", "joe@hill.test"], "subject": "Grüße",
               "text": "Wasser holen\n.Punkt\n", "html": "<p>Wasser</p>", "attachments": [{"filename": "x.txt", "content": "y" * 5000}]}
    done = subprocess.run(["node", "-e", SCRIPT], input=json.dumps({"transport": transport, "message": message}), capture_output=True,
                          text=True, timeout=60 * place.SLOWDOWN, env={**os.environ, "NODE_PATH": str(FOLDER / "node_modules")})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_logs_in_and_submits(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = submit(relay, PASSWORD, mechanism)
    assert done.get("response", "").startswith("250 2.0.0 queued as "), done
    stored = relay.arrived(sink)
    assert stored["from"] == USER and stored["to"] == ["jill@hill.test", "joe@hill.test"]
    assert "Wasser holen\r\n.Punkt\r\n" in stored["body"] and "multipart/mixed" in stored["body"]
    relay.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("mode", MODES)
def test_wrong_password(start, sink, mode, mechanism):
    relay = start(Submission, mode, sink.address)
    done = submit(relay, WRONG, mechanism)
    assert done.get("code") == "EAUTH" and done["responseCode"] == 535 and "5.7.8" in done["response"], done
    relay.nothing_came()
    relay.stop()
