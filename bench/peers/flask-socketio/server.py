"""Flask-SocketIO: every message goes to everybody. With --redis, through its message queue.

As its documentation recommends: its embedded server on gevent, which it calls ready for
production; the standard library is patched for the sake of the message queue.
"""

# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()

import argparse

from flask import Flask
from flask_socketio import SocketIO

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--redis")
options = parser.parse_args()

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent", message_queue=options.redis)


@socketio.on("chat message")
def chat_message(text):
    socketio.emit("chat message", text)
    return "ok"


socketio.run(app, host="127.0.0.1", port=options.port, log_output=False)
