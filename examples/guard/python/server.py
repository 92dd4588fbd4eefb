"""An MCP server in Python behind Gatehouse: python3 server.py [issuer] [port]. Needs mcp 2 and pyjwt[crypto]: see README.md."""

import asyncio
import json
import sys
import urllib.request

import jwt
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

issuer = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:4000"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 3001
resource = f"http://localhost:{port}/mcp"


class GatehouseTokens:
    """Judges access tokens as RFC 9068 section 4 has it. Does not ask the issuer whether a token was revoked."""

    def __init__(self) -> None:
        with urllib.request.urlopen(f"{issuer}/.well-known/oauth-authorization-server", timeout=5) as answer:
            metadata = json.load(answer)
        if metadata["issuer"] != issuer:
            raise SystemExit(f"{issuer} says that it is {metadata['issuer']}")
        self.keys = jwt.PyJWKClient(metadata["jwks_uri"], lifespan=300, timeout=5)

    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            claims = await asyncio.to_thread(self.claims_of, token)
        except jwt.PyJWKClientConnectionError:
            raise  # the key set cannot be had: that is not the token's fault
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token="",  # nothing behind this point has a use for it
            client_id=claims["client_id"],
            scopes=claims.get("scope", "").split(),
            expires_at=claims["exp"],
            resource=resource,
            subject=claims["sub"],
            claims={"iss": issuer},
        )

    def claims_of(self, token: str) -> dict:
        if jwt.get_unverified_header(token).get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
            raise jwt.InvalidTokenError("not an access token")
        claims = jwt.decode(
            token,
            self.keys.get_signing_key_from_jwt(token).key,
            algorithms=["ES256"],
            issuer=issuer,
            audience=resource,
            leeway=30,
            options={"require": ["iss", "aud", "sub", "client_id", "exp", "iat", "jti"]},
        )
        if claims["aud"] not in (resource, [resource]) or "cnf" in claims:
            raise jwt.InvalidTokenError("for others too, or bound to a key")
        return claims


server = MCPServer(
    "things",
    token_verifier=GatehouseTokens(),
    auth=AuthSettings(
        issuer_url=issuer,
        resource_server_url=resource,
        required_scopes=["mcp:tools:read"],
        validate_token_resource=True,
    ),
)


@server.tool()
def whoami() -> str:
    """Who you are"""
    caller = get_access_token()
    return caller.subject if caller else "nobody"


server.run("streamable-http", host="127.0.0.1", port=port)
