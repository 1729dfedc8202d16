"""Training of f-GANs with and without the noise-induced gradient regularizer of Roth et al. 2017."""
