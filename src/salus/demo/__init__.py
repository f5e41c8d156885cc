"""The demo: a small shop of real services, a fault injector, and a look at how Salus heals what breaks.

main ── tour ─┬─ faults    breaks one thing, and looks for itself whether it works again
              ├─ shop      the folder, the programs, the config; who runs, seen without Salus' help
              └─ agent     a real ``salus run`` in a process of its own, asked over its socket
        table, view        what the person sees: plain lines, or a live page
"""
