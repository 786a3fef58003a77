"""The command-line contract: what other programs and people rely on."""

import shlex
import subprocess
import tempfile
from pathlib import Path

from .gateway import environment
from .report import check, check_equal
from .session import REPLY_SECONDS_MAX, sign
from .site import LmqSite, Server, parse_signed

USAGE_ERROR = 2
# As published in the product's documents and captured from its demos.
CLIENT_ID = "GID_Test@@@0001"
SIGNED_CLIENT_ID = "D99AJFAwWIlqHpcs0cRSeioJdG0="
SIGNED_GROUP = "kXHX7FJ2Mmdf9j07ejZc8UG+V6w="
ONE_LISTENER = ["--mqtt", "127.0.0.1:0", "--memory"]


def gateway(binary, *words, **settings):
    settings = {"env": environment(), "timeout": REPLY_SECONDS_MAX, **settings}
    return subprocess.run([binary, *map(str, words)], capture_output=True, text=True, check=False, **settings)


def sign_words(*more):
    return ["sign", "--client-id", CLIENT_ID, "--access-key", LmqSite.access_key, *more]


def sign_modes(binary, folder):
    """`sign` computes what the documents compute; the secret may come by flag, variable or standard input."""
    signature = (f"Signature|{LmqSite.access_key}|{LmqSite.instance}", SIGNED_CLIENT_ID)
    legacy = (LmqSite.access_key, SIGNED_GROUP)
    check_equal("computed here", sign(LmqSite.secret_key, CLIENT_ID), SIGNED_CLIENT_ID)
    flag = ["--secret-key", LmqSite.secret_key]
    variable = {**environment(), "LMQ_SECRET_KEY": LmqSite.secret_key}
    instance = ["--instance", LmqSite.instance]
    for words, settings, expected in [
        ([*flag, *instance], {}, signature),
        ([*flag, "--legacy"], {}, legacy),
        (instance, {"env": variable}, signature),
        (instance, {"input": LmqSite.secret_key + "\n"}, signature),
    ]:
        done = gateway(binary, *sign_words(*words), **settings)
        check_equal(f"exit code of {words}", (done.returncode, done.stderr), (0, ""))
        check_equal("signed", parse_signed(done.stdout), expected)


def check_config(binary, folder):
    """`check` takes a right file and names the line of what is wrong in another."""
    right, wrong = folder / "right.toml", folder / "wrong.toml"
    right.write_text('profile = "mqtt"\nallow-anonymous = true\n')
    wrong.write_text('profile = "mqtt"\nallow-anonymous = true\nno-such-key = 1\n')
    check_equal("exit code", gateway(binary, "check", "--config", right).returncode, 0)
    done = gateway(binary, "check", "--config", wrong)
    check(done.returncode != 0, "an unknown key passed")
    text = done.stdout + done.stderr
    check("no-such-key" in text and "3" in text, f"the line is not named: {text}")
    done = gateway(binary, "--config", wrong, *ONE_LISTENER)
    check_equal("exit code", done.returncode, USAGE_ERROR)


def start_errors(binary, folder):
    """A port in use, an unreadable file, a bad key: one clear line and exit code 2."""
    bad_key = folder / "bad.key"
    bad_key.write_text("not a key\n")
    gateway(binary, "cert", "--out", folder / "certificates")
    certificate = folder / "certificates" / "server.pem"
    holder = Server([binary, *ONE_LISTENER], cwd=folder, env=environment())
    try:
        port = holder.port("mqtt")
        for words in (
            ["--mqtt", f"127.0.0.1:{port}", "--memory"],
            ["--config", folder / "missing.toml", *ONE_LISTENER],
            [*ONE_LISTENER, "--mqtts", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", bad_key],
            [*ONE_LISTENER, "--mqtts", "127.0.0.1:0", "--tls-cert", folder / "missing.pem", "--tls-key", bad_key],
        ):
            done = gateway(binary, *words, cwd=folder)
            check_equal(f"exit code of {words}", done.returncode, USAGE_ERROR)
            check_equal(f"lines on stderr of {words}", len(done.stderr.splitlines()), 1)
    finally:
        holder.stop()


def pasted_lines(binary, folder):
    """Without configuration the gateway prints mosquitto commands; pasted, they work."""
    server = Server([binary, *ONE_LISTENER], cwd=folder, env=environment())
    try:
        receive = shlex.split(server.find(r"^\s*(mosquitto_sub .*)").group(1))
        send = shlex.split(server.find(r"^\s*(mosquitto_pub .*)").group(1))
        payload = send[send.index("-m") + 1]
        command = ["stdbuf", "-oL", *receive, "-d", "-C", "1", "-W", str(REPLY_SECONDS_MAX)]
        receiver = Server(command, env=environment())
        receiver.find("Subscribed")
        sent = subprocess.run(send, capture_output=True, text=True, timeout=REPLY_SECONDS_MAX, check=False)
        check_equal("exit code of mosquitto_pub", (sent.returncode, sent.stderr), (0, ""))
        receiver.process.wait(REPLY_SECONDS_MAX)
        receiver.reader.join()
        check(any(line.endswith(" " + payload) for line in receiver.lines), f"received {receiver.lines}")
    finally:
        server.stop()


def demo_data_folder(binary, folder):
    """The demo credentials stay the same for one data folder."""
    printed = []
    for _ in range(2):
        server = Server([binary, "--mqtt", "127.0.0.1:0", "--data", folder / "data"], env=environment())
        try:
            printed.append(server.find(r"-u '?(\S+?)'? -P '?(\S+?)'? ").groups())
        finally:
            server.stop()
    check_equal("credentials", printed[1], printed[0])


def demo_beyond_loopback(binary, folder):
    """Demo credentials are refused on a listener that others can reach."""
    done = gateway(binary, "--mqtt", "0.0.0.0:0", "--memory", cwd=folder)
    check_equal("exit code", done.returncode, USAGE_ERROR)


def environment_settings(binary, folder):
    """Variables work like flags; flags win."""
    settings = {**environment(), "LMQ_PROFILE": "mqtt", "LMQ_ALLOW_ANONYMOUS": "true", "LMQ_MQTT": "127.0.0.1:1"}
    server = Server([binary, "--mqtt", "127.0.0.1:0", "--memory"], cwd=folder, env=settings)
    try:
        words = ["-h", "127.0.0.1", "-p", str(server.port("mqtt")), "-t", "any", "-m", "x", "-i", "no group needed"]
        done = subprocess.run(["mosquitto_pub", *words], capture_output=True, text=True, timeout=10, check=False)
        check_equal("mosquitto_pub", (done.returncode, done.stderr), (0, ""))
    finally:
        server.stop()


CASES = [
    sign_modes,
    check_config,
    start_errors,
    pasted_lines,
    demo_data_folder,
    demo_beyond_loopback,
    environment_settings,
]


def run(report, binary):
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            report.run(f"command/{case.__name__}", case, binary, Path(folder))
