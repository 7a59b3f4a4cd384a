"""npm's smtp-server (of the authors of nodemailer), in a process of its own."""

import json
import os
import shutil
from pathlib import Path

from . import place
from .sink import RecordingServer

MODULES = Path(os.environ.get("ANGARIUM_PEERS", place.ROOT / "build/peers")).resolve() / "node/node_modules"

SERVER = """
const fs = require("fs"), { SMTPServer } = require("smtp-server");
const o = JSON.parse(process.argv[2]);
const server = new SMTPServer({
  secure: o.implicit, cert: fs.readFileSync(o.chain), key: fs.readFileSync(o.key), authOptional: !o.user, name: "node.test",
  authMethods: o.mechanisms, disabledCommands: o.user ? [] : ["AUTH"],
  onAuth: (auth, session, done) => auth.username === o.user && auth.password === o.password
    ? done(null, { user: auth.username }) : done(new Error("Invalid username or password")),
  onData(stream, session, done) {
    let text = "";
    stream.on("data", part => text += part.toString("latin1"));
    stream.on("end", () => {
      fs.appendFileSync(o.record, JSON.stringify({ tls: session.secure, user: session.user || "", from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map(r => r.address), content: text }) + "\\n");
      done(null, "stored");
    });
  },
});
server.on("error", error => console.log("error " + error.message));
server.listen(0, "127.0.0.1", () => console.log("listening 127.0.0.1:" + server.server.address().port + "\\nready"));
"""


def node_missing(module: str) -> str | None:
    """Why there is none of it here; None: there is."""
    if shutil.which("node") is None:
        return "no node here"
    return None if (MODULES / module).is_dir() else f"{MODULES} has no {module}; tests/support/deps says why"


class SmtpServer(RecordingServer):
    def __init__(self, folder: Path, chain: Path, key: Path, *, implicit: bool = False, user: str = "", password: str = "", mechanisms=("PLAIN", "LOGIN")):
        super().__init__("smtp-server", folder)
        self.options = {"chain": str(chain), "key": str(key), "record": str(self.record), "implicit": implicit, "user": user,
                        "password": password, "mechanisms": list(mechanisms)}

    def start(self) -> "SmtpServer":
        script = self.folder / "server.js"
        script.write_text(SERVER)
        self.spawn(["node", script, json.dumps(self.options)], env={**os.environ, "NODE_PATH": str(MODULES)})
        self.wait_ready()
        return self
