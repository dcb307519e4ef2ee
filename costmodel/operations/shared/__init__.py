"""What strategies of different operations have in common."""
