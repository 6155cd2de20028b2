"""Python's websockets as a server that obeys, or as a client that runs one case.

python_peer.py serve plain|deflate
    prints its port, then a line of JSON for each connection that ended
python_peer.py CASE URL plain|deflate
    prints one line of JSON
"""

import asyncio
import json
import sys
import websockets

SIZES = (0, 1, 125, 126, 1023, 1024, 65535, 65536, 1 << 20)
REASON = "reason ☕"
PIECES = ["Frag", "mented ☕", "", " message"]


def compression(how):
    return "deflate" if how == "deflate" else None


def show(**values):
    print(json.dumps(values), flush=True)


async def slow_pieces(pieces, seconds):
    for piece in pieces:
        yield piece
        await asyncio.sleep(seconds)


async def obey(ws, *rest):
    try:
        await obey_until_closed(ws)
    except websockets.ConnectionClosed:  # with any other code than 1000 and 1001
        pass
    show(code=ws.close_code, reason=ws.close_reason)


async def obey_until_closed(ws):
    async for message in ws:
        if message == "close me":
            await ws.close(3001, REASON)
        elif message == "fragments":
            await ws.send(slow_pieces(PIECES, 0.05))
        elif message == "ping me":
            await (await ws.ping(b"are you there?"))
            await ws.send("there was a pong")
        elif message == "sleep":
            await asyncio.sleep(1.5)
        elif isinstance(message, str) and message.startswith("stream "):
            count = int(message[7:])
            await ws.send(slow_pieces([bytes([i & 255]) * 65536 for i in range(count)], 0))
        elif len(message) > 1 << 23:
            await ws.send(str(len(message)))
        else:
            await ws.send(message)


async def serve(how):
    async with websockets.serve(
        obey, "127.0.0.1", 0, compression=compression(how), max_size=None, max_queue=1,
        subprotocols=["v2.chat"], ping_interval=0.5, ping_timeout=5,
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def echo(ws):
    for size in SIZES:
        for message in ("a" * size, b"bc" * (size // 2), "ä€😀" * (size // 10)):
            await ws.send(message)
            assert await ws.recv() == message, size
    await ws.close(4001, REASON)
    show(extensions=[e.name for e in ws.extensions], subprotocol=ws.subprotocol)


async def fragments(ws):
    await ws.send(slow_pieces(PIECES, 0.05))
    first = await ws.recv()
    await ws.send(slow_pieces([b"\x00" * 100000, b"\x01" * 100000], 0.05))
    second = await ws.recv()
    show(text=first, bytes=len(second), ones=second.count(1))


async def pings(ws):
    await (await ws.ping(b"are you there?"))
    await ws.send("ping me")
    show(answer=await ws.recv())


async def is_closed(ws):
    await ws.send("close me")
    try:
        await ws.recv()
    except websockets.ConnectionClosed:
        pass
    show(code=ws.close_code, reason=ws.close_reason)


async def keeps_alive(ws):
    await asyncio.sleep(1.5)
    await ws.send("still there?")
    show(answer=await ws.recv(), latency=getattr(ws, "latency", 0) > 0)


async def has_a_limit(ws):
    await ws.send("stream 32")  # 2 MiB, against 1 MiB
    try:
        await ws.recv()
    except websockets.ConnectionClosed as error:
        show(sent=error.sent.code if error.sent else None)


async def reads_slowly(ws):
    await ws.send("stream 640")
    await asyncio.sleep(1.5)
    message = await ws.recv()
    show(bytes=len(message), sum=sum(message[::65536]))


async def client(case, url, how):
    size = 1 << 20 if case == "has_a_limit" else None
    async with websockets.connect(
        url, compression=compression(how), max_size=size, max_queue=1,
        subprotocols=["v1.chat", "v2.chat"], ping_interval=0.3, ping_timeout=5,
        close_timeout=1,  # it waits twice so long where its own buffers keep it from seeing our end
    ) as ws:
        await globals()[case](ws)


if sys.argv[1] == "serve":
    asyncio.run(serve(sys.argv[2]))
else:
    asyncio.run(client(*sys.argv[1:]))
