"""Where news comes from: mirrors now, feeds and pages as their issues land."""
