"""Three rooms by cost: unit (in memory), integration (real servers and processes), acceptance (the real command)."""
