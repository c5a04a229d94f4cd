"""Real receivers on loopback: they answer as they are told, and keep what they got."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

from aimass.pipeline.alerting import ReceiverDef
from aimass.records import Notification, Source, Told

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"


def as_a_test():
    """Return the TLS of a server whose certificate is of a.test, by an authority of these tests."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATES / "a.test.pem")
    return context


class Web:
    """An HTTP server that answers with the bytes that it is given, one after the other; the last again and again."""

    def __init__(self, *answers):
        self.answers, self.got, self.connections = list(answers), [], 0

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                raw = dict(line.split(": ", 1) for line in lines[1:] if line)
                self.got.append((lines[0], {name.lower(): value for name, value in raw.items()}, body))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    await answer(writer)
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def said(status, text="", **headers):
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(text)}\r\n{more}\r\n{text}".encode()


@asynccontextmanager
async def web(*answers, tls=None):
    """Yield a server and its URL."""
    served = Web(*answers)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield served, f"http{'s' if tls else ''}://127.0.0.1:{port}/hook?x=1"
    finally:
        server.close()


def receiver(url=None, kind="webhook", name="pager", **more):
    more.setdefault("allow_internal", True)
    more.setdefault("timeout", 2.0)
    return ReceiverDef(name=name, kind=kind, url=url, **more)


def told(**more):
    values = {"alert": "3f", "key": "c7", "rule": "many", "severity": "critical", "state": "firing"}
    return Told(**{**values, "cause": "31 <in> a minute", "since": 1.7e9, **more})


def notification(id="n1", receiver="pager", alerts=None, **more):
    alerts = [told()] if alerts is None else alerts
    values = {"kind": "firing", "group": "rule=many", "severity": "critical", "title": "critical: many of c7"}
    return Notification(id, receiver, 1.7e9, "shop", Source("s", 0, 1), receiver, **{**values, **more}, alerts=alerts)
