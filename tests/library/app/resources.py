"""This service's own resources, one line each. The template leaves this file to you."""

from app.api import Blueprint
from app.articles.routes import articles
from app.readers.routes import readers

RESOURCES: list[Blueprint] = [articles, readers]
