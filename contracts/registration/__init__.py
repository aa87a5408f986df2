"""The register of proxi loans, which the Fund keeps: what is filed for each agreement, and what it answered."""
