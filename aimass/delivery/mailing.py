"""Mail, handed to a server: at the address that was looked at, under the name that its certificate must bear."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from email.message import EmailMessage

import aiosmtplib

from aimass.delivery.answers import Answer
from aimass.delivery.guard import Target
from aimass.delivery.receivers import Receiver, Secrets

_SMTPS = 465


async def send_mail(
    message: EmailMessage, receiver: Receiver, secrets: Secrets, target: Target, context: ssl.SSLContext
) -> Answer:
    """Hand a mail to a server: encrypted where the server can, and always when a password goes along.

    Parameters
    ----------
    receiver
        ``allow_internal`` lets a password go to a server that cannot encrypt.
    target
        The server, looked at.
    context
        Whom to trust.
    """
    bare = receiver.allow_internal or all(ipaddress.ip_address(one).is_loopback for one in target.addresses)
    try:
        refused, _ = await aiosmtplib.send(
            message,
            hostname=target.host,
            sock=await _connected(target, receiver.timeout),
            use_tls=target.port == _SMTPS,
            start_tls=False if target.port == _SMTPS else True if secrets.password and not bare else None,
            tls_context=context,
            username=secrets.user or None,
            password=secrets.password or None,
            timeout=receiver.timeout,
        )
    except aiosmtplib.SMTPRecipientsRefused as exc:
        said = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in exc.recipients)[:500]
        passes = any(400 <= one.code < 500 for one in exc.recipients)
        return Answer("retrying" if passes else "failed", exc.recipients[0].code, said)
    except aiosmtplib.SMTPResponseException as exc:
        passes = 400 <= exc.code < 500
        return Answer("retrying" if passes else "failed", exc.code, f"{exc.code} {exc.message}"[:500])
    except aiosmtplib.SMTPException as exc:
        return Answer("retrying", error=f"{type(exc).__name__}: {exc}"[:500])
    if not refused:
        return Answer("sent")
    said = "; ".join(f"{to}: {answer.code} {answer.message}" for to, answer in refused.items())
    return Answer("sent", error=f"but not to {said}"[:500])


async def _connected(target: Target, timeout: float) -> socket.socket:
    """Connect to the first address that answers."""
    failure: OSError = OSError(f"{target.host} has no address")
    for address in target.addresses:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.setblocking(False)
        try:
            async with asyncio.timeout(timeout / len(target.addresses)):
                await asyncio.get_running_loop().sock_connect(made, (address, target.port))
                return made
        except OSError as exc:
            failure = exc
            made.close()
        except asyncio.CancelledError:
            made.close()
            raise
    raise failure
