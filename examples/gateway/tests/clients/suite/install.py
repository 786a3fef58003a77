"""Fetches pinned, unmodified clients into a cache folder and builds the agents against them."""

import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .agent import AgentKind
from .mosquitto import MosquittoKind

HERE = Path(__file__).resolve().parent.parent
AGENTS = HERE / "agents"
DOCUMENTS = HERE / "documents"
TOOLS = ("cargo", "openssl", "gcc", "go", "java", "javac", "keytool", "mvn", "node", "npm", "stdbuf")
DEBIAN_PACKAGES = ("mosquitto-clients", "libpaho-mqtt-dev", "libssl-dev")
PAHO_PYTHON = ("1.6.1", "2.2.0")
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
EVERY_TRANSPORT = ("tcp", "tls", "ws", "wss")
WEB_TRANSPORTS = ("ws", "wss")
# Transports do not know the version of MQTT: the plainest and the one with the most layers.
V5_TRANSPORTS = ("tcp", "wss")

RUST5_LACKS = ("asked_for", "session_shortened", "packet_too_large")
JAVA5_LACKS = ("alias_from_client", "too_many_subscriptions")


class InstallError(Exception):
    """A tool or a package is missing; nothing is skipped."""


class Kit:
    """Where the built clients are."""

    def __init__(self, cache):
        self.cache = cache

    def install(self):
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if missing:
            raise InstallError(f"tools not found: {', '.join(missing)}")
        self.cache.mkdir(parents=True, exist_ok=True)
        install_debian_packages()
        steps = [self.node, self.java, self.java5, self.rust, self.go, self.c]
        steps += [self.sdk]
        steps += [lambda version=version: self.python(version) for version in PAHO_PYTHON]
        with ThreadPoolExecutor() as pool:
            for step in [pool.submit(step) for step in steps]:
                step.result()

    def kinds(self):
        """Every client kind of the matrix."""
        node = self.cache / "node"
        mqttjs = ["node", "mqttjs.mjs"]
        return [
            MosquittoKind(),
            *[self.kind(f"python{version}", self.python_command(version), takes_pairs=True) for version in PAHO_PYTHON],
            self.kind("mqttjs", mqttjs, cwd=node, takes_pairs=True),
            self.kind("pahojs", ["node", "pahojs.mjs"], WEB_TRANSPORTS, cwd=node),
            self.kind("java", self.java_command("Agent")),
            # Paho C takes a second for each further connection of one process.
            self.kind("c", [self.cache / "c" / "agent"], shared=False),
            self.kind("go", [self.cache / "go" / "agent"]),
            MosquittoKind(5),
            self.kind5("python5", self.python_command(PAHO_PYTHON[-1])),
            self.kind5(
                "rust5", [self.rust_target() / "release" / "client-agent"], ("tcp",), lacks=RUST5_LACKS, signs=False
            ),
            self.kind5("mqttjs5", mqttjs, cwd=node),
            # It chooses aliases itself, and does not know reason code 0x97 of SUBACK.
            self.kind5("java5", self.java_command("Agent5", folder="java5"), lacks=JAVA5_LACKS),
        ]

    def kind(self, name, command, transports=EVERY_TRANSPORT, **more):
        log = self.cache / f"{name}.log"
        log.write_text("")
        return AgentKind(name, transports, [str(word) for word in command], log, **more)

    def kind5(self, name, command, transports=V5_TRANSPORTS, **more):
        return self.kind(name, command, transports, version=5, takes_pairs=True, **more)

    def python_command(self, version):
        return [self.interpreter(version), "-B", AGENTS / "python" / "agent.py"]

    def interpreter(self, version):
        return self.cache / f"python-{version}" / "bin" / "python"

    def java_command(self, main, *properties, folder="java"):
        path = f"{self.cache / folder / 'classes'}:{self.cache / folder / 'lib'}/*"
        return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *properties, "-cp", path, main]

    def python(self, version):
        folder = self.cache / f"python-{version}"
        requirements = AGENTS / "python" / f"requirements-{version}.txt"
        with Stamp(folder, [requirements]) as stamp:
            if stamp.stale:
                run(sys.executable, "-m", "venv", folder)
                pip = [self.interpreter(version), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
                run(*pip, "--require-hashes", "--requirement", requirements)

    def sdk(self):
        """The product's Python SDKs."""
        self.python("sdk")

    def sdks(self):
        """Programs that call the management API; they take address, access key, secret key and instance."""
        python = [self.interpreter("sdk"), "-B", AGENTS / "python" / "sdk.py"]
        node = ["node", self.cache / "node" / "popcore.mjs"]
        return {"python-core": [*python, "core"], "python-tea": [*python, "tea"], "node-pop-core": node}

    def node(self):
        folder = self.cache / "node"
        sources = [*sorted((AGENTS / "node").iterdir()), DOCUMENTS / "document.mjs"]
        with Stamp(folder, sources) as stamp:
            if stamp.stale:
                copy(sources, folder)
                run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", cwd=folder)

    def java(self):
        self.java_of("java", sorted(DOCUMENTS.glob("*.java")))

    def java5(self):
        self.java_of("java5")

    def java_of(self, name, more=()):
        folder = self.cache / name
        programs = [*sorted((AGENTS / name).glob("*.java")), *more]
        with Stamp(folder, [AGENTS / name / "pom.xml", *programs]) as stamp:
            if stamp.stale:
                copy([AGENTS / name / "pom.xml"], folder)
                run("mvn", "-q", "-B", MAVEN_COPY, f"-DoutputDirectory={folder / 'lib'}", cwd=folder)
                run("javac", "-d", folder / "classes", "-cp", f"{folder / 'lib'}/*", *programs)

    def rust(self):
        folder = self.cache / "rust"
        manifest = AGENTS / "rust" / "Cargo.toml"
        sources = [manifest, manifest.with_name("Cargo.lock"), *sorted((AGENTS / "rust" / "src").iterdir())]
        with Stamp(folder, sources) as stamp:
            if stamp.stale:
                target = ["--target-dir", self.rust_target()]
                run("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", manifest, *target)

    def rust_target(self):
        return self.cache / "rust" / "target"

    def go(self):
        folder = self.cache / "go"
        sources = sorted((AGENTS / "go").iterdir())
        with Stamp(folder, sources) as stamp:
            if stamp.stale:
                copy(sources, folder)
                run("go", "build", "-o", folder / "agent", ".", cwd=folder)

    def c(self):
        folder = self.cache / "c"
        programs = [AGENTS / "c" / "agent.c", DOCUMENTS / "document.c"]
        with Stamp(folder, programs) as stamp:
            if stamp.stale:
                for program in programs:
                    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"]
                    libraries = ["-lpaho-mqtt3as", "-lcrypto", "-lpthread"]
                    run("gcc", *flags, "-o", folder / program.stem, program, *libraries)


class Stamp:
    """Remembers in `folder` from which inputs it was made; empties it when they have changed."""

    def __init__(self, folder, inputs):
        self.folder = folder
        self.file = folder / ".stamp"
        self.digest = digest(inputs)
        self.stale = not self.file.is_file() or self.file.read_text() != self.digest

    def __enter__(self):
        if self.stale:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        return self

    def __exit__(self, kind, error, trace):
        if error is None:
            self.file.write_text(self.digest)


def digest(inputs):
    hasher = hashlib.sha256()
    for path in inputs:
        hasher.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def copy(sources, folder):
    for source in sources:
        shutil.copy(source, folder)


def install_debian_packages():
    """The C library and the mosquitto tools belong to the system."""
    missing = [name for name in DEBIAN_PACKAGES if not installed(name)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise InstallError(f"Debian packages not installed: {', '.join(missing)}")
    run("apt-get", "update", "-q")
    run("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def installed(package):
    if shutil.which("dpkg-query") is None:
        raise InstallError("dpkg-query not found: the C library is taken from Debian packages")
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def run(*command, cwd=None):
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise InstallError(f"{command[0]} ended with {done.returncode}: {' / '.join(last)}")
