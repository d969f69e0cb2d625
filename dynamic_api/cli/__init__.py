"""The commands that the API adds to `skillpress`."""
