"""Debian's mosquitto in place of a gateway with profile `mqtt`: shows that the cases themselves are right."""

import socket

from .pki import make_certificates
from .session import wait_until
from .site import LISTENERS, START_SECONDS_MAX, TLS, Server, Site

CONFIG = """\
allow_anonymous true
persistence false
user root
max_inflight_messages 0
max_queued_messages 0
"""


def start(name, folder):
    certificates = make_certificates(folder)
    ports = {transport: free_port() for transport in LISTENERS}
    config = folder / "mosquitto.conf"
    config.write_text(CONFIG + "".join(listener(transport, port, certificates) for transport, port in ports.items()))
    server = Server(["mosquitto", "-c", config])
    wait_until(lambda: listening(ports["wss"]), START_SECONDS_MAX, "mosquitto does not listen")
    site = Site(name, ports, certificates.ca)
    # Its WebSocket library takes about 10 s for 1 MiB.
    site.payload_bytes_max = 60 * 1024
    return server, site


def listener(transport, port, certificates):
    lines = [f"listener {port} 127.0.0.1"]
    if transport in ("ws", "wss"):
        lines.append("protocol websockets")
    if transport in TLS:
        lines += [f"certfile {certificates.certificate}", f"keyfile {certificates.key}"]
    return "\n".join(lines) + "\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
