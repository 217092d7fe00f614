"""The database: what every model builds on, how it is reached, and what happens while it is away."""
