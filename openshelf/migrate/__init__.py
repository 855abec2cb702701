"""Away from OpenAI's Assistants and File Search: what to change in code, and what can be kept."""
