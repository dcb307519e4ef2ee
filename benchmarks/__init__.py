"""How fast the model is, in numbers that two commits can be compared by: ``make bench``."""
