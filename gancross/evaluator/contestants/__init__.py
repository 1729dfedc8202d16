"""Contestants from checkpoints, weights of other code, ONNX files and image folders."""
