"""A network with nothing but loopback for each process that runs scenarios beside others (`tests/run -n`): no scenario can take
the port that another one gives up for a moment, and nothing leaves the machine. Its children are in it with it.
"""

import ctypes
import fcntl
import socket
import struct

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def enter() -> bool:
    """Moves this thread there, and all that it starts. False: it may not (not root), and shares the machine's loopback."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name, flags = struct.unpack_from("16sH", fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0)))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | IFF_UP))
    return True
