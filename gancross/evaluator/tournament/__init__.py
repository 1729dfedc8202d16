"""What only several contestants, or several runs of a method, can tell."""
