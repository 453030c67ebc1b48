"""Brokers of others, run for a test: Debian's RabbitMQ with its AMQP 1.0 plugin, Qpid Proton's
example broker; and certificates for servers with TLS.

All on loopback, on ports of their own, in temporary folders, without any service of the machine.
They die with the process that started them, however that ends.
"""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from gurnard import BUILD, free_port, wait_for

BROKER_SOURCE = Path("/usr/share/proton/examples/c/broker.c")
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PR_SET_PDEATHSIG = 1


def die_with_us():
    """In the child: SIGKILL once the thread that started it is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(*command, **about):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, **about)


def answers(port):
    """Whether who listens on port speaks AMQP 1.0."""
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(b"AMQP\x03\x01\x00\x00")
            return sock.recv(8).startswith(b"AMQP")
    return False


class ProtonBroker:
    """The C example of Debian's package, compiled once. It keeps queues in memory, gives five
    credits, and sends pre-settled."""

    def __init__(self):
        self.port = free_port()
        self.process = None
        self.program = BUILD / "proton-broker"
        self.build()

    def build(self):
        if self.program.exists():
            return
        flags = run("pkg-config", "--cflags", "--libs", "libqpid-proton").stdout.decode().split()
        made = self.program.with_suffix(f".{os.getpid()}")
        run("cc", "-O1", "-o", made, BROKER_SOURCE, *flags, "-lpthread")
        made.rename(self.program)

    def start(self):
        """Its folder is that of the source: there are the certificates it asks for."""
        self.process = subprocess.Popen(
            [self.program, "127.0.0.1", str(self.port)], cwd=BROKER_SOURCE.parent,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_us)
        wait_for(self.is_up, "the broker")
        return self

    def is_up(self):
        assert self.process.poll() is None, "the broker has ended"
        return answers(self.port)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    __enter__ = start

    def __exit__(self, *_):
        self.stop()


class RabbitMQ:
    """begin() starts it and returns; start() also waits until it serves."""

    def __init__(self):
        self._tmp = tempfile.TemporaryDirectory(prefix="gurnard-rabbitmq-")
        self.dir = Path(self._tmp.name)
        self.port, self.epmd_port, self.dist_port = free_port(), free_port(), free_port()
        self.process = self.epmd = None
        (self.dir / "home").mkdir()
        (self.dir / "plugins").write_text("[rabbitmq_amqp1_0].\n")
        (self.dir / "rabbit.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndisk_free_limit.absolute = 1MB\n"
            "log.file = false\nlog.console = true\nlog.console.level = warning\n")

    def environment(self):
        """RUNNING_UNDER_SYSTEMD: its script becomes the Erlang machine, no shell stays behind."""
        return {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.dir / "home"),
            "RUNNING_UNDER_SYSTEMD": "true", "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port), "ERL_CRASH_DUMP_BYTES": "0",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_CONFIG_FILE": str(self.dir / "rabbit"),
            "RABBITMQ_MNESIA_BASE": str(self.dir / "data"),
            "RABBITMQ_LOG_BASE": str(self.dir / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.dir / "plugins"),
            "RABBITMQ_NODENAME": "gurnard@localhost", "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +sbwt none",
        }

    def begin(self):
        if self.epmd is None:
            self.epmd = subprocess.Popen(
                ["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=die_with_us)
        with open(self.dir / "out", "ab") as out:
            self.process = subprocess.Popen(
                [RABBITMQ], cwd=self.dir, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True, preexec_fn=die_with_us)
        return self

    def start(self):
        if self.process is None:
            self.begin()
        wait_for(self.is_up, "RabbitMQ", 90)
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.dir / "out").read_text()[-4000:]
        return answers(self.port)

    def stop(self):
        """In order, what is durable stays for the next start(); by force when that takes long."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        if self.epmd:
            self.epmd.kill()
            self.epmd.wait()
        self.epmd = None
        self._tmp.cleanup()

    __enter__ = start

    def __exit__(self, *_):
        self.close()


class Certificates:
    """A CA and what it has signed, made up: server (localhost, 127.0.0.1), elsewhere (another
    name), expired, client; and other_ca, which has signed nothing. Files NAME.crt and NAME.key."""

    def __init__(self):
        self._tmp = tempfile.TemporaryDirectory(prefix="gurnard-certs-")
        self.dir = Path(self._tmp.name)
        for name in ("ca", "other_ca"):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout", self.key(name),
                "-out", self.cert(name))
        here = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        self.sign("server", here)
        self.sign("elsewhere", "subjectAltName=DNS:elsewhere.example")
        self.sign("client", "extendedKeyUsage=clientAuth")
        self.sign("expired", here, ["faketime", "-f", "-30d"])

    def sign(self, name, extension, before=()):
        request, extensions = self.dir / f"{name}.csr", self.dir / f"{name}.ext"
        extensions.write_text(extension + "\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", self.key(name), "-out", request)
        run(*before, "openssl", "x509", "-req", "-in", request, "-CA", self.cert("ca"), "-CAkey",
            self.key("ca"), "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out",
            self.cert(name))

    def cert(self, name):
        return str(self.dir / f"{name}.crt")

    def key(self, name):
        return str(self.dir / f"{name}.key")

    def close(self):
        self._tmp.cleanup()
