"""The ways the ports are met: an SQLite store, a process runner, a signer, a reviewer, the clock.

No adapter knows another's business: what one needs of another arrives through its constructor, typed by a port.
"""
