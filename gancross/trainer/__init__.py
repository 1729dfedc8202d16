"""The paper: GANs trained with and without the noise-induced gradient regularizer."""
