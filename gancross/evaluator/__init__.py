"""The cross-testing protocol: let each GAN's discriminator judge the other GAN's samples."""
