"""Referees: equal, fresh judges on a ladder of noise."""
