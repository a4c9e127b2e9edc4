"""A small real OpenID Connect provider over HTTP, for tests: discovery, keys, authorisation, token, userinfo."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "sightpost", "client-secret-of-the-tests"


@dataclass
class Provider:
    """`claims` are of whoever logs in there next; `deny`: they press Cancel."""

    address: str
    claims: dict[str, Any] = field(default_factory=dict)
    deny: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def discovery(self) -> dict[str, Any]:
        ends = {name: f"{self.address}/{name}" for name in ("authorize", "token", "userinfo", "jwks")}
        return {
            "issuer": self.address,
            "authorization_endpoint": ends["authorize"],
            "token_endpoint": ends["token"],
            "userinfo_endpoint": ends["userinfo"],
            "jwks_uri": ends["jwks"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert "openid" in query["scope"].split()
        if self.deny:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(form.get("code", ""), None)  # a code is good once
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        right = asked is not None and form.get("client_secret") == SECRET and asked.get("code_challenge") == proof
        if asked is None or not right or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        said = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, **self.claims}
        signed = jwt.encode(said, self.key, algorithm="RS256", headers={"kid": "k1"})
        return 200, {"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": signed}


@contextmanager
def serving() -> Iterator[Provider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = False
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.provider = provider  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        at = urlsplit(self.path)
        if at.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", provider.authorize({name: values[0] for name, values in parse_qs(at.query).items()}))
            self.end_headers()
            return
        public = json.loads(RSAAlgorithm.to_jwk(provider.key.public_key()))
        said: dict[str, Any] = {
            "/.well-known/openid-configuration": provider.discovery(),
            "/jwks": {"keys": [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]},
            "/userinfo": provider.claims if self.headers["Authorization"] == "Bearer access" else {},
        }
        self._say(200 if at.path in said else 404, said.get(at.path, {}))

    def do_POST(self) -> None:
        provider: Provider = self.server.provider  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._say(*provider.token({name: values[0] for name, values in parse_qs(body).items()}))

    def _say(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Tests say themselves what they ask for."""
