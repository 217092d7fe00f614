"""Orders, the example resource: copy this folder for your own resource, then delete it."""
