"""A service that asks the next one in the way that the path names, and answers with the fields that the next one got.

`/echo` answers with the fields of the request. Prints the addresses of its two servers once they listen.
"""

import asyncio
import http.client
import json
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

OWN = "00-11111111111111111111111111111111-1111111111111111-01"
pool = ThreadPoolExecutor(max_workers=4)
kept = threading.local()


def by_urllib(headers=None):
    with urllib.request.urlopen(urllib.request.Request(f"{base}/echo", headers=headers or {})) as answer:
        return json.load(answer)


def by_client():
    if not hasattr(kept, "connection"):
        kept.connection = http.client.HTTPConnection(base.removeprefix("http://"))
    kept.connection.request("POST", "/echo", body=b"x")
    return json.load(kept.connection.getresponse())


async def by_tasks():
    await asyncio.sleep(0.002)
    return (await asyncio.gather(asyncio.to_thread(by_urllib), asyncio.to_thread(by_urllib)))[1]


WAYS = {
    "urllib": by_urllib,
    "client": by_client,
    "pool": lambda: pool.submit(by_urllib).result(),
    "map": lambda: list(pool.map(lambda _: by_urllib(), range(2)))[1],
    "asyncio": lambda: asyncio.run(by_tasks()),
    "own": lambda: by_urllib({"TraceParent": OWN}),
    "own-b3": lambda: by_urllib({"B3": "0"}),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        way = self.path[1:]
        fields = {name.lower(): value for name, value in self.headers.items()} if way == "echo" else WAYS[way]()
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class ThreadingWsgiServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def application(environ, start_response):
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps(WAYS[environ["PATH_INFO"][1:]]()).encode()]


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
base = f"http://127.0.0.1:{server.server_port}"
wsgi = make_server("127.0.0.1", 0, application, ThreadingWsgiServer, QuietHandler)
for each in (server, wsgi):
    threading.Thread(target=each.serve_forever, daemon=True).start()
print(json.dumps({"http": base, "wsgi": f"http://127.0.0.1:{wsgi.server_port}"}), flush=True)
sys.stdin.read()
