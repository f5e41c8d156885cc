"""A config tried on a simulated year: the real engine, in time that jumps, over services that only exist on paper."""
