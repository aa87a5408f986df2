"""Adapters of the port to a private key that lies elsewhere than in a file of ours."""
