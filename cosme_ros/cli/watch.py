# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros watch`: a detector at work, live in a browser. No ROS needed."""

import argparse
import sys
import threading
import webbrowser
from pathlib import Path

from cosme_ros.cli.detector_options import FAILURES, open_detector
from cosme_ros.cli.options import (
    OBSTACLE_PARAMETERS,
    add_node_options,
    add_source_options,
    command,
    command_parser,
    positive,
)
from cosme_ros.sources.opening import open_source
from cosme_ros.watching.server import serve
from cosme_ros.watching.session import WatchSession

PORT = 8765


def _run(options: argparse.Namespace) -> None:
    detector, rule = open_detector(options)
    session = WatchSession(
        detector, rule, temporal=options.temporal, out_of_domain=options.out_of_domain
    )
    with (
        open_source(
            options.source,
            image_topic=options.image_topic,
            frame_rate=options.frame_rate,
            report=lambda sentence: print(sentence, file=sys.stderr),
        ) as source,
        serve(session, options.host, options.port) as server,
    ):
        address = f"http://{options.host}:{server.server_port}"
        print(f"{address} shows {source.name}; Ctrl-C ends", flush=True)
        threading.Thread(target=server.serve_forever, name="cosme_page", daemon=True).start()
        if options.open:
            webbrowser.open(address)
        try:
            session.run(source.read(), live=source.live, speed=options.speed)
            if not options.exit_at_end:
                print("all frames were shown; the page stays until Ctrl-C", flush=True)
                threading.Event().wait()
        finally:
            session.stop()
            server.shutdown()


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "watch",
        "Show a detector at work in a browser: overlay, highest scores, and a slider for the alarm "
        "threshold. The page is of this machine alone and fetches nothing from the network.",
        example="/dev/video0 --bundle demo/bundle --open",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="rosbag2 or ROS 1 bag, folder of images, video file, /dev/videoN, or address of a "
        "stream (rtsp://192.168.0.7/front)",
    )
    parser.add_argument("--bundle", type=Path, required=True, help="bundle directory")
    add_source_options(parser)
    parser.add_argument(
        "--speed", type=positive, default=1.0, help="of what is no camera (default: %(default)s)"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of the page (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help="of the page; 0: a free one (default: %(default)s)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--exit-at-end", action="store_true", help="end with the last frame")
    add_node_options(parser, *OBSTACLE_PARAMETERS, "out_of_domain", "threads")
    return parser


main = command("watch", _parser, _run, FAILURES)
