"""A lesson fits into a gigabyte because of two things that happen when `lmlib` is imported, before any room of it.

torch keeps compiled code for each length of text that its LSTM has met, up to a thousand times. It lies scattered
among freed tensors, whose room then cannot be joined: lesson 06 held 0.2 GB for nothing after 50 batches. And Linux's
C library keeps freed memory for later, where a notebook could hand it back to the system.
"""

import os
import sys

# Sixteen are enough for a model's layers; oneDNN reads this when it is first used.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")


def give_back_after_each_cell():
    """In a notebook on Linux: hand freed memory back to the system after each cell."""
    import ctypes

    notebook = sys.modules["IPython"].get_ipython()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, other libraries need none
    if notebook is not None and trim is not None:
        notebook.events.register("post_run_cell", lambda result: trim(0))


if sys.platform == "linux" and "IPython" in sys.modules:
    give_back_after_each_cell()
