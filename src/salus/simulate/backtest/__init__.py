"""Changed rules tried on recorded history: the real engine, in time that jumps, over what a ledger saw.

What was seen already holds the effect of what was done, so a replay needs one assumption, and makes no other: **what
Salus healed would have lasted until what healed it runs again**.

1. A *spell* is a run of bad looks, from the first one to the next good one. It was *healed* when a recovery on the same
   target ended it, it *followed* when what it depends on was healed, else it *passed*, by itself or by other hands: the
   ledger cannot tell. It is cut off where nobody looked, and *open* where the history ends.
2. A spell that was healed goes on until the replay takes the action that healed it then. Sooner, too, it works.
   It never works sooner than it is known not to have: where the first restart failed and the second one helped, the
   first one of the replay fails as well.
3. A spell that followed ends as long after its root as it did then.
4. A spell that passed ends when it passed, whatever the replay does.
5. What the replay leaves bad is let go, and history goes on as recorded, when its check is bad again by its own record,
   where nobody looked, when a rule only observes or asks a person, and after ``HOLD`` seconds.

    store/past.py ─rows─> tracks ─steps and spells─> course, play ─looks─> the engine ─recoveries─> score ─> report
"""
