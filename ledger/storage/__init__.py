"""Where the record is kept: tables, the seal in the database itself, engines, keys; the same on SQLite and PostgreSQL."""
