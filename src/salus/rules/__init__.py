"""Event and history in, Plan or Refusal out, as a list of small stages; pure."""
