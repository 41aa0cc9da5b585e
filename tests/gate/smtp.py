"""A mail server on loopback. Prints each received mail as a line of JSON. Without modes, it uses no TLS and no login.

    smtp.py PORT [tls|starttls CERTIFICATE KEY] [login NAME PASSWORD]
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("sslcontext") is not None,
            "login": session.authenticated,
            "mail": envelope.content.decode(),
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


async def main():
    port, *modes = sys.argv[1:]
    context, starttls, login = None, False, None
    while modes:
        match modes:
            case ["tls" | "starttls" as kind, certificate, key, *modes]:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate, key)
                starttls = kind == "starttls"
            case ["login", name, password, *modes]:
                login = LoginPassword(name.encode(), password.encode())

    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=data == login)

    def protocol():
        return SMTP(
            Keep(),
            loop=asyncio.get_running_loop(),
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if login else None,
            auth_required=login is not None,
            auth_require_tls=starttls,
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "localhost", int(port), ssl=None if starttls else context
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(main())
