"""The archive on disk: captures in WARC files, what is derived from them in SQLite."""
