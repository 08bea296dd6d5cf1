# SPDX-License-Identifier: Apache-2.0
"""A TLS connection as a plain socket.

Python before 3.13 must not read and write one TLS connection in two threads at once ("SSL internal error"), which is what
websockets.sync does. Here a single thread has the connection, and the client gets the other end of a pair of sockets.
"""
import select
import socket
import ssl
import threading

CHUNK = 1 << 16


class _Pipe:
    def __init__(self, tls, plain):
        self.tls, self.plain = tls, plain
        self.to_tls = self.to_plain = b""
        self.plain_ended = self.tls_ended = False

    def read(self, end):
        """What can be read without waiting; None: nothing now, b"": the end."""
        try:
            return end.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            return b""

    def write(self, end, data):
        try:
            return data[end.send(data):] if data else data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return data

    def wait(self):
        reading = [e for e, want in ((self.plain, not self.plain_ended and not self.to_tls),
                                     (self.tls, not self.to_plain)) if want]
        writing = [e for e, data in ((self.plain, self.to_plain), (self.tls, self.to_tls)) if data]
        if not (self.tls in reading and self.tls.pending()):
            select.select(reading, writing, [])

    def step(self):
        if not self.plain_ended and not self.to_tls:
            data = self.read(self.plain)
            self.plain_ended = data == b""
            self.to_tls = data or b""
        if not self.to_plain:
            data = self.read(self.tls)
            self.tls_ended = data == b""
            self.to_plain = data or b""
        self.to_tls = self.write(self.tls, self.to_tls)
        self.to_plain = self.write(self.plain, self.to_plain)

    def run(self):
        try:
            while not self.tls_ended and not (self.plain_ended and not self.to_tls):
                self.wait()
                self.step()
        except OSError:
            pass  # one of them went away: the other one is told by the end of its connection
        finally:
            self.tls.close()
            self.plain.close()


def open_tls(address, context, timeout):
    """A plain socket that is a TLS connection to (host, port); raises what the handshake raises."""
    tls = context.wrap_socket(socket.create_connection(address, timeout), server_hostname=address[0])
    # Of TCP: the client sets an option of it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    tls.setblocking(False)
    ours.setblocking(False)
    threading.Thread(target=_Pipe(tls, ours).run, daemon=True).start()
    return theirs
