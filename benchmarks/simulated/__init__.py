"""Claims about intervals, tests and verdicts, by subject; each is a function of the number of draws."""
