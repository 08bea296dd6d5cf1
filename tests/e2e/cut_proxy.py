# SPDX-License-Identifier: Apache-2.0
"""A piece of network that can be cut: forwards TCP connections to 127.0.0.1:PORT.

usage: cut_proxy.py LISTEN_PORT PORT. Says "ready", then obeys lines on stdin and says "ok" to each: `cut` resets every
connection and refuses new ones, `mend` takes them again. Stopped by SIGSTOP it is a network that swallows everything."""
import asyncio
import socket
import struct
import sys

CONNECTIONS = set()


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def forward(reader, writer, port):
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        reset(writer)
        return
    both = {writer, far_writer}
    for end in both:
        end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    CONNECTIONS.update(both)
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    CONNECTIONS.difference_update(both)


async def main():
    listen, port = int(sys.argv[1]), int(sys.argv[2])

    async def serve():
        return await asyncio.start_server(lambda r, w: forward(r, w, port), "127.0.0.1", listen)

    server = await serve()
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := await commands.readline():
        if line == b"cut\n":
            server.close()
            for writer in list(CONNECTIONS):
                reset(writer)
        elif line == b"mend\n":
            server = await serve()
        print("ok", flush=True)


asyncio.run(main())
