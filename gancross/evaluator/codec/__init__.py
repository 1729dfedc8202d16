"""The one codec between figures and JSON: frozen dataclasses in, plain values and their JSON Schema out."""
