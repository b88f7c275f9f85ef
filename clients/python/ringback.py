"""A client for Ringback, the transcription API that calls you back, and the check of its callbacks.

One file, Python 3.9 or newer, the standard library only: copy it into your project.

    from ringback import Ringback

    ringback = Ringback("http://127.0.0.1:4747", key="...")
    upload = ringback.audio.upload("call.mp3")
    job = ringback.transcriptions.create(
        audio_url=upload["audio_url"],
        callback=True,
        callback_config={"url": "https://app.example.org/hooks"},
    )

and where the callback arrives:

    from ringback import SignatureError, verify

    try:
        event = json.loads(verify(raw_body, request.headers, SIGNING_SECRET))
    except SignatureError:
        ...  # answer 401

Answers are dicts as docs/openapi.json describes them. Whatever fails raises RingbackError.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import os
import socket
import ssl
import time
import zlib
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Ringback", "RingbackError", "SignatureError", "verify"]

JSON = Dict[str, Any]
Body = Union[bytes, BinaryIO]

#: Seconds for one call, and for one that carries a file.
CALL_SECONDS = 30.0
TRANSFER_SECONDS = 900.0
#: The server is asked to wait so long for the end of a transcription: below the patience of proxies.
WAIT_SECONDS = 20
#: Bytes of an unpacked callback; a few kilobytes of gzip may unpack to gigabytes.
MOST_UNPACKED = 64_000_000
#: Seconds that a callback may be older or newer than this machine's clock.
TOLERANCE_SECONDS = 300


class RingbackError(Exception):
    """A call that failed. The message says what is wrong, and the cure.

    code        a code of docs/errors.md, or `unreachable`, `timeout`, `answer_unknown` (what answered is no Ringback)
    status      the HTTP status, or None where there was no answer
    sentences   one a field that is wrong, each beginning with its dotted path
    request_id  the server's log tells more under it
    retry_after seconds after which it may be tried again, or None

    `unreachable` and `timeout` leave open whether a request was taken: send it again with the same `idempotency_key`, and
    nothing is made twice.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: Optional[int] = None,
        sentences: Optional[List[str]] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.sentences = sentences or []
        self.request_id = request_id
        self.retry_after = retry_after


class SignatureError(Exception):
    """A request that no secret of yours signed, or that is too old: answer 401 and do nothing else."""


# Receiving


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: Union[str, Iterable[str]],
    tolerance: float = TOLERANCE_SECONDS,
    now: Optional[float] = None,
) -> bytes:
    """The JSON of a callback, once it is known to be genuine (Standard Webhooks, https://www.standardwebhooks.com).

    `body` as it arrived, before anything parsed it; where it came with `content-encoding: gzip` it is unpacked here.
    `secrets`: one `whsec_...`, or several, each of which may have signed (after a rotation, the new and the old one).
    `tolerance` in seconds. Raises SignatureError otherwise, and ValueError for a secret that is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    content = _unpacked(body, given.get("content-encoding", ""))
    identifier = given.get("webhook-id", "")
    timestamp = given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "")
    if not identifier or not timestamp or not signatures:
        raise SignatureError("webhook-id, webhook-timestamp or webhook-signature is missing")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise SignatureError("webhook-timestamp is no number of seconds")
    age = (time.time() if now is None else now) - int(timestamp)
    if abs(age) > tolerance:
        raise SignatureError(f"the callback is {abs(age):.0f} s too {'old' if age > 0 else 'new'}")
    signed = f"{identifier}.{timestamp}.".encode() + content
    expected = [
        base64.b64encode(hmac.new(_key_of(secret), signed, hashlib.sha256).digest())
        for secret in ([secrets] if isinstance(secrets, str) else secrets)
    ]
    if not expected:
        raise ValueError("no signing secret was given")
    received = [one[3:].encode() for one in signatures.split(" ") if one.startswith("v1,")]
    # All are compared, so that the time taken tells nothing.
    matches = [hmac.compare_digest(one, other) for one in expected for other in received]
    if not any(matches):
        raise SignatureError("no signature matches")
    return content


def _key_of(secret: str) -> bytes:
    if secret.startswith("whpk_") or secret.startswith("whsk_"):
        raise ValueError("Ed25519 is not in Python's standard library: verify with the whsec_ secret, or a library")
    try:
        key = base64.b64decode(secret[len("whsec_") :], validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or not key:
        raise ValueError("a signing secret is whsec_ and base64")
    return key


def _unpacked(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    # A framework may have unpacked it and left the header. No JSON begins as gzip does (RFC 1952, 2.3.1).
    if encoding in ("", "identity") or (encoding == "gzip" and body[:2] != b"\x1f\x8b"):
        return body
    if encoding != "gzip":
        raise SignatureError(f"the body is packed with {encoding}, and only gzip is sent")
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(body, MOST_UNPACKED + 1)
    except zlib.error as error:
        raise SignatureError(f"the body cannot be unpacked: {error}") from error
    if len(content) > MOST_UNPACKED or not unpacker.eof or unpacker.unused_data:
        raise SignatureError("the body is too large, cut off, or goes on behind its end")
    return content


# Sending


class _Connection:
    """One request at a time, each on a connection of its own. Redirects are not followed: they would take the key along."""

    def __init__(self, url: str, key: str, timeout: float, context: Optional[ssl.SSLContext]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the URL of a Ringback server begins with http:// or https://, and is not {url!r}")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._base = parts.path.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._context = context

    def open(
        self,
        method: str,
        route: str,
        ids: Tuple[Any, ...] = (),
        query: Optional[Mapping[str, Any]] = None,
        body: Optional[Body] = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: Optional[float] = None,
    ) -> http.client.HTTPResponse:
        """The answer, where it is a 2xx; its body is still to be read. Every `{...}` of the route is filled from `ids`."""
        path = _filled(route, ids)
        given = {name: _as_text(value) for name, value in (query or {}).items() if value is not None}
        target = self._base + path + (f"?{urlencode(given)}" if given else "")
        seconds = timeout or self._timeout
        connection = (
            http.client.HTTPSConnection(self._host, self._port, timeout=seconds, context=self._context)
            if self._secure
            else http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        )
        sent = {"x-gladia-key": self._key, "accept": "*/*", "connection": "close", **(headers or {})}
        try:
            connection.request(method, target, body=body, headers=sent)
            response = connection.getresponse()
        except socket.timeout as error:
            connection.close()
            raise RingbackError("timeout", f"{method} {path} had no answer within {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise RingbackError("unreachable", f"{self._host} could not be reached: {error}") from error
        if not 200 <= response.status < 300:
            raise self._refusal(response)
        return response

    def call(self, method: str, route: str, *ids: Any, **options: Any) -> Any:
        """The JSON of the answer; None where it has no body. `json=` is sent as JSON."""
        content = options.pop("json", None)
        if content is not None:
            options["body"] = json.dumps(content).encode()
            options["headers"] = {**(options.get("headers") or {}), "content-type": "application/json"}
        with self.open(method, route, ids, **options) as response:
            text = self._read(response)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise RingbackError("answer_unknown", "the answer is no JSON: is this a Ringback?", response.status) from error

    def data(self, method: str, route: str, *ids: Any) -> Iterator[bytes]:
        """The body, some at a time."""
        with self.open(method, route, ids, timeout=TRANSFER_SECONDS) as response:
            while True:
                chunk = self._read(response, 65_536)
                if not chunk:
                    return
                yield chunk

    def pages(self, method: str, route: str, *ids: Any, **query: Any) -> Iterator[JSON]:
        """Every item of a list, page after page."""
        after = None
        while True:
            page = self.call(method, route, *ids, query={**query, "after": after})
            yield from page["items"]
            after = page.get("next")
            if after is None:
                return

    def events(self, method: str, route: str, *ids: Any, last_event_id: Optional[str], **query: Any) -> Iterator[JSON]:
        """Server-sent events as `{"id", "event", "data"}`, until the server ends the stream. It is open on return: what
        changes from now on will come."""
        headers = {"accept": "text/event-stream", **({"last-event-id": last_event_id} if last_event_id else {})}
        # The server sends a comment every 15 s.
        return self._told(self.open(method, route, ids, query=query, headers=headers, timeout=60.0))

    def _told(self, stream: http.client.HTTPResponse) -> Iterator[JSON]:
        with stream as response:
            fields: Dict[str, str] = {}
            while True:
                line = self._line(response)
                if not line:
                    return
                name, _, value = line.decode().rstrip("\r\n").partition(":")
                if name:
                    fields[name] = value[1:] if value.startswith(" ") else value
                elif not line.strip() and "data" in fields:
                    data = json.loads(fields["data"])
                    yield {"id": fields.get("id"), "event": fields.get("event", "message"), "data": data}
                    fields = {}

    def _read(self, response: http.client.HTTPResponse, size: Optional[int] = None) -> bytes:
        try:
            return response.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise _broken_off(response, error) from error

    def _line(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.readline()
        except (OSError, http.client.HTTPException) as error:
            raise _broken_off(response, error) from error

    def _refusal(self, response: http.client.HTTPResponse) -> RingbackError:
        with response:
            text = self._read(response, 1_000_000)
        retry = response.headers.get("retry-after", "")
        retry_after = float(retry) if retry.isascii() and retry.isdigit() else None
        try:
            answer = json.loads(text)
            error = answer["error"]
            sentences = answer.get("validation_errors") or []
            message = " ".join(sentences) or error["message"]
            return RingbackError(
                error["reason"], message, response.status, sentences, answer.get("request_id"), retry_after
            )
        except (ValueError, KeyError, TypeError):
            what = f"{self._host} answered {response.status}, and not as a Ringback does: is the URL right?"
            return RingbackError("answer_unknown", what, response.status, retry_after=retry_after)


def _broken_off(response: http.client.HTTPResponse, error: Exception) -> RingbackError:
    return RingbackError("unreachable", f"the answer broke off: {error}", response.status)


def _filled(route: str, ids: Tuple[Any, ...]) -> str:
    parts = []
    left = list(ids)
    for part in route.split("/"):
        parts.append(quote(str(left.pop(0)), safe="") if part.startswith("{") else part)
    return "/".join(parts)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _idempotency(key: Optional[str]) -> Dict[str, str]:
    return {} if key is None else {"idempotency-key": key}


class Ringback:
    """Nothing is sent before the first call. `url` may have a path. `timeout` in seconds, of one call."""

    def __init__(
        self, url: str, key: str, timeout: float = CALL_SECONDS, context: Optional[ssl.SSLContext] = None
    ) -> None:
        connection = _Connection(url, key, timeout, context)
        self._connection = connection
        self.audio = Audio(connection)
        self.transcriptions = Transcriptions(connection)
        self.callbacks = Callbacks(connection)
        self.webhooks = Webhooks(connection)
        self.inboxes = Inboxes(connection)
        self.replays = Replays(connection)
        self.endpoints = Endpoints(connection)
        self.signing_secrets = SigningSecrets(connection)
        self.keys = Keys(connection)

    def search(self, q: str, limit: Optional[int] = None) -> JSON:
        """Transcriptions, callbacks and endpoints that fit: ids, URLs, `key=value` of the metadata, codes, file names."""
        return self._connection.call("GET", "/api/search", query={"q": q, "limit": limit})

    def stats(self, **query: Any) -> JSON:
        """Counts and latencies by time: `start`, `end` (ISO 8601), `step`, `endpoint`."""
        query["from"], query["to"] = query.pop("start", None), query.pop("end", None)
        return self._connection.call("GET", "/api/stats", query=query)

    def events(self, last_event_id: Optional[str] = None) -> Iterator[JSON]:
        """Changes as they happen. Ends when the server ends the stream; open it again with the last `id`."""
        return self._connection.events("GET", "/api/events", last_event_id=last_event_id)

    def audit(self) -> List[JSON]:
        """Who made and revoked keys and rotated secrets."""
        return self._connection.call("GET", "/api/audit")["items"]

    def hosts(self) -> Iterator[JSON]:
        """Hosts that callbacks go to, with their health."""
        return self._connection.pages("GET", "/api/hosts")

    def live(self) -> JSON:
        """The process is alive."""
        return self._connection.call("GET", "/healthz")

    def ready(self) -> JSON:
        """Raises `not_ready` while its database is away, or it is stopping."""
        return self._connection.call("GET", "/readyz")


class _Part:
    def __init__(self, connection: _Connection) -> None:
        self._connection = connection


class Audio(_Part):
    def upload(
        self,
        source: Union[str, "os.PathLike[str]", BinaryIO, bytes],
        filename: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> JSON:
        """Stores a file: a path, an open binary file, or bytes. What is on disk is never held in memory."""
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                return self._send(file, filename or os.path.basename(os.fspath(source)), idempotency_key)
        name = filename or os.path.basename(str(getattr(source, "name", "audio")))
        return self._send(source, name, idempotency_key)

    def _send(self, body: Body, filename: str, idempotency_key: Optional[str]) -> JSON:
        headers = {"content-type": "application/octet-stream", **_idempotency(idempotency_key)}
        return self._connection.call(
            "POST",
            "/v2/upload",
            query={"filename": filename},
            body=body,
            headers=headers,
            timeout=TRANSFER_SECONDS,
        )

    def from_url(self, audio_url: str, idempotency_key: Optional[str] = None) -> JSON:
        """Has the server fetch and keep a file."""
        return self._connection.call(
            "POST",
            "/v2/upload",
            json={"audio_url": audio_url},
            headers=_idempotency(idempotency_key),
            timeout=TRANSFER_SECONDS,
        )

    def file(self, id: str) -> Iterator[bytes]:
        return self._connection.data("GET", "/file/{id}", id)


class Transcriptions(_Part):
    def create(self, audio_url: str, idempotency_key: Optional[str] = None, **options: Any) -> JSON:
        """`{"id", "result_url"}`, once the job is stored. Options: `callback`, `callback_config`, `custom_metadata`, ..."""
        request = {"audio_url": audio_url, **options}
        return self._connection.call(
            "POST", "/v2/pre-recorded", json=request, headers=_idempotency(idempotency_key)
        )

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/v2/pre-recorded/{id}", id)

    def wait(self, id: str, timeout: Optional[float] = None) -> JSON:
        """The record, once it is `done` or `error`: both are ends. After `timeout` seconds it raises `timeout`."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = WAIT_SECONDS if end is None else max(0, min(WAIT_SECONDS, int(end - time.monotonic())))
            job = self._connection.call(
                "GET", "/v2/pre-recorded/{id}", id, query={"wait": left}, timeout=CALL_SECONDS + left
            )
            if job["status"] in ("done", "error"):
                return job
            if end is not None and time.monotonic() >= end:
                what = f"transcription {id} is still {job['status']} after {timeout} s: it goes on, wait for it again"
                raise RingbackError("timeout", what)
            time.sleep(1)

    def list(self, limit: Optional[int] = None, **filters: Any) -> Iterator[JSON]:
        """Newest first, page after page of `limit`. Filters: `status`, `date`, `after_date`, `before_date`,
        `custom_metadata` (a dict), `result=False` (without the words)."""
        offset = 0
        while True:
            page = self._connection.call(
                "GET", "/v2/pre-recorded", query={**filters, "limit": limit, "offset": offset}
            )
            yield from page["items"]
            offset += len(page["items"])
            if page.get("next") is None or not page["items"]:
                return

    def cancel(self, id: str) -> JSON:
        """The record, ended as `cancelled` where it waited or ran."""
        return self._connection.call("POST", "/api/transcriptions/{id}/cancel", id)

    def delete(self, id: str) -> None:
        self._connection.call("DELETE", "/v2/pre-recorded/{id}", id)

    def file(self, id: str) -> Iterator[bytes]:
        """Its audio."""
        return self._connection.data("GET", "/v2/pre-recorded/{id}/file", id)

    def callbacks(self, id: str) -> List[JSON]:
        """Its callbacks, with every attempt."""
        return self._connection.call("GET", "/v2/pre-recorded/{id}/callbacks", id)["items"]


class Callbacks(_Part):
    def list(self, **filters: Any) -> Iterator[JSON]:
        """Filters: `state`, `endpoint`, `transcription_id`, `webhook_id`, `event`, `created_after`, `created_before`."""
        return self._connection.pages("GET", "/api/callbacks", **filters)

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/api/callbacks/{id}", id)

    def resend(self, id: str, url: Optional[str] = None) -> JSON:
        """Due again at once; with `url`, there this once."""
        return self._connection.call("POST", "/api/callbacks/{id}/resend", id, json={} if url is None else {"url": url})

    def cancel(self, id: str) -> JSON:
        return self._connection.call("POST", "/api/callbacks/{id}/cancel", id)

    def cancel_many(self, filter: JSON) -> JSON:
        """Cancels what fits: `{"cancelled", "in_flight", "done"}`, asked again until none is left."""
        total = {"cancelled": 0, "in_flight": 0, "done": True}
        while True:
            step = self._connection.call("POST", "/api/callbacks/cancel", json={"filter": filter}, timeout=TRANSFER_SECONDS)
            total["cancelled"] += step["cancelled"]
            total["in_flight"] = step["in_flight"]
            if step["done"]:
                return total

    def test(self, **options: Any) -> JSON:
        """A sample callback over the real path: `event`, `url` or `inbox`, `method`, `payload`, `compression`."""
        return self._connection.call("POST", "/api/callbacks/test", json=options)

    def request(self, id: str) -> JSON:
        """The request as it was sent, its secrets masked."""
        return self._connection.call("GET", "/api/callbacks/{id}/request", id)

    def body(self, id: str) -> Iterator[bytes]:
        """The body as it was sent."""
        return self._connection.data("GET", "/api/callbacks/{id}/request/body", id)


class Webhooks(_Part):
    def create(self, url: str, events: List[str], **options: Any) -> JSON:
        """Answers with the secret, this once. Options: `headers`, `metadata`, `payload`, `format`, `description`, `enabled`."""
        return self._connection.call("POST", "/api/webhooks", json={"url": url, "events": events, **options})

    def list(self) -> Iterator[JSON]:
        return self._connection.pages("GET", "/api/webhooks")

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/api/webhooks/{id}", id)

    def update(self, id: str, **change: Any) -> JSON:
        """`enabled=False` pauses it."""
        return self._connection.call("PATCH", "/api/webhooks/{id}", id, json=change)

    def delete(self, id: str) -> None:
        self._connection.call("DELETE", "/api/webhooks/{id}", id)

    def test(self, id: str, **options: Any) -> JSON:
        return self._connection.call("POST", "/api/webhooks/{id}/test", id, json=options)

    def rotate(self, id: str, overlap_seconds: Optional[int] = None) -> JSON:
        """A new secret; the old one signs beside it for so long."""
        body = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
        return self._connection.call("POST", "/api/webhooks/{id}/secret/rotate", id, json=body)


class Inboxes(_Part):
    def create(self, **options: Any) -> JSON:
        """A receiver that is always there. Options: `name`, `answer`, `forward`, `max_bytes`."""
        return self._connection.call("POST", "/api/inboxes", json=options)

    def list(self) -> Iterator[JSON]:
        return self._connection.pages("GET", "/api/inboxes")

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/api/inboxes/{id}", id)

    def update(self, id: str, **change: Any) -> JSON:
        return self._connection.call("PATCH", "/api/inboxes/{id}", id, json=change)

    def delete(self, id: str) -> None:
        self._connection.call("DELETE", "/api/inboxes/{id}", id)

    def requests(self, id: str) -> Iterator[JSON]:
        """What came, newest first."""
        return self._connection.pages("GET", "/api/inboxes/{id}/requests", id)

    def body(self, id: str, n: int) -> Iterator[bytes]:
        return self._connection.data("GET", "/api/inboxes/{id}/requests/{n}/body", id, n)

    def stream(self, id: str, forward: bool = False, last_event_id: Optional[str] = None) -> Iterator[JSON]:
        """Requests as they come. With `forward` they wait for `answer`."""
        return self._connection.events(
            "GET", "/api/inboxes/{id}/stream", id, last_event_id=last_event_id, forward=forward or None
        )

    def answer(self, id: str, n: int, **answer: Any) -> Any:
        """`status`, `headers`, `body_base64`."""
        return self._connection.call("POST", "/api/inboxes/{id}/requests/{n}/answer", id, n, json=answer)


class Replays(_Part):
    def preview(self, filter: JSON, **options: Any) -> JSON:
        """How many callbacks `create` would send again."""
        return self._connection.call("POST", "/api/replays/preview", json={"filter": filter, **options})

    def create(self, filter: JSON, **options: Any) -> JSON:
        return self._connection.call("POST", "/api/replays", json={"filter": filter, **options})

    def list(self) -> Iterator[JSON]:
        return self._connection.pages("GET", "/api/replays")

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/api/replays/{id}", id)

    def cancel(self, id: str) -> JSON:
        return self._connection.call("DELETE", "/api/replays/{id}", id)


class Endpoints(_Part):
    def list(self, **filters: Any) -> Iterator[JSON]:
        """Filters: `sort`, `state`, `health`, `search`."""
        return self._connection.pages("GET", "/api/endpoints", **filters)

    def get(self, id: str) -> JSON:
        return self._connection.call("GET", "/api/endpoints/{id}", id)

    def enable(self, id: str) -> JSON:
        return self._connection.call("POST", "/api/endpoints/{id}/enable", id)

    def disable(self, id: str) -> JSON:
        return self._connection.call("POST", "/api/endpoints/{id}/disable", id)

    def remove(self, id: str) -> JSON:
        """Cancels what waits for it."""
        return self._connection.call("DELETE", "/api/endpoints/{id}", id)


class SigningSecrets(_Part):
    def list(self) -> List[JSON]:
        return self._connection.call("GET", "/api/signing-secrets")["items"]

    def rotate(self, overlap_seconds: Optional[int] = None) -> List[JSON]:
        """The secrets, a new one first; the old one signs beside it for so long."""
        body = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
        return self._connection.call("POST", "/api/signing-secrets/rotate", json=body)["items"]


class Keys(_Part):
    def list(self) -> List[JSON]:
        return self._connection.call("GET", "/api/keys")["items"]

    def create(self, name: Optional[str] = None) -> JSON:
        """The key itself is in `key`, this once."""
        return self._connection.call("POST", "/api/keys", json={} if name is None else {"name": name})

    def revoke(self, id: str) -> None:
        self._connection.call("DELETE", "/api/keys/{id}", id)
