"""How the services of a fleet stand to the template."""
