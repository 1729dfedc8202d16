"""FID, IS, KID, precision and recall beside the cross-test."""
