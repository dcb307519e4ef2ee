"""Trust: numbers fitted to published rows inside their bounds, every prediction with its error."""
