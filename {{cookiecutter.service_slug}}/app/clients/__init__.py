"""Clients of the services that this one depends on."""
