"""The API beside the bucket: reads what the builder wrote, and keeps a private store of its own."""
