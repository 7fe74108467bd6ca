"""Streamable HTTP: who is let in, what is answered without the protocol, and the server that listens."""
