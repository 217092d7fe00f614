"""Orders: the example resource. Copy this folder for one of your own, then delete it."""
