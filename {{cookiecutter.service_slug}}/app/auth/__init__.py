"""Authentication: the caller of a request, and what routes require of them."""
