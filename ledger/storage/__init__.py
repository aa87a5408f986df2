"""Where the record is kept: tables, the seal in the database itself, engines, keys; alike on SQLite and PostgreSQL."""
