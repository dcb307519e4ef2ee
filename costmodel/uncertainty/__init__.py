"""What is not known about a machine, and what a prediction is uncertain by because of it."""
