"""contractgen: one statement of every shape, name, table and transition; code, schemas and documents from it."""
