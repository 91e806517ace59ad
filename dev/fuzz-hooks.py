# What schemathesis is not told by an OpenAPI document: how lines of JSON are sent, and how a webhook is signed. Loaded by dev/fuzz.ts.
import hashlib
import hmac
import json
import os

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    if isinstance(value, (bytes, str)):
        return value if isinstance(value, bytes) else value.encode("utf-8", "ignore")
    items = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(item) for item in items).encode()


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.path == "/api/webhooks/github" and isinstance(case.body, dict):
        case.body = json.dumps(case.body).encode()
        signature = hmac.new(os.environ["WEBHOOK_SECRET"].encode(), case.body, hashlib.sha256).hexdigest()
        case.headers["x-hub-signature-256"] = f"sha256={signature}"
