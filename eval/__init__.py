"""Measured quality: labels made by reading, and the figures they give."""
