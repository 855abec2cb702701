"""OpenAI's vector stores: the way out of File Search."""
