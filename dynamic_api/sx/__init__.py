"""What the sx CLI expects, as pure functions: no database, no HTTP, no clock, no chance.

Source: contracts/sx.md. Services bring the values and keep what comes out.
"""
