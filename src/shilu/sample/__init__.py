"""The sample news that ``shilu demo`` shows: an invented newsroom, its outlets and its history."""
