"""The programs of the shop. Each runs as a process of its own; none knows that Salus exists.

They obey two signals that no sensible program would: that is how the fault injector reaches the faults which cannot be
made from outside.
"""
