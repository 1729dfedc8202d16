"""Augmentation of the discriminator's inputs: DiffAugment, and ADA with its adapted probability."""
