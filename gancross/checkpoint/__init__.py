"""The checkpoint: where trainer and evaluator meet."""
