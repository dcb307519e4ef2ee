"""Runs the code of users in a child process, so that nothing it does can change an answer."""
