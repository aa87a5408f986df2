"""Judge a timestamp with rfc3161-client: `timestamps.py TOKEN FILE CERTIFICATE` says `accepted` or `refused`.

Runs in an environment of its own, which holds nothing of this project.
"""

import sys
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

token, data, pem = (Path(name).read_bytes() for name in sys.argv[1:4])
certificate = load_pem_x509_certificate(pem)
verifier = VerifierBuilder().tsa_certificate(certificate).add_root_certificate(certificate).build()
try:
    verifier.verify_message(decode_timestamp_response(token), data)
except (VerificationError, ValueError):
    sys.stdout.write("refused\n")
else:
    sys.stdout.write("accepted\n")
