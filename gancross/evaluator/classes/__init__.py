"""Figures class by class: rates and AUC of every judge, and which classes differ from the others."""
