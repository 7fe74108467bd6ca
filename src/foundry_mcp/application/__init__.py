"""The one sequence every call takes: load, fold, decide, append, reply."""
