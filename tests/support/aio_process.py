"""aiosmtpd as a process: prints its address and `ready`, appends each message to the file named by its argument.

With user, password and, separated by commas, mechanisms behind it: takes no mail without AUTH. With --tls starttls|implicit,
certificate and key before it: no mail without TLS."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Recorder:
    def __init__(self, path: str):
        self.file = open(path, "a", buffering=1)

    async def handle_DATA(self, server, session, envelope):
        self.file.write(json.dumps({"helo": session.host_name, "tls": bool(session.ssl) or server.transport.get_extra_info("cipher") is not None, "from": envelope.mail_from, "to": envelope.rcpt_tos,
                                    "options": envelope.mail_options, "content": envelope.original_content.decode("latin-1")}) + "\n")
        return "250 2.0.0 stored"


def auth_options(user: str, password: str, mechanisms: str) -> dict:
    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)
    return {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False,
            "auth_exclude_mechanism": {"PLAIN", "LOGIN"} - set(mechanisms.split(","))}


async def main() -> None:
    arguments = sys.argv[1:]
    mode, context = None, None
    if arguments[0] == "--tls":
        mode, context = arguments[1], ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*arguments[2:4])
        arguments = arguments[4:]
    recorder = Recorder(arguments[0])
    options = auth_options(*arguments[1:]) if len(arguments) > 1 else {}
    if mode == "starttls":
        options.update(tls_context=context, require_starttls=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(recorder, enable_SMTPUTF8=True, hostname="aiosmtpd.test", loop=loop, **options),
                                      "127.0.0.1", 0, ssl=context if mode == "implicit" else None)
    host, port = server.sockets[0].getsockname()
    print(f"listening {host}:{port}\nready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
