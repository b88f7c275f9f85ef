"""Receives Ringback's callbacks with the standard library of Python 3.10 or newer alone: verifies, answers, then works.

    RINGBACK_SIGNING_SECRET=whsec_... RINGBACK_URL=http://127.0.0.1:4747 RINGBACK_API_KEY=rb_... python3 python_receiver.py

`verify` is all of Standard Webhooks that a receiver needs; with pip there is also the official `standardwebhooks`.
http.server is for trying out and small loads: in production call `verify` from your framework, with the raw body.
"""

import base64
import hashlib
import hmac
import json
import os
import queue
import sys
import threading
import time
import urllib.request
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PORT = int(os.environ.get("PORT", "4848"))
# The key is what the base64 after `whsec_` stands for, not its text.
KEY = base64.b64decode(os.environ["RINGBACK_SIGNING_SECRET"].removeprefix("whsec_"), validate=True)
RINGBACK_URL = os.environ.get("RINGBACK_URL", "")
RINGBACK_API_KEY = os.environ.get("RINGBACK_API_KEY", "")

LIMIT = 20 * 1024 * 1024  # bytes; two hours of speech are several megabytes
TOLERANCE = 5 * 60  # seconds between the sender's clock and ours


class Refused(Exception):
    """The request is not Ringback's, or too old."""


class Unreadable(Exception):
    """The body cannot be unpacked; with the status to answer."""


def unpack(encoding: str, body: bytes) -> bytes:
    """With `"compression": "gzip"` the body comes packed. The signature is over the JSON in it."""
    if encoding == "identity":
        return body
    if encoding != "gzip":
        # Ringback then sends it once more, unpacked.
        raise Unreadable(415)
    gzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # A few kilobytes may unpack to gigabytes: no further than what is taken unpacked.
        json_bytes = gzip.decompress(body, LIMIT + 1)
    except zlib.error as error:
        raise Unreadable(400) from error
    if len(json_bytes) > LIMIT:
        raise Unreadable(413)
    if not gzip.eof:
        raise Unreadable(400)
    return json_bytes


def verify(webhook_id: str, timestamp: str, signatures: str, body: bytes) -> None:
    """Raises Refused unless one of the signatures is right for the body's bytes as they arrived."""
    if not timestamp.isdecimal():
        raise Refused("the timestamp is missing or no number")
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        raise Refused("the timestamp is more than 5 minutes off this machine's clock")
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest())
    # Several while a secret is being rotated: one must be right.
    for entry in signatures.split(" "):
        version, _, signature = entry.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), expected):
            return
    raise Refused("no signature is right for this body")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15  # seconds without a byte

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            # The end of the body is unknown, and with it the start of the next request.
            self.close_connection = True
            return self.answer(411)
        body = self.read(int(length))
        if urlsplit(self.path).path != "/hooks/stt":
            return self.answer(404)
        if body is None:
            return self.answer(413)
        webhook_id, timestamp, signatures = (
            self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        try:
            body = unpack(self.headers.get("content-encoding", "identity").lower(), body)
        except Unreadable as reason:
            return self.answer(reason.args[0])
        try:
            verify(webhook_id, timestamp, signatures, body)
        except Refused as reason:
            print(f"refused {webhook_id!r}: {reason}", flush=True)
            return self.answer(401)
        first = remember(webhook_id)
        self.answer(204)
        if first:
            todo.put((webhook_id, body))
        else:
            print(f"duplicate {webhook_id}", flush=True)

    do_PUT = do_POST

    def read(self, length: int) -> bytes | None:
        """The body; None when it is too large. Read to the end then too: an answer on a line with unread bytes can be
        lost in a reset."""
        if length <= LIMIT:
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionResetError("the request broke off")
            return body
        while length > 0 and (chunk := self.rfile.read(min(length, 65536))):
            length -= len(chunk)
        return None

    def answer(self, status: int) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """One line per callback is enough."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # the default is 5 connections

    def handle_error(self, request: object, client_address: object) -> None:
        """A line that was cut is no news: Ringback tries again."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


# In memory: gone with the process and known to it alone. In production insert webhook-id and body into a table with
# webhook-id as its key before answering, and let a worker take them from there.
remembered: dict[str, None] = {}
lock = threading.Lock()
todo: queue.Queue[tuple[str, bytes]] = queue.Queue()


def remember(webhook_id: str) -> bool:
    """Whether this is its first time."""
    with lock:
        if webhook_id in remembered:
            return False
        remembered[webhook_id] = None
        if len(remembered) > 100_000:
            del remembered[next(iter(remembered))]
        return True


def work() -> None:
    while True:
        webhook_id, body = todo.get()
        try:
            print(handle(webhook_id, json.loads(body)), flush=True)
        except Exception as problem:
            # Already answered 2xx, so Ringback will not try again by itself; forgotten, so that a resend is handled.
            with lock:
                remembered.pop(webhook_id, None)
            print(f"failed {webhook_id}: {problem}", flush=True)


def handle(webhook_id: str, callback: dict) -> str:
    job = callback["id"]
    # `success`, or `transcription.success` with RINGBACK_CALLBACK_FORMAT=gladia; errors alike.
    if not callback["event"].endswith("success"):
        error = callback["error"]
        return f"error {webhook_id} job={job} {error['code']}: {error['message']}"
    form = "full" if "payload" in callback else "reference"
    result = callback["payload"] if form == "full" else fetch_result(callback["result_url"])
    text = json.dumps(result["transcription"]["full_transcript"][:80], ensure_ascii=False)
    return f"success {webhook_id} job={job} {form}: {text}"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def fetch_result(url: str) -> dict:
    """The result that was too large to send (`reason: payload_too_large`), or that was asked for by reference."""
    # The key is for our Ringback and nobody else, whatever a URL says or redirects to.
    if urlsplit(url)[:2] != urlsplit(RINGBACK_URL)[:2]:
        raise ValueError(f"{url} is not at {RINGBACK_URL}")
    request = urllib.request.Request(url, headers={"x-gladia-key": RINGBACK_API_KEY})
    with urllib.request.build_opener(NoRedirect).open(request, timeout=60) as answer:
        return json.load(answer)["result"]


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    with Server(("127.0.0.1", PORT), Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_port}/hooks/stt", flush=True)
        server.serve_forever()
