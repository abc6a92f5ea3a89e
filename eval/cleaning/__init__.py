"""How much of the article cleaning keeps, and how much else it leaves."""
