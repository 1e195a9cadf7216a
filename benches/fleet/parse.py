"""Reads the certificates of a PEM file again and again, and tells how many a second of processor time: only loaded, with
the facts that certwright tells but for the public key, and with that, for which cryptography makes an object of it."""
import hashlib
import sys
import time
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


warnings.simplefilter("ignore")


def facts(one):
    """What certwright tells of a certificate but for its public key."""
    told = [
        one.subject.rfc4514_string(),
        one.issuer.rfc4514_string(),
        format(one.serial_number, "x"),
        one.not_valid_before_utc.timestamp(),
        one.not_valid_after_utc.timestamp(),
        one.fingerprint(hashes.SHA256()),
    ]
    for kind in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.BasicConstraints):
        try:
            told.append(one.extensions.get_extension_for_class(kind).value)
        except x509.ExtensionNotFound:
            pass
    return told


def all_facts(one):
    """Everything."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return facts(one), hashlib.sha256(one.public_key().public_bytes(*form)).digest()


def rate(pem, work):
    """Certificates a second, over half a second at least."""
    count, start = 0, time.process_time()
    while time.process_time() - start < 0.5:
        for one in x509.load_pem_x509_certificates(pem):
            work(one)
            count += 1
    return count / (time.process_time() - start)


pem = open(sys.argv[1], "rb").read()
print(len(x509.load_pem_x509_certificates(pem)), rate(pem, lambda one: None), rate(pem, facts), rate(pem, all_facts))
