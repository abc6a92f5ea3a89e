"""Names and their variants: tables in TSV, and the one loader."""
