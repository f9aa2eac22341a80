"""Old names of keywords that plugins may still use."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pinflow.errors import warn_renamed

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def renamed_keywords(**names: str) -> Callable[[F], F]:
    """Accept keywords by their old names as well, with a warning; signature and help show the new ones alone."""

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old in names.keys() & kwargs.keys():
                warn_renamed(f"{function.__name__}({old}=)", f"{function.__name__}({names[old]}=)")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return cast("F", call)

    return decorate
