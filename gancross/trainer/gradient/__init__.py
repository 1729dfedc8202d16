"""The exact gradient of the discriminator's loss, with or without double backward."""
