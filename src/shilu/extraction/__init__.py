"""From bytes to the article: clean title, byline, times, blocks, pictures, text."""
