"""What a command printed, for tests that do not care where its lines break."""


def flat(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())
