"""``salus top``: how everything is, live in a terminal.

What comes in is folded into a ``Picture`` (``picture``), what is typed into what is looked at (``keys``); both are
drawn as lines (``draw``, ``sections``, ``details``). None of that touches anything: only ``reach`` and ``feed`` ask an
agent, only ``screen`` touches the terminal, and ``live`` joins them.
"""
