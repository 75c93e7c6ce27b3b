-- Adds notes.
wrk.method = "POST"
wrk.body = '{"text": "A note of the usual length, about nothing in particular."}'
wrk.headers["Content-Type"] = "application/json"
