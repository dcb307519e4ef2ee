"""Pictures of results: change, order, CPI stack, samples, timeline. Nothing is computed here."""
