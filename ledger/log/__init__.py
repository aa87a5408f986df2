"""The transparency log: RFC 6962 tree and C2SP formats, over bytes alone. No database, no network, no clock."""
