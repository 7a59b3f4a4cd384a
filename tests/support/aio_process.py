"""aiosmtpd as a process: prints its address and `ready`, appends each message to the file named by its argument.

With user, password and, separated by commas, mechanisms behind it: takes no mail without AUTH."""

import asyncio
import json
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Recorder:
    def __init__(self, path: str):
        self.file = open(path, "a", buffering=1)

    async def handle_DATA(self, server, session, envelope):
        self.file.write(json.dumps({"helo": session.host_name, "from": envelope.mail_from, "to": envelope.rcpt_tos,
                                    "options": envelope.mail_options, "content": envelope.original_content.decode("latin-1")}) + "\n")
        return "250 2.0.0 stored"


def auth_options(user: str, password: str, mechanisms: str) -> dict:
    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)
    return {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False,
            "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - set(mechanisms.split(","))}


async def main() -> None:
    recorder = Recorder(sys.argv[1])
    auth = auth_options(*sys.argv[2:]) if len(sys.argv) > 2 else {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(recorder, enable_SMTPUTF8=True, hostname="aiosmtpd.test", loop=loop, **auth),
                                      "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"listening {host}:{port}\nready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
