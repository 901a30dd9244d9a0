# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The page of a WatchSession over HTTP: picture stream, state, slider. Nothing from the network."""

import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

from cosme_ros.watching.session import WatchSession

_BOUNDARY = "frame"
_LARGEST_REQUEST = 1000  # bytes
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def serve(session: WatchSession, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that is bound to `host` and `port`; `serve_forever` runs it.

    Args:
        session: what is shown.
        host: address to listen on. The page can change the threshold, and shows the camera.
        port: 0 takes a free one, which is then `server_port`.

    Raises:
        OSError: the address is in use or not of this machine.
    """
    page = files("cosme_ros.watching").joinpath("page.html").read_bytes()
    server = ThreadingHTTPServer((host, port), partial(_Handler, session, page, host))
    server.daemon_threads = True
    return server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, session: WatchSession, page: bytes, host: str, *arguments: Any) -> None:
        self._session = session
        self._page = page
        self._hosts = {*_LOCAL, host}
        super().__init__(*arguments)

    def do_GET(self) -> None:
        if not self._is_local():
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self._answer(self._page, "text/html; charset=utf-8")
        elif path == "/state.json":
            self._answer(json.dumps(self._session.state()).encode(), "application/json")
        elif path == "/stream.mjpg":
            self._stream()
        elif path.startswith("/moment/") and path[8:].isdigit():
            jpeg = self._session.moment(int(path[8:]))
            if jpeg is None:
                self._refuse(HTTPStatus.NOT_FOUND, "this moment is no longer kept")
            else:
                self._answer(jpeg, "image/jpeg")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        if not self._is_local():
            return
        length = int(self.headers.get("Content-Length") or 0)
        # A form of another site cannot send this type without being asked first.
        if self.headers.get("Content-Type") != "application/json" or length > _LARGEST_REQUEST:
            self._refuse(HTTPStatus.BAD_REQUEST, "a small JSON object is right")
            return
        try:
            request = json.loads(self.rfile.read(length))
            if "false_positive_rate" in request:
                self._session.set_rate(float(request["false_positive_rate"]))
            if "paused" in request:
                self._session.pause(bool(request["paused"]))
        except (TypeError, ValueError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        self._answer(json.dumps(self._session.state()).encode(), "application/json")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing: a line for each picture would hide the warnings."""

    def _is_local(self) -> bool:
        """Refuse names that another site has pointed at this machine."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host in self._hosts or "0.0.0.0" in self._hosts:
            return True
        self._refuse(HTTPStatus.FORBIDDEN, f"open http://{_LOCAL[0]} instead")
        return False

    def _answer(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        self.close_connection = True  # what else was sent is not read
        self._answer(json.dumps({"error": sentence}).encode(), "application/json", status)

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.close_connection = True
        number = 0
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        try:
            self.wfile.write(head)
            while (newer := self._session.next_jpeg(number)) is not None:
                number, jpeg = newer
                # Chromium shows a picture once it has read the head of the next one.
                self.wfile.write(jpeg + b"\r\n" + head)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the page was closed
