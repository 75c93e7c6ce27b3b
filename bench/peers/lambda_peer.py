"""The peer in Python as a function of AWS Lambda: FastAPI behind Mangum, on the runtime client of AWS.

    PEER_DATABASE=bench.db PEER_SECRET=… python -m awslambdaric lambda_peer.handler

reads films from the same file as ours.
"""

import os
import sqlite3

import jwt
import orjson
from fastapi import FastAPI, HTTPException, Request, Response
from mangum import Mangum

SECRET = os.environ["PEER_SECRET"]
SELECT = "SELECT movie_id, title, released, rating FROM movies WHERE movie_id = ?"

database = sqlite3.connect(f"file:{os.environ['PEER_DATABASE']}?mode=ro", uri=True, check_same_thread=False)
database.row_factory = sqlite3.Row
app = FastAPI(openapi_url=None)


def check(request: Request, permission: str):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], issuer="bench", audience="bench")
    except jwt.InvalidTokenError:
        raise HTTPException(401)
    if scheme != "Bearer":
        raise HTTPException(401)
    if permission not in claims["scope"].split(" "):
        raise HTTPException(403)


@app.get("/movies/{movie_id}")
async def movie(request: Request, movie_id: int):
    check(request, "read:movies")
    row = database.execute(SELECT, (movie_id,)).fetchone()
    if row is None:
        raise HTTPException(404)
    return Response(orjson.dumps(dict(row)), media_type="application/json")


handler = Mangum(app, lifespan="off")
