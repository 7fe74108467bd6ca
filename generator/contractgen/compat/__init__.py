"""Compare two schemas by the values they take, and prove what is said of them.

`normal` closes a schema over its references, `openview` reads it as a tolerant reader does, `witness` searches a value
that only one side takes, `prove` shows that there is none, `verdict` joins these by role.
"""
