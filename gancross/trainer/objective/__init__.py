"""What each player minimises: objectives, regularizers, explicit noise."""
