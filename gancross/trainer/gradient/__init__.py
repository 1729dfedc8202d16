"""The exact gradient of the discriminator's loss: closed form or double backward."""
