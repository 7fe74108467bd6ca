"""The store's schema, as numbered SQL files: file N brings a store from `user_version` N - 1 to N."""
