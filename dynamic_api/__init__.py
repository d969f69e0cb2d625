"""The server side: a built folder over HTTP, and the API beside it."""
