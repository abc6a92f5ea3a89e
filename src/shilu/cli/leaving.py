"""Commands that take the news out again."""
