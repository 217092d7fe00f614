"""This service's own resources, one line each. The template leaves this file to you."""

from app.api import Blueprint

RESOURCES: list[Blueprint] = []
