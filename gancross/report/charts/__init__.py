"""Histograms, ROC curves and the matrix of shares, as numbers and as pictures."""
