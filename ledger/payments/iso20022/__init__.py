"""The bank's files (ISO 20022): statements read, transfer and debit orders written, answers read.

Pure: bytes in, values out, and values in, bytes out. Nothing here opens a database.
"""
