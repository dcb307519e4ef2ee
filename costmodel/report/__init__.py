"""Results for readers: tables for a mail, JSON for programs."""
