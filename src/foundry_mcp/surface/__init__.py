"""The MCP server: parse, call, encode."""
