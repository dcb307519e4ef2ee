"""What the strategies of several operations share: entries, scans, walks, edits, and flushes."""
