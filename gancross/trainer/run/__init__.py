"""The folder of a training run: what it holds, how a run resumes, who is at work in it."""
