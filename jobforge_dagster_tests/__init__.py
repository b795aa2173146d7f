"""Tests go through the doors that users use: materialisations, the command line, files on disk."""
