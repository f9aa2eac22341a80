"""The scopes of API v5.

Source: https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
"""

from __future__ import annotations

_V5 = """
    ads:read ads:write billing:read billing:write biz_access:read biz_access:write boards:read
    boards:read_secret boards:write boards:write_secret catalogs:read catalogs:write msot:write pins:read
    pins:read_secret pins:write pins:write_secret user_accounts:read user_accounts:write
"""
V5_SCOPES = frozenset(_V5.split())
