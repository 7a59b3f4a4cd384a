"""Surroundings of our own for relays: a network with nothing but loopback, a resolver of our choice, short paths, own users.

    private.enter()                                 # first thing in a script: starts it again in new namespaces
    private.use_resolver("127.0.0.2")               # what /etc/resolv.conf says to everything started from now on
    private.mount(build / "compare")                # is /srv now: sockets need short paths
    box = private.Box(folder, unpacked, users=["exim"]);  box.command(["/usr/sbin/exim4", ...])

In the new network namespace ports 25 and 53 are free whatever the machine runs, and nothing can leave it. Mounts are seen by
us and our children only, and are gone with us: the system stays as it is. Needs root; the `Failure` says so.
"""

import fcntl
import os
import shlex
import socket
import struct
import subprocess
import sys
from pathlib import Path

from .processes import Failure

MARK = "ANGARIUM_BENCH_PRIVATE"
SHORT = Path("/srv")


def enter() -> None:
    """Returns in the new namespaces."""
    if os.environ.get(MARK) != str(os.getpid()):
        if os.getuid() != 0:
            raise Failure("root is needed: other relays start as root, and the resolver is theirs alone (mount and network "
                          "namespaces); nothing of the system is changed")
        # exec all the way: the process stays the same one, which is how it knows itself again.
        os.environ[MARK] = str(os.getpid())
        os.execvp("unshare", ["unshare", "--mount", "--net", "--", sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        get_flags, set_flags, set_address, up = 0x8913, 0x8914, 0x8916, 0x1
        name, flags = struct.unpack_from("16sH", fcntl.ioctl(control, get_flags, struct.pack("16sH22x", b"lo", 0)))
        fcntl.ioctl(control, set_flags, struct.pack("16sH22x", name, flags | up))
        # Resolvers that ask for addresses of configured families only (AI_ADDRCONFIG) do not count loopback's; nobody uses it.
        address = struct.pack("16sH2x4s16x", b"lo:1", socket.AF_INET, socket.inet_aton("192.0.2.1"))
        fcntl.ioctl(control, set_address, address)
    # A server whose queue of new connections is full (OpenSMTPD's holds five) says so, and the client comes again. With SYN cookies
    # a client may believe that it is connected while the server has forgotten it, and wait for a greeting until it gives up.
    for name, value in (("tcp_syncookies", "0"), ("tcp_abort_on_overflow", "1")):
        Path("/proc/sys/net/ipv4", name).write_text(value)


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"$ {shlex.join(map(str, command))}\n{done.stderr.strip()}")


def mount(folder: Path) -> Path:
    """Makes the folder reachable under a short path and returns that."""
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", "--bind", folder, SHORT)
    return SHORT


def use_resolver(address: str, folder: Path) -> None:
    """From now on /etc/resolv.conf names this server (port 53) only; `folder` keeps the file."""
    own = folder / "resolv.conf"
    own.write_text(f"nameserver {address}\noptions timeout:5 attempts:3\n")
    system = Path("/etc/resolv.conf").resolve()
    if not system.exists():
        raise Failure(f"{system} is missing, so nothing can be mounted over it; make it, even empty")
    run("mount", "--bind", own, system)


class Box:
    """A root of its own for a server with built-in paths and users: the system's programs, the server's unpacked packages at
    /opt, an /etc, /var, /run and /tmp of its own below `folder` (on the disk that is measured), and the users named."""

    def __init__(self, folder: Path, unpacked: Path, users: list[str]):
        self.folder, self.unpacked = folder, unpacked
        for name in ("root", "etc", "var/log", "var/spool", "var/lib", "var/mail", "run", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "tmp").chmod(0o1777)
        if not (folder / "var/run").exists():
            (folder / "var/run").symlink_to("/run")
        etc = folder / "etc"
        for name in ("passwd", "group", "services", "protocols", "localtime"):
            if (system := Path("/etc") / name).exists():
                (etc / name).write_bytes(system.read_bytes())
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        (etc / "resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
        (etc / "ld.so.conf").write_text("".join(f"/opt/{path.relative_to(unpacked)}\n" for path in (
            *unpacked.glob("usr/lib/*-linux-gnu"), *unpacked.glob("lib/*-linux-gnu"))))
        self.users = {name: 700 + number for number, name in enumerate(users)}
        with open(etc / "passwd", "a") as passwd, open(etc / "group", "a") as group:
            for name, number in self.users.items():
                passwd.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
                group.write(f"{name}:x:{number}:\n")

    def path(self, inside: str) -> Path:
        """Where a path of the box's /etc, /var, /run or /tmp is outside."""
        return self.folder / inside.lstrip("/")

    def own(self, inside: str, user: str, mode: int = 0o750) -> Path:
        """Makes a folder that belongs to one of the users."""
        path = self.path(inside)
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, self.users.get(user, 0), self.users.get(user, 0))
        path.chmod(mode)
        return path

    def command(self, words: list) -> list[str]:
        """Runs a program of the box as root in it."""
        root = self.folder / "root"
        script = ["set -e", f"mount -t tmpfs -o mode=755 none {root}", f"cd {root}", "mkdir etc var run tmp opt usr dev proc sys"]
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            system = Path("/") / name
            if system.is_symlink():
                script.append(f"ln -s {os.readlink(system)} {name}")
            elif system.exists():
                script.append(f"mkdir {name}; mount --bind /{name} {name}")
        script += [f"mount --bind {self.folder}/{name} {name}" for name in ("etc", "var", "run", "tmp")]
        # Read-only, and no links made or removed (-X): this ldconfig sees an /etc that is not the system's.
        script += [f"mount --bind {system} {name}; mount -o remount,ro,bind {name}" for system, name in (
            ("/usr", "usr"), (self.unpacked, "opt"))]
        script += ["mount --rbind /dev dev", "mount --bind /proc proc", "chroot . /sbin/ldconfig -X", f"exec chroot . {shlex.join(map(str, words))}"]
        return ["unshare", "--mount", "sh", "-c", "\n".join(script)]
