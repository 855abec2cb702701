"""The HTTP server: OpenAI's files, vector stores and responses over the shelf."""
