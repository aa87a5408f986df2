"""Every field of a form whose names follow from data."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request


async def typed_fields(request: Request) -> Mapping[str, str]:
    """The fields as they were typed; files are left out."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


Typed = Annotated[Mapping[str, str], Depends(typed_fields)]
