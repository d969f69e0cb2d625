"""Every table, the engine, the migrations."""
