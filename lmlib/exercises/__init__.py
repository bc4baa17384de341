"""Exercises that answer at once: one file a lesson, and the engine that checks, hints and explains.

from lmlib.exercises import lesson_01 as ex
ex.pair_counts.check(pair_counts)    # says what is right, or what is wrong and why; never raises
ex.pair_counts.hint()                # one step at a time
ex.pair_counts.solution()            # one way to do it
"""
