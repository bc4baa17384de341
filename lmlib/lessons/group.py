"""Little memory for real: a control group of Linux, whose processes get no more than so much, all together.

Root alone can make one. Memory in use counts, and files that the system keeps at hand count until it needs the room.
Both versions of control groups are known: docs.kernel.org/admin-guide/cgroup-v1/memory.html and .../cgroup-v2.html.
"""

import time
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/sys/fs/cgroup")


@contextmanager
def memory_group(gigabytes, name="lmlib"):
    """Within the block there is such a group; gives a function that puts the process that calls it into the group.

    Hand it to `subprocess` as `preexec_fn`. Raises RuntimeError where no group can be made.
    """
    first = (FOLDER / "memory" / "memory.limit_in_bytes").exists()  # version 1
    group = (FOLDER / "memory" if first else FOLDER) / name
    try:
        group.mkdir()
        try:
            most = str(int(gigabytes * 2**30))
            (group / ("memory.limit_in_bytes" if first else "memory.max")).write_text(most)
            swap = group / ("memory.memsw.limit_in_bytes" if first else "memory.swap.max")
            if swap.exists():  # what does not fit must not go to the disk instead
                swap.write_text(most if first else "0")
        except OSError:
            group.rmdir()
            raise
    except OSError as problem:
        raise RuntimeError(
            f"no group with little memory can be made here ({problem}): run it on Linux as root, or leave --memory "
            f"out in a container that was started with {gigabytes:g} GB (docker run --memory {gigabytes:g}g)"
        ) from None
    try:
        yield lambda: (group / "cgroup.procs").write_text("0")  # 0 is the process that writes
    finally:
        for _ in range(100):  # a kernel that outlived its notebook ends within a second or two
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)
