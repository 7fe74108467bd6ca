"""The pure machine: what a session is, which events a command leads to, and what an event changes.

Nothing here reads a file, a clock, an environment or a random source: time, actor, fresh ids and the spec as it
stands on disk arrive as data in a `Situation`.
"""
