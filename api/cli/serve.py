"""`bxl serve`: pages and JSON API in one process."""

import os

import click

from api.cli.options import book_options, settings_for
from api.cli.run import is_free

EXIT_UNAVAILABLE = 2


@click.command("serve")
@book_options
def serve(database: str | None, book: str | None) -> int:
    """Serve pages and JSON API on BXL_HOST and BXL_PORT until told to stop."""
    settings = settings_for(database, book)
    if not is_free(settings.host, settings.port):
        other = f"BXL_PORT={settings.port + 1}"
        click.echo(f"Port {settings.port} is taken: stop what uses it, or choose another with {other}.", err=True)
        return EXIT_UNAVAILABLE
    # the factory reads the settings again in this process: hand it what the options changed
    os.environ |= {"BXL_DATA": str(settings.data), "BXL_DATABASE": settings.database_url, "BXL_BOOK": settings.book_id}
    import uvicorn  # noqa: PLC0415 -- a slow import that only this command needs

    from api.diagnostics import configure_diagnostics  # noqa: PLC0415 -- the same

    configure_diagnostics()
    uvicorn.run(
        "frontend.site:create",
        factory=True,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return 0
