"""A stock client on python-socketio, with the one-argument handlers that people write.

Reads lines {"number": n, "argument": x} and emits each as `chat message`; writes what it is told
as JSON lines: {"connected": transport}, {"heard": x}, {"number": n, "answer": x}.

This client runs every handler in a thread of its own, so the order in which it says what it heard
is not the order in which it came: python_async_stock.py tells that.
"""

import json
import sys
import threading

import socketio

URL, TRANSPORTS = sys.argv[1:]
lock = threading.Lock()
client = socketio.Client()


def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)


@client.on("chat message")
def heard(data):
    tell(heard=data)


client.connect(URL, transports=TRANSPORTS.split(","))
tell(connected=client.transport())
for line in sys.stdin:
    request = json.loads(line)
    number = request["number"]
    client.emit(
        "chat message",
        request["argument"],
        callback=lambda answer=None, number=number: tell(number=number, answer=answer),
    )
client.disconnect()
