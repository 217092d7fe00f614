"""Report how a fleet of services compares with the template."""
