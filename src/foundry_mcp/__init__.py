"""The running system: an MCP server and a headless supervisor over generated contracts."""
