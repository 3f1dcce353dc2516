"""As python_stock.py, with the client for asyncio: it runs its handlers in the order of arrival."""

import asyncio
import json
import sys

import socketio

URL, TRANSPORTS = sys.argv[1:]
LINE_BYTES_MAX = 1 << 20


def tell(**what):
    print(json.dumps(what), flush=True)


async def main():
    client = socketio.AsyncClient()

    @client.on("chat message")
    async def heard(data):
        tell(heard=data)

    await client.connect(URL, transports=TRANSPORTS.split(","))
    tell(connected=client.transport())
    lines = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        request = json.loads(line)
        number = request["number"]
        await client.emit(
            "chat message",
            request["argument"],
            callback=lambda answer=None, number=number: tell(number=number, answer=answer),
        )
    await client.disconnect()


asyncio.run(main())
