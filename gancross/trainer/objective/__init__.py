"""What each player minimises: objectives and regularizers."""
