"""The guard: what a coding agent is about to do, judged before it does it.

A hint to one that means well, and no wall: a script, a makefile or a compiler does what no reader of a command line
sees. The wall is the sandbox that workers run in.
"""
