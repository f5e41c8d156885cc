"""The loops: prober, healer, recorder, joined by one bus."""
