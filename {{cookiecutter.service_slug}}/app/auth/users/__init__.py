"""The people that this service knows."""
