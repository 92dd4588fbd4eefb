#!/usr/bin/env python3
"""Sign in to an MCP server from a program without a browser, and call one of its tools.

Python 3.9 or newer, standard library only. Everything is found from the server's address: where to sign in (RFC 9728),
how (RFC 8414), as which client (RFC 7591 unless --client-id), and the code to show the person (RFC 8628).

    python3 examples/device-login.py
    python3 examples/device-login.py --url https://mcp.example.com/mcp --tool greet --arguments '{"name": "Ada"}'

Left out, to stay short: keeping and refreshing the token (the `gatehouse` command does both, see packages/client).
"""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TIMEOUT = 30  # seconds for one request
LONGEST_PAUSE = 60  # seconds between two polls, whatever the server asks for


class Failure(Exception):
    """Something to tell the person: one sentence, no traceback."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None  # a token must not follow a redirect


opener = urllib.request.build_opener(NoRedirects)


def main():
    options = read_options()
    resource, server, scope = discover(options.url)
    client_id = options.client_id or register(server)
    token = sign_in(server, client_id, resource, options.scope or scope)
    print(call_tool(options.url, token, options.tool, options.arguments))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://localhost:3000/mcp", help="the MCP server (default: %(default)s)")
    parser.add_argument("--client-id", help="a client id to use instead of registering")
    parser.add_argument("--scope", help="scopes to ask for (default: what the server asks for)")
    parser.add_argument("--tool", default="greet", help="the tool to call (default: %(default)s)")
    parser.add_argument("--arguments", type=json.loads, default={"name": "world"}, help="its arguments, as JSON")
    return parser.parse_args()


# -- discovery ---------------------------------------------------------------------------------------------------------


def discover(url):
    """From the MCP server's address to (resource identifier, authorization server metadata, scope to ask for)."""
    status, headers, _ = request(url, {"jsonrpc": "2.0", "id": 0, "method": "ping"}, mcp_headers())
    challenge = headers.get("www-authenticate", "") if status == 401 else ""
    place = challenge_parameter(challenge, "resource_metadata") or well_known(url, "oauth-protected-resource")
    protected = get_json(place) or get_json(well_known(origin(url), "oauth-protected-resource"))
    if not protected:
        raise Failure(f"{url} does not say how to sign in (no RFC 9728 metadata).")
    resource = protected.get("resource", "")
    if not (url + "/").startswith(resource.rstrip("/") + "/"):
        raise Failure(f"The metadata of {url} is for another address: {clean(resource)}")
    issuer = (protected.get("authorization_servers") or [""])[0]
    server = get_json(well_known(issuer, "oauth-authorization-server")) or get_json(well_known(issuer, "openid-configuration"))
    if not server or server.get("issuer") != issuer:
        raise Failure(f"{clean(issuer)} publishes no metadata of its own (RFC 8414).")
    if "device_authorization_endpoint" not in server:
        raise Failure(f"{clean(issuer)} offers no sign-in for devices (RFC 8628).")
    return resource, server, challenge_parameter(challenge, "scope") or " ".join(protected.get("scopes_supported", []))


def challenge_parameter(challenge, name):
    found = re.search(rf'\b{name}="([^"]*)"', challenge)
    return found.group(1) if found else None


def well_known(url, name):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path.rstrip('/')}"


def origin(url):
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# -- signing in --------------------------------------------------------------------------------------------------------


def register(server):
    """A client id of our own (RFC 7591). A real program does this once and keeps it."""
    if "registration_endpoint" not in server:
        raise Failure(f"{server['issuer']} does not register programs by itself: give a --client-id.")
    metadata = {
        "client_name": "Gatehouse Python example",
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE_GRANT, "refresh_token"],
        "response_types": [],
        "redirect_uris": [],
    }
    status, _, body = request(server["registration_endpoint"], metadata)
    answer = parse(body)
    if status not in (200, 201) or "client_id" not in answer:
        raise Failure(f"The server did not register this program: {refusal(answer, status)}")
    return answer["client_id"]


def sign_in(server, client_id, resource, scope):
    """The device flow: show a code, then ask until the person has approved it. Returns an access token."""
    wanted = {"client_id": client_id, "resource": resource, **({"scope": scope} if scope else {})}
    status, _, body = request(server["device_authorization_endpoint"], form=wanted)
    device = parse(body)
    if status != 200:
        raise Failure(f"The server did not start the sign-in: {refusal(device, status)}")

    address = safe_address(device.get("verification_uri_complete") or device["verification_uri"])
    print(f"\n  Open   {address}\n  Code   {clean(device['user_code'], 40)}\n", file=sys.stderr)
    print("  On any device. The page must show the same code. Ctrl-C to stop.\n", file=sys.stderr)

    interval = device.get("interval", 5)
    pause = interval if isinstance(interval, (int, float)) and interval > 0 else 5
    deadline = time.monotonic() + min(device["expires_in"], 1800)
    poll = {"grant_type": DEVICE_GRANT, "device_code": device["device_code"], "client_id": client_id, "resource": resource}
    while True:
        pause = min(max(pause, 1), LONGEST_PAUSE)
        if time.monotonic() + pause > deadline:
            raise Failure("Nobody approved the sign-in in time. Start again.")
        time.sleep(pause)
        try:
            status, _, body = request(server["token_endpoint"], form=poll)
        except Failure:
            pause *= 2  # RFC 8628 §3.5: a network that fails is asked less often
            continue
        answer = parse(body)
        if status == 200:
            return answer["access_token"]
        error = answer.get("error")
        if error == "slow_down":
            pause += 5
        elif status >= 500:
            pause *= 2
        elif error == "access_denied":
            raise Failure("The sign-in was refused; nothing was shared.")
        elif error == "expired_token":
            raise Failure("The code has expired. Start again.")
        elif error != "authorization_pending":
            raise Failure(f"The server refused the sign-in: {refusal(answer, status)}")


# -- the MCP server ----------------------------------------------------------------------------------------------------


def call_tool(url, token, name, arguments):
    """One stateless tools/call (Streamable HTTP, 2025-11-25), answered as JSON or as a stream of events."""
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    status, headers, body = request(url, message, {**mcp_headers(), "authorization": f"Bearer {token}"})
    if status != 200:
        raise Failure(f"{url} answered {status}: {clean(headers.get('www-authenticate') or body)}")
    events = re.findall(r"^data: ?(.*)$", body, re.MULTILINE) if "event-stream" in headers["content-type"] else [body]
    answer = next((one for one in map(parse, events) if one.get("id") == 1), {})
    if "error" in answer:
        raise Failure(f"{name}: {clean(answer['error'].get('message', ''))}")
    result = answer.get("result", {})
    text = "\n".join(clean(part.get("text", f"[{part.get('type')}]"), 10_000) for part in result.get("content", []))
    if result.get("isError"):
        raise Failure(f"{name}: {text}")
    return text


def mcp_headers():
    return {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}


# -- HTTP and text -----------------------------------------------------------------------------------------------------


def request(url, message=None, headers=None, form=None):
    """One request: POST with a JSON message or a form, GET without. Returns (status, headers, text), errors included."""
    headers = dict(headers or {})
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif message is not None:
        data = json.dumps(message).encode()
        headers["content-type"] = "application/json"
    outgoing = urllib.request.Request(safe_address(url), data, headers)
    try:
        with opener.open(outgoing, timeout=TIMEOUT) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode(errors="replace")
    except (urllib.error.URLError, OSError) as error:
        raise Failure(f"Could not reach {origin(url)}: {clean(str(getattr(error, 'reason', error)))}") from None


def get_json(url):
    status, _, body = request(url)
    return parse(body) if status == 200 else None


def parse(text):
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    return value if isinstance(value, dict) else {}


def safe_address(url):
    """The address, if it is https, or http on this computer: nothing else is fetched or shown."""
    parts = urllib.parse.urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    plain = url.isascii() and url.isprintable() and "@" not in parts.netloc
    if plain and (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return url
    raise Failure(f"Not a safe address: {clean(url)}")


def clean(text, limit=200):
    """Text from a server without what a terminal would act on, and not without end."""
    return "".join(char for char in str(text)[:limit] if char.isprintable() or char == "\n")


def refusal(answer, status):
    return clean(": ".join(filter(None, [answer.get("error"), answer.get("error_description")])) or f"status {status}")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"✗ {failure}")
    except KeyError as missing:
        sys.exit(f"✗ An answer of the server lacks {missing}.")
    except KeyboardInterrupt:
        sys.exit(130)
