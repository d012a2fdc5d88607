"""A certificate authority for tests: what is good, what is old, what is for another host."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY: Final = datetime.timedelta(days=1)
_SIGNS: Final = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip


class Authority:
    """A certificate authority of the test's own; `trusted` is its certificate as a file."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test {place.name}")])
        now = datetime.datetime.now(datetime.UTC)
        own = self._certificate(
            self._name, self._key.public_key(), begins=now - 3650 * DAY, ends=now + 3650 * DAY
        )
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        own = own.add_extension(constraint, critical=True)
        place.mkdir(parents=True, exist_ok=True)
        self.trusted = place / "ca.pem"
        signed = own.add_extension(_SIGNS, critical=True).sign(self._key, hashes.SHA256())
        self.trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def certify(
        self,
        context: ssl.SSLContext,
        *,
        name: str = "127.0.0.1",
        begins: datetime.timedelta = -DAY,
        ends: datetime.timedelta = 2 * DAY,
    ) -> Path:
        """Give a server a certificate for this host, valid between these times from now.

        Returns the file that holds it and its key.
        """
        now = datetime.datetime.now(datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._certificate(
            subject, key.public_key(), begins=now + begins, ends=now + ends
        ).add_extension(x509.SubjectAlternativeName([_called(name)]), critical=False)
        chain = self._place / "chain.pem"
        chain.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(chain)
        return chain

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        begins: datetime.datetime,
        ends: datetime.datetime,
    ) -> x509.CertificateBuilder:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            # Python 3.13 and later insist on these two.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(issuer, critical=False)
        )


def _called(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
