"""The peer in Python, tuned: FastAPI on uvloop and httptools, asyncpg with its statement cache, orjson, and one process
for each core.

    python fastapi_peer.py postgres://… SECRET

listens on a free port of 127.0.0.1, prints it, and ends with its standard input.
"""

import os
import socket
import sys
import threading
from contextlib import asynccontextmanager

import asyncpg
import jwt
import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response

URL, SECRET = sys.argv[1:]
SELECT = "SELECT movie_id, title, released, rating FROM peer.movies WHERE movie_id = $1"


@asynccontextmanager
async def lifespan(app):
    async with asyncpg.create_pool(URL, min_size=8, max_size=8) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


def check(request: Request, permission: str):
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401)
    if scheme != "Bearer":
        raise HTTPException(401)
    if permission not in claims["scope"].split(" "):
        raise HTTPException(403)


@app.get("/movies/{movie_id}")
async def movie(request: Request, movie_id: int):
    check(request, "read:movies")
    row = await app.state.pool.fetchrow(SELECT, movie_id)
    if row is None:
        raise HTTPException(404)
    return Response(orjson.dumps(dict(row)), media_type="application/json")


def end_with_input():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    for _ in range(os.cpu_count() - 1):
        if os.fork() == 0:
            break
    threading.Thread(target=end_with_input, daemon=True).start()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning", ws="none")
    uvicorn.Server(config).run(sockets=[listener])
