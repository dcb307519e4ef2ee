"""Runs what users write in a child process, so that nothing it does can hurt the answer."""
