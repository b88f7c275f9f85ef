"""Every part of the Python client against a running server: RINGBACK_URL, RINGBACK_API_KEY, CLIP (a file of speech)."""

import gzip
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from ringback import Ringback, RingbackError, SignatureError, verify

URL, KEY, CLIP = (os.environ[name] for name in ("RINGBACK_URL", "RINGBACK_API_KEY", "CLIP"))
ringback = Ringback(URL + "/", KEY)


def refused(call, code, status):
    try:
        call()
    except RingbackError as error:
        assert (error.code, error.status) == (code, status), (error.code, error.status, error)
        return error
    raise AssertionError(f"{code} was expected")


def eventually(look, seconds=60):
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)


def tells_its_health():
    assert ringback.live()["status"] == "ok"
    assert ringback.ready()["status"]


def uploads():
    by_path = ringback.audio.upload(CLIP)
    assert by_path["audio_metadata"]["filename"] == os.path.basename(CLIP), by_path
    with open(CLIP, "rb") as file:
        by_file = ringback.audio.upload(file, filename="Gespräch 1.wav")
        assert by_file["audio_metadata"]["filename"] == "Gespräch 1.wav", by_file
        file.seek(0)
        content = file.read()
    by_bytes = ringback.audio.upload(content, filename="a.wav")
    assert b"".join(ringback.audio.file(by_bytes["audio_metadata"]["id"])) == content
    refused(lambda: ringback.audio.from_url("http://10.255.255.1/a.wav"), "audio_blocked_address", 400)
    return by_path["audio_url"]


def transcribes(audio_url):
    # Beyond what JavaScript can count.
    order = {"order": 2**60 + int(time.time())}
    key = f"tour-{order['order']}"
    first = ringback.transcriptions.create(audio_url, idempotency_key=key, custom_metadata=order)
    again = ringback.transcriptions.create(audio_url, idempotency_key=key, custom_metadata=order)
    assert first == again
    job = ringback.transcriptions.wait(first["id"], timeout=120)
    assert job["status"] == "done", job
    assert "ask not what your country" in job["result"]["transcription"]["full_transcript"].lower()
    assert job["custom_metadata"] == order
    found = list(ringback.transcriptions.list(limit=1, status=["done"], custom_metadata=order))
    assert [one["id"] for one in found] == [first["id"]]
    assert len(b"".join(ringback.transcriptions.file(first["id"]))) == os.path.getsize(CLIP)
    assert ringback.transcriptions.cancel(first["id"])["status"] == "done"
    error = refused(lambda: ringback.transcriptions.create(audio_url, callback=True), "request_invalid", 400)
    assert error.sentences and error.request_id, vars(error)
    return first["id"]


def is_called_back(audio_url):
    secret = ringback.signing_secrets.list()[0]["secret"]
    inbox = ringback.inboxes.create(name=f"tour {time.time_ns()}")
    assert inbox["id"] in [one["id"] for one in ringback.inboxes.list()]
    heard = []
    stream = ringback.inboxes.stream(inbox["id"])
    threading.Thread(target=lambda: heard.append(next(stream)), daemon=True).start()
    changes, told = [], ringback.events()
    threading.Thread(target=lambda: changes.append(next(told)), daemon=True).start()
    ids = [
        ringback.transcriptions.create(
            audio_url, callback=True, callback_config={"url": inbox["address"], "compression": compression}
        )["id"]
        for compression in ("none", "gzip")
    ]
    came = eventually(lambda: [one for one in [list(ringback.inboxes.requests(inbox["id"]))] if len(one) == 2])[0]
    eventually(lambda: heard and changes)
    for request in came:
        body = b"".join(ringback.inboxes.body(inbox["id"], request["number"]))
        headers = dict(request["headers"])
        assert json.loads(verify(body, headers, ["whsec_" + "A" * 32, secret]))["id"] in ids
        for spoilt in (body[:-1], body + b" "):
            try:
                verify(spoilt, headers, secret)
            except SignatureError:
                continue
            raise AssertionError("a changed body was taken")
    callback = ringback.transcriptions.callbacks(ids[0])[0]
    assert ringback.callbacks.get(callback["id"])["state"] == "delivered"
    assert callback["id"] in [one["id"] for one in ringback.callbacks.list(transcription_id=ids[0], limit=1)]
    assert ringback.callbacks.request(callback["id"])["method"] == "POST"
    assert json.loads(b"".join(ringback.callbacks.body(callback["id"])))["id"] == ids[0]
    assert ringback.callbacks.resend(callback["id"])["id"] == callback["id"]
    eventually(lambda: len(list(ringback.inboxes.requests(inbox["id"]))) == 3)
    refused(lambda: ringback.callbacks.cancel(callback["id"]), "callback_ended", 409)
    assert ringback.callbacks.cancel_many({"transcription_id": ids[0]})["done"] is True
    assert ringback.callbacks.test(event="success", inbox=inbox["id"])["id"]
    of_one = {"transcription_id": ids[0]}
    preview = ringback.replays.preview(of_one)
    replay = ringback.replays.create(of_one)
    assert preview["matched"] == 1 and ringback.replays.get(replay["id"])["id"] == replay["id"], preview
    assert replay["id"] in [one["id"] for one in ringback.replays.list()]
    ringback.replays.cancel(replay["id"])
    ringback.inboxes.update(inbox["id"], answer={"status": 204})
    assert ringback.inboxes.get(inbox["id"])["name"] == inbox["name"]
    refused(lambda: ringback.inboxes.answer(inbox["id"], 1, status=200), "inbox_request_over", 409)
    ringback.inboxes.delete(inbox["id"])


def looks_and_manages(id):
    assert ringback.search(id)["items"], "nothing was found"
    assert ringback.stats(step=3600)["steps"]
    endpoints = list(ringback.endpoints.list(sort="url"))
    one = endpoints[0]["id"]
    assert ringback.endpoints.disable(one)["health"] == "disabled"
    assert ringback.endpoints.enable(one)["health"] != "disabled"
    assert ringback.endpoints.get(one)["id"] == one
    ringback.endpoints.remove(one)
    list(ringback.hosts())
    webhook = ringback.webhooks.create("https://app.example.org/w", ["transcription.success"], enabled=False)
    assert webhook["secret"].startswith("whsec_")
    assert ringback.webhooks.update(webhook["id"], description="d")["description"] == "d"
    assert ringback.webhooks.rotate(webhook["id"], overlap_seconds=0)["secret"] != webhook["secret"]
    assert ringback.webhooks.get(webhook["id"])["id"] in [w["id"] for w in ringback.webhooks.list()]
    ringback.webhooks.test(webhook["id"])
    ringback.webhooks.delete(webhook["id"])
    key = ringback.keys.create("tour")
    assert key["id"] in [one["id"] for one in ringback.keys.list()]
    ringback.keys.revoke(key["id"])
    refused(lambda: Ringback(URL, key["key"]).transcriptions.get(id), "key_unknown", 401)
    before = ringback.signing_secrets.list()[0]["secret"]
    rotated = ringback.signing_secrets.rotate(overlap_seconds=60)
    assert rotated == ringback.signing_secrets.list() and [one["secret"] for one in rotated][1] == before
    assert ringback.audit()
    ringback.transcriptions.delete(id)
    refused(lambda: ringback.transcriptions.get(id), "transcription_unknown", 404)


def says_who_did_not_answer():
    refused(lambda: Ringback("http://127.0.0.1:9", KEY).live(), "unreachable", None)

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/slow/healthz":
                time.sleep(2)
            self.send_response(302 if self.path.startswith("/moved") else 200)
            self.send_header("location", "https://elsewhere.example.org/")
            self.end_headers()
            try:
                self.wfile.write(b"<html>")
            except BrokenPipeError:
                pass

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other = f"http://127.0.0.1:{server.server_port}"
    refused(lambda: Ringback(other, KEY).live(), "answer_unknown", 200)
    # Not followed: the key would go along.
    refused(lambda: Ringback(other + "/moved", KEY).live(), "answer_unknown", 302)
    refused(lambda: Ringback(other + "/slow", KEY, timeout=0.3).live(), "timeout", None)
    server.shutdown()
    try:
        Ringback("ftp://x", KEY)
    except ValueError:
        return
    raise AssertionError("a URL of another kind was taken")


tells_its_health()
clip = uploads()
done = transcribes(clip)
is_called_back(clip)
looks_and_manages(done)
says_who_did_not_answer()
print("the whole tour")
