"""Readers of the club: accounts with a profile, who follow each other."""
