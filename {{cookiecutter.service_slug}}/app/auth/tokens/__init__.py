"""JSON Web Tokens (RFC 7519), as RFC 8725 says to use them and RFC 9068 to shape them."""
