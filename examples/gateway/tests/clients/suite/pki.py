"""A test CA and a server certificate for localhost, made with openssl."""

import subprocess
from typing import NamedTuple


class Certificates(NamedTuple):
    ca: object
    certificate: object
    key: object


def make_certificates(folder):
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,DNS:*.localhost\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", folder / "ca.key", "-out", made.ca, "-subj", "/CN=test CA", "-days", "2")
    openssl("req", *curve, "-keyout", made.key, "-out", folder / "server.csr", "-subj", "/CN=localhost")
    signer = ["-CA", made.ca, "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", names, "-days", "1"]
    openssl("x509", "-req", "-in", folder / "server.csr", *signer, "-out", made.certificate)
    made.key.chmod(0o644)
    return made


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
