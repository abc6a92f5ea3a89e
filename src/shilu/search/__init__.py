"""Search: folded text, its tokens, the query language, the index."""
