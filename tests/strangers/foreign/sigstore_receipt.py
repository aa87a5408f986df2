"""Judge a receipt with sigstore-python: `sigstore_receipt.py FILE` says `accepted` or `refused`.

Runs in an environment of its own, which holds nothing of this project.
"""

import json
import sys
from pathlib import Path

told = json.loads(Path(sys.argv[1]).read_bytes())
