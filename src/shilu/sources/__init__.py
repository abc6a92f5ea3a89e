"""The catalog of outlets: one strict TOML file each."""
