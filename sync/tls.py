"""TLS between gateway, broker and registry: one authority is believed, the host name is checked, TLS 1.2 at least. There is no
way to ask for less."""

import os
import ssl
from dataclasses import dataclass, field


class TlsUnusable(ValueError):
    """These texts are no certificates that fit together; the message names the one at fault, and quotes none."""


@dataclass(frozen=True, slots=True)
class Tls:
    """All PEM. Without certificate and key we show none, and log in by a password."""

    ca: str  # who vouches for the broker; no other authority is believed
    certificate: str | None = None  # ours, followed by those between it and its authority
    key: str | None = field(default=None, repr=False)


class _Closing(ssl.SSLSocket):
    """paho lets go of a socket whose handshake fails without closing it."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return what to connect with. Raises TlsUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
    context.sslsocket_class = _Closing
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=tls.ca)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
        raise TlsUnusable("ca: not a certificate in PEM") from None
    if not context.cert_store_stats()["x509_ca"]:
        raise TlsUnusable("ca: not the certificate of an authority")
    if tls.certificate is not None or tls.key is not None:
        _load_ours(context, tls.certificate or "", tls.key or "")
    return context


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return what to listen with, as whom this certificate says. Raises TlsUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_ours(context, certificate, key)
    return context


def _load_ours(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """OpenSSL's Python face reads keys from files only: it gets one in memory that no other process has a name for."""
    file = os.memfd_create("key", os.MFD_CLOEXEC)
    try:
        with os.fdopen(file, "wb", closefd=False) as out:
            out.write(f"{key.strip()}\n{certificate.strip()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{file}", password="")  # an encrypted key must not ask the terminal
    except (ssl.SSLError, ValueError):
        raise TlsUnusable("certificate and key: not PEM, or they do not belong together") from None
    finally:
        os.close(file)
