"""python-socketio on asyncio: every message goes to everybody. With --redis, through its client
manager for Redis.

As its documentation recommends: an ASGI application served by uvicorn, with what
`uvicorn[standard]` brings (uvloop, httptools and websockets), and its logs off.
"""

import argparse

import socketio
import uvicorn

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--redis")
options = parser.parse_args()

manager = socketio.AsyncRedisManager(options.redis) if options.redis else None
server = socketio.AsyncServer(async_mode="asgi", client_manager=manager)


@server.on("chat message")
async def chat_message(_sid, text):
    await server.emit("chat message", text)
    return "ok"


app = socketio.ASGIApp(server)
uvicorn.run(
    app,
    host="127.0.0.1",
    port=options.port,
    loop="uvloop",
    http="httptools",
    ws="auto",
    log_level="warning",
    access_log=False,
    backlog=4096,
)
