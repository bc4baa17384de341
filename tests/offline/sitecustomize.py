"""Python without a network: nothing but this machine itself can be reached.

A Python that finds this folder on PYTHONPATH runs this file as it starts. The tests put it there, so the
block holds for them, for the kernel of every notebook, and for each Python that these start. An audit hook
cannot be taken off again, and it sees every socket of Python, whichever library opens it.
"""

import sys


def is_local(host):
    """Whether a host name or address (text or bytes, None for any) means this machine."""
    import socket

    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if not host or not isinstance(host, str):
        return True
    own = {"localhost", "0.0.0.0", "::", "::1", socket.gethostname()}
    return host.lower() in own or host.startswith("127.") or host.endswith(".localhost")


def guard(event, arguments):
    """Raise OSError, as an unplugged cable would, when a socket is about to leave this machine."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]  # (host, port, ...) for the internet; text or bytes for a socket within the machine
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_local(host):
        import errno

        raise OSError(errno.ENETUNREACH, f"tests run without a network, and this tried to reach {host}")


# A worker of `pytest -n 2` meets this file twice: as it starts, and from conftest.py.
if not hasattr(sys, "network_is_off"):
    sys.network_is_off = True
    sys.addaudithook(guard)
