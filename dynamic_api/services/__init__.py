"""What the API does, without HTTP: plain functions, the connection first; they raise, they never answer."""
